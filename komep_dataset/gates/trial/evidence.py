"""How the texts of pairs are searched: a fast pattern over all of them, then the exact rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from komep_dataset.gates.trial.gate import Found, TextGate

if TYPE_CHECKING:
    import polars as pl

# Every text of a pair that a release may hold, as `pairs.rules.select_pairs` names them.
TEXTS = ("question", "question_ko", "chosen", "chosen_ko", "rejected", "rejected_ko")


@dataclass(frozen=True, slots=True)
class Placed:
    """A finding and the text that it stands in: the row of the pair, and the column."""

    row: int
    column: str
    found: Found

    def __str__(self) -> str:
        return f"{self.found.kind} in {self.column}: {self.found.evidence}"


def scan(pairs: pl.DataFrame, gates: Sequence[TextGate]) -> dict[str, dict[int, list[Placed]]]:
    """Search every text of some pairs, once for all gates.

    Args:
        pairs: what `select_pairs` gives.
        gates: whose rules are asked of the texts that a hint of theirs matches.

    Returns:
        name of the gate -> row -> findings in the order of `TEXTS`; a text that stands in two columns is reported
        once.
    """
    found: dict[str, list[Placed]] = {gate.name: [] for gate in gates}
    for row, column, text in _hinted(pairs, "|".join(f"(?:{gate.hint})" for gate in gates)) if gates else ():
        for gate in gates:
            found[gate.name] += [Placed(row, column, one) for one in gate.find(text)]
    return {gate: _by_row(sorted(some, key=_place)) for gate, some in found.items()}


def _hinted(pairs: pl.DataFrame, pattern: str) -> Iterator[tuple[int, str, str]]:
    """(row, column, text) of the texts that match a pattern."""
    for column in TEXTS:
        rows = pairs[column].str.contains(pattern).fill_null(False).arg_true()
        yield from zip(rows, (column,) * len(rows), pairs[column].gather(rows), strict=True)


def _place(one: Placed) -> tuple[int, int]:
    return one.row, TEXTS.index(one.column)


def _by_row(placed: list[Placed]) -> dict[int, list[Placed]]:
    rows: dict[int, dict[Found, Placed]] = {}
    for one in placed:
        rows.setdefault(one.row, {}).setdefault(one.found, one)
    return {row: list(some.values()) for row, some in rows.items()}


def shown(some: Sequence[Placed]) -> str:
    """The findings of one pair in one line."""
    return "; ".join(str(one) for one in some[:5])
