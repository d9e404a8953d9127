"""How the letters of real replies are read, by material and kind of reply, beside the cascade and beside older rules.

    python -m benchmarks.letters FOLDER                     which readings differ from `letters.csv`, then the tables
    python -m benchmarks.letters FOLDER --before CHECKOUT   the tables with the rules of an older commit before today's
    python -m benchmarks.letters FOLDER --write             today's readings into `letters.csv`
    python -m benchmarks.letters --curve                    time by length, beside the cascade and `unicodedata.normalize`

The materials are replies by others, of which nothing is in this project: FOLDER holds them as `gemini_replies/distillation_*.jsonl`
(github.com/Jung-YongHan/sLLM @59db8e4, `raw_data/distillation_gemini`), `korean_mcq_replies/replies.jsonl` (from the results next
named, in one file) and `results/*.csv` (github.com/hsr87/evaluate-llm-on-korean-dataset @dc312a7). What is not there is said and left
out. `letters.json` has, by file and row (from 1), the letter that each reply of the halves which were held back states by its
readers ("-": none or several, "?": they cannot say or differ), or by a machine where readers were not asked: a letter at an end of
the reply which all readings give. `letters.csv` lists each reply on which any reading disagrees:

    file, row, reply     where it stands, and the first 16 digits of its SHA-256
    given                the letter that the data give: the right answer (gemini_replies), or what the other project's reader took
    first                what the rules gave when the half was opened (of the first two materials: the oldest rules that are kept)
    now, cascade         what today's rules and the cascade give
    reader_1, reader_2   what each reader judged from the reply alone: a letter, none, several, unclear; empty: not asked
    judgement            right, wrong, unclear, or mended: today's reading is right, the first one was not
"""

import argparse
import csv
import hashlib
import json
import random
import re
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from evaluation.kormedmcqa.extraction import extract_paper
from evaluation.kormedmcqa.robust import extract_robust
from komep_dataset.languages import language_of

HERE = Path(__file__).parent
LIST, LABELS, INVENTED = (
    HERE / "letters.csv",
    HERE / "letters.json",
    HERE.parent / "tests/evaluation/kormedmcqa/generations.jsonl",
)
COLUMNS = (
    "file", "row", "reply", "given", "first", "now", "cascade", "reader_1", "reader_2", "judgement",
)  # fmt: skip
NONE, UNCLEAR = "-", "?"
MATERIALS = {  # by what a file's name begins with
    "gemini_replies/distillation_dentist": "reasoning model, nurses and dentists",
    "gemini_replies/distillation_nurse": "reasoning model, nurses and dentists",
    "gemini_replies/": "reasoning model, pharmacists and MedQA",
    "korean_mcq_replies/": "some 20 models, short",
    "results/": "18 models, mixed lengths",
}
_OPTION = re.compile(r"^- [A-E]: (.*)$", re.MULTILINE)
_BEGINS = re.compile(r"\W*(?:(?:정답|답|answer)\W*(?:은|is)?\W*)?\(?[A-E](?![A-Za-z0-9])", re.IGNORECASE)
_ENDS = re.compile(r"(?:^|\W)[A-E]\W*(?:번|입니다|이다)?\W*$")
_LATEX = re.compile(r"\\boxed|\\frac|\\\(|\\\[|\\times|\\text|\$[^$\n]+\$")
_ITEM = re.compile(r"(?:^|[\n,*-])[ *(-]*([A-E])\**[:.)]")
_FINISHED = re.compile(r"[.!?\u2026。)\]}>*`$\"'|]|[다요음함임됨]")  # of a last sign that can end a reply
_SIGNS = [chr(n) for n in range(32, 0x30000) if unicodedata.category(chr(n))[0] not in "C"]
KINDS: dict[str, Callable[[str], object]] = {
    "begins with a letter, ends otherwise": lambda text: _begins(text) and not _ends(text),
    "ends with a letter, begins otherwise": lambda text: _ends(text) and not _begins(text),
    "both": lambda text: _begins(text) and _ends(text),
    "neither": lambda text: not _begins(text) and not _ends(text),
    "LaTeX, boxed": _LATEX.search,
    "three options and more listed": lambda text: len(set(_ITEM.findall(text))) >= 3,
    "Korean": lambda text: language_of(text) == "ko",
    "English, or letters alone": lambda text: language_of(text) == "en",
    "cut off": lambda text: not _ends(text) and not _FINISHED.match(text.strip()[-1:]),
}
PATTERNS = {
    **{f"`{one}`": one for one in ("A", "A ", "정답은 ", "A가 아니라 ", "the answer is ", "(", "[", '{"', "\\boxed{", "**", "- ", "1", "가", "한글")},
    "`A: x` and a line break": "A: x\n", "`정답: A` and a line break": "정답: A\n", "line breaks": "\n", "decomposed Hangul": unicodedata.normalize("NFD", "한글"),
    "two combining marks": "\u0301\u0316", "a letter with two marks": "e\u0301\u0316", "emoji": "😀", "Chinese": "漢字", "Arabic": "مرحبا ",
    "thoughts": "<think>a</think>", "signs of all scripts, drawn": "".join(random.Random(0).choices(_SIGNS, k=10_000)),
}  # fmt: skip
CURVE = (1_000, 10_000, 100_000, 1_000_000)  # characters
OPTIONS = ["헤파린", "인슐린", "와파린", "아스피린", "디곡신"]


