"""The labelled sets that there are: a module of this folder that declares a `SET` is one; nothing lists it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from komep_dataset.config.yaml_records import nearest
from komep_dataset.errors import KomepError
from komep_dataset.judge import sets
from komep_dataset.judge.statements import Statement
from komep_dataset.options import declared
from komep_dataset.tables.rows import read_rows

Rows = Iterator[tuple[int, Any]]  # number of a line, what stands there


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """A set that others published.

    Args:
        name: of the set, for `--set`.
        told: where it is from, for messages.
        files: patterns of the files that hold it, where a user names its folder.
        statements: a row -> its claims as statements; None for a claim that its people called neither true nor false.
        rows: a file -> its rows; by default those of any table.
    """

    name: str
    told: str
    files: tuple[str, ...]
    statements: Callable[[Any], Iterable[Statement | None]]
    rows: Callable[[Path], Rows] = read_rows


@cache
def all_sets() -> dict[str, LabelledSet]:
    """Name -> set, sorted; `ValueError` where two modules take one name."""
    return dict(sorted(declared(sets, "SET", LabelledSet).items()))


def read_set(name: str, path: Path) -> tuple[list[Statement], int]:
    """(the labelled statements of a user's copy of a set, a file or the folder that it lies in as it was published, equal ones
    once; how many claims have no label, or two that contradict each other).

    Raises:
        KomepError: no such set, no such file, or a row that is none of the set: its file and line are named.
    """
    known = all_sets()
    if name not in known:
        raise KomepError(f"--set {name}: there are {', '.join(known)}; {nearest(name, known)}", exit_code=2)
    one = known[name]
    read = [(number, file, row) for file in _files(one, path) for number, row in one.rows(file)]
    labels: dict[tuple[str, str | None], set[bool]] = {}
    found: dict[Statement, None] = {}
    left_out = 0
    for number, file, row in read:
        try:
            claims = list(one.statements(row))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            why = f"{type(error).__name__}: {error}"
            raise KomepError(
                f"{file}:{number}: no row of {one.name} ({why}); it is read as {one.told}"
            ) from error
        left_out += claims.count(None)
        for claim in filter(None, claims):
            labels.setdefault((claim.text, claim.question), set()).add(claim.label)
            found[claim] = None
    kept = [s for s in found if len(labels[s.text, s.question]) == 1]
    if not kept:
        raise KomepError(f"{path}: no labelled claim in it; it is read as {one.told}")
    return kept, left_out + sum(len(both) > 1 for both in labels.values())


def _files(one: LabelledSet, path: Path) -> list[Path]:
    if not path.is_dir():
        if not path.exists():
            raise KomepError(f"{path}: is not there")
        return [path]
    files = sorted({file for pattern in one.files for file in path.glob(pattern)})
    if not files:
        raise KomepError(f"{path}: no {' or '.join(one.files)} in it; name the file of {one.told}")
    return files
