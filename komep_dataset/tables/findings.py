"""What a check found: where, and what is wrong; and how two sets of figures are compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: where, and what."""

    file: str
    row: int  # 1-based row of a Parquet file or line of a text file; 0 = the file as a whole
    column: str  # column, or path of a value in a JSON or YAML file; "" = the row as a whole
    detail: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.row}" if self.row else self.file
        return f"{place}: {f'{self.column}: ' if self.column else ''}{self.detail}"


@dataclass
class Check:
    """One check: what was compared, and every finding."""

    name: str
    compared: str
    findings: list[Finding] = field(default_factory=list)
    skipped: str = ""  # why it could not be made, or not of all

    @property
    def ok(self) -> bool:
        return not self.findings and not self.skipped

    def add(self, file: str, row: int, column: str, detail: str) -> None:
        self.findings.append(Finding(file, row, column, detail))

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


def shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:79] + "…"


@contextmanager
def text_lines(check: Check, path: Path) -> Iterator[Iterable[str]]:
    """Lines of a text file; none, and a finding, where it cannot be read."""
    try:
        lines = path.read_bytes().decode("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        check.add(path.name, 0, "", f"cannot be read ({error})")
        lines = []
    yield lines[:-1] if lines and not lines[-1] else lines


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """A nested value as path -> leaf, for example `rows.ko.train`."""
    if isinstance(value, dict):
        items = ((str(k), v) for k, v in value.items())
    elif isinstance(value, list):
        items = ((f"[{i}]", v) for i, v in enumerate(value))
    else:
        return {path: value}
    leaves: dict[str, Any] = {}
    for name, inner in items:
        leaves |= flat(inner, name if not path else f"{path}{name if name.startswith('[') else '.' + name}")
    return leaves or {path: value}


def compare_values(check: Check, file: str, found: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Each value of `found` against the one of the same path in `given`, of which more may be there."""
    for name, value in found.items():
        wanted, there = flat(value, name), flat(given.get(name), name)
        for path in [*wanted, *(p for p in there if p not in wanted)]:
            if path not in there or path not in wanted or wanted[path] != there[path]:
                said, counted = there.get(path, "missing"), wanted.get(path, "nothing of it")
                check.add(file, 0, path, f"{shown(said)}, but the data give {shown(counted)}")
