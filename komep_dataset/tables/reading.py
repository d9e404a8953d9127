"""Tables in: JSONL, CSV or Parquet as typed batches, and the rows that cannot be used as named problems.

JSONL is parsed by Arrow's typed reader, block by block. A block that it refuses is read again line by line, so
that each bad line gets its own reason while clean data stays fast.
"""

from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import json as arrow_json

from komep_dataset.errors import KomepError
from komep_dataset.schema import Reason, Verdict, arrow_schema, column_types, polars_schema, question_id
from komep_dataset.tables.formats import (
    CSV,
    HEAD,
    KNOWN,
    PARQUET,
    foreign,
    format_of,
    json_lines,
    table_files,
    unreadable_parquet,
)
from komep_dataset.tables.frames import BATCH_ROWS, drop_missing, fit_types, parquet_frames
from komep_dataset.tables.problems import FILE, LINE, Problem, problems_error
from komep_dataset.tables.rows import check_names, columns_of, parse_object, plain_text, scan_rows
from komep_dataset.tables.values import check_value, quoted, stands_for_none, written

T = TypeVar("T")
BLOCK_BYTES = 32 << 20
# Columns by which the files of other projects are known -> what such a file holds.
_OTHERS = {
    ("chosen", "rejected"): "preference pairs",
    ("conversations",): "conversations",
    ("messages",): "conversations",
    ("instruction", "output"): "instructions",
    ("prompt", "completion"): "completions",
    ("response_0", "response_1"): "preference pairs",
    ("response_j", "response_k"): "preference pairs",
    ("model_a", "model_b"): "comparisons",
}
_VERDICTS = " or ".join(f'"{verdict.value}"' for verdict in Verdict)
_OTHERS_TOO = (
    "pairs follow here from answers with scores (question, model, response, and units or dahl_score). To train on a "
    "file as it is, give it to a recipe (--dataset_name); of a release, such answers lie in its folder scored"
)


def row_of(row: dict, record: type, optional: Collection[str]) -> dict | tuple[str, Reason, str]:
    """A row of any columns as one of a record type, or (column, reason, detail) of what is wrong with it."""
    found, values = [], {}
    for name, (hint, nullable) in column_types(record).items():
        values[name] = plain_text(row.get(name)) if hint is str else row.get(name)
        if problem := check_value(values[name], hint, nullable or name in optional, name):
            place, reason, detail = problem
            detail += f" ({_VERDICTS})" if place.endswith(".verdict") else ""
            found.append((name, reason, detail if place == name else f"{place}: {detail}"))
    # A row has one reason: a missing field comes before a wrong type, then the first column.
    return min(found, key=lambda problem: problem[1] != Reason.MISSING_FIELD, default=None) or values


def parse_line(line: bytes, record: type, optional: Collection[str]) -> dict | tuple[str, Reason, str]:
    """A JSONL line as a row of a record type, or (column, reason, detail) of what is wrong with it."""
    row = parse_object(line)
    return row_of(row, record, optional) if isinstance(row, dict) else ("", Reason.MALFORMED, row)


def _other_keys(line: bytes, record: type) -> str:
    """What a row has under names that its record does not know: where a missing value may be."""
    row, known = parse_object(line), column_types(record)
    others = [quoted(name) for name in row if name not in known] if isinstance(row, dict) else []
    return f"; the row has {', '.join(others[:8])}, too" if others else ""


def _jsonl_blocks(path: Path) -> Iterator[tuple[list[int], list[bytes]]]:
    """Line numbers and non-blank lines of a file, some megabytes at a time."""
    numbers: list[int] = []
    lines: list[bytes] = []
    size = 0
    for number, line in json_lines(path):
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
            frame, problems = drop_missing(frame, str(path), record, optional)
            line_of = dict(zip(numbers, lines, strict=True)) if problems else {}
            yield (
                frame,
                [
                    replace(one, detail=one.detail + _other_keys(line_of[one.line], record))
                    for one in problems
                ],
            )
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


def _read_csv(
    path: Path, record: type, optional: frozenset[str]
) -> Iterator[tuple[pl.DataFrame, list[Problem]]]:
    columns = column_types(record)
    needed = [name for name, (_, nullable) in columns.items() if not nullable and name not in optional]
    schema = {**polars_schema(record), LINE: pl.Int64}
    found = scan_rows(path, columns, needed=needed)
    while some := list(islice(found, BATCH_ROWS)):
        rows, problems = [], []
        for number, row in some:
            row = row if isinstance(row, Problem) else csv_row(row, record, optional)
            if isinstance(row, dict):
                rows.append(row | {LINE: number})
            else:
                problems.append(row if isinstance(row, Problem) else Problem(str(path), number, *row))
        yield pl.DataFrame(rows, schema=schema), problems


def csv_row(row: dict[str, str], record: type, optional: Collection[str]) -> dict | tuple[str, Reason, str]:
    """A row of CSV as `row_of` gives it: numbers and lists as such; an empty cell, or one that stands for none, is none;
    a column is found in capitals, too."""
    cells = {name.casefold(): cell for name, cell in row.items() if name} | row
    values: dict[str, Any] = {}
    for name, (hint, _) in column_types(record).items():
        cell = cells.get(name) or ""
        values[name] = cell = None if not cell or stands_for_none(cell) else cell
        if hint is not str and cell is not None:
            with suppress(ValueError):
                values[name] = hint(cell) if hint in (int, float) else written(cell)
    found = row_of(values, record, optional)
    if isinstance(found, tuple) and values[found[0]] is None and cells.get(found[0]):
        return *found[:2], f"no value ({cells[found[0]]!r} stands for none)"
    if isinstance(found, tuple) and found[2].startswith("expected a list"):
        return *found[:2], f"{found[2]}; write each cell with json.dumps"
    return found


