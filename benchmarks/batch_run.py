"""A run by the batch API under faults and kills against the same run online: the same tables, and nothing paid twice?

    python -m benchmarks.batch_run

Made-up questions go through `komep run`: two responders, a splitter, a checker and a translator, of a loopback server.
Online nothing is disturbed. By batches 15% of the calls of the batch API come to nothing (503, 429, a reset, an answer
that is lost after what was asked is done), an eleventh of the lines fail once with a 500, every fifth batch expires with 70% of it
done, every seventh fails at its check, which ends the command, and `komep run` is killed by SIGKILL at random moments
and given again. Prints a row for each run, and which tables have other bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path
from random import Random

import yaml

from benchmarks.disturbed import different, files_of, moments_of, run_killed, tell
from tests.batches import Batches
from tests.loopback import Fault, Loopback, answer, loopback
from tests.pipeline.chains import KEY_ENV, SECRET, write_chain
from tests.translation.loopback_translator import korean

CALLS = 45  # of the batch API, within which the kills come; a run has more
STOPS = 20  # a command that ends by a failed batch is given again, at most so often
FAULTY = 0.15
LOST = Fault(299)  # the server does what it was asked, and nobody hears of it


def reply(body: dict) -> str:
    return korean(body) if body["model"] == "translator" else answer(body)


def line_faults(body: dict, attempt: int) -> Fault | None:
    """Of the lines of a batch an eleventh fail at first."""
    number = int(hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest(), 16)
    return Fault(500, '{"error": {"message": "overloaded"}}') if attempt == 1 and number % 11 == 0 else None


def faulty_batches(state: Loopback, seed: int) -> Batches:
    """A batch API that fails now and then."""
    draw = Random(seed)
    kinds = (Fault(503, "busy"), Fault(429, "slow down", {"Retry-After": "0"}), Fault(reset=True), LOST)

    def faults(method: str, path: str, nth: int) -> Fault | None:
        return draw.choice(kinds) if draw.random() < FAULTY else None

    def ends(batch: dict, nth: int) -> str:
        return "failed" if nth % 7 == 3 else "expired" if nth % 5 == 1 else "completed"

    return Batches(state, polls=2, ends=ends, errors="a worker was lost", share=0.7, faults=faults)


def run(folder: Path, state: Loopback, questions: int, moments: list[int]) -> dict[str, object]:
    """One `komep run`, by batches where the server has them: what was asked, answered twice, and how it went."""
    with loopback(state) as (_, url):
        place = {"endpoint": url, "api_key_env": KEY_ENV, "max_attempts": 8}
        path = write_chain(
            folder, url, questions, 8, translator=place | {"model": "translator", "scope": "all"}
        )
        config = yaml.safe_load(path.read_text())
        for endpoint in (*config["responders"], *(config[n] for n in ("splitter", "checker", "translator"))):
            endpoint["batch_api"] = state.batches is not None
        path.write_text(yaml.safe_dump(config))
        seen = state.batches.log if state.batches else state.calls
        start = time.monotonic()
        kills, stops = run_killed(["run", str(path)], lambda: len(seen), moments, STOPS)
    batches = state.batches.batches if state.batches else ()
    made = {"batches": len(batches), "calls": len(seen)}
    asked = {"requests": len(state.answered), "answered twice": state.repeats}
    return made | asked | {"kills": kills, "stops": stops, "seconds": round(time.monotonic() - start)}


def compared(
    scratch: Path, questions: int, kills: int, seed: int
) -> tuple[list[dict[str, object]], int, list[str]]:
    """Both runs: (a row each, how many tables they leave, which of them differ)."""
    os.environ[KEY_ENV] = SECRET
    online = {"run": "online"} | run(scratch / "online", Loopback(reply), questions, [])
    state = Loopback(reply, line_faults)
    state.batches = faulty_batches(state, seed)
    by_batch = {"run": "batches"} | run(scratch / "batches", state, questions, moments_of(CALLS, kills, seed))
    one, other = files_of(scratch / "online"), files_of(scratch / "batches")
    return [online, by_batch], len(other), different(one, other)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--seed", type=int, default=5, help="of the faults of the batch API and the kills")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs, tables, differ = compared(Path(folder), args.questions, args.kills, args.seed)
    tell(runs, differ)
    print(f"tables: {tables}; requests paid for twice: {runs[1]['answered twice']}")
    return bool(differ or runs[1]["answered twice"])


if __name__ == "__main__":
    raise SystemExit(main())
