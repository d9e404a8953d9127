"""Rows of any origin against a row type: pure checks, which know no file. `reading` brings rows from files to them.

Every fault of a row is found at once; a row without one is a dict with the columns of its type.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import is_dataclass
from typing import Any, get_args, get_origin

import polars as pl

from komep_dataset.schema import Reason, Unit, Verdict, column_types, polars_schema
from komep_dataset.tables.columns import others_told
from komep_dataset.tables.problems import LINE, Fault, Problem
from komep_dataset.tables.values import misfits, quoted, stands_for_none, written

_ACCEPTED = {"true": Verdict.TRUE, "참": Verdict.TRUE, "false": Verdict.FALSE, "거짓": Verdict.FALSE}
_ACCEPTED["unknown"] = Verdict.UNKNOWN
# Words that stand for a verdict elsewhere and not here, where 0 may be the first of several labels -> the accepted one.
_MEANT = {
    **dict.fromkeys(
        [
            "t",
            "1",
            "1.0",
            "yes",
            "y",
            "o",
            "ok",
            "correct",
            "right",
            "supported",
            "support",
            "supports",
            "entailed",
            "entailment",
            "factual",
            "verified",
            "accurate",
            "s",
            "예",
            "네",
            "맞음",
            "맞다",
            "옳음",
            "사실",
            "정답",
            "진실",
            "○",
        ],
        Verdict.TRUE,
    ),
    **dict.fromkeys(
        [
            "f",
            "0",
            "0.0",
            "no",
            "n",
            "x",
            "incorrect",
            "wrong",
            "refuted",
            "refute",
            "contradicted",
            "contradiction",
            "contradicts",
            "hallucinated",
            "hallucination",
            "inaccurate",
            "untrue",
            "ns",
            "아니오",
            "아니요",
            "틀림",
            "틀리다",
            "틀렸음",
            "오류",
            "오답",
            "허위",
            "×",
        ],
        Verdict.FALSE,
    ),
}
Checks = Callable[[pl.DataFrame, list[set[str]]], list[list[Fault]]]


def verdict_of(given: Any) -> Any:
    """A verdict as the tables have it: of a boolean, and of the words true, false, unknown, 참 and 거짓 in any letters, with
    blanks and signs around them; anything else as it is."""
    if isinstance(given, bool):
        return (Verdict.TRUE if given else Verdict.FALSE).value
    if not isinstance(given, str) or given in ("true", "false", "unknown"):
        return given
    known = _ACCEPTED.get(_word(given))
    return known.value if known else given


def verdict_advice(given: object) -> str:
    """What is said of a word that is no verdict: which one it may be."""
    meant = _MEANT.get(_word(str(given)), Verdict.UNKNOWN)
    words = ", ".join(verdict.value for verdict in Verdict)
    return f"unknown verdict {quoted(given)}; give one of {words}, or 참, 거짓 (nearest: {meant.value})"


def _word(text: str) -> str:
    return re.sub(r"^[\W_]+|[\W_]+$", "", text).casefold() or text.strip()


def row_of(row: Mapping[Any, Any], record: type, optional: Collection[str]) -> dict[str, Any] | list[Fault]:
    """A row of any columns as one of a record type, or all that is wrong with it."""
    values = typed(row, record)
    return faults_of(values, record, optional) or values


def typed(row: Mapping[Any, Any], record: type) -> dict[str, Any]:
    """The columns of a record type in a row: text in parts as a text, verdicts as the tables have them."""
    values = {}
    for name, (hint, _) in column_types(record).items():
        value = row.get(name)
        if hint is str:
            value = plain_text(value)
        elif get_origin(hint) is list and isinstance(value, str) and value.lstrip()[:1] == "[":
            with suppress(ValueError):  # as what went through a CSV has it
                value = written(value)
        if get_origin(hint) is list and is_dataclass(get_args(hint)[0]) and isinstance(value, dict):
            value = _rows_of(value)
        if get_args(hint) == (Unit,) and isinstance(value, list):
            value = [
                one | {"verdict": verdict_of(one["verdict"])}
                if isinstance(one, dict) and "verdict" in one
                else one
                for one in value
            ]
        values[name] = value
    return values


def _rows_of(columns: Mapping[str, Any]) -> Any:
    """Objects that are written field by field, as `datasets` did before 4.0: `{text: […], verdict: […]}`; anything else as it is."""
    lists = [value for value in columns.values() if isinstance(value, list)]
    if not lists or len(lists) < len(columns) or len({len(value) for value in lists}) > 1:
        return columns
    return [dict(zip(columns, values, strict=True)) for values in zip(*lists, strict=True)]


def faults_of(values: Mapping[str, Any], record: type, optional: Collection[str]) -> list[Fault]:
    """Every value of a row that is missing, or of another type, column by column; of what is inside a column, its path."""
    found = []
    for name, (hint, nullable) in column_types(record).items():
        for place, reason, detail in misfits(values.get(name), hint, nullable or name in optional, name):
            if place.endswith(".verdict") and reason != Reason.MISSING_FIELD:
                detail += f" ({', '.join(verdict.value for verdict in Verdict)})"
            found.append(Fault(name, reason, detail if place == name else f"{place}: {detail}"))
    return found


def csv_row(row: Mapping[str, str], record: type, optional: Collection[str]) -> dict[str, Any] | list[Fault]:
    """A row of CSV as `row_of` gives it: numbers and lists as such; an empty cell, or one that stands for none, is none;
    a column is found in capitals, too."""
    values = csv_typed(row, record)
    return csv_faults(row, values, record, optional) or values


def csv_typed(row: Mapping[str, str], record: type) -> dict[str, Any]:
    """The cells of a row as values of a record type, where they can be read as such."""
    cells = {name.casefold(): cell for name, cell in row.items() if name} | row
    values: dict[str, Any] = {}
    for name, (hint, _) in column_types(record).items():
        cell = cells.get(name) or ""
        values[name] = cell = None if not cell or stands_for_none(cell) else cell
        if hint is not str and cell is not None:
            with suppress(ValueError):
                values[name] = hint(cell) if hint in (int, float) else written(cell)
    return typed(values, record)


def csv_faults(
    row: Mapping[str, str], values: Mapping[str, Any], record: type, optional: Collection[str]
) -> list[Fault]:
    """`faults_of` the values that `csv_typed` read from a row, with what its cells say."""
    told, cells = [], {name.casefold(): cell for name, cell in row.items() if name} | row
    for fault in faults_of(values, record, optional):
        cell = cells.get(fault.column)
        if values[fault.column] is None and cell:
            fault = fault._replace(detail=f"no value ({cell!r} stands for none)")
        elif fault.detail.startswith("expected a list"):
            fault = fault._replace(detail=f"{fault.detail}; write each cell with json.dumps")
        told.append(fault)
    return told


def plain_text(value: Any) -> Any:
    """The text of content in parts, as OpenAI's API has it, where all of them are text; anything else as it is."""
    if not isinstance(value, list) or not value:
        return value
    plain = (
        isinstance(part, dict)
        and isinstance(part.get("text"), str)
        and "text" in str(part.get("type", "text"))
        for part in value
    )
    return "".join(part["text"] for part in value) if all(plain) else value


