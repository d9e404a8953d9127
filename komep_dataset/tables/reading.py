"""Tables on disk: JSONL or Parquet in, typed batches and named problems out; written beside, then renamed.

JSONL is parsed by Arrow's typed reader, block by block. A block that it refuses is read again line by line, so
that each bad line gets its own reason while clean data stays fast.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

from komep_dataset.errors import KomepError
from komep_dataset.files.locks import locked
from komep_dataset.files.outputs import REJECTS, REJECTS_MARK, replacing, resolved, table_of
from komep_dataset.schema import Reason, Reject, arrow_schema, column_types, polars_schema
from komep_dataset.tables.parquet_frames import parquet_frames
from komep_dataset.tables.problems import FILE as FILE  # where readers of batches look for it
from komep_dataset.tables.problems import LINE, Problem, problems_error
from komep_dataset.tables.typed_frames import drop_missing, fit_types

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

T = TypeVar("T")
SUFFIXES = (".jsonl", ".ndjson", ".parquet")
# What lies beside a table and is none of its kind.
NEVER_INPUT = ("rejects.jsonl", ".verdicts.parquet", ".translations.parquet")
BLOCK_BYTES = 32 << 20
# Of the distinct values of a column in a row group, up to which it is written as a dictionary. Equal units of different
# answers fit: a fifth smaller and a sixth faster than with Parquet's usual 1 MiB; 3% slower where no two are equal.
DICTIONARY_BYTES = 2 << 20


def table_files(paths: Iterable[Path]) -> list[Path]:
    """The JSONL and Parquet files behind paths, folders searched in depth, sorted within a folder.

    Rejects and evidence that lie beside a table are never input. Raises `KomepError` for a path that does not exist or holds no table.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            found = sorted(
                p
                for p in path.rglob("*")
                if p.suffix in SUFFIXES
                and p.is_file()
                and not p.name.endswith(NEVER_INPUT)
                and not any(part.startswith(".") for part in p.relative_to(path).parts)
            )
            if not found:
                raise KomepError(f"{path}: no {' or '.join(SUFFIXES)} file in this folder")
            files += found
        elif not path.exists():
            raise KomepError(f"{path}: no such file or folder")
        else:
            files.append(path)
    return files


