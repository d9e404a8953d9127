"""How many altered copies of benchmark items the contamination gate finds, and how often it cries wolf, by threshold.

    python -m benchmarks.leaks
    python -m benchmarks.leaks --clean questions.csv            real questions as further clean texts
    python -m benchmarks.leaks --benchmark my=PATH --clean …    planted copies of the items of another benchmark
    python -m benchmarks.leaks --real FOLDER                    real repeats, copies and clean texts (`real_leaks`)
    python -m benchmarks.leaks --examples FOLDER                what evaluation.run says of worked examples (the same)

The items are the shipped ones, written for this project: 80 in the shape of KorMedMCQA, and the 58 bilingual questions
of the sample with their statements as options. Half of them (by a hash) are the benchmark; the other half, of the same
domain and from the same hands, is clean, as are the answers to it; then the halves change places. 100 copies of each
alteration are planted as prompts, each with an answer to another question:

case          upper case, English and Latin letters            particles   other Korean particles at the ends of words
word order    the text cut into four pieces, shuffled          digits      every digit another one
korean only   the English of a bilingual item left out         english only    the Korean left out
options       question and options, in another order           sentence    a sentence in front and one behind
together      particles (or case), digits and a sentence at once

Every row of the table is a threshold: share of copies found with its 95% Wilson interval, and the share of clean pairs
that would be rejected. These items do not tell thresholds apart: real ones do, with `--real` (docs/contamination.md). The
alterations are those that were thought of: a copy in other words is mostly not found. Items with fewer than a handful of
n-grams are out of reach, too, and are counted as not found.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import random
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from komep_dataset.gates.contamination import CHARACTERS, THRESHOLD, WORDS, Index
from komep_dataset.gates.trial.benchmark_files import Benchmark, Item, read_benchmark
from komep_dataset.languages import HANGUL, language_of

SAMPLES = Path(__file__).resolve().parents[1] / "komep_dataset" / "samples"
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, THRESHOLD, 0.7, 0.8, 0.9, 1.0)
COPIES = 100
FRONT = {
    "en": (
        "A colleague asked me about this on the ward yesterday. ",
        " Please explain your reasoning step by step.",
    ),
    "ko": ("어제 병동에서 동료가 이런 질문을 했습니다. ", " 단계별로 이유를 설명해 주세요."),
}
PARTICLES = {
    "은": "이",
    "는": "가",
    "이": "은",
    "가": "는",
    "을": "은",
    "를": "는",
    "의": "",
    "에": "에는",
    "과": "이랑",
    "와": "랑",
}
NOISE = 0.01  # shares below this are not told apart


def shipped_items() -> list[Item]:
    """The items written for this project."""
    items = list(read_benchmark("kormedmcqa", SAMPLES / "kormedmcqa").items)
    lines = (SAMPLES / "facts.jsonl").read_text("utf-8").split("\n")
    for number, row in enumerate((json.loads(line) for line in lines if line), 1):
        options = [fact[side] for fact in row["true"][:4] for side in ("en", "ko")]
        items.append(Item("facts", number, (row["question"], row["question_ko"]), tuple(options)))
    return items


def shipped_answers() -> list[tuple[str, str, str]]:
    """(question, answer, Korean answer) of the sample's generations."""
    lines = (SAMPLES / "scored_generations.jsonl").read_text("utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line]
    return [(row["question"], row["response"], row["response_ko"]) for row in rows]


# --- alterations: an item to the texts (English or Korean) of a copy of it, or None where there is nothing to alter ----


def case(item: Item, rng: random.Random) -> list[str] | None:
    texts = [text.upper() for text in item.questions]
    return texts if texts != list(item.questions) else None


def particles(item: Item, rng: random.Random) -> list[str] | None:
    korean = [text for text in item.questions if language_of(text) == "ko"]
    changed = [
        re.sub(rf"(?<={HANGUL})([{''.join(PARTICLES)}])(?=\s)", lambda m: PARTICLES[m[1]], t) for t in korean
    ]
    return changed if changed != korean else None


def word_order(item: Item, rng: random.Random) -> list[str] | None:
    return [_shuffled(text, rng) for text in item.questions]


def _shuffled(text: str, rng: random.Random) -> str:
    words = text.split()
    cuts = sorted(rng.sample(range(1, len(words)), min(3, len(words) - 1))) if len(words) > 1 else []
    pieces = [words[a:b] for a, b in zip([0, *cuts], [*cuts, len(words)], strict=True)]
    order = pieces[1:] + pieces[:1] if len(pieces) < 3 else rng.sample(pieces, len(pieces))
    return " ".join(word for piece in order for word in piece)


def digits(item: Item, rng: random.Random) -> list[str] | None:
    changed = [
        re.sub(r"\d", lambda m: str((int(m[0]) + rng.randint(1, 9)) % 10), text) for text in item.questions
    ]
    return changed if changed != list(item.questions) else None


def _one_language(language: str) -> Callable[[Item, random.Random], list[str] | None]:
    def left(item: Item, rng: random.Random) -> list[str] | None:
        own = [text for text in item.questions if language_of(text) == language]
        return own if 0 < len(own) < len(item.questions) else None

    return left


def options(item: Item, rng: random.Random) -> list[str] | None:
    shuffled = rng.sample(item.options, len(item.options))
    listed = "\n".join(f"{letter}. {text}" for letter, text in zip("ABCDEFGHIJ", shuffled, strict=False))
    return [f"{text}\n{listed}" for text in item.questions] if shuffled else None


def sentence(item: Item, rng: random.Random) -> list[str] | None:
    return [f"{FRONT[language_of(t)][0]}{t}{FRONT[language_of(t)][1]}" for t in item.questions]


def together(item: Item, rng: random.Random) -> list[str] | None:
    for alter in (particles, case):
        if texts := alter(item, rng):
            changed = digits(Item("", 0, tuple(texts), ()), rng) or texts
            return sentence(Item("", 0, tuple(changed), ()), rng)
    return None


ALTERATIONS = {
    "case": case,
    "particles": particles,
    "word order": word_order,
    "digits": digits,
    "korean only": _one_language("ko"),
    "english only": _one_language("en"),
    "options": options,
    "sentence": sentence,
    "together": together,
}


def halves(items: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """Two halves of the items, by a hash of the first question."""
    parts: tuple[list[Item], list[Item]] = ([], [])
    for item in items:
        parts[hashlib.sha256(item.questions[0].encode()).digest()[0] % 2].append(item)
    return parts


def pair(texts: Iterable[str], answers: tuple[str, str, str], others: tuple[str, str, str]) -> dict:
    """A pair as the gate sees it: texts as its prompt, two answers."""
    row = dict.fromkeys(("question", "question_ko"))
    for text in texts:
        row["question" if language_of(text) == "en" else "question_ko"] = text
    return row | {
        "chosen": answers[1],
        "chosen_ko": answers[2],
        "rejected": others[1],
        "rejected_ko": others[2],
    }


def shares(index: Index, rows: list[dict]) -> list[float]:
    """The highest share of an item that each pair holds."""
    import polars as pl

    from komep_dataset.gates.trial.gate import TEXTS

    best = [0.0] * len(rows)
    for one in index.overlaps(pl.DataFrame(rows, schema=dict.fromkeys(TEXTS, pl.String)), NOISE):
        best[one.row] = one.share
    return best


def planted(
    items: Sequence[Item], answers: list[tuple[str, str, str]], copies: int, seed: int
) -> dict[str, list[dict]]:
    """Alteration -> pairs that hold a copy altered so; as many as asked for, over the items in turn."""
    rng, made = random.Random(seed), {}
    for name, alter in ALTERATIONS.items():
        fit = [item for item in rng.sample(list(items), len(items)) if alter(item, rng)]
        turns = [fit[n % len(fit)] for n in range(copies)] if fit else []
        rows = [(alter(item, rng), item, *rng.sample(answers, 2)) for item in turns]
        made[name] = [pair(texts, one, two) for texts, _, one, two in rows]
    return made


def clean_pairs(items: Sequence[Item], answers: list[tuple[str, str, str]], seed: int) -> list[dict]:
    """Pairs of clean items: each with answers to its own question where there are any, else to another."""
    rng, rows = random.Random(seed), []
    for item in items:
        own = [answer for answer in answers if answer[0] in item.questions] or rng.sample(answers, 2)
        rows += [pair(item.questions, one, two) for one, two in zip(own, [*own[1:], own[0]], strict=True)]
    return rows


def read_clean(path: Path) -> list[dict]:
    """Pairs whose prompts are the questions of a CSV file."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [pair([row["question"]], ("", "", ""), ("", "", "")) for row in csv.DictReader(file)]


def measure(
    items: Sequence[Item], words: int, characters: int, copies: int, more: list[dict]
) -> dict[str, list[float]]:
    """Alteration -> shares of its copies; `clean` and `further clean` -> shares of clean pairs."""
    found: dict[str, list[float]] = {name: [] for name in (*ALTERATIONS, "clean", "further clean")}
    answers = shipped_answers()
    parts = halves(items)
    for turn, (leaked, clean) in enumerate((parts, parts[::-1])):
        index = Index([Benchmark("planted", tuple(leaked))], words, characters)
        known = {text for item in leaked for text in item.questions}
        free = [answer for answer in answers if answer[0] not in known]
        for name, rows in planted(leaked, free, copies // 2, turn).items():
            found[name] += shares(index, rows)
        found["clean"] += shares(index, clean_pairs(clean, free, turn))
        found["further clean"] += shares(index, more) if more else []
    return found


def rate(values: Sequence[float], threshold: float) -> str:
    """Share at or above a threshold with its 95% Wilson interval."""
    from scipy.stats import binomtest

    if not values:
        return "-"
    hits = sum(value >= threshold for value in values)
    low, high = binomtest(hits, len(values)).proportion_ci(method="wilson")
    return f"{100 * hits / len(values):.1f}% ({100 * low:.1f}-{100 * high:.1f})"


def table(found: dict[str, list[float]]) -> str:
    """Thresholds down, alterations across."""
    names = [name for name, values in found.items() if values]
    lines = ["| threshold | " + " | ".join(f"{name} (n={len(found[name])})" for name in names) + " |"]
    lines.append("|---" * (len(names) + 1) + "|")
    for threshold in THRESHOLDS:
        mark = " (shipped)" if threshold == THRESHOLD else ""
        lines.append(f"| {threshold}{mark} | " + " | ".join(rate(found[n], threshold) for n in names) + " |")
    highest = ", ".join(f"{name} {max(found[name]):.2f}" for name in names if "clean" in name)
    return "\n".join([*lines, f"highest share of a clean pair: {highest}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=WORDS)
    parser.add_argument("--characters", type=int, default=CHARACTERS)
    parser.add_argument("--copies", type=int, default=COPIES)
    parser.add_argument("--benchmark", help="NAME=PATH: items to plant instead of the shipped ones")
    parser.add_argument("--clean", type=Path, help="CSV with a column `question`: further clean pairs")
    parser.add_argument(
        "--real", type=Path, help="folder of real texts, as `benchmarks.real_leaks` names them"
    )
    parser.add_argument("--examples", type=Path, help="folder of KorMedMCQA: SUBJECT/{test,train,valid}.csv")
    given = parser.parse_args()
    if given.examples:
        from benchmarks.real_leaks import SUBJECTS, reported

        if missing := [s for s in SUBJECTS if not (given.examples / s / "test.csv").is_file()]:
            parser.error(f"--examples {given.examples}: no {', '.join(f'{s}/test.csv' for s in missing)}")
        for line in reported(given.examples):
            print(line, flush=True)
        return
    if given.real:
        from benchmarks.real_leaks import FOLDERS, measured

        if missing := [name for name in FOLDERS if not (given.real / name).is_dir()]:
            parser.error(
                f"--real {given.real}: no folder {', '.join(missing)}; benchmarks/real_leaks.py names what it reads"
            )
        for line in measured(given.real):
            print(line, flush=True)
        return
    items = shipped_items()
    if given.benchmark:
        name, _, path = given.benchmark.partition("=")
        items = list(read_benchmark(name, Path(path)).items)
    more = read_clean(given.clean) if given.clean else []
    found = measure(items, given.words, given.characters, given.copies, more)
    print(f"{len(items)} items; n-grams of {given.words} words, {given.characters} characters")
    print(table(found))


if __name__ == "__main__":
    main()
