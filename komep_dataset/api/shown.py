"""What functions return, so that it shows itself in a notebook as the command prints it."""

import io
from collections.abc import Callable
from typing import Any

import polars as pl
from rich.console import Console

from komep_dataset.tables.problems import FILE, LINE, as_text

WIDTH = 110  # characters


class _Told:
    """Values that show themselves as a text."""

    def __init__(self, values: Any, text: Callable[[Any], str]):
        super().__init__(values)
        self._text = text

    def __repr__(self) -> str:
        return self._text(self)


class Listed(_Told, list):
    """A list that shows itself as a text."""

    @property
    def ok(self) -> bool:
        """Of the checks of `verify`: whether all of them hold."""
        return all(one.ok for one in self)


class Figures(_Told, dict):
    """Plain values that show themselves as a text."""


class Text(str):
    """A text that shows its lines as lines."""

    def __repr__(self) -> str:
        return str(self)


def as_is(found: Any) -> Any:
    return found


def checks(found: list) -> Listed:
    return Listed(found, as_text)


def rows(found: pl.DataFrame) -> pl.DataFrame:
    """A frame of scored generations without the place of each row."""
    return found.drop(FILE, LINE)


def models(found: list) -> Listed:
    from komep_dataset.scores.models import as_text

    return Listed(found, as_text)


def bias(found: dict[str, Any]) -> Figures:
    return Figures(found, _bias_text)


def _bias_text(measured: dict[str, Any]) -> str:
    from komep_dataset.audit.tables import tables

    console = Console(file=io.StringIO(), width=WIDTH, color_system=None, force_jupyter=False)
    for table in tables(measured):
        console.print(table)
    return "\n".join(line.rstrip() for line in console.file.getvalue().rstrip().split("\n"))
