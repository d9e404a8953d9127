"""The rows of a Parquet file as polars frames, and frames made to fit a row type.

Polars reads where it can, Arrow everywhere else. Polars takes a third of the memory and half of the time. It has to
read whole row groups, so a file of large ones is Arrow's; and what polars refuses is read again by Arrow, which says
what is wrong with a file.
"""

import functools
import operator
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import is_dataclass
from pathlib import Path
from typing import get_args, get_origin

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from komep_dataset.schema import column_types, polars_schema
from komep_dataset.tables.checking import plain_text
from komep_dataset.tables.problems import LINE

BATCH_ROWS = 50_000
INT64_MAX = 2**63 - 1
GROUP_BYTES = 256 << 20  # uncompressed; a larger row group is read piece by piece
_nulls = functools.partial(pl.repeat, None, eager=True)


def parquet_frames(path: Path, source: pq.ParquetFile, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Some columns of every row of a file that is open as `source`, in order, about `BATCH_ROWS` at a time.

    Raises `pyarrow.ArrowInvalid` or `OSError` where Arrow cannot read the file.
    """
    done = 0
    with suppress(pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        for frame in _by_polars(path, source, columns):
            yield frame
            done += frame.height
    if done < source.metadata.num_rows:  # Arrow goes on where polars stopped
        yield from _by_arrow(source, columns, done)


def _by_polars(path: Path, source: pq.ParquetFile, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Row groups, several small ones at once; nothing where a column or a row group is not for polars."""
    metadata = source.metadata
    groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
    scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
    types = pl.from_arrow(source.schema_arrow.empty_table().select(columns)).schema
    large = any(group.total_byte_size > GROUP_BYTES for group in groups)
    if not columns or large or scan.select(columns).collect_schema() != types:
        return
    first = rows = 0
    for index, group in enumerate(groups, 1):
        rows += group.num_rows
        if index == len(groups) or rows + groups[index].num_rows > BATCH_ROWS:
            yield scan.select(columns).slice(first, rows).collect()
            first, rows = first + rows, 0


def _by_arrow(source: pq.ParquetFile, columns: Sequence[str], done: int) -> Iterator[pl.DataFrame]:
    """The rows behind the first `done`, which are read and left out."""
    for batch in source.iter_batches(BATCH_ROWS, columns=columns):
        skipped = min(done, batch.num_rows)
        done -= skipped
        if skipped < batch.num_rows:
            table = pa.Table.from_batches([batch.slice(skipped)])
            yield pl.from_arrow(table.cast(pa.schema(map(_known_to_polars, table.schema))))


def _known_to_polars(field: pa.Field) -> pa.Field:
    """A list view, which newer writers use, as a list."""
    if pa.types.is_list_view(field.type) or pa.types.is_large_list_view(field.type):
        return field.with_type(pa.large_list(field.type.value_type))
    return field


def fitted(
    frame: pl.DataFrame, record: type, optional: frozenset[str]
) -> tuple[pl.DataFrame, dict[str, pl.Series]]:
    """A frame's columns cast to those of a record where nothing is lost, a column that is not there as nulls.

    Returns:
        (all rows, with null for a value of another type; column -> whether a row has none that it must have, or one of
        another type, of the columns of which any row does).
    """
    columns, bad = [], {}
    for name, wanted in polars_schema(record).items():
        column = frame[name] if name in frame.columns else _nulls(frame.height, dtype=wanted).alias(name)
        if isinstance(column.dtype, pl.Array):  # a fixed-size list
            column = column.arr.to_list()
        if wanted == pl.String and column.dtype == pl.Binary:  # texts of writers that do not say so
            texts = column.cast(pl.String, strict=False)
            column = texts if texts.null_count() == column.null_count() else column
        given, misfit = column.dtype, None
        if wanted == pl.String and isinstance(given, pl.List) and isinstance(given.inner, pl.Struct):
            texts = [plain_text(value) for value in column.to_list()]
            if all(text is None or isinstance(text, str) for text in texts):
                column = pl.Series(name, texts, pl.String)
                given = pl.String
        if not _castable(given, wanted):
            misfit, column = column.is_not_null(), _nulls(frame.height, dtype=wanted)
        elif given == pl.UInt64 and wanted == pl.Int64:  # half of which are too large
            misfit = (column > INT64_MAX).fill_null(False)
            column = column.set(misfit, None)
        column = column.alias(name)
        if column.dtype != wanted:
            column = column.to_frame().select(_cast(pl.col(name), column.dtype, wanted)).to_series()
        if misfit is not None and misfit.any():
            bad[name] = misfit
        columns.append(column)
    frame = pl.DataFrame(columns).with_columns(frame[LINE])
    for name, missing in missing_values(frame, record, optional).items():
        bad[name] = bad[name] | missing if name in bad else missing
    return frame, bad


def without(frame: pl.DataFrame, bad: dict[str, pl.Series]) -> tuple[pl.DataFrame, pl.Series]:
    """(the rows of a fitted frame that are not bad, the places of the bad ones)."""
    if not bad:
        return frame, pl.Series([], dtype=pl.UInt32)
    gone = pl.Series(functools.reduce(operator.or_, bad.values()))
    # Not by `filter`, which keeps the elements of lists that are gone, where Arrow finds their nulls.
    return frame[(~gone).arg_true()], gone.arg_true()


def _castable(given: pl.DataType, wanted: pl.DataType) -> bool:
    if given in (wanted, pl.Null):
        return True
    if isinstance(wanted, pl.List):
        return isinstance(given, pl.List) and _castable(given.inner, wanted.inner)
    if isinstance(wanted, pl.Struct):
        have = {f.name: f.dtype for f in given.fields} if isinstance(given, pl.Struct) else {}
        # Verdicts may be booleans, which a cast turns into the words for them.
        if have.get("verdict") == pl.Boolean:
            have["verdict"] = pl.String
        return bool(have) and all(f.name in have and _castable(have[f.name], f.dtype) for f in wanted.fields)
    if wanted == pl.String:
        return isinstance(given, (pl.Categorical, pl.Enum))
    if wanted == pl.Float64:
        return given.is_numeric()
    return wanted == pl.Int64 and given.is_integer()


def _cast(column: pl.Expr, given: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    """Cast by field name: polars casts a struct by position."""
    if isinstance(wanted, pl.List) and isinstance(wanted.inner, pl.Struct) and isinstance(given, pl.List):
        typed = isinstance(given.inner, pl.Struct)  # a list of nothing but nulls is not
        fields = pl.struct(
            pl.element().struct.field(f.name) if typed else pl.element().cast(f.dtype).alias(f.name)
            for f in wanted.inner.fields
        )
        # A null element has null fields, and stays to be seen by the check for missing values.
        return column.list.eval(fields).cast(wanted)
    return column.cast(wanted)


def missing_values(frame: pl.DataFrame, record: type, optional: Collection[str] = ()) -> dict[str, pl.Series]:
    """Required column -> whether each row has no value in it, or in a field inside its list; only of those that lack some."""
    found = {}
    for name, (hint, nullable) in column_types(record).items():
        missing = pl.lit(False) if nullable or name in optional else pl.col(name).is_null()
        if get_origin(hint) is list and is_dataclass(get_args(hint)[0]):
            fields = list(column_types(get_args(hint)[0]))
            for field in fields if _has_null_inside(frame, name, fields) else ():
                empty = pl.col(name).list.eval(pl.element().struct.field(field).is_null()).list.any()
                missing = missing | empty.fill_null(False)
        elif nullable or name in optional or not frame[name].null_count():
            continue
        mask = frame.select(missing.alias(name)).to_series()
        if mask.len() == frame.height and mask.any():
            found[name] = mask
    return found


def _has_null_inside(frame: pl.DataFrame, name: str, fields: Sequence[str]) -> bool:
    """Whether any object of a list column lacks a field: a look at the whole column, before one at each row."""
    kind = frame.schema[name]
    inner = kind.inner if isinstance(kind, pl.List) else None
    if not isinstance(inner, pl.Struct) or not set(fields) <= {f.name for f in inner.fields}:
        return False  # a Parquet column need not hold objects
    elements = frame.lazy().select(name).filter(pl.col(name).list.len() > 0).explode(name)
    empty = pl.any_horizontal(pl.col(name).struct.field(field).is_null().any() for field in fields)
    return bool(elements.select(empty).collect().item())
