"""What the figures of a split (`komep_dataset/scores/split_quality.py`) say of splits by people and strong models, and of the same once a program has
spoiled them.

    python -m benchmarks.split_quality [--half seen|unseen|both] [--faults] [--show pronouns|fragments|lost]

Material: K-QA (physicians' answers, statements by physicians), FactBench (answers of ChatGPT, claims by people), ExpertQA (answers of
six systems; claims are their sentences), KorFactScore (Korean biographies, atoms by GPT-4); to plant faults in, the sentences of Korean replies
to licensing questions, too. It is cut in two by the SHA-256 of the
answer: words of the rules were chosen by the `seen` half (docs/splitting.md says what the first look at the other one showed). `--faults` plants one fault an answer, with a fixed seed, and
tells what each figure does. Nothing of the texts is printed unless `--show` asks for it, and nothing of them is kept.
"""

import argparse
import hashlib
import json
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from komep_dataset.languages import language_of
from komep_dataset.scores.conditions import sentences_of
from komep_dataset.scores.split_quality import (
    SplitQuality,
    is_fragment,
    lost_conditions,
    points_outside,
    quality_of,
)
from komep_dataset.scores.splitting import clean_unit
from tests.real_data import DATA

HALVES = ("seen", "unseen")
SENTENCES = "Gemini"  # Korean replies to licensing questions; their sentences are their units, to be spoiled and not to be rated


@dataclass(frozen=True, slots=True)
class Row:
    material: str
    answer: str
    units: tuple[str, ...]


def half_of(answer: str) -> str:
    return HALVES[hashlib.sha256(answer.encode()).digest()[0] % 2]


def _lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]


def real_rows(data: Path, half: str) -> Iterator[Row]:
    """Answers that have units, of one half or of both."""
    found = [
        Row("K-QA", r["Free_form_answer"], tuple(r["Must_have"] + r["Nice_to_have"]))
        for r in _lines(data / "kqa" / "questions_w_answers.jsonl")
    ]
    found += [
        Row("FactBench", r["response"], tuple(r["claims"]))
        for r in _lines(data / "factbench" / "claims.jsonl")
    ]
    found += [
        Row("ExpertQA", r["response"], tuple(u["text"] for u in r["units"] or ()))
        for r in _lines(data / "expertqa" / "expert_build_input.jsonl")
        if not r["model"].startswith("expert")  # a revision's units are its lines
    ]
    for name in ("fr", "kr"):
        for r in _lines(data / "korfactscore" / f"gen_bio-gpt_4-{name}-all.jsonl"):
            atoms = [
                atom["text"] for one in r["annotations"] or () for atom in one.get("model-atomic-facts") or ()
            ]
            found.append(Row("KorFactScore", r["output"], tuple(atoms)))
    for name in ("dentist", "nurse"):
        for r in _lines(data / "gemini_replies" / f"distillation_{name}.jsonl"):
            found.append(Row(SENTENCES, r["answer"], tuple(sentences_of(r["answer"]))))
    cleaned = (
        Row(row.material, row.answer, tuple(filter(None, map(clean_unit, row.units)))) for row in found
    )
    return (row for row in cleaned if row.answer and row.units and half in (half_of(row.answer), "both"))


# --- Faults

_CLAUSE = re.compile(
    r",?\s*\b(?:if|unless|when|except|(?<!not )only|until|as long as)\b[^,.;]*(?:,\s*|(?=[.;])|$)"
    r"|(?:^|(?<=\s))(?:\S+\s){0,2}\S+(?:\s경우(?:에는|에)?|\s때(?:에는|에)?|[하되]면|으면|다면),?\s|(?<=[에때우])만(?=\s)",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\s?(?<![\w.\[,–-])\d[\d,.]*(?![\d\]])(?:\s?(?:mg|mL|g|%|years?|days?|weeks?|hours?|년|월|일|세|명|회))?\b"
)


def condition_deleted(row: Row, draw: random.Random) -> tuple[str, ...] | None:
    """One unit loses its conditional clause, and so do those that say the same words."""
    having = [
        m[0]
        for unit in row.units
        if (m := _CLAUSE.search(unit)) and m[0] in row.answer and len(m[0]) < 0.8 * len(unit)
    ]
    if not having:
        return None
    clause = draw.choice(having)
    return tuple(unit.replace(clause, " ").strip() for unit in row.units)


def number_deleted(row: Row, draw: random.Random) -> tuple[str, ...] | None:
    """One number, with its unit, is gone from all units."""
    having = [m[0] for unit in row.units for m in _NUMBER.finditer(unit) if m[0] in row.answer]
    if not having:
        return None
    number = re.escape(draw.choice(having))
    return tuple(re.sub(rf"{number}(?!\d)", "", unit) for unit in row.units)


