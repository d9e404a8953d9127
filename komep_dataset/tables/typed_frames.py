"""Parquet columns of other types made to fit a row type, and rows that lack a value taken out."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any, get_args, get_origin

from komep_dataset.schema import Reason, column_types
from komep_dataset.tables.problems import LINE, Problem

if TYPE_CHECKING:
    import polars as pl


def fit_types(frame: pl.DataFrame, file: str, schema: pl.Schema) -> tuple[pl.DataFrame, list[Problem]]:
    """Cast a Parquet batch to a schema where nothing is lost; rows with a value of another type are problems."""
    import polars as pl

    problems: list[Problem] = []
    for name, wanted in schema.items():
        if frame.schema[name] == wanted:
            continue
        if not _castable(frame.schema[name], wanted):
            bad = frame.filter(pl.col(name).is_not_null())
            detail = f"expected {wanted}, got {frame.schema[name]}"
            problems += [Problem(file, n, name, Reason.WRONG_TYPE, detail) for n in bad[LINE]]
            frame = frame.filter(pl.col(name).is_null()).with_columns(pl.lit(None, wanted).alias(name))
        else:
            frame = frame.with_columns(_cast(pl.col(name), frame.schema[name], wanted))
    return frame.select(*schema, LINE), problems


def _castable(given: pl.DataType, wanted: pl.DataType) -> bool:
    import polars as pl

    if given == wanted or given == pl.Null:
        return True
    if isinstance(wanted, pl.List):
        return isinstance(given, pl.List) and _castable(given.inner, wanted.inner)
    if isinstance(wanted, pl.Struct):
        have = {f.name: f.dtype for f in given.fields} if isinstance(given, pl.Struct) else {}
        return bool(have) and all(f.name in have and _castable(have[f.name], f.dtype) for f in wanted.fields)
    if wanted == pl.String:
        return isinstance(given, (pl.Categorical, pl.Enum))
    if wanted == pl.Float64:
        return given.is_numeric()
    return wanted == pl.Int64 and given.is_integer()


def _cast(column: pl.Expr, given: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    """Cast by field name: polars casts a struct by position."""
    import polars as pl

    if isinstance(wanted, pl.List) and isinstance(wanted.inner, pl.Struct) and isinstance(given, pl.List):
        names = [f.name for f in wanted.inner.fields]
        fields = pl.struct(pl.element().struct.field(n) for n in names)
        # A null element has null fields, and stays to be seen by the check for missing values.
        return column.list.eval(fields).cast(wanted)
    return column.cast(wanted)


def drop_missing(
    frame: pl.DataFrame, file: str, record: type, optional: frozenset[str]
) -> tuple[pl.DataFrame, list[Problem]]:
    """Take out the rows in which a required column, or a field inside its list, has no value."""
    import polars as pl

    problems: list[Problem] = []
    for name, (hint, nullable) in column_types(record).items():
        missing = pl.lit(False) if nullable or name in optional else pl.col(name).is_null()
        if (
            get_origin(hint) is list
            and is_dataclass(get_args(hint)[0])
            and _has_null_inside(frame, name, hint)
        ):
            element = pl.element()
            for inner in column_types(get_args(hint)[0]):
                empty = pl.col(name).list.eval(element.struct.field(inner).is_null()).list.any()
                missing = missing | empty.fill_null(False)
        bad = frame.filter(missing)
        if bad.height:
            problems += [Problem(file, n, name, Reason.MISSING_FIELD, "no value") for n in bad[LINE]]
            frame = frame.filter(~missing)
    return frame, problems


def _has_null_inside(frame: pl.DataFrame, name: str, hint: Any) -> bool:
    """Whether any object of a list column lacks a field: a look at the whole column, before one at each row."""
    import polars as pl

    if not _is_list_of(frame, name, hint):
        return False
    elements = frame.lazy().select(name).filter(pl.col(name).list.len() > 0).explode(name)
    fields = (pl.col(name).struct.field(inner).is_null().any() for inner in column_types(get_args(hint)[0]))
    return bool(elements.select(pl.any_horizontal(fields)).collect().item())


def _is_list_of(frame: pl.DataFrame, name: str, hint: Any) -> bool:
    """Whether a column really is a list of objects with the fields of a record (a Parquet column may not be)."""
    import polars as pl

    kind = frame.schema[name]
    inner = kind.inner if isinstance(kind, pl.List) else None
    wanted = column_types(get_args(hint)[0])
    return isinstance(inner, pl.Struct) and set(wanted) <= {f.name for f in inner.fields}
