"""Two at once, each in a container of its own: is what they write always one of the two, and is anything lost?

    python -m benchmarks.two_at_once --tries 100

A container is a PID namespace (`unshare`, as root or with user namespaces): both processes are number 1 there, so that
nobody can tell by a number who is alive. Half of the time one of the two is killed by SIGKILL after a random while.
Builds share an output folder, in which lie notes and a git repository of somebody's, and a card that was edited by
hand; scorings share a work folder and a table. After every try the result is checked in full.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl

from komep_dataset.release.build import build
from komep_dataset.release.facts import read_facts
from komep_dataset.release.sums import content_hash
from komep_dataset.release.verify import verify
from komep_dataset.schema import Response, polars_schema, question_id
from komep_dataset.tables.writing import write_table

CONTAINER = ("unshare", "-rpf", "--kill-child", "--mount-proc", sys.executable, "-m")
KOMEP, BUSY = "komep_dataset.cli", "another run is at work here"


def table(path: Path, mark: str) -> Path:
    """Scored generations of 400 questions, whose answers hold a mark."""
    rows = (
        {"question": f"Question {i}?", "category": "c", "model": m, "response": f"{mark} {m} {i}"}
        | {"units": [{"text": "t", "verdict": verdict}]}
        for i in range(400)
        for m, verdict in (("a", "true"), ("b", "false"))
    )
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return path


def at_once(commands: list[list[str]], rng: random.Random, longest: float = 1.2) -> Counter:
    """Run two commands, each in a container, one of them killed within `longest` seconds; returns how they ended. What is neither done, refused nor killed is an
    error, and is counted under its message."""
    both = [
        subprocess.Popen([*CONTAINER, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for words in commands
    ]
    if rng.random() < 0.5:
        time.sleep(rng.uniform(0.2, longest))
        both[rng.randrange(2)].kill()
    ends = Counter()
    for process in both:
        said = process.communicate()[1]
        known = {0: "done", -signal.SIGKILL: "killed", 1: "refused" if BUSY in said else said[:200]}
        ends[known.get(process.returncode, said)] += 1
    return ends


def builds(folder: Path, tries: int, rng: random.Random) -> tuple[Counter, list[str]]:
    """Two builds into one release, again and again: (how they ended, what was broken)."""
    sources = [table(folder / f"{mark}.jsonl", mark) for mark in ("one", "two")]
    hashes = {build([s], folder / s.stem).facts["content_hash"] for s in sources}
    target, ends, broken, cards = folder / "komep", Counter(), [], 0
    build([sources[0]], target)
    subprocess.run(["git", "init", "-q", target], check=True)
    (target / "notes.md").write_text("read these first")
    for number in range(tries):
        cards += not (target / "README.md").read_text("utf-8").startswith("card ")
        (target / "README.md").write_text(f"card {cards}")
        ends += at_once([[KOMEP, "build", str(s), "--output", str(target)] for s in sources], rng)
        broken += [f"try {number}: {what}" for what in _harm(target, hashes, cards)]
    build([sources[0]], target)
    left = [p.name for p in folder.iterdir() if p.name.startswith(".")]
    return ends, broken + [f"left over: {name}" for name in left]


def _harm(target: Path, hashes: set[str], edited: int) -> list[str]:
    found = []
    known = read_facts(target)["content_hash"]
    if known not in hashes or content_hash(target) != known:
        found.append("the release is neither of the two")
    failed = {c.name for c in verify(target) if not c.ok}
    cards = {p.read_text("utf-8") for p in target.glob("README.md*")}
    if failed - {"files", "card"}:  # people's own files are not in SHA256SUMS
        found.append(f"not sound: {', '.join(sorted(failed))}")
    if not {f"card {n}" for n in range(1, edited + 1)} <= cards:
        found.append("a card that was edited is gone")
    if not (target / "notes.md").is_file() or not (target / ".git" / "HEAD").is_file():
        found.append("what people put there is gone")
    return found


def response(question: str, text: str) -> dict[str, object]:
    """A row of the table of responses."""
    asked = {"prompt_protocol": "chat", "temperature": 0.6, "top_p": 0.9, "max_new_tokens": 256, "seed": 0}
    ended = {"finish_reason": "stop", "prompt_tokens": None, "completion_tokens": None}
    row = {"question_id": question_id(question), "model": "a", "question": question, "category": "c"}
    return row | {"response": text} | asked | ended


def scorings(folder: Path, tries: int, rng: random.Random) -> tuple[Counter, list[str]]:
    """Two scorings in one work folder, with one table: (how they ended, what was broken)."""
    from tests.loopback import Loopback, loopback

    ends, broken = Counter(), []
    with loopback(Loopback(delay=0.01)) as (state, url):
        responses = folder / "responses.parquet"
        rows = [response(f"Question {i}?", f"One {i}. Two {i}.") for i in range(40)]
        write_table(pl.DataFrame(rows, schema=polars_schema(Response)), responses, Response)
        for number in range(tries):
            own = folder / str(number)
            own.mkdir()
            (own / "p.yaml").write_text(
                f"splitter: {{endpoint: {url}, model: splitter, concurrency: 4}}\n"
                f"checker: {{endpoint: {url}, model: checker, concurrency: 4}}\n"
            )
            words = [
                KOMEP,
                "score",
                str(responses),
                "--config",
                str(own / "p.yaml"),
                "--output",
                str(own / "s.parquet"),
            ]
            state.calls.clear()
            ends += at_once([words, words], rng)
            command = [sys.executable, "-m", *words]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            twice = len(state.calls) - len({json.dumps(call) for call in state.calls})
            if done.returncode or "scored 40" not in done.stdout:
                broken.append(f"try {number}: {(done.stderr or done.stdout)[:200]}")
            if twice > 4:  # what was in flight when one was killed
                broken.append(f"try {number}: {twice} calls asked twice")
    return ends, broken


def evaluations(folder: Path, tries: int, rng: random.Random) -> tuple[Counter, list[str]]:
    """Two evaluations into one folder, in which notes of somebody's lie: (how they ended, what was broken)."""
    from evaluation.harness.output import read_evaluation
    from tests.loopback import Loopback, loopback

    ends, broken = Counter(), []
    with loopback(Loopback(lambda body: "A", delay=0.05)) as (state, url):
        for number in range(tries):
            output = folder / str(number)
            words = [
                "evaluation.run",
                "--backend",
                "openai",
                "--endpoint",
                url,
                "--model",
                "m",
                "--concurrency",
                "4",
            ]
            words += ["--benchmark", "kormedmcqa-sample", "--output", str(output)]
            state.calls.clear()
            ends += at_once([words, words], rng, longest=9.0)
            ours = output.is_dir() and any(not p.name.startswith(".") for p in output.iterdir())
            if ours:  # a kill before the first file of ours leaves an empty folder
                (output / "notes.md").write_text("mine")
            done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=False)
            if done.returncode:
                broken.append(f"try {number}: {done.stderr[:200]}")
                continue
            questions = len(read_evaluation(output).predictions)  # which checks both files against each other
            twice = len(state.calls) - len({json.dumps(call) for call in state.calls})
            if twice > 4 + questions:  # in flight at a kill; a whole run again where the first was done
                broken.append(f"try {number}: {twice} calls asked twice")
            left = {p.name for p in output.iterdir()} - {
                "notes.md",
                "predictions.jsonl",
                "results.json",
                "replies",
            }
            if left or (ours and not (output / "notes.md").is_file()):
                broken.append(f"try {number}: left {sorted(left)}, or notes gone")
    return ends, broken


CASES: dict[str, Callable[[Path, int, random.Random], tuple[Counter, list[str]]]] = {
    "komep build": builds,
    "komep score": scorings,
    "evaluation.run": evaluations,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tries", type=int, default=100, help="of each command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=CASES, help="this command alone")
    args = parser.parse_args()
    harm = 0
    for name, case in CASES.items() if args.only is None else [(args.only, CASES[args.only])]:
        with tempfile.TemporaryDirectory() as folder:
            ends, broken = case(Path(folder), args.tries, random.Random(args.seed))
        shown = ", ".join(f"{n} {how}" for how, n in sorted(ends.items()))
        print(f"{name}: {args.tries} tries of two at once: {shown}; broken: {len(broken)}")
        print("".join(f"  {line}\n" for line in broken[:10]), end="")
        harm += len(broken)
    return bool(harm)


if __name__ == "__main__":
    sys.exit(main())
