"""Real questions scored by a judge that cites its passages: once undisturbed, once with failing calls and kills.

    python -m benchmarks.cited_run --data ../shared/data

ExpertQA's questions are answered with its own answers by two responders and split into their sentences. The judge finds a
statement true or false by the passages that share most words with it, which `komep` finds by BM25 among other answers; it
answers as JSON, in a fence or in words, and now and then cites what it was not shown. All are a loopback server. In the
second run a fifth of all calls fail (500, 429, 503, a reset, a cut body, HTML) and `komep run` is killed by SIGKILL at
random moments and given again. Prints a row for each run, and whether tables, evidence and release have the same bytes.
The texts are read where they lie and not copied; without them, a smaller run on made-up ones goes through (`--data made-up`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

import polars as pl
import yaml

from benchmarks.disturbed import different, files_of, moments_of, run_killed, tell
from tests.loopback import Fault, FaultPlan, Loopback, last_text, loopback
from tests.real_data import DATA
from tests.scores.citing import shown, statement

ANSWERS, MADE_UP = "expertqa/expert_build_input.jsonl", "made-up"
IN_FLIGHT = 16
SHARED = 0.5  # of a statement's long words that a passage has, for it to decide the statement
# Of a hundred calls, up to which one fails, and how.
FAULTS = {
    8: Fault(500),
    13: Fault(429, headers={"Retry-After": "0"}),
    16: Fault(reset=True),
    18: Fault(200, '{"choices": []}', cut=True),
    19: Fault(200, "<html>gateway</html>"),
    20: Fault(503, stall=0.3),
}


def _number(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest(), 16)


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 3}


def read_answers(data: Path) -> list[dict]:
    """ExpertQA's answers: `question`, `category`, `model`, `response`; made-up ones where `data` says so."""
    if str(data) != MADE_UP:
        text = (data / ANSWERS).read_text("utf-8")
        return [json.loads(line) for line in text.split("\n") if line]
    draw, nouns = Random(0), ["liver", "kidney", "vessel", "enzyme", "muscle", "vitamin", "sodium", "hormone"]
    return [
        {"question": f"What about the {nouns[n % 8]} of group {n}?", "category": "c", "model": m}
        | {"response": " ".join(f"The {draw.choice(nouns)} needs {draw.choice(nouns)} {n}." for _ in "abc")}
        for n in range(40)
        for m in "ab"
    ]


def corpus_of(answers: list[dict]) -> list[dict]:
    """The paragraphs of every second answer as passages."""
    return [
        {"id": f"{row['model']}/{n}.{k}", "title": row["category"], "text": part, "url": "", "language": "en"}
        for n, row in enumerate(answers)
        if n % 2
        for k, part in enumerate(p for p in re.split(r"\n\n+", row["response"]) if len(p) > 40)
    ]


class Model:
    """What the loopback server says: answers of a question, sentences of an answer, a verdict that cites passages."""

    def __init__(self, answers: list[dict]):
        self.answers: dict[str, list[str]] = {}
        for row in answers:
            self.answers.setdefault(row["question"], []).append(row["response"])

    def __call__(self, body: dict) -> str:
        text, model = last_text(body), body["model"]
        if model == "splitter":
            inner = text.removeprefix("<answer>\n").removesuffix("\n</answer>")
            return "\n".join(s.strip() for s in re.split(r"(?<=[.!?])\s+|\n+", inner) if s.strip())
        if model == "checker":
            return self.verdict(body)
        own = next(answers for question, answers in self.answers.items() if question in text)
        return own[int(model[-1]) % len(own)]

    def verdict(self, body: dict) -> str:
        unit = statement(body)
        own, number = _words(unit), _number(unit)
        shares = {p["id"]: len(own & _words(p["text"])) / max(1, len(own)) for p in shown(body)}
        deciding = [id for id, share in shares.items() if share >= SHARED]
        if number % 50 == 0:
            return json.dumps({"verdict": "True", "ids": ["no-such-passage"]})
        if not deciding:
            nearest, reason = [max(shares, key=shares.get)], "contradictory"
            said = {"verdict": "Unknown", "ids": nearest if number % 3 == 0 else [], "why": ""}
            return json.dumps(said | {"why": reason if number % 3 == 0 else "not_addressed"})
        verdict = "False" if number % 4 == 0 else "True"
        said = json.dumps({"verdict": verdict, "ids": deciding, "why": ""})
        return (said, f"```json\n{said}\n```", f"{verdict} [{', '.join(deciding)}]")[number % 3]