def _begins(text: str) -> bool:
    return bool(_BEGINS.match(text))


def _ends(text: str) -> bool:
    return bool(_ENDS.search(text.strip()[-40:]))


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply of a model, and the options of its question where the data have them."""

    text: str
    options: tuple[str, ...] = ()
    given: str = ""

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Case:
    """A reply with the letter that it states ("" for none) and what is read from it."""

    text: str
    stated: str
    before: str
    now: str
    cascade: str


@cache
def replies(path: Path) -> list[Reply]:
    """The replies of a file, in its order."""
    if path.suffix == ".csv":
        csv.field_size_limit(10**9)
        with path.open(encoding="utf-8", newline="") as file:
            return [Reply(row["response"] or "", given=row.get("pred") or "") for row in csv.DictReader(file)]
    rows = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]
    if "response" in rows[0]:
        return [Reply(row["response"], given=row["pred"]) for row in rows]
    return [Reply(row["answer"] or "", tuple(_OPTION.findall(row["question"])), row["label"]) for row in rows]


def read(reply: Reply) -> str:
    return extract_robust(reply.text, reply.options)


def listed() -> list[dict[str, str]]:
    with LIST.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def judgement(label: str, first: str, now: str) -> str:
    if label == UNCLEAR:
        return "unclear"
    if now != label.replace(NONE, ""):
        return "wrong"
    return "right" if first == now else "mended"


def labels_in(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """(file, letters by row) of `letters.json`, of the files that lie in a folder."""
    for name, letters in json.loads(LABELS.read_text("utf-8")).items():
        if (folder / name).is_file():
            yield name, letters


def compared(folder: Path) -> tuple[list[dict[str, str]], list[str]]:
    """The list with today's readings, and a line for each row in which it says something else.

    A reply that is not on the list and is read otherwise than `letters.json` says is added to it, with no reader.
    """
    rows, said = listed(), []
    known = {(row["file"], row["row"]): row for row in rows}
    for name, letters in labels_in(folder):
        there = replies(folder / name)
        for number, label in letters.items():
            reply, row = there[int(number) - 1], known.get((name, number))
            now, cascade = read(reply), extract_paper(reply.text)
            if row is None:
                if label == UNCLEAR or now == label.replace(NONE, ""):
                    continue
                agreed = label.replace(NONE, "")
                row = dict.fromkeys(COLUMNS, "") | {
                    "file": name, "row": number, "reply": reply.digest, "given": reply.given, "first": agreed, "now": agreed,
                }  # fmt: skip
                rows.append(row)
            if row["reply"] != reply.digest:
                said.append(f"{name}, row {number}: another reply ({reply.digest}, not {row['reply']})")
                continue
            if (row["now"], row["cascade"]) != (now, cascade):
                said.append(
                    f"{name}, row {number}: now {now or NONE}, cascade {cascade or NONE}, listed {row['now'] or NONE}, "
                    f"{row['cascade'] or NONE}; it states {label}"
                )
            row |= {"now": now, "cascade": cascade, "judgement": judgement(label, row["first"], now)}
    return sorted(rows, key=lambda row: (row["file"], int(row["row"]))), said


def write(rows: Iterable[dict[str, str]]) -> None:
    with LIST.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


_OLDER = """
import json, sys
from evaluation.kormedmcqa.robust import extract_robust
for line in sys.stdin:
    text, options = json.loads(line)
    print(extract_robust(text, options))