def checked_rows(
    rows: Iterable[tuple[int, Mapping[Any, Any] | Problem]],
    file: str,
    record: type,
    optional: Collection[str],
    *,
    of_csv: bool = False,
    maps: bool = False,
    nowhere: Collection[str] = (),
    checks: Checks | None = None,
) -> tuple[pl.DataFrame, list[Problem]]:
    """Rows as a typed frame, and those that cannot be used.

    Args:
        rows: (line, row under the known names or what is wrong with it).
        file: where they come from, for messages.
        record: the row type; other columns are left out.
        optional: columns that may be absent although the record says that they are not null.
        of_csv: whether all values are text.
        maps: whether the command has `--map`, which messages then recommend.
        nowhere: columns that the table as a whole lacks.
        checks: what else is wrong with the values that have the right type, of a frame of rows with faults and the names of
            the columns that have them.

    Returns:
        (frame with the record's columns and `_line`; a problem a row).
    """
    schema, names = {**polars_schema(record), LINE: pl.Int64}, column_types(record)
    good: list[dict[str, Any]] = []
    bad: list[tuple[Mapping[Any, Any], dict[str, Any], list[Fault]]] = []
    problems: list[Problem] = []
    for line, row in rows:
        if isinstance(row, Problem):
            problems.append(row)
            continue
        values = (csv_typed if of_csv else typed)(row, record)
        found = csv_faults(row, values, record, optional) if of_csv else faults_of(values, record, optional)
        if not found:
            good.append(values | {LINE: line})
            continue
        wrong = {fault.column for fault in found}
        fitting = {name: None if name in wrong else values[name] for name in names}
        bad.append((row, fitting | {LINE: line}, found))
    if checks and bad:
        frame = pl.DataFrame([fitting for _, fitting, _ in bad], schema=schema)
        more = checks(frame, [{fault.column for fault in found} for *_, found in bad])
        bad = [(*one, found + also) for (*one, found), also in zip(bad, more, strict=True)]
    for row, fitting, found in bad:
        lacking = [
            fault.column
            for fault in found
            if fault.reason == Reason.MISSING_FIELD and ": " not in fault.detail
        ]
        if lacking and (told := others_told(row, names, lacking, maps, nowhere)):
            at = next(n for n, fault in enumerate(found) if fault.column == lacking[0])
            found[at] = found[at]._replace(detail=found[at].detail + told)
        problems.append(Problem.of_row(file, fitting[LINE], found))
    return pl.DataFrame(good, schema=schema), sorted(problems, key=lambda one: one.line)