def pronoun_put_in(row: Row, draw: random.Random) -> tuple[str, ...] | None:
    """The words with which most units begin become a pronoun in one of them."""
    korean = language_of(row.answer) == "ko"
    starts = {}
    for unit in row.units:
        words = unit.split()
        for n in (1, 2, 3):
            start = " ".join(words[:n])
            if (
                len(words) > n + 1
                and (not korean or start[-1] in "은는이가의")
                and (korean or start[:1].isupper())
            ):
                starts.setdefault(start, []).append(unit)
    shared = [
        (len(units), start)
        for start, units in starts.items()
        if len(units) > 1 and points_outside(start + " x") is False
    ]
    if not shared:
        return None
    start = max(shared)[1]
    unit = draw.choice(starts[start])
    word = draw.choice(["그는", "그것은", "이 사람은"] if korean else ["It", "He", "They", "This"])
    return tuple(one.replace(start, word, 1) if one == unit else one for one in row.units)


def unit_dropped(row: Row, draw: random.Random) -> tuple[str, ...] | None:
    """One unit is gone."""
    at = draw.randrange(len(row.units))
    return row.units[:at] + row.units[at + 1 :] if len(row.units) > 1 else None


def predicate_cut(row: Row, draw: random.Random) -> tuple[str, ...] | None:
    """One unit is its subject alone, in Korean all but its last word."""
    cut = {
        unit: re.split(r"\s(?:is|are|was|were|has|have|had|can|may|will)\s", unit)[0] for unit in row.units
    }
    cut = {unit: unit.rpartition(" ")[0] if language_of(unit) == "ko" else head for unit, head in cut.items()}
    having = [unit for unit, head in cut.items() if head and head != unit and not is_fragment(unit)]
    chosen = draw.choice(having) if having else None
    return tuple(cut[unit] if unit == chosen else unit for unit in row.units)


FAULTS: tuple[Callable[[Row, random.Random], tuple[str, ...] | None], ...] = (
    condition_deleted,
    number_deleted,
    pronoun_put_in,
    predicate_cut,
    unit_dropped,
)
NAMES = ("covered", "pronouns", "fragments", "lost")


def total(rows: list[Row]) -> SplitQuality:
    return sum((quality_of(row.answer, row.units) for row in rows), SplitQuality())


def cells(quality: SplitQuality) -> str:
    shares = quality.shares()
    return "".join(f"{'-' if shares[name] is None else f'{shares[name]:.1%}':>11}" for name in NAMES)


def moved(before: SplitQuality, after: SplitQuality) -> list[bool]:
    """Which figures got worse."""
    return [
        after.covered < before.covered,
        after.pronouns > before.pronouns,
        after.fragments > before.fragments,
        after.lost > before.lost,
    ]


def faults(rows: list[Row]) -> None:
    print(
        f"\n{'one fault an answer':<30}{'answers':>8}"
        + "".join(f"{name:>11}" for name in NAMES)
        + "   (answers whose figure got worse)"
    )
    for fault in FAULTS:
        for language in ("en", "ko"):
            draw = random.Random(fault.__name__)
            pairs = [
                (row, units)
                for row in rows
                if (language_of(row.answer) == language)
                and (units := fault(row, draw))
                and units != row.units
            ]
            worse = [moved(quality_of(r.answer, r.units), quality_of(r.answer, u)) for r, u in pairs]
            shares = [sum(column) / len(pairs) for column in zip(*worse, strict=True)] if pairs else []
            print(
                f"{fault.__name__ + ', ' + language:<30}{len(pairs):>8}"
                + "".join(f"{share:>11.1%}" for share in shares)
            )


def shown(rows: list[Row], what: str) -> None:
    for row in rows:
        if what == "lost":
            for one in lost_conditions(row.answer, row.units):
                print(f"{row.material} {one.kind} {one.word!r}: {one.sentence}")
        else:
            test = {"pronouns": points_outside, "fragments": is_fragment}[what]
            print(
                *(f"{row.material}: {unit}" for unit in row.units if test(unit)),
                sep="\n",
                end="\n" * any(map(test, row.units)),
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real material")
    parser.add_argument("--half", choices=(*HALVES, "both"), default="both")
    parser.add_argument("--faults", action="store_true", help="plant faults, too")
    parser.add_argument(
        "--show", choices=("pronouns", "fragments", "lost"), help="print what a figure counts"
    )
    arguments = parser.parse_args()
    if not (arguments.data / "kqa").is_dir():
        parser.error(f"{arguments.data}: the real material is not here; name its folder with --data")
    rows = list(real_rows(arguments.data, arguments.half))
    if arguments.show:
        return shown(rows, arguments.show)
    print(
        f"{arguments.half} half\n{'':<14}{'answers':>8}{'units':>8}{'conditions':>11}"
        + "".join(f"{n:>11}" for n in NAMES)
    )
    start = time.process_time()
    for material in dict.fromkeys(row.material for row in rows if row.material != SENTENCES):
        found = total([row for row in rows if row.material == material])
        print(f"{material:<14}{found.answers:>8,}{found.units:>8,}{found.conditions:>11,}{cells(found)}")
    print(f"{(time.process_time() - start) / len(rows) * 1e3:.2f} ms an answer")
    if arguments.faults:
        faults(rows)


if __name__ == "__main__":
    main()
