"""The formats that there are: a module of this folder that declares a `FORMAT` is one; nothing lists it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from komep_dataset import exports
from komep_dataset.config.yaml_records import closest
from komep_dataset.errors import KomepError
from komep_dataset.options import declared

Turns = list[dict[str, str]]
DATA = {"train": "train.jsonl", "test": "test.jsonl"}  # file of each split
# What JSON may hold as it is, and readers that cut a text by `str.splitlines` take for the end of a line.
_LINE_ENDS = {ord(sign): f"\\u{ord(sign):04x}" for sign in "\x85\u2028\u2029"}


@dataclass(frozen=True, slots=True)
class Format:
    """Pairs as one project reads them.

    Args:
        name: for `--format`.
        page: where that project documents it.
        row: (messages of the prompt, chosen, rejected) -> what a line of the data file holds.
        settings: splits that have pairs -> (name of a file, its text), the lines that its users paste; paths in it are
            relative to the folder of the export.
        beside: the same -> other files that it needs; by default none.
    """

    name: str
    page: str
    row: Callable[[Turns, str, str], Mapping[str, Any]]
    settings: Callable[[Sequence[str]], tuple[str, str]]
    beside: Callable[[Sequence[str]], Mapping[str, str]] = lambda splits: {}


def line(row: Mapping[str, Any]) -> str:
    """A row as a line of JSONL, readable, without a sign that could end a line."""
    return json.dumps(row, ensure_ascii=False).translate(_LINE_ENDS) + "\n"


@cache
def formats() -> dict[str, Format]:
    """Every format by its name."""
    return dict(sorted(declared(exports, "FORMAT", Format).items()))


def format_named(name: str) -> Format:
    """The format of a name; `KomepError` (exit code 2) that names those there are."""
    if name not in formats():
        close = closest(name, formats())
        hint = f"; did you mean {close!r}?" if close else ""
        raise KomepError(f"--format {name}: none of {', '.join(formats())}{hint}", exit_code=2)
    return formats()[name]
