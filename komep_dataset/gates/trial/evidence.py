"""One finding of a gate, and how texts of pairs are searched: a fast pattern over all of them, then the exact rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

# Every text of a pair that a release may hold, as `pairs.select_pairs` names them.
TEXTS = ("question", "question_ko", "chosen", "chosen_ko", "rejected", "rejected_ko")
SHOWN = 120  # characters of a sentence that evidence quotes


@dataclass(frozen=True, slots=True)
class Found:
    """What a gate found in one text: which kind of thing, and what shows it (personal data are masked)."""

    kind: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A finding and the text that it stands in: the row of the pair, and the column."""

    row: int
    column: str
    found: Found

    def __str__(self) -> str:
        return f"{self.found.kind} in {self.column}: {self.found.evidence}"


def scan(
    pairs: pl.DataFrame, hints: dict[str, str], finders: dict[str, Callable[[str], Iterable[Found]]]
) -> dict[str, list[Placed]]:
    """Search every text of some pairs.

    Args:
        pairs: what `select_pairs` gives.
        hints: gate -> a pattern (of Rust's regex) that a text must match before the gate's rules are asked.
        finders: gate -> its rules over one text.

    Returns:
        gate -> findings, by row, in the order of `TEXTS`; a text that stands in two columns is reported once.
    """
    found: dict[str, list[Placed]] = {gate: [] for gate in finders}
    for row, column, text in _hinted(pairs, "|".join(f"(?:{hint})" for hint in hints.values())):
        for gate, find in finders.items():
            found[gate] += [Placed(row, column, one) for one in find(text)]
    return {gate: _once(sorted(some, key=_place)) for gate, some in found.items()}


def _hinted(pairs: pl.DataFrame, pattern: str) -> Iterator[tuple[int, str, str]]:
    """(row, column, text) of the texts that match a pattern."""
    for column in TEXTS:
        rows = pairs[column].str.contains(pattern).fill_null(False).arg_true()
        yield from zip(rows, (column,) * len(rows), pairs[column].gather(rows), strict=True)


def _place(one: Placed) -> tuple[int, int]:
    return one.row, TEXTS.index(one.column)


def _once(placed: list[Placed]) -> list[Placed]:
    first: dict[tuple[int, Found], Placed] = {}
    for one in placed:
        first.setdefault((one.row, one.found), one)
    return list(first.values())


def shortened(text: str) -> str:
    """A sentence as evidence quotes it: blanks collapsed, at most `SHOWN` characters."""
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
