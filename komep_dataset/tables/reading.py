"""Tables in: JSONL or Parquet as typed batches, and the rows that cannot be used as named problems.

JSONL is parsed by Arrow's typed reader, block by block. A block that it refuses is read again line by line, so
that each bad line gets its own reason while clean data stays fast.
"""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import json as arrow_json

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import REJECTS
from komep_dataset.schema import Reason, arrow_schema, column_types, polars_schema
from komep_dataset.tables.frames import drop_missing, fit_types, parquet_frames
from komep_dataset.tables.problems import LINE, Problem, problems_error, shown

T = TypeVar("T")
SUFFIXES = (".jsonl", ".ndjson", ".parquet")
# What lies beside a table and is none of its kind.
NEVER_INPUT = (REJECTS, ".verdicts.parquet", ".translations.parquet")
BLOCK_BYTES = 32 << 20
# Type of a column -> what JSON has for it, and how a message calls that.
_JSON_TYPES = {
    str: (str, "a string"),
    int: (int, "a whole number"),
    float: ((int, float), "a number"),
    list: (list, "a list"),
    tuple: (list, "a list"),
    dict: (dict, "an object"),
}
SHORT = (60, 57)  # a value that a message quotes: characters that it may have, and those kept of a longer one


def table_files(paths: Iterable[Path]) -> list[Path]:
    """The JSONL and Parquet files behind paths, folders searched in depth, sorted within a folder.

    Hidden files and folders, rejects and evidence that lie beside a table are never input. Raises `KomepError` for a
    path that does not exist or holds no table.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if not path.exists():
            raise KomepError(f"{path}: no such file or folder")
        found = [path]
        if path.is_dir():
            tables = (p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
            visible = (p for p in tables if "/." not in f"/{p.relative_to(path).as_posix()}")
            found = sorted(p for p in visible if not p.name.endswith(NEVER_INPUT))
        if not found:
            raise KomepError(f"{path}: no {' or '.join(SUFFIXES)} file in this folder")
        files += found
    return files


def check_value(
    value: Any, hint: Any, nullable: bool, name: str, *, exact: bool = False
) -> tuple[str, Reason, str] | None:
    """None if a JSON value fits a column, else (path of the value, reason, detail); `exact`: objects have no other keys."""
    if value is None:
        return None if nullable else (name, Reason.MISSING_FIELD, "no value")
    kind = dict if is_dataclass(hint) else get_origin(hint) or hint
    python, wanted = _JSON_TYPES[kind]
    if not isinstance(value, python) or isinstance(value, bool):
        return name, Reason.WRONG_TYPE, f"expected {wanted}, got {shown(value, *SHORT)}"
    inner: Iterable[tuple[Any, Any, bool, str]] = ()
    if python is list:
        inner = ((v, get_args(hint)[0], False, f"{name}[{i}]") for i, v in enumerate(value))
    elif is_dataclass(hint):
        columns = column_types(hint)
        if exact and value.keys() != columns.keys():
            return name, Reason.BAD_VALUE, f"expected the keys {', '.join(columns)}, got {', '.join(value)}"
        inner = ((value.get(n), t, null, f"{name}.{n}") for n, (t, null) in columns.items())
    return next(filter(None, (check_value(*one, exact=exact) for one in inner)), None)


def parse_line(line: bytes, record: type, optional: frozenset[str]) -> dict | tuple[str, Reason, str]:
    """A JSONL line as a row of a record type, or (column, reason, detail) of what is wrong with it."""
    try:
        text = line.decode("utf-8")
        row = json.loads(text)
        text.encode("utf-8")
        json.dumps(row, ensure_ascii=False).encode("utf-8")  # a lone surrogate escape is not text
    except UnicodeError as error:
        return "", Reason.MALFORMED, f"not UTF-8 ({error.reason})"
    except json.JSONDecodeError as error:
        return "", Reason.MALFORMED, f"not JSON ({error.msg} at column {error.colno})"
    except (RecursionError, ValueError) as error:
        return "", Reason.MALFORMED, f"not usable JSON ({error})"
    if not isinstance(row, dict):
        return "", Reason.MALFORMED, f"not a JSON object but {shown(row, *SHORT)}"
    found = []
    for name, (hint, nullable) in column_types(record).items():
        if problem := check_value(row.get(name), hint, nullable or name in optional, name):
            place, reason, detail = problem
            found.append((name, reason, detail if place == name else f"{place}: {detail}"))
    # A row has one reason: a missing field comes before a wrong type, then the first column.
    first = min(found, key=lambda problem: problem[1] != Reason.MISSING_FIELD, default=None)
    return first or {name: row.get(name) for name in column_types(record)}


def _jsonl_blocks(path: Path) -> Iterator[tuple[list[int], list[bytes]]]:
    """Line numbers and non-blank lines of a file, some megabytes at a time."""
    numbers: list[int] = []
    lines: list[bytes] = []
    size = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if line.strip():
                numbers.append(number)
                lines.append(line if line.endswith(b"\n") else line + b"\n")
                size += len(line)
            if size >= BLOCK_BYTES:
                yield numbers, lines
                numbers, lines, size = [], [], 0
    if lines:
        yield numbers, lines


def _parse_block(lines: list[bytes], schema: pa.Schema) -> pa.Table | None:
    """A block of lines by Arrow's strict reader; None where it refuses, or where it may have misread."""
    block = b"".join(lines)
    whole = arrow_json.ReadOptions(block_size=len(block))
    options = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    try:
        block.decode("utf-8")
        table = arrow_json.read_json(pa.BufferReader(block), whole, options)
    except (UnicodeError, pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    return table if table.num_rows == len(lines) else None


def _read_jsonl(
    path: Path, record: type, optional: frozenset[str]
) -> Iterator[tuple[pl.DataFrame, list[Problem]]]:
    schema, frame_schema = arrow_schema(record, loose=True), polars_schema(record)
    for numbers, lines in _jsonl_blocks(path):
        table = _parse_block(lines, schema)
        if table is not None:
            frame = pl.from_arrow(table).cast(frame_schema).with_columns(pl.Series(LINE, numbers, pl.Int64))
            yield drop_missing(frame, str(path), record, optional)
            continue
        rows, kept, problems = [], [], []
        for number, line in zip(numbers, lines, strict=True):
            row = parse_line(line, record, optional)
            if isinstance(row, dict):
                rows.append(row)
                kept.append(number)
            else:
                problems.append(Problem(str(path), number, *row))
        frame = pl.DataFrame(rows, schema=frame_schema).with_columns(pl.Series(LINE, kept, pl.Int64))
        yield frame, problems


def _read_parquet(
    path: Path, record: type, optional: frozenset[str]
) -> Iterator[tuple[pl.DataFrame, list[Problem]]]:
    frame_schema = polars_schema(record)
    try:
        source = pq.ParquetFile(path)
        wanted = [name for name in frame_schema if name in source.schema_arrow.names]
        first = 1
        for frame in one_ahead(parquet_frames(path, source, wanted)):
            lines = pl.int_range(first, first + frame.height, dtype=pl.Int64, eager=True).alias(LINE)
            first += frame.height
            absent = (pl.lit(None).alias(name) for name in frame_schema if name not in wanted)
            frame, missing = drop_missing(frame.with_columns(lines, *absent), str(path), record, optional)
            frame, problems = fit_types(frame, str(path), frame_schema)
            frame, missing_inside = drop_missing(frame, str(path), record, optional)
            yield frame, missing + problems + missing_inside
    except (pa.ArrowInvalid, OSError) as error:
        detail = f"not a readable Parquet file ({str(error).splitlines()[0]})"
        yield (
            pl.DataFrame(schema={**frame_schema, LINE: pl.Int64}),
            [Problem(str(path), 0, "", Reason.MALFORMED, detail)],
        )


def one_ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items, each made in a second thread while the one before is worked on."""
    source, end = iter(items), object()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, source, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, source, end)
            yield item


def read_batches(
    path: Path, record: type, optional: Iterable[str] = ()
) -> Iterator[tuple[pl.DataFrame, list[Problem]]]:
    """Read one JSONL or Parquet file as typed batches.

    Args:
        path: the file; its suffix decides the format.
        record: row type of `schema`; columns that it does not have are left out.
        optional: columns that may be absent although the record says that they are not null.

    Yields:
        (frame with the record's columns and `_line`, problems of the rows that were left out). A column of type
        list that is optional and absent is null, not empty.
    """
    reader = _read_parquet if _is_parquet(path) else _read_jsonl
    yield from reader(path, record, frozenset(optional))


def _is_parquet(path: Path) -> bool:
    """Whether a table file is Parquet; a file without one of the known endings must begin as Parquet does."""
    if path.suffix in SUFFIXES:
        return path.suffix == ".parquet"
    with path.open("rb") as file:
        if file.read(4) == b"PAR1":
            return True
    raise KomepError(f"{path}: a table is Parquet, or JSONL with an ending of {', '.join(SUFFIXES)}")


def read_table(path: Path, record: type, optional: Iterable[str] = ()) -> pl.DataFrame:
    """A whole table: one file, or every table file of a folder, sorted by its key.

    Raises `KomepError` that names the bad rows by file, line and reason, or the key that stands twice.
    """
    frames, problems = [], []
    for file in table_files([path]):
        for frame, bad in read_batches(file, record, optional):
            frames.append(frame.drop(LINE))
            problems += bad
    if problems:
        raise problems_error(problems)
    table = pl.concat(frames) if frames else pl.DataFrame(schema=polars_schema(record))
    repeated = table.filter(pl.struct(record.KEY).is_duplicated())
    if repeated.height:
        key = "/".join(repeated.row(0)[table.columns.index(name)] for name in record.KEY)
        raise KomepError(f"{path}: {repeated.height} rows share a key, first {key} ({', '.join(record.KEY)})")
    return table.sort(record.KEY)