def _read_parquet(
    path: Path, record: type, optional: frozenset[str]
) -> Iterator[tuple[pl.DataFrame, list[Problem]]]:
    frame_schema = polars_schema(record)
    try:
        source = pq.ParquetFile(path)
        check_names(path, source.schema_arrow.names)
        wanted = [name for name in frame_schema if name in source.schema_arrow.names]
        if not wanted and source.metadata.num_rows:
            found = ", ".join(source.schema_arrow.names)
            raise KomepError(f"{path}: none of the columns {', '.join(frame_schema)} (found: {found})")
        first = 1
        for frame in one_ahead(parquet_frames(path, source, wanted)):
            lines = pl.int_range(first, first + frame.height, dtype=pl.Int64, eager=True).alias(LINE)
            first += frame.height
            absent = (pl.lit(None).alias(name) for name in frame_schema if name not in wanted)
            frame, missing = drop_missing(frame.with_columns(lines, *absent), str(path), record, optional)
            frame, problems = fit_types(frame, str(path), frame_schema)
            frame, missing_inside = drop_missing(frame, str(path), record, optional)
            yield frame, missing + problems + missing_inside
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError) as error:
        raise unreadable_parquet(path, error) from error


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
    """Read one file as typed batches.

    Args:
        path: the file; its suffix decides the format.
        record: row type of `schema`; columns that it does not have are left out.
        optional: columns that may be absent although the record says that they are not null.

    Yields:
        (frame with the record's columns and `_line`, problems of the rows that were left out). A column of type
        list that is optional and absent is null, not empty; what a row lacks and a folder's name has, it has.
    """
    of_path = values_in_path(path, record)
    optional = frozenset(optional).union(of_path)
    check_shape(path, record, optional)
    kind = _kind(path)
    reader = {PARQUET: _read_parquet, CSV: _read_csv}.get(kind, _read_jsonl)
    for frame, problems in reader(path, record, optional):
        yield frame.with_columns(pl.col(name).fill_null(value) for name, value in of_path.items()), problems


def values_in_path(path: Path, record: type) -> dict[str, Any]:
    """The values of columns that stand in the names of folders, as Hive, Spark, DuckDB and polars write them:
    `model=a/part-0.parquet`.

    Raises `KomepError` for one of the wrong type.
    """
    found, columns = {}, column_types(record)
    for folder in path.parts[:-1]:
        name, _, text = folder.partition("=")
        hint = columns.get(name.casefold(), (None,))[0]
        if text and text != "__HIVE_DEFAULT_PARTITION__" and hint in (str, int, float):
            try:
                found[name.casefold()] = hint(unquote(text))
            except ValueError:
                raise KomepError(f"{path}: its folder {folder} gives no number") from None
    return found


def _kind(path: Path) -> str:
    """The format of a table; a file without one of the known endings must begin as Parquet does."""
    if kind := format_of(path):
        return kind
    with path.open("rb") as file:
        begin = file.read(HEAD)
    if begin.startswith(b"PAR1"):
        return PARQUET
    what = foreign(begin) or f"a table is Parquet, or has an ending that says what it is: {KNOWN}"
    raise KomepError(f"{path}: {what}")


def check_shape(path: Path, record: type, optional: Collection[str]) -> None:
    """Raise `KomepError` for data of another kind that people have: each row would only be told what it lacks."""
    names = columns_of(path)
    if "units" in column_types(record) and "verdict" in names and not {"units", "dahl_score"} & names:
        raise KomepError(
            f"{path}: a row a unit, as its column verdict says, and here a row is an answer with all its units; group the rows "
            "by question and model, and write the units of each as one list, units: [{text, verdict}]"
        )
    needed = {name for name, (_, nullable) in column_types(record).items() if not nullable} - {*optional}
    if needed <= names:
        return
    for columns, what in _OTHERS.items():
        if set(columns) <= names:
            raise KomepError(
                f"{path}: {what} (columns {', '.join(columns)}), no {', '.join(sorted(needed))}; {_OTHERS_TOO}"
            )


def read_table(path: Path, record: type, optional: Iterable[str] = ()) -> pl.DataFrame:
    """A whole table: one file, or every table file of a folder, sorted by its key.

    An optional `question_id` that is not there is derived from the question.

    Raises `KomepError` that names the bad rows by file, line and reason, or the key that stands twice.
    """
    frames, problems = [], []
    for file in table_files([path]):
        for frame, bad in read_batches(file, record, optional):
            frames.append(frame.with_columns(pl.lit(str(file)).alias(FILE)))
            problems += bad
    if problems:
        raise problems_error(problems)
    empty = pl.DataFrame(schema={**polars_schema(record), LINE: pl.Int64, FILE: pl.String})
    table = pl.concat(frames) if frames else empty
    if "question_id" in optional:
        ids = [id or question_id(text) for id, text in table.select("question_id", "question").iter_rows()]
        table = table.with_columns(pl.Series("question_id", ids, pl.String))
    repeated = table.filter(pl.struct(record.KEY).is_duplicated())
    if repeated.height:
        first = repeated.row(0, named=True)
        same = repeated.filter(pl.all_horizontal(pl.col(name) == first[name] for name in record.KEY))
        places = " and ".join(f"{file}:{line}" for file, line in same.select(FILE, LINE).head(2).iter_rows())
        raise KomepError(
            f"{path}: {repeated.height} rows share a key ({', '.join(record.KEY)}), first "
            f"{'/'.join(str(first[name]) for name in record.KEY)}, at {places}; give each once"
        )
    return table.drop(LINE, FILE).sort(record.KEY)