def check_value(value: Any, hint: Any, nullable: bool, name: str) -> tuple[str, Reason, str] | None:
    """None if a JSON value fits a column, else (path of the value, reason, detail)."""
    if value is None:
        return None if nullable else (name, Reason.MISSING_FIELD, "no value")
    if get_origin(hint) is list:
        if not isinstance(value, list):
            return name, Reason.WRONG_TYPE, f"expected a list, got {_shown(value)}"
        inner = get_args(hint)[0]
        found = (check_value(v, inner, False, f"{name}[{i}]") for i, v in enumerate(value))
        return next((f for f in found if f), None)
    if is_dataclass(hint):
        if not isinstance(value, dict):
            return name, Reason.WRONG_TYPE, f"expected an object, got {_shown(value)}"
        columns = column_types(hint).items()
        found = (check_value(value.get(n), t, null, f"{name}.{n}") for n, (t, null) in columns)
        return next((f for f in found if f), None)
    fits = isinstance(value, (int, float) if hint is float else hint) and not isinstance(value, bool)
    if not fits:
        kind = {str: "a string", int: "a whole number", float: "a number"}[hint]
        return name, Reason.WRONG_TYPE, f"expected {kind}, got {_shown(value)}"
    return None


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "…"


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
        return "", Reason.MALFORMED, f"not a JSON object but {_shown(row)}"
    found = []
    for name, (hint, nullable) in column_types(record).items():
        problem = check_value(row.get(name), hint, nullable or name in optional, name)
        if problem:
            place, reason, detail = problem
            found.append((name, reason, detail if place == name else f"{place}: {detail}"))
    if found:
        # A row has one reason: a missing field comes before a wrong type, then the first column.
        return min(found, key=lambda problem: problem[1] != Reason.MISSING_FIELD)
    return {name: row.get(name) for name in column_types(record)}


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
    import pyarrow as pa
    from pyarrow import json as arrow_json

    block = b"".join(lines)
    options = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    try:
        block.decode("utf-8")
        table = arrow_json.read_json(
            pa.BufferReader(block), arrow_json.ReadOptions(block_size=max(len(block), 1)), options
        )
    except (UnicodeError, pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    return table if table.num_rows == len(lines) else None


def _nullable(schema: pa.Schema) -> pa.Schema:
    """A schema in which every field may be null, nested ones too: what a reader may meet."""
    import pyarrow as pa

    def loosen(kind):
        if pa.types.is_struct(kind):
            return pa.struct([pa.field(f.name, loosen(f.type)) for f in kind])
        return pa.list_(loosen(kind.value_type)) if pa.types.is_list(kind) else kind

    return pa.schema([pa.field(f.name, loosen(f.type)) for f in schema])


def _read_jsonl(
    path: Path, record: type, optional: frozenset[str]
) -> Iterator[tuple[pl.DataFrame, list[Problem]]]:
    import polars as pl

    schema, frame_schema = _nullable(arrow_schema(record)), polars_schema(record)
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
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

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
    import polars as pl

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


def output_path(output: Path, default_name: str) -> Path:
    """Where a stage writes its table: the path as given, or a default name inside an existing folder.

    Raises `KomepError` where links lead in a circle.
    """
    return output / default_name if resolved(output).is_dir() else output


def arrow_table(frame: pl.DataFrame, record: type) -> pa.Table:
    """A frame as an Arrow table in the record's own schema (columns in order, null rules included)."""
    schema = arrow_schema(record)
    return frame.select(schema.names).to_arrow().cast(_nullable(schema)).cast(schema)


def parquet_writer(path: Path, record: type):
    """A Parquet writer as the Hub likes it: zstd, page indexes, content-defined chunks."""
    import pyarrow.parquet as pq

    return pq.ParquetWriter(
        path,
        arrow_schema(record),
        compression="zstd",
        write_page_index=True,
        use_content_defined_chunking=True,
        dictionary_pagesize_limit=DICTIONARY_BYTES,
    )


def write_table(frame: pl.DataFrame, path: Path, record: type) -> None:
    """Write a table sorted by its key, as JSONL if the path ends so and as Parquet otherwise; atomic.

    Raises `KomepError` where something else than such a table is there, or the folder cannot be written.
    """
    frame = frame.select(polars_schema(record).names()).sort(record.KEY)
    with replacing(path, *table_of(record)) as beside:
        if path.suffix in (".jsonl", ".ndjson"):
            frame.write_ndjson(beside)
        else:
            with parquet_writer(beside, record) as writer:
                writer.write_table(arrow_table(frame, record))


def write_rejects(
    folder: Path, stage: str, rejects: Iterable[Reject], own: Callable[[str], bool] = lambda key: True
) -> Path:
    """Write `rejects.jsonl` in a folder: this stage's lines are replaced, of which `own` says by their keys which those
    are; the others stay."""
    path = resolved(folder) / REJECTS
    with locked(path, wait=True):
        lines = [line for line in _lines(path) if not _is_of(line, stage, own)]
        lines += [json.dumps(asdict(r), ensure_ascii=False) for r in rejects]
        with replacing(path, *REJECTS_MARK) as beside:
            beside.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text("utf-8").split("\n") if line.strip()] if path.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        raise KomepError(f"{path}: cannot be read ({error}); move it away") from error


def _is_of(line: str, stage: str, own: Callable[[str], bool]) -> bool:
    try:
        row = json.loads(line)
        return row["stage"] == stage and own(row["key"])
    except (ValueError, TypeError, KeyError):
        return False
