"""Tables out: sorted by their key, written beside and renamed; the rejects of a stage into `rejects.jsonl`."""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from komep_dataset.errors import KomepError
from komep_dataset.files.locks import locked
from komep_dataset.files.outputs import (
    REJECT_KEYS,
    REJECTS,
    REJECTS_MARK,
    check_file,
    replacing,
    resolved,
    set_aside,
    table_of,
    utf16_of,
)
from komep_dataset.progress import tell
from komep_dataset.schema import (
    EVIDENCE,
    CitedGeneration,
    Reject,
    arrow_schema,
    polars_schema,
    records_of,
)
from komep_dataset.tables.formats import JSONL, PACKED, PARQUET, format_of

# Of the distinct values of a column in a row group, up to which it is written as a dictionary. Equal units of different
# answers fit: a fifth smaller and a sixth faster than with Parquet's usual 1 MiB; 3% slower where no two are equal.
DICTIONARY_BYTES = 2 << 20
WIDE_ROWS = 10_000  # that are held at a time (ours)
WRITTEN = ".jsonl (or .ndjson, .jsonlines) or .parquet"


def output_path(output: Path, default_name: str) -> Path:
    """Where a stage writes its table: the path as given, or a default name inside an existing folder.

    Raises `KomepError` where links lead in a circle, or the name's ending is one that no stage writes.
    """
    if resolved(output).is_dir():
        return output / default_name
    if (output.suffix and format_of(output) not in (JSONL, PARQUET)) or output.suffix.lower() in PACKED:
        raise KomepError(f"--output {output}: a table is written as {WRITTEN}", exit_code=2)
    return output


def arrow_table(frame: pl.DataFrame, record: type) -> pa.Table:
    """A frame as an Arrow table in the record's own schema (columns in order, null rules included)."""
    schema = arrow_schema(record)
    return frame.select(schema.names).to_arrow().cast(arrow_schema(record, loose=True)).cast(schema)


def parquet_writer(path: Path, record: type) -> pq.ParquetWriter:
    """A Parquet writer as the Hub likes it: zstd, page indexes, content-defined chunks."""
    return pq.ParquetWriter(
        path,
        arrow_schema(record),
        compression="zstd",
        write_page_index=True,
        use_content_defined_chunking=True,
        dictionary_pagesize_limit=DICTIONARY_BYTES,
    )


def write_table(frame: pl.DataFrame, path: Path, record: type, over: type | None = None) -> None:
    """Write a table sorted by its key, as JSONL if the path ends so and as Parquet otherwise; atomic.

    `over` is the record of the tables that it may replace, where those are not of the same one alone.

    Raises `KomepError` where something else than such a table is there, or the folder cannot be written.
    """
    frame = frame.select(polars_schema(record).names()).sort(record.KEY)
    with replacing(path, *table_of(over or record)) as beside:
        if format_of(path) == JSONL:
            frame.write_ndjson(beside)
        else:
            with parquet_writer(beside, record) as writer:
                writer.write_table(arrow_table(frame, record))


def write_in_order(rows: Iterable[Any], path: Path, record: type) -> None:
    """`write_table`, as Parquet, of rows of a record that come sorted by their key, some at a time: for wide ones."""
    coming = iter(rows)
    with replacing(path, *table_of(record)) as beside, parquet_writer(beside, record) as writer:
        while some := list(islice(coming, WIDE_ROWS)):
            writer.write_table(arrow_table(frame_of(some, record), record))


def write_scored(frame: pl.DataFrame, path: Path) -> None:
    """`write_table` of scored generations, with what their verdicts cite if any do."""
    cites = EVIDENCE in frame.columns and frame[EVIDENCE].null_count() < frame.height
    write_table(frame, path, records_of((EVIDENCE,) if cites else ())["scored"], over=CitedGeneration)


def frame_of(rows: Iterable[Any], record: type) -> pl.DataFrame:
    """Rows of a record as a frame with its columns."""
    return pl.DataFrame([asdict(row) for row in rows], schema=polars_schema(record))


def write_rows(rows: Iterable[Any], path: Path, record: type) -> pl.DataFrame:
    """`write_table` of rows of a record; returns their frame, in the order of the rows."""
    frame = frame_of(rows, record)
    write_table(frame, path, record)
    return frame


def write_rejects(
    folder: Path, stage: str, rejects: Iterable[Reject], own: Callable[[str], bool] = lambda key: True
) -> Path:
    """Write `rejects.jsonl` in a folder: this stage's lines are replaced, of which `own` says by their keys which those
    are; the others stay. A file with a line that is no reject is kept beside, and stderr says so."""
    path = resolved(folder) / REJECTS
    with locked(path, wait=True):
        check_file(path, *REJECTS_MARK)
        lines, damaged = _rejects_in(path)
        kept = [line for line, row in lines if row["stage"] != stage or not own(row["key"])]
        kept += [json.dumps(asdict(reject), ensure_ascii=False) for reject in rejects]
        if damaged:
            tell(f"note: {path}{damaged} are taken over, the file is kept as {set_aside(path).name}")
        with replacing(path, *REJECTS_MARK) as beside:
            # Half of a surrogate pair, as in a file's name that is not UTF-8, is written as JSON escapes it.
            beside.write_bytes("".join(f"{line}\n" for line in kept).encode("utf-8", "backslashreplace"))
    return path


def _rejects_in(path: Path) -> tuple[list[tuple[str, dict[str, Any]]], str]:
    """(the rejects in a file as line and row, what is wrong with it, with its first line that is none, or "")."""
    try:
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf") if path.exists() else b""
    except OSError as error:
        raise KomepError(f"{path}: cannot be read ({error.strerror}); move it away") from error
    found, damaged = [], ""
    if order := utf16_of(content):
        damaged = ": saved as UTF-16; its lines"
        content = content.decode(order, "replace").removeprefix("\ufeff").encode()
    for number, line in enumerate(content.split(b"\n"), 1):  # nothing else ends a line of JSON
        with suppress(ValueError, AttributeError, RecursionError):
            text = line.decode("utf-8").strip()
            row = json.loads(text or "null")
            if text and row.keys() >= REJECT_KEYS and isinstance(row["key"], str):
                found.append((text, row))
                continue
        damaged = damaged or (f":{number}: damaged; its other lines" if line.strip() else "")
    return found, damaged
