"""Whether a pair holds an item of a benchmark: the share of the item's n-grams that stand in one of its texts.

An item counts by its question; where that has fewer than `FEWEST` n-grams ("다음 중 옳은 것은?"), its options count,
too, each by itself, so that their order does not matter; an item that is still shorter cannot be told from chance
and is left out, and counted. Every language of an item is an item of its own: a copy may keep one alone. n-grams
are of `WORDS` words in English and of `CHARACTERS` characters in Korean, whose words lose their particles; numbers
are all the same number. n-grams that stand in many items are phrasing, not content, and count for none (`COMMON`).

The direction matters: what part of the *item* is in the text, not what part of the text is the item. So a sentence
in front of a copied question hides nothing.

n and `THRESHOLD` were chosen from the curve of `benchmarks/leaks.py`: of 100 copies of each alteration (case,
particles, word order, digits, one language left out, options shuffled, a sentence in front, several at once) it finds
all at 0.6, and none of 450 clean pairs of the same domain, whose highest share is 0.40. With two words and a long
answer, chance alone reaches 0.57. A copy in other words is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Any

from komep_dataset.errors import KomepError
from komep_dataset.gates.trial.gate import TEXTS, PairGate, Watch
from komep_dataset.gates.trial.ngrams import grams, normal, tokens, without_particles
from komep_dataset.languages import HANGUL, language_of
from komep_dataset.options import Option, Range

if TYPE_CHECKING:
    import polars as pl

    from komep_dataset.gates.trial.benchmark_files import Benchmark

THRESHOLD = 0.6  # of an item's n-grams
WORDS, CHARACTERS = 2, 3
FEWEST = 6
COMMON = (20, 0.01)  # an n-gram in more items than this, and than this share of them, is phrasing
RUN_SHOWN = 40  # characters of the longest shared run that a reject quotes
AT_ONCE = 20_000  # texts that are compared at once
_NAME = re.compile(r"[\w.-]+")  # of a benchmark
_SCRIPT = {"en": r"[A-Za-z]", "ko": HANGUL}


@dataclass(frozen=True, slots=True)
class Overlap:
    """An item of a benchmark that stands in a text of a pair: the evidence of a rejection."""

    row: int  # of the pair
    column: str
    benchmark: str
    split: str
    item: int  # row in the split, from 1
    share: float  # of the item's n-grams that the text holds
    longest: str  # longest run of words or characters that both have

    def __str__(self) -> str:
        # Shortened: a release must not carry the benchmark itself.
        run = self.longest if len(self.longest) <= RUN_SHOWN else f"{self.longest[: RUN_SHOWN - 1]}…"
        return (
            f"{self.benchmark}, {self.split} row {self.item}: {self.share:.2f} of its n-grams in {self.column}; "
            f'longest shared run ({len(self.longest)} characters) "{run}"'
        )


@dataclass(frozen=True, slots=True)
class _Entry:
    """One language of an item."""

    benchmark: str
    split: str
    row: int
    parts: tuple[str, ...]  # normalised


class Index:
    """The n-grams of some benchmarks, looked up from n-gram to item.

    Args:
        benchmarks: what pairs are compared with.
        words: words in an English n-gram.
        characters: characters in a Korean one.
    """

    def __init__(self, benchmarks: Sequence[Benchmark], words: int = WORDS, characters: int = CHARACTERS):
        self.n = {"en": words, "ko": characters}
        self.too_short: dict[str, int] = {one.name: 0 for one in benchmarks}
        self.entries: dict[str, list[_Entry]] = {"en": [], "ko": []}
        self.postings: dict[str, pl.DataFrame] = {}
        self.totals: dict[str, pl.DataFrame] = {}
        for benchmark in sorted(benchmarks, key=lambda one: one.name):
            self._add(benchmark)
        for language in self.entries:
            self._post(language)

    def _add(self, benchmark: Benchmark) -> None:
        for item in benchmark.items:
            found = False
            for text in item.questions:
                language = language_of(text)
                parts = (compared(text),)
                if self._size(parts, language) < FEWEST:
                    parts += tuple(compared(option) for option in item.options)
                if self._size(parts, language) >= FEWEST:
                    self.entries[language].append(_Entry(benchmark.name, item.split, item.row, parts))
                    found = True
            self.too_short[benchmark.name] += not found

    def _size(self, parts: Sequence[str], language: str) -> int:
        return sum(max(0, len(tokens(part, language)) - self.n[language] + 1) for part in parts)

    def _post(self, language: str) -> None:
        """Table (gram, entry) of one language, without common n-grams, and how many n-grams each entry has."""
        import numpy as np
        import polars as pl

        entries = self.entries[language]
        parts = [part for entry in entries for part in entry.parts]
        made = grams(parts, language, self.n[language])
        owner = np.repeat(np.arange(len(entries)), [len(entry.parts) for entry in entries])
        owners = np.repeat(owner, np.diff(made.offsets)).astype(np.int64)
        table = pl.DataFrame(
            {"gram": made.hashes, "entry": owners}, schema={"gram": pl.UInt64, "entry": pl.Int64}
        )
        limit = max(COMMON[0], COMMON[1] * len(entries))
        table = table.unique().filter(pl.len().over("gram") <= limit)
        totals = table.group_by("entry").agg(total=pl.len())
        self.totals[language] = totals.filter(pl.col("total") >= FEWEST // 2)
        self.postings[language] = table

    def overlaps(self, pairs: pl.DataFrame, threshold: float = THRESHOLD) -> Iterator[Overlap]:
        """The item that overlaps most with each pair, for the pairs that have one at or above a threshold.

        Args:
            pairs: what `select_pairs` gives.
            threshold: least share of an item's n-grams.
        """
        import polars as pl

        found = [table for table in self._shares(pairs, threshold) if table.height]
        if not found:
            return
        order = ["row", "share", "column", "language", "entry"]
        best = pl.concat(found).sort(order, descending=[False, True, False, False, False])
        for row in best.unique("row", keep="first", maintain_order=True).iter_rows(named=True):
            column, entry = TEXTS[row["column"]], self.entries[row["language"]][row["entry"]]
            longest = longest_run(entry.parts, pairs[column][row["row"]], row["language"])
            yield Overlap(row["row"], column, entry.benchmark, entry.split, entry.row, row["share"], longest)

    def _shares(self, pairs: pl.DataFrame, threshold: float) -> Iterator[pl.DataFrame]:
        """Tables (row, share, column, language, entry) of what reaches a threshold."""
        import numpy as np
        import polars as pl

        for language in (one for one, table in self.postings.items() if table.height):
            for place, column in enumerate(TEXTS):
                rows = pairs[column].str.contains(_SCRIPT[language]).fill_null(False).arg_true()
                for part in (rows.slice(first, AT_ONCE) for first in range(0, len(rows), AT_ONCE)):
                    made = grams(
                        [compared(text) for text in pairs[column].gather(part)], language, self.n[language]
                    )
                    numbers = np.repeat(part.to_numpy(), np.diff(made.offsets)).astype(np.int64)
                    table = pl.DataFrame({"row": numbers, "gram": made.hashes})
                    hits = table.join(self.postings[language], on="gram").unique().group_by("row", "entry")
                    shares = hits.agg(n=pl.len()).join(self.totals[language], on="entry")
                    yield shares.with_columns(
                        share=pl.col("n") / pl.col("total"), column=pl.lit(place), language=pl.lit(language)
                    ).filter(pl.col("share") >= threshold)


def compared(text: str) -> str:
    """A text as items and pairs are compared: all numbers are one number, Korean words have no particles."""
    return without_particles(normal(text, any_number=True))


def longest_run(parts: Sequence[str], text: str, language: str) -> str:
    """The longest run of words or characters that a text shares with a part of an item."""
    there, best = tokens(compared(text), language), []
    for part in parts:
        own = tokens(part, language)
        match = SequenceMatcher(None, own, there, autojunk=False).find_longest_match()
        run = own[match.a : match.a + match.size]
        best = run if len(run) > len(best) else best
    return (" " if language == "en" else "").join(best)


class Comparison(Watch):
    """The pairs of a build against its benchmarks."""

    def __init__(self, scratch: Path, decontaminate: Sequence[Benchmark], overlap_threshold: float):
        self.index, self.threshold = Index(decontaminate), overlap_threshold
        self.facts = {
            "threshold": overlap_threshold,
            "ngrams": {"en": f"{WORDS} words", "ko": f"{CHARACTERS} characters"},
            "benchmarks": [b.record() | {"too_short": self.index.too_short[b.name]} for b in decontaminate],
        }

    def look(self, pairs: pl.DataFrame) -> Iterator[tuple[int, str, tuple[str, ...]]]:
        for one in self.index.overlaps(pairs, self.threshold):
            yield one.row, str(one), (one.benchmark,)


def parse_named_paths(given: Iterable[str]) -> dict[str, Path]:
    """`NAME=PATH` arguments by name.

    >>> parse_named_paths(["kormedmcqa=data/k=1"])
    {'kormedmcqa': PosixPath('data/k=1')}
    """
    named: dict[str, Path] = {}
    for one in given:
        name, sign, path = one.partition("=")
        if not sign or not path or not _NAME.fullmatch(name):
            raise KomepError(
                f"--decontaminate {one}: give NAME=PATH, such as kormedmcqa=data/kormedmcqa", exit_code=2
            )
        if name in named:
            raise KomepError(f"--decontaminate {one}: the name {name} stands twice", exit_code=2)
        named[name] = Path(path)
    return named


def _read(paths: Mapping[str, Path]) -> list[Benchmark]:
    from komep_dataset.gates.trial.benchmark_files import read_benchmark

    return [read_benchmark(name, path) for name, path in sorted(paths.items())]


def _conflict(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]] | None) -> str | None:
    """A base that grows is compared with the same items, so that old and new pairs keep to one rule."""
    was, now = ({one["name"]: one["sha256"] for one in some or ()} for some in (old, new))
    if was == now:
        return None
    names = ", ".join(sorted(was)) or "no benchmark"
    return (
        f"was compared with {names}; give the same benchmarks, with the same items, again (--decontaminate "
        "NAME=PATH), so that old and new pairs keep to one rule"
    )


def _note(record: Mapping[str, Any]) -> str:
    if record["switch"] == "off":
        return (
            "No benchmark was given (`--decontaminate NAME=PATH`): "
            "whether a pair holds an item of one was not checked."
        )
    named = ", ".join(
        f"{one['name']} ({one['items']} items, {one['too_short']} of them too short to be told from chance; "
        f"SHA-256 `{one['sha256'][:12]}…`)"
        for one in record["benchmarks"]
    )
    return (
        f"Compared with {named}: a pair goes\nif one of its texts holds at least {record['threshold']} of an item's "
        f"n-grams ({record['ngrams']['en']}, {record['ngrams']['ko']})."
    )


GATE = PairGate(
    name="contamination",
    reason="contaminated",
    order=10,
    options=(
        Option(
            "decontaminate",
            Mapping[str, Path],
            {},
            "A benchmark, all splits: pairs that hold an item of it are rejected. Repeatable.",
            metavar="NAME=PATH",
            parse=parse_named_paths,
            read=_read,
            conflict=_conflict,
        ),
        Option(
            "overlap_threshold",
            float,
            THRESHOLD,
            "Least share of a benchmark item's n-grams that makes a pair hold it.",
            range=Range(0.0, 1.0, above=True),
            nullable=True,
        ),
    ),
    watch=Comparison,
    note=_note,
)
