"""Rows that cannot be used: where each is, and why; the error that names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from komep_dataset.errors import KomepError
from komep_dataset.schema import Reason, Reject

SHOWN_PROBLEMS = 20  # how many problems an error message lists before it only counts
# Provenance columns of a batch: index of the file, line (JSONL) or row (Parquet).
FILE, LINE = ("_file", "_line")


@dataclass(frozen=True, slots=True)
class Problem:
    """One row that cannot be used: where it is and why."""

    file: str
    line: int  # 1-based line of a JSONL or CSV file, row of a Parquet file; 0 = the file as a whole
    column: str  # "" where the row as a whole is at fault
    reason: Reason
    detail: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {f'{self.column}: ' if self.column else ''}{self.reason.value}: {self.detail}"

    def reject(self, stage: str) -> Reject:
        place = f"{self.file}:{self.line}" if self.line else self.file
        detail = f"{self.column}: {self.detail}" if self.column else self.detail
        return Reject(stage, place, self.reason.value, detail)


def problems_error(problems: Sequence[Problem]) -> KomepError:
    """The error that names the first problems, each with file, line, column and reason, and counts them all."""
    shown = "\n".join(f"  {p}" for p in problems[:SHOWN_PROBLEMS])
    more = len(problems) - SHOWN_PROBLEMS
    tail = f"\n  … and {more} more" if more > 0 else ""
    return KomepError(
        f"{len(problems)} bad row{'s' if len(problems) > 1 else ''}:\n{shown}{tail}\n"
        "Mend them, or pass --on-error reject to leave them out (they are written to rejects.jsonl)."
    )
