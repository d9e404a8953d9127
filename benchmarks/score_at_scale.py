"""Five responders answer every question and a judge scores the answers: whole once, and once with faults and kills.

    python -m benchmarks.score_at_scale questions.csv --facts 10

Runs `komep questions`, five times `komep respond`, then `komep score`, each a process of its own, against a loopback
endpoint (`loopback_judge.py`). The second time 2% of the requests fail once (429, 503, HTML, truncated JSON, a closed
connection), and the command at work is killed with SIGKILL at three random moments and given again. Prints one line of
JSON: calls, units a second, answers that were given twice (at most what was in flight at the kills), and whether
every table of the two runs is the same, byte by byte. The questions are read where they are and not copied.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import yaml

from benchmarks.disturbed import moments_of, run_killed
from benchmarks.loopback_judge import serving, stats_of

RESPONDERS = tuple(f"responder-{n}" for n in range(1, 6))
KILLS = 3
TABLES = ("scored.parquet", "scored.verdicts.parquet", *(f"{name}.parquet" for name in RESPONDERS))


def write_config(folder: Path, address: str, in_flight: int, workers: int) -> Path:
    place = {"endpoint": f"{address}/v1", "concurrency": in_flight}
    config = {
        "responders": [place | {"name": name, "model": name} for name in RESPONDERS],
        "splitter": place | {"model": "splitter"},
        "checker": place | {"model": "checker"},
        "executor": {"kind": "local", "workers": workers},
    }
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def commands(folder: Path, questions: Path) -> list[list[str]]:
    """The commands of a run, in order."""
    config = ["--config", str(folder / "pipeline.yaml")]
    answers = [str(folder / f"{name}.parquet") for name in RESPONDERS]
    respond = [
        ["respond", str(questions), *config, "--model", name, "--output", table]
        for name, table in zip(RESPONDERS, answers, strict=True)
    ]
    return [*respond, ["score", *answers, *config, "--output", str(folder / "scored.parquet")]]


def calls_of(address: str) -> int:
    return sum(stats_of(address)["calls"].values())


def run_through(folder: Path, questions: Path, address: str, kills: list[int]) -> dict[str, float]:
    """Run every command; one that is at work when the server has seen `kills[0]` calls is killed and given again.

    Returns seconds by command.
    """
    seconds: dict[str, float] = {}
    for arguments in commands(folder, questions):
        start = time.monotonic()
        run_killed(arguments, lambda: calls_of(address), kills)
        seconds[arguments[0]] = seconds.get(arguments[0], 0.0) + time.monotonic() - start
    return seconds


def same_tables(one: Path, two: Path) -> dict[str, bool]:
    return {name: (one / name).read_bytes() == (two / name).read_bytes() for name in TABLES}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("questions", type=Path, help="a file that `komep questions` reads")
    parser.add_argument("--limit", type=int, help="take only the first so many questions, by id")
    parser.add_argument("--facts", type=int, default=10, help="units in an answer")
    parser.add_argument("--in-flight", type=int, default=400)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument(
        "--delay", type=float, default=0.2, help="seconds that the server takes for an answer"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--folder", type=Path, help="where the runs work; by default a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        print(json.dumps(measure(options, Path(scratch))))


def measure(options: argparse.Namespace, scratch: Path) -> dict:
    from komep_dataset.questions import make_questions
    from komep_dataset.schema import Question
    from komep_dataset.tables.reading import read_table
    from komep_dataset.tables.writing import write_table

    questions = scratch / "questions.parquet"
    made = make_questions(options.questions, questions)
    count = min(options.limit or made.questions, made.questions)
    write_table(read_table(questions, Question).head(count), questions, Question)
    runs = {}
    for name in ("whole", "killed"):
        folder = scratch / name
        folder.mkdir()
        with serving(options.delay, options.facts, faulty=name == "killed") as address:
            write_config(folder, address, options.in_flight, options.workers)
            kills = (
                []
                if name == "whole"
                else moments_of(sum(runs["whole"]["calls"].values()), KILLS, options.seed)
            )
            seconds = run_through(folder, questions, address, kills)
            runs[name] = stats_of(address) | {"seconds": {k: round(s, 1) for k, s in seconds.items()}}
    same = same_tables(scratch / "whole", scratch / "killed")
    whole, killed = runs["whole"], runs["killed"]
    judged = whole["calls"]["splitter"] + whole["calls"]["checker"]
    return {
        "questions": count,
        "responders": len(RESPONDERS),
        "units": whole["calls"]["checker"],
        "whole": whole,
        "killed": killed,
        "kills": KILLS,
        "judge_calls_per_second": round(judged / whole["seconds"]["score"], 1),
        "answers_given_twice": killed["repeats"],
        "at_most": KILLS * options.in_flight,
        "same_tables": all(same.values()),
        "different": [name for name, equal in same.items() if not equal],
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6, 2),
    }


if __name__ == "__main__":
    main()
