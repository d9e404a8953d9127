"""Rows that are given in memory, as files: lists of dicts, polars, pandas, pyarrow, `datasets`.

Each table is JSONL in a folder of its own for as long as it is read, so that files and rows have one reader, one set of rules
and one wording. Its line N is row N, and is called that (`problems.ROWS`). Nulls are left out: the same rows are the same
bytes, whatever held them.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, is_dataclass
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from komep_dataset.errors import KomepError
from komep_dataset.tables.frames import BATCH_ROWS
from komep_dataset.tables.problems import ROWS, in_rows
from komep_dataset.tables.rows import check_names

TAKEN = "a path, a list of dicts, or a table of polars, pandas, pyarrow or `datasets`; or a list of paths and tables"


@contextmanager
def as_files(given: Any, what: str = "rows") -> Iterator[list[Path]]:
    """The files of what is given: paths as they are, every table that is in memory as a file that goes at the end.

    Args:
        given: `TAKEN`, also a generator of dicts, one dict, a dict of columns, a `DatasetDict` (of all splits); None: no file. NaN
            in a table of pandas, NA and NaT are no value; a value that JSON does not know is refused where its column is read.
        what: how a message calls it.

    Raises:
        KomepError: something else (exit code 2), a table without rows, or one that cannot be read. Errors that are raised inside
            call a row `row N`, from 1; of several tables, also the table.
    """
    tables = list(_tables(given, what))
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="komep-"))
        paths = []
        try:
            for name, one in tables:
                if isinstance(one, Path):
                    paths.append(one)
                    continue
                alone = len(tables) == 1
                path = Path(folder, "rows.jsonl" if alone else f"rows-{name.removeprefix('table ')}.jsonl")
                _write(one, path, what if alone else f"{what}: {name}")
                ROWS[str(path)] = "" if alone else name
                stack.callback(ROWS.pop, str(path))
                paths.append(path)
            yield paths
        except KomepError as error:
            error.args = (in_rows(str(error)),)
            raise


def _tables(given: Any, what: str) -> Iterator[tuple[str, Path | Iterable[Any]]]:
    """(name, a path or rows) of each table; of one alone the name is empty."""
    if given is None:
        return
    if isinstance(given, Mapping) and _library(given) == "datasets":
        yield from ((str(split), _rows(part)) for split, part in given.items())
    elif (one := _table(given)) is not None:
        yield "", one
    elif isinstance(given, Mapping):
        yield "", _of_mapping(given, what)
    elif isinstance(given, Iterable) and not isinstance(given, (bytes, bytearray)):
        items = iter(given)
        if not (first := list(islice(items, 1))):
            if hasattr(given, "__len__"):
                return
            raise KomepError(f"{what}: no rows in it")
        if not isinstance(first[0], (list, tuple)) and _table(first[0]) is None:
            yield "", chain(first, items)
            return
        for number, item in enumerate(chain(first, items), 1):
            found = item if isinstance(item, (list, tuple)) else _table(item)
            if found is None:
                raise KomepError(
                    f"{what}: item {number} is {_named(item)} among paths and tables; put the rows into a list of their own",
                    exit_code=2,
                )
            yield f"table {number}", found
    else:
        raise KomepError(f"{what}: give {TAKEN}; not {_named(given)}", exit_code=2)


def _named(given: Any) -> str:
    return f"{type(given).__module__}.{type(given).__qualname__}".removeprefix("builtins.")


def _library(given: Any) -> str:
    return type(given).__module__.partition(".")[0]


def _table(given: Any) -> Path | Iterable[Any] | None:
    """A path, or the rows of a table of some library; None for anything else."""
    if isinstance(given, (str, os.PathLike)):
        return Path(given).expanduser()
    tabular = hasattr(given, "__arrow_c_stream__") or hasattr(given, "__arrow_c_array__")
    of_library = _library(given) == "datasets" and hasattr(given, "with_format")
    return _rows(given) if tabular or of_library or isinstance(given, pl.LazyFrame) else None


def _rows(table: Any) -> Iterator[Any]:
    """The rows of a table of some library, some thousands at a time."""
    try:
        if isinstance(table, pl.LazyFrame):
            table = table.collect()
        if isinstance(table, pl.DataFrame):
            for part in table.iter_slices(BATCH_ROWS):
                yield from part.to_dicts()
        elif _library(table) == "pandas" and hasattr(table, "iloc"):
            yield from _of_pandas(table)
        elif _library(table) == "datasets":
            labels = {n: f for n, f in (table.features or {}).items() if hasattr(f, "int2str")}  # are numbers
            for row in _of_set(table):
                named = {n: f.int2str(row[n]) for n, f in labels.items() if row[n] is not None}
                yield row | named if labels else row
        else:
            whole = pa.table(table)
            check_names("its columns", whole.column_names)
            for batch in whole.to_batches(BATCH_ROWS):
                yield from batch.to_pylist()
    except (KomepError, KeyboardInterrupt):
        raise
    except Exception as error:  # what these libraries raise has no common kind
        said = (str(error).splitlines() or [""])[0]
        raise KomepError(f"a {_named(table)} that cannot be read ({type(error).__name__}: {said})") from error


def _of_set(table: Any) -> Iterator[dict[str, Any]]:
    if not hasattr(table, "num_rows"):  # a stream
        return iter(table.with_format(None))
    parts = table.with_format("arrow").iter(BATCH_ROWS)
    return chain.from_iterable(part.to_pylist() for part in parts)


def _of_pandas(frame: Any) -> Iterator[dict[Any, Any]]:
    if frame.ndim == 1:
        raise KomepError("a column of pandas, which is no table; give the frame")
    if all(name is not None for name in frame.index.names):  # what `set_index` took away
        frame = frame.reset_index()
    check_names("its columns", [str(name) for name in frame.columns])
    for start in range(0, len(frame), BATCH_ROWS):
        for row in frame.iloc[start : start + BATCH_ROWS].to_dict("records"):
            yield {name: None if _is_missing(value) else value for name, value in row.items()}


def _is_missing(value: Any) -> bool:
    """Whether a cell of pandas has no value: NaN, NA, NaT."""
    return (isinstance(value, float) and value != value) or type(value).__name__ in ("NAType", "NaTType")


def _of_mapping(given: Mapping[Any, Any], what: str) -> Iterable[Any]:
    """One row, or the rows of a dict of columns."""
    given_columns = {n: v for n, v in given.items() if not isinstance(v, (str, bytes, Mapping))}
    columns = {name: _plain(value) for name, value in given_columns.items()}
    if len(columns) < len(given) or not all(isinstance(one, (list, tuple)) for one in columns.values()):
        return [given]
    if len({len(one) for one in columns.values()}) > 1:
        lengths = ", ".join(f"{name} {len(one)}" for name, one in columns.items())
        raise KomepError(f"{what}: columns of different lengths ({lengths})")
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _plain(value: Any) -> Any:
    """A value as JSON may know it: of numpy and others as Python has it; what it does not know is an object that names it."""
    for to_python in ("tolist", "to_list"):
        if hasattr(value, to_python):
            return getattr(value, to_python)()
    if isinstance(value, (Mapping, Decimal)):
        return dict(value) if isinstance(value, Mapping) else float(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if _is_missing(value):
        return None
    return value if isinstance(value, (list, tuple)) else {type(value).__name__: str(value)}


_encode = json.JSONEncoder(ensure_ascii=False, skipkeys=True, default=_plain).encode


def _line(row: Any) -> bytes:
    """A row as a line; what cannot be one is a text that says so, which the reader refuses with its number."""
    row = _plain(row) if not isinstance(row, (Mapping, str, list, tuple, int, float, type(None))) else row
    if isinstance(row, Mapping):
        row = {name: value for name, value in row.items() if value is not None}
    try:
        text = _encode(row)
    except (ValueError, TypeError, RecursionError) as error:
        text = json.dumps(f"what JSON cannot hold ({error})")
    try:
        return text.encode("utf-8") + b"\n"
    except UnicodeEncodeError:  # half of a surrogate pair: escaped, as a file has it
        return json.dumps(json.loads(text)).encode() + b"\n"


def _write(rows: Iterable[Any], path: Path, what: str) -> None:
    try:
        with path.open("wb") as file:
            for line in map(_line, rows):
                try:
                    file.write(line)
                except OSError as error:
                    raise KomepError(
                        f"cannot be put down in {path.parent} ({error.strerror}); TMPDIR names another place"
                    ) from error
    except KomepError as error:
        raise KomepError(f"{what}: {error}", error.exit_code) from error
    if not path.stat().st_size:
        raise KomepError(f"{what}: no rows in it")
