"""Where something is wrong, and what: rows that cannot be used, what a check found, and the messages and tables that list them."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from komep_dataset.errors import KomepError
from komep_dataset.progress import counted
from komep_dataset.schema import Reason, Reject

SHOWN_PROBLEMS = 20  # how many problems an error message lists before it only counts
SHOWN_FAULTS = 8  # of one row
FOLDED_FROM = 4  # so many problems that say the same are still listed one by one
# Provenance columns of a batch: index of the file, line (JSONL) or row (Parquet).
FILE, LINE = ("_file", "_line")
# A file that holds what was given as rows in memory (`memory`) -> the name of their table, empty where there is one alone.
ROWS: dict[str, str] = {}


class Fault(NamedTuple):
    """What is wrong with one value of a row."""

    column: str
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong: where, and what."""

    file: str
    line: int  # 1-based line of a text file, row of a Parquet file; 0 = the file as a whole
    column: str  # column, or path of a value in a JSON or YAML file; "" = the row as a whole
    reason: Reason | None  # why the row is left out; None where nothing is left out for it
    detail: str

    @classmethod
    def of_row(cls, file: str, line: int, faults: Sequence[Fault]) -> "Problem":
        """All faults of a row as one problem: its reason is a missing field before any other, then the first column's."""
        first = min(faults, key=lambda fault: fault.reason != Reason.MISSING_FIELD)
        rest = [f"{one.column}: {one.reason.value}: {one.detail}" for one in faults if one is not first]
        more = len(rest) - SHOWN_FAULTS + 1
        told = [first.detail, *rest[: SHOWN_FAULTS - 1], *([f"{more} more faults"] if more > 0 else [])]
        return cls(file, line, first.column, first.reason, "; and ".join(told))

    @property
    def place(self) -> str:
        return in_rows(f"{self.file}:{self.line}" if self.line else self.file)

    def __str__(self) -> str:
        parts = (self.place, self.column, self.reason and self.reason.value, self.detail)
        return ": ".join(filter(None, parts))

    def reject(self, stage: str) -> Reject:
        """The problem as a line of `rejects.jsonl`."""
        detail = f"{self.column}: {self.detail}" if self.column else self.detail
        return Reject(stage, self.place, self.reason.value, detail)


def in_rows(text: str) -> str:
    """A text in which the places of rows in memory are called by their row instead of file and line."""
    for file, table in list(ROWS.items()) if "rows" in text else ():
        text = re.sub(rf"{re.escape(file)}:(\d+)", rf"{table and table + ', '}row \1", text)
        text = text.replace(file, table or "the rows")
    return text


def listed(problems: Sequence[object]) -> str:
    """The first `SHOWN_PROBLEMS`, one an indented line, and how many more there are."""
    lines = [f"  {problem}" for problem in problems[:SHOWN_PROBLEMS]]
    more = len(problems) - len(lines)
    return "\n".join([*lines, *([f"  … and {more} more"] if more else [])])


def _folded(problems: Sequence[Problem]) -> str:
    """Problems as `listed` shows them; many that say the same are one, with the places of the others."""
    alike: dict[tuple, list[Problem]] = {}
    for one in problems:
        alike.setdefault((one.column, one.reason, one.detail), []).append(one)
    groups = []
    for one in problems:
        some = alike[one.column, one.reason, one.detail]
        if len(some) <= FOLDED_FROM:
            groups.append([one])
        elif one is some[0]:
            groups.append(some)
    lines = []
    for first, *others in groups[:SHOWN_PROBLEMS]:
        lines.append(f"  {first}")
        if others:
            parts = groupby(others[: SHOWN_PROBLEMS - 1], key=lambda one: one.file)
            places = "; ".join(f"{file}:{', '.join(str(one.line) for one in some)}" for file, some in parts)
            end = ", …" if len(others) >= SHOWN_PROBLEMS else ""
            lines.append(f"    and {len(others):,} more rows: {places}{end}")
    if more := sum(map(len, groups[SHOWN_PROBLEMS:])):
        lines.append(f"  … and {more} more")
    return "\n".join(lines)


