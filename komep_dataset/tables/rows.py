"""Tables that users bring, of any columns, row by row: JSONL, CSV and Parquet, each row with its line.

`reading` reads the tables that KoMeP writes, as typed frames. The words of a message are the caller's where it has its
own: an `Unreadable` says in which line the fault is, and what the parser said of it.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError


class Unreadable(KomepError):
    """A file that is not what its ending says; `line` is from 1, 0 where the file as a whole is at fault."""

    def __init__(self, path: Path, line: int, what: str, error: Exception):
        super().__init__(f"{path}:{line}: {what}" if line else f"{path}: {what}")
        self.line, self.error = line, error


def csv_rows(
    lines: Iterable[str], delimiter: str = ",", *, strict: bool = False
) -> Iterator[tuple[int, int, list[str] | csv.Error]]:
    """(first line, last line, cells) of each row, the header and blank rows too; an error where a row is not CSV."""
    reader = csv.reader(lines, delimiter=delimiter, strict=strict)
    cells: list[str] | csv.Error
    while True:
        first = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells = error
        yield first, reader.line_num, cells


def read_rows(path: Path, *, strict: bool = False) -> Iterator[tuple[int, dict[Any, Any]]]:
    """(line that it ends on, or number in a Parquet file; column -> value) of each row, from 1.

    Args:
        path: a file; its ending, in capitals or not, decides the format: .parquet, .csv, anything else is JSONL.
        strict: refuse CSV that has signs behind a closing quote, or ends inside one.

    Cells of CSV are text. A row with fewer of them than the header has None for the others; what a longer one has
    beyond it stands under None.

    Raises:
        Unreadable: not in this format, or not UTF-8.
        KomepError: the file cannot be opened, or a line holds no JSON object.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        yield from enumerate(_parquet_rows(path), 1)
        return
    try:
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise KomepError(f"{path}: cannot be read ({error.strerror})") from error
    yield from _csv_rows(path, content, strict) if suffix == ".csv" else _json_rows(path, content)


def _parquet_rows(path: Path) -> list[dict[str, Any]]:
    import pyarrow as pa  # here, since `evaluation` reads JSONL and its `--help` without it
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path).to_pylist()
    except (pa.ArrowException, OSError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise Unreadable(path, 0, f"not a readable Parquet file ({said})", error) from error


def _csv_rows(path: Path, content: bytes, strict: bool) -> Iterator[tuple[int, dict[Any, Any]]]:
    header = None
    for _, line, cells in csv_rows(io.StringIO(_text(path, content), newline=""), strict=strict):
        if isinstance(cells, csv.Error):
            raise Unreadable(path, 0, f"not readable CSV ({cells})", cells) from cells
        if header is None:
            header = cells
        elif cells:
            yield line, dict(zip_longest(header, cells))


def _json_rows(path: Path, content: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(_text(path, line, number))
        except (ValueError, RecursionError) as error:
            raise Unreadable(path, number, f"not JSON ({error})", error) from error
        if not isinstance(row, dict):
            raise KomepError(f"{path}:{number}: not a JSON object")
        yield number, row


def _text(path: Path, content: bytes, first: int = 1) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = first + content[: error.start].count(b"\n")
        raise Unreadable(path, line, f"not UTF-8 ({error.reason}); save it as UTF-8", error) from error
