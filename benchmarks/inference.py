"""How fast units are checked with every answer on disk, against a bare client, at one loopback server.

    python -m benchmarks.inference --units 8000

The server answers after 200 ms, in a process of its own that parses no more HTTP than it must. The bare client is
aiohttp and a semaphore: it keeps nothing, retries nothing and reads the JSON. Ours is `komep_dataset.inference.ask.ask`
with 400 requests in flight, every reply written to the log before its place is given to the next. Both ask the
same units, alternately, `--repeats` times; each rate is the median. Prints one line of JSON: units a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp

from benchmarks.loopback_judge import Constant, serving
from komep_dataset.config.config import Judge
from komep_dataset.inference.ask import Body, ask, judge_body
from komep_dataset.prompts.messages import check_messages


def requests_of(units: int) -> list[Body]:
    """Requests to a checker as `komep score` sends them, for so many made-up units."""
    judge = Judge(model="checker", endpoint="http://127.0.0.1:1/v1")
    texts = (f"Condition {n} is treated with substance {n * 7919 % units}." for n in range(units))
    return [judge_body(check_messages(text, "strict"), judge, 16) for text in texts]


async def bare(bodies: list[Body], url: str, in_flight: int) -> int:
    """The simplest client there is; returns how many answers say True."""
    gate = asyncio.Semaphore(in_flight)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight)) as session:

        async def one(body: Body) -> str:
            async with gate, session.post(f"{url}/chat/completions", json=body) as reply:
                return (await reply.json())["choices"][0]["message"]["content"]

        return sum("True" in text for text in await asyncio.gather(*map(one, bodies)))


def ours(bodies: list[Body], url: str, in_flight: int, folder: Path) -> int:
    judge = Judge(model="checker", endpoint=url, concurrency=in_flight)
    replies = ask(dict(enumerate(bodies)), judge, folder, label="benchmark")
    return sum("True" in reply.text for reply in replies.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=8000)
    parser.add_argument("--in-flight", type=int, default=400)
    parser.add_argument(
        "--delay", type=float, default=0.2, help="seconds that the server takes for an answer"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--folder", type=Path, help="where the log of replies goes; by default a temporary one"
    )
    options = parser.parse_args()
    bodies = requests_of(options.units)
    rates: dict[str, list[float]] = {"bare": [], "ours": []}
    with (
        tempfile.TemporaryDirectory(dir=options.folder) as scratch,
        serving(options.delay, kind=Constant) as address,
    ):
        url = f"{address}/v1"
        for repeat in range(options.repeats):
            for name in rates:
                start = time.perf_counter()
                if name == "bare":
                    answered = asyncio.run(bare(bodies, url, options.in_flight))
                else:
                    answered = ours(bodies, url, options.in_flight, Path(scratch) / str(repeat))
                rates[name].append(len(bodies) / (time.perf_counter() - start))
                assert answered == len(bodies), f"{name}: {answered} of {len(bodies)} answered"
    medians = {name: statistics.median(values) for name, values in rates.items()}
    print(
        json.dumps(
            {
                "units": options.units,
                "in_flight": options.in_flight,
                "delay_seconds": options.delay,
                "bare_units_per_second": round(medians["bare"], 1),
                "durable_units_per_second": round(medians["ours"], 1),
                "ratio": round(medians["ours"] / medians["bare"], 3),
                "rates": {name: [round(rate, 1) for rate in values] for name, values in rates.items()},
            }
        )
    )


if __name__ == "__main__":
    main()