def problems_error(problems: Sequence[Problem], *, may_reject: bool = False) -> KomepError:
    """The error that names the first problems, each with file, line, column and reason, and counts them all; `may_reject`
    where the command has `--on-error`."""
    or_reject = ", or leave them out: --on-error reject writes them to rejects.jsonl"
    return KomepError(
        f"{len(problems)} bad row{'s' if len(problems) > 1 else ''}:\n{_folded(problems)}\n"
        f"Mend them{or_reject if may_reject else ' or leave them out'}."
    )


def wholly_rejected(problems: Iterable[Problem], rows: Mapping[str, int]) -> Iterator[str]:
    """A sentence on each file of whose `rows` none is left, with what most of them have wrong."""
    of_file: dict[str, list[Problem]] = {}
    for one in problems:
        of_file.setdefault(one.file, []).append(one)
    for file, some in of_file.items():
        if len(some) >= rows[file]:
            why, n = Counter((one.column, one.reason) for one in some).most_common(1)[0]
            first = next(one for one in some if (one.column, one.reason) == why)
            yield f"{in_rows(file)}: no row of it is left; {n:,} of {len(some):,} are rejected as {first}"


def rejected(reasons: Iterable[str]) -> str:
    """How many rejects there are, by reason."""
    counts = Counter(reasons)
    named = ", ".join(f"{reason} {count:,}" for reason, count in sorted(counts.items()))
    return counted(counts.total(), "reject") + (f" ({named}): see rejects.jsonl" if counts else "")


@dataclass
class Check:
    """One check: what was compared, and every finding."""

    name: str
    compared: str
    findings: list[Problem] = field(default_factory=list)
    skipped: str = ""  # why it could not be made, or not of all

    @property
    def ok(self) -> bool:
        return not self.findings and not self.skipped

    def add(self, file: str, line: int, column: str, detail: str) -> None:
        self.findings.append(Problem(file, line, column, None, detail))

    def __str__(self) -> str:
        state = "ok" if self.ok else f"failed ({len(self.findings):,})" if self.findings else "not checked"
        skipped = f"; not checked: {self.skipped}" if self.skipped else ""
        return f"{self.name:<8} {self.compared}: {state}{skipped}"


def as_text(checks: Iterable[Check]) -> str:
    """One line a check, then every finding under it."""
    lines = []
    for check in checks:
        lines += [str(check), *(f"  {finding}" for finding in check.findings)]
    return "\n".join(lines)


def shown(value: Any, longest: int = 80, kept: int = 79) -> str:
    """A value as JSON; of one of more than `longest` characters the first `kept`."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= longest else text[:kept] + "…"


def text_lines(check: Check, path: Path) -> list[str]:
    """Lines of a text file; none, and a finding, where it cannot be read."""
    try:
        lines = path.read_bytes().decode("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        check.add(path.name, 0, "", f"cannot be read ({error})")
        return []
    return lines if lines[-1] else lines[:-1]


def flat(value: Any, path: str = "", *, lists: bool = True) -> dict[str, Any]:
    """A nested value as path -> leaf, for example `rows.ko.train`; a list is a leaf unless `lists`."""
    if isinstance(value, dict):
        items = ((str(k), v) for k, v in value.items())
    elif isinstance(value, list) and lists:
        items = ((f"[{i}]", v) for i, v in enumerate(value))
    else:
        return {path: value}
    leaves: dict[str, Any] = {}
    for name, inner in items:
        place = f"{path}{name}" if not path or name.startswith("[") else f"{path}.{name}"
        leaves |= flat(inner, place, lists=lists)
    return leaves or {path: value}


def compare_values(check: Check, file: str, found: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Each value of `found` against the one of the same path in `given`, of which more may be there."""
    for name, value in found.items():
        wanted, there = flat(value, name), flat(given.get(name), name)
        for path in [*wanted, *(p for p in there if p not in wanted)]:
            if path not in there or path not in wanted or not _same(wanted[path], there[path]):
                said, counted = there.get(path, "missing"), wanted.get(path, "nothing of it")
                check.add(file, 0, path, f"{shown(said)}, but the data give {shown(counted)}")


def _same(one: Any, other: Any) -> bool:
    """Whether two values are one, fractions but for the last digits, in which libraries and their versions differ."""
    both_fractions = isinstance(one, float) and isinstance(other, float)
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) if both_fractions else one == other


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as aligned columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        cells[0] = row[0].ljust(widths[0])
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