"""


def read_by(checkout: Path, some: Sequence[Reply]) -> list[str]:
    """The letters of replies by the rules of another checkout, in a process of its own."""
    lines = "".join(json.dumps([one.text, one.options]) + "\n" for one in some)
    done = subprocess.run(
        [sys.executable, "-c", _OLDER], input=lines, capture_output=True, text=True, check=True, cwd=checkout,
        env={"PYTHONPATH": str(checkout.resolve()), "PYTHONUTF8": "1"},
    )  # fmt: skip
    return done.stdout.split("\n")[: len(some)]


def cases(some: Sequence[tuple[Reply, str]], checkout: Path | None) -> list[Case]:
    """Replies with the letters that they state, read."""
    before = read_by(checkout, [reply for reply, _ in some]) if checkout else [""] * len(some)
    return [
        Case(reply.text, stated, old, read(reply), extract_paper(reply.text))
        for old, (reply, stated) in zip(before, some, strict=True)
    ]


def tables(folder: Path, checkout: Path | None) -> Iterator[str]:
    """By material and kind how many replies are read as they state; replies whose readers cannot say are left out."""
    materials: dict[str, list[tuple[Reply, str]]] = {}
    for name, letters in labels_in(folder):
        there = replies(folder / name)
        materials.setdefault(next(text for start, text in MATERIALS.items() if name.startswith(start)), []).extend(
            (there[int(number) - 1], letter.replace(NONE, ""))
            for number, letter in letters.items()
            if letter != UNCLEAR
        )  # fmt: skip
    for material, some in materials.items():
        yield f"\n{material}\n"
        own = cases(some, checkout)
        groups = {"all": own, "states a letter": [c for c in own if c.stated], "states none": [c for c in own if not c.stated]}  # fmt: skip
        groups |= {kind: [c for c in own if holds(c.text)] for kind, holds in KINDS.items()}
        yield from _table(groups, checkout)


def invented(checkout: Path | None) -> Iterator[str]:
    """The same of the generations that were written for the project, by their kind."""
    rows = [json.loads(line) for line in INVENTED.read_text("utf-8").splitlines()]
    own = cases([(Reply(row["text"], tuple(row.get("options", ()))), row["label"]) for row in rows], checkout)
    groups: dict[str, list[Case]] = {"all": own}
    for row, case in sorted(zip(rows, own, strict=True), key=lambda one: one[0]["kind"]):
        groups.setdefault(row["kind"], []).append(case)
    yield "\nwritten for the project\n"
    yield from _table(groups, checkout)


def _table(groups: dict[str, list[Case]], checkout: Path | None) -> Iterator[str]:
    columns = [*(["before"] if checkout else []), "now", "cascade"]
    yield f"| kind | n | {' | '.join(columns)} |\n|---{'|---:' * (len(columns) + 1)}|"
    for name, some in groups.items():
        right = [sum(getattr(case, column) == case.stated for case in some) for column in columns]
        if some:
            yield f"| {name} | {' | '.join(f'{one:,}' for one in (len(some), *right))} |"


def curve() -> Iterator[str]:
    """Seconds of CPU by length for texts of one repeated pattern, and two peers' at the greatest length.

    A peer that takes more than thirty times as long for ten times the length is not waited for.
    """
    peers = {"cascade": extract_paper, "NFKC": lambda text: unicodedata.normalize("NFKC", text)}
    sizes = " | ".join(f"{size:,}" for size in CURVE)
    yield f"| pattern | {sizes} | {' | '.join(peers)} | times the cascade |\n|---{'|---:' * (len(CURVE) + 3)}|"
    for name, pattern in PATTERNS.items():
        text = pattern * (CURVE[-1] // len(pattern) + 1)
        taken = [_seconds(lambda t: extract_robust(t, OPTIONS), text[:size]) for size in CURVE]
        theirs = []
        for peer in peers.values():
            small, ten = (_seconds(peer, text[:size]) for size in CURVE[:2])
            theirs.append(_seconds(peer, text[: CURVE[-1]]) if ten < max(30 * small, 0.01) else None)
        shown = " | ".join(
            "grows with the square" if one is None else f"{one:.3f}" for one in (*taken, *theirs)
        )
        yield f"| {name} | {shown} | {f'{taken[-1] / theirs[0]:.1f}' if theirs[0] else '–'} |"


def _seconds(work: Callable[[str], object], text: str) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work(text)
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", help="where the materials lie")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="a checkout of an older commit")
    parser.add_argument("--write", action="store_true", help="write today's readings into letters.csv")
    parser.add_argument("--curve", action="store_true", help="time by length instead")
    given = parser.parse_args()
    if given.curve:
        lines: Iterable[str] = curve()
    elif not given.folder or not any(labels_in(given.folder)):
        parser.error(f"{given.folder}: none of the materials is here; the docstring names them")
    else:
        rows, said = compared(given.folder)
        if given.write:
            write(rows)
        missing = [n for n in json.loads(LABELS.read_text("utf-8")) if not (given.folder / n).is_file()]
        lines = said + ([f"not there: {', '.join(missing)}"] if missing else [])
        lines = (line for some in (lines, tables(given.folder, given.before), invented(given.before)) for line in some)  # fmt: skip
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    main()
