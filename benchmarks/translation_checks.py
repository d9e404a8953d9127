"""What the checks of a translation do to real translations by people: false alarms as they are, recall once a program has spoiled them.

    python -m benchmarks.translation_checks [--half seen|unseen|both] [--alarms] [--misses KIND] [--each 200] [--curve]
        [--debian FOLDER]

Good: NTREX's news lines, alone and in passages of four, openEHR's clinical terms and definitions, TICO-19's terms. Each
material is cut in two by the SHA-256 of its English: rules are written with the `seen` half alone. A row is *rejected* where
a check of severity `reject` fails, *warned* where only one of severity `warn` does; translators make mistakes, so that not every
alarm is false. Spoiled: `--each` rows a kind, drawn and changed with a fixed seed from those good rows that no check rejects; a spoiled
row is *caught* where one is rejected, whatever the check. Refusals, notes and answers are worded in
`tests/translation/checks/wordings.jsonl`, written for this project by someone who had not seen the checks.

Where the folder has files `X.en` and `X.ko`, of a translation a line, they are a material of their own.

`--debian` adds paragraphs from another field by other translators: descriptions of packages, from the files `Translation-en` and
`Translation-ko` of a Debian mirror (`dists/bookworm/main/i18n`, unpacked).

Nothing is printed of the texts unless `--alarms` or `--misses` asks for them, and nothing of them is kept.
"""

import argparse
import csv
import hashlib
import json
import random
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from komep_dataset.judge.shares import wilson
from komep_dataset.translation.checks.registry import REJECT, check_translation
from komep_dataset.translation.glossary import Glossary, read_glossary
from tests.real_data import DATA

WORDINGS = Path(__file__).parents[1] / "tests/translation/checks/wordings.jsonl"
HALVES = ("seen", "unseen")
PASSAGE = 4  # lines; an answer of an exam has about as many sentences
CURVE = (10_000, 100_000, 1_000_000)  # characters


@dataclass(frozen=True, slots=True)
class Row:
    """A source, its translation and, where it is a passage, the lines of both."""

    material: str
    source: str
    target: str
    lines: tuple[tuple[str, str], ...] = ()


def half_of(source: str) -> str:
    return HALVES[hashlib.sha256(source.encode()).digest()[0] % 2]


# --- Good translations