def faults(body: dict, attempt: int) -> Fault | None:
    """The first two calls for a request may fail, each by its own draw."""
    draw = _number(f"{attempt} {json.dumps(body, sort_keys=True)}") % 100
    return next((fault for most, fault in FAULTS.items() if draw < most), None) if attempt < 3 else None


def write_chain(folder: Path, url: str, questions: list[dict], corpus: list[dict]) -> Path:
    """A folder with pipeline.yaml, questions and corpus."""
    folder.mkdir()
    for name, rows in (("questions", questions), ("corpus", corpus)):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, "utf-8")
    place = {"endpoint": url, "concurrency": IN_FLIGHT, "max_attempts": 6}
    config = {
        "questions": {"input": "questions.jsonl"},
        "responders": [place | {"name": f"r{n}", "model": f"r{n}"} for n in range(2)],
        "splitter": place | {"model": "splitter"},
        "checker": place | {"model": "checker", "evidence": {"corpus": "corpus.jsonl", "passages": 4}},
        "selection": {"unknown_units": "drop"},
    }
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(config))
    return folder / "pipeline.yaml"


def run(folder: Path, answers: list[dict], count: int, plan: FaultPlan | None, moments: list[int]) -> dict:
    """One `komep run` over the first questions, with a server of its own: what was asked, how often twice, and how it went."""
    questions = {row["question"]: {k: row[k] for k in ("question", "category")} for row in answers}
    with loopback(Loopback(Model(answers), plan, delay=0.002)) as (state, url):
        path = write_chain(folder, url, list(questions.values())[:count], corpus_of(answers))
        start = time.monotonic()
        kills, _ = run_killed(["run", str(path)], lambda: len(state.calls), moments)
        seconds = round(time.monotonic() - start)
    calls, answered = len(state.calls), sum(state.answered.values())
    asked = {"calls": calls, "failed": calls - answered, "answered": answered, "twice": state.repeats}
    return asked | {"kills": kills, "seconds": seconds}


def compared(
    scratch: Path, answers: list[dict], count: int, kills: int, seed: int
) -> tuple[list[dict], list[str]]:
    """Both runs: (a row each, which files of tables, evidence and release differ)."""
    folders = scratch / "undisturbed", scratch / "disturbed"
    calm = run(folders[0], answers, count, None, [])
    rough = run(folders[1], answers, count, faults, moments_of(calm["calls"], kills, seed))
    left = [files_of(one / "work") | files_of(one / "work" / "komep", "*") for one in folders]
    return [{"run": "undisturbed"} | calm, {"run": "disturbed"} | rough], different(*left)


def cited(work: Path) -> str:
    """What the table of scored generations says about its evidence."""
    table = pl.read_parquet(work / "score" / "scored.parquet")
    entries = pl.DataFrame(table["unit_evidence"].explode().drop_nulls().to_list())
    without = Counter(entries.filter(pl.col("reason").fill_null("") != "")["reason"].to_list())
    unknown = ", ".join(f"{n:,} {reason}" for reason, n in without.most_common())
    units, cited = table["units"].list.len().sum(), entries["id"].fill_null("").ne("").sum()
    pairs = json.loads((work / "komep" / "build.json").read_text("utf-8"))["pairs"]
    return f"{table.height:,} answers, {units:,} statements, {cited:,} citations; unknown: {unknown}; {pairs:,} pairs"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help=f"folder with {ANSWERS}, or {MADE_UP}")
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--kills", type=int, default=9)
    parser.add_argument("--seed", type=int, default=26, help="of the moments of the kills")
    args = parser.parse_args()
    if str(args.data) != MADE_UP and not (args.data / ANSWERS).is_file():
        parser.error(f"{args.data / ANSWERS} is not there; `--data {MADE_UP}` needs no file")
    with tempfile.TemporaryDirectory() as folder:
        runs, differ = compared(Path(folder), read_answers(args.data), args.questions, args.kills, args.seed)
        print(cited(Path(folder) / "disturbed" / "work"))
    tell(runs, differ)
    print(
        f"requests answered twice: {runs[1]['twice']}, at most {args.kills * IN_FLIGHT} in flight at the kills"
    )
    return bool(differ)


if __name__ == "__main__":
    raise SystemExit(main())