def good_rows(data: Path, half: str) -> list[Row]:
    """Real translations of one half, or of both, of what a folder has: the three materials, files X.en and X.ko."""
    kept = lambda pairs: [(s, t) for s, t in pairs if s.strip() and half in (half_of(s), "both")]  # noqa: E731
    files = [("news", [data / "ntrex_en_ko" / f"newstest2019-{side}.txt" for side in ("src.eng", "ref.kor")])]
    files += [(file.stem, [file, file.with_suffix(".ko")]) for file in sorted(data.glob("*.en"))]
    rows = []
    for name, sides in files:
        texts = [path.read_text("utf-8").split("\n") for path in sides if path.is_file()]
        lines = kept(zip(*texts, strict=True))
        rows += [Row(f"{name} lines", *pair) for pair in lines]
        for start in range(0, len(lines) - PASSAGE + 1, PASSAGE):
            passage = tuple(lines[start : start + PASSAGE])
            rows.append(Row(f"{name} passages", *map(" ".join, zip(*passage, strict=True)), passage))
    pairs = data / "openehr_en_ko" / "openehr_pairs.json"
    clinical = json.loads(pairs.read_text("utf-8")) if pairs.is_file() else ()
    rows += [Row("clinical texts", *pair) for pair in kept(row[:2] for row in clinical)]
    terms = {}
    for file in sorted((data / "tico19_terms").glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as stream:
            terms |= {(row["sourceString"], row["targetString"]): None for row in csv.DictReader(stream)}
    return rows + [Row("terms", *pair) for pair in kept(terms)]


_ENTRY = re.compile(r"^Description-md5: (\w+)\nDescription-\w\w: .*((?:\n .*)+)", re.MULTILINE)
_LAID_OUT = re.compile(r"\s*[-*o•]\s|  ")  # a line of a list, or of a table
_FULL = 78  # columns: a line that fills them may end within a Korean word


def descriptions(folder: Path, half: str) -> list[Row]:
    """Paragraphs of Debian's package descriptions with a Korean translation of as many; without lists and addresses."""
    english, korean = (
        dict(_ENTRY.findall((folder / f"Translation-{language}").read_text("utf-8")))
        for language in ("en", "ko")
    )
    rows: dict[tuple[str, str], None] = {}
    for key in korean.keys() & english.keys():
        texts = [
            [p.split("\n") for p in re.split(r"\n \.(?=\n|$)", entry[key])] for entry in (english, korean)
        ]
        for ours, theirs in zip(*texts, strict=True) if len(texts[0]) == len(texts[1]) else ():
            source, target = " ".join(map(str.strip, ours)).strip(), _joined(theirs)
            plain = len(source) >= 30 and "/" not in source and re.search("[가-힣]{2}", target)
            if (
                plain
                and half in (half_of(source), "both")
                and not any(_LAID_OUT.match(s[1:]) for s in ours + theirs)
            ):
                rows[source, target] = None
    return [Row("package descriptions", *pair) for pair in sorted(rows)]


def _joined(lines: Sequence[str]) -> str:
    text, width = "", 0
    for line in lines:
        blank = (
            ""
            if width >= _FULL and re.search("[가-힣]$", text) and re.match("[가-힣]", line.strip())
            else " "
        )
        text += blank + line.strip()
        width = sum(1 + (unicodedata.east_asian_width(sign) in "WF") for sign in line[1:])
    return text.strip()


# --- The same, spoiled

_NUMBER = re.compile(r"(?<![\d.,A-Za-z])\d+(?:[.,]\d+)*(?![\dA-Za-z])")
_WITH_UNIT = re.compile(_NUMBER.pattern + r"\s?(?:[가-힣]{1,3}|[%°℃A-Za-z]{1,4})?")


def number_changed(row: Row, draw: random.Random, glossary: Glossary) -> str | None:
    """One digit of one number is another."""
    if not (numbers := list(_NUMBER.finditer(row.target))):
        return None
    number = draw.choice(numbers)
    place = draw.choice([i for i, sign in enumerate(number[0]) if sign.isdigit()])
    digit = draw.choice([d for d in "123456789" if d != number[0][place]])
    changed = number[0][:place] + digit + number[0][place + 1 :]
    return _put(row.target, number.span(), changed)


def _put(text: str, span: tuple[int, int], new: str) -> str:
    return text[: span[0]] + new + text[span[1] :]


def _swapped(row: Row, draw: random.Random, pattern: re.Pattern) -> str | None:
    found = list(pattern.finditer(row.target))
    pairs = [(a, b) for i, a in enumerate(found) for b in found[i + 1 :] if _value(a) != _value(b)]
    if not pairs:
        return None
    one, other = draw.choice(pairs)
    return _put(_put(row.target, other.span(), one[0]), one.span(), other[0])


def _value(match: re.Match) -> str:
    return _NUMBER.match(match[0])[0].replace(",", "")


def numbers_swapped(row: Row, draw: random.Random, glossary: Glossary) -> str | None:
    """Two numbers change places, their units stay."""
    return _swapped(row, draw, _NUMBER)


def numbers_swapped_with_units(row: Row, draw: random.Random, glossary: Glossary) -> str | None:
    """Two numbers change places, and what counts them goes along."""
    return _swapped(row, draw, _WITH_UNIT)


def sentence_lost(row: Row, draw: random.Random, glossary: Glossary) -> str | None:
    """A line of a passage, neither the first nor the last, has no translation."""
    if not row.lines:
        return None
    lost = draw.randrange(1, len(row.lines) - 1)
    return " ".join(target for i, (_, target) in enumerate(row.lines) if i != lost)


def term_exchanged(row: Row, draw: random.Random, glossary: Glossary) -> str | None:
    """A term of the glossary is translated by the Korean of another."""
    there = glossary.terms_in(row.source)
    forms = [form for term in there for form in glossary.accepted(term) if form in row.target]
    if not forms:
        return None
    other = draw.choice([term for term in glossary.forms if term not in there])
    return row.target.replace(max(forms, key=len), glossary.accepted(other)[0])


def tail_cut(row: Row, draw: random.Random, glossary: Glossary) -> str | None:
    """The last quarter to three quarters of the words are missing."""
    words = row.target.split(" ")
    return " ".join(words[: round(draw.uniform(0.25, 0.75) * len(words))]) if len(words) >= 8 else None


def left_in_english(row: Row, draw: random.Random, glossary: Glossary) -> str | None:
    """A line of a passage, or the second half of a sentence, or all of it, is the English."""
    if row.lines:
        left = draw.randrange(len(row.lines))
        return " ".join(pair[0 if i == left else 1] for i, pair in enumerate(row.lines))
    source, target = row.source.split(" "), row.target.split(" ")
    if len(source) < 8:
        return None
    if draw.random() < 0.5:
        return row.source
    return " ".join(target[: len(target) // 2] + source[len(source) // 2 :])


def loop(row: Row, draw: random.Random, glossary: Glossary) -> str | None:
    """The end, of two to eight words, is said four to ten times."""
    words = row.target.split(" ")
    size = draw.randint(2, 8)
    return " ".join(words + words[-size:] * draw.randint(3, 9)) if len(words) >= 8 else None


Spoil = Callable[[Row, random.Random, Glossary], str | None]
KINDS: tuple[Spoil, ...] = (
    number_changed,
    numbers_swapped,
    numbers_swapped_with_units,
    sentence_lost,
    term_exchanged,
    tail_cut,
    left_in_english,
    loop,
)


def worded(kind: str, half: str) -> list[dict]:
    """Wordings of a kind of one half, or of both."""
    rows = map(json.loads, WORDINGS.read_text("utf-8").splitlines())
    return [
        row for row in rows
        if row.get("kind") == kind and half in (half_of(row.get("text") or row["source"]), "both")
    ]  # fmt: skip


def spoiled_rows(good: Sequence[Row], half: str, each: int, glossary: Glossary) -> Iterator[tuple[str, Row]]:
    """(kind, a row that is wrong in that way); a row is used again only once all were."""
    texts = [row for row in good if row.material != "terms"]
    for spoil in KINDS:
        draw = random.Random(spoil.__name__)
        made: dict[tuple[str, str], None] = {}
        for _ in range(4):
            for row in draw.sample(texts, len(texts)):
                target = spoil(row, draw, glossary)
                if target is not None and target != row.target and len(made) < each:
                    made[row.source, target] = None
        yield from ((spoil.__name__, Row("", *pair)) for pair in made)
    draw = random.Random(half)
    for kind, put in (
        ("refusal", lambda text, target: text),
        ("note_before", lambda text, target: text + target),
        ("note_after", lambda text, target: target + text),
    ):
        for row in worded(kind, half):
            at = draw.choice(texts)
            yield kind, Row("", at.source, put(row["text"], at.target))
    yield from (("answer", Row("", row["source"], row["target"])) for row in worded("answer", half))


# --- Counting


@dataclass(slots=True)
class Count:
    """Rows and what became of them; `by` has the rows of each (severity, check)."""

    rows: int = 0
    rejected: int = 0
    warned: int = 0
    by: Counter = field(default_factory=Counter)

    def add(self, failures: dict[str, str]) -> None:
        self.rows += 1
        self.rejected += REJECT in failures.values()
        self.warned += bool(failures) and REJECT not in failures.values()
        self.by.update((severity, name) for name, severity in failures.items())


def counted(name: str, count: Count) -> str:
    low, high = wilson(count.rejected, count.rows) if count.rows else (0, 0)
    share = f"{count.rejected / max(count.rows, 1):6.1%} ({low:.1%}-{high:.1%})"
    each = ", ".join(
        f"{name} {n}{'' if s == REJECT else ' (warn)'}" for (s, name), n in count.by.most_common()
    )
    return f"{name:<28}{count.rows:>6}{count.rejected:>6} {share:<22}{count.warned:>5}  {each}"


HEAD = f"{'':<28}{'rows':>6}{'rejected (95% interval)':>29}{'warned':>5}  rows by check"


def measured(rows: Iterable[tuple[str, Row]], glossary: Glossary, shown: Callable[[str, Row, dict], None]):
    """Kind -> its count; `shown` is told of every row with its failures by (name, detail)."""
    counts: dict[str, Count] = {}
    for kind, row in rows:
        failures = check_translation(row.source, row.target, glossary)
        counts.setdefault(kind, Count()).add({f.reason: f.check.severity for f in failures})
        shown(kind, row, {f"{f.check.severity} {f.reason}": f.detail for f in failures})
    return counts


def told(kind: str, row: Row, failures: dict[str, str]) -> None:
    print(f"--- {kind}: {failures}\n{row.source}\n{row.target}")


def curve(row: Row, glossary: Glossary) -> None:
    """Seconds of the processor for one row again and again, up to a million characters."""
    print("characters   seconds   microseconds a character")
    for size in CURVE:
        source, target = ((text + " ") * (size // len(text)) for text in (row.source, row.target))
        start = time.process_time()
        check_translation(source, target, glossary)
        seconds = time.process_time() - start
        print(f"{len(target):>10,}{seconds:>10.2f}{seconds / len(target) * 1e6:>12.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real material")
    parser.add_argument("--half", choices=(*HALVES, "both"), default="seen")
    parser.add_argument("--each", type=int, default=200, help="spoiled rows a kind")
    parser.add_argument("--alarms", action="store_true", help="print every good row that a check speaks of")
    parser.add_argument("--misses", metavar="KIND", help="print every spoiled row of this kind that passes")
    parser.add_argument("--curve", action="store_true", help="time by length instead")
    parser.add_argument("--debian", type=Path, help="folder of Debian's Translation-en and Translation-ko")
    arguments = parser.parse_args()
    mirrored = ("Translation-en", "Translation-ko") if arguments.debian else ()
    if missing := [name for name in mirrored if not (arguments.debian / name).is_file()]:
        parser.error(
            f"--debian {arguments.debian}: no {', '.join(missing)}; they come from a mirror, unpacked"
        )
    glossary, half = read_glossary(), arguments.half
    if not (good := good_rows(arguments.data, half)):
        parser.error(f"{arguments.data}: none of the real material is here; name its folder with --data")
    if arguments.curve:
        return curve(next(row for row in good if row.lines), glossary)
    good += [Row("written for the project", row["source"], row["target"]) for row in worded("good", half)]
    if arguments.debian:
        good += descriptions(arguments.debian, half)
    show = lambda kind, row, found: told(kind, row, found) if found and arguments.alarms else None  # noqa: E731
    print(f"good translations, {half} half\n{HEAD}")
    for name, count in measured(((row.material, row) for row in good), glossary, show).items():
        print(counted(name, count))
    passing = [
        row for row in good
        if all(f.check.severity != REJECT for f in check_translation(row.source, row.target, glossary))
    ]  # fmt: skip
    missed = lambda kind, row, found: (  # noqa: E731
        told(kind, row, found)
        if kind == arguments.misses and not any(k.startswith(REJECT) for k in found)
        else None
    )
    print(f"\nspoiled translations, {half} half\n{HEAD}")
    for name, count in measured(
        spoiled_rows(passing, half, arguments.each, glossary), glossary, missed
    ).items():
        print(counted(name, count))


if __name__ == "__main__":
    main()
