"""Rows of any origin against a row type: pure checks, which know no file. `reading` brings rows from files to them.

Every fault of a row is found at once; a row without one is a dict with the columns of its type.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, is_dataclass
from typing import Any, get_args, get_origin

import polars as pl

from komep_dataset.schema import Reason, Unit, Verdict, column_types, polars_schema
from komep_dataset.tables.columns import others_told
from komep_dataset.tables.problems import LINE, Fault, Problem
from komep_dataset.tables.values import misfits, quoted, stands_for_none, written

_ACCEPTED = {"true": Verdict.TRUE, "참": Verdict.TRUE, "false": Verdict.FALSE, "거짓": Verdict.FALSE}
_ACCEPTED["unknown"] = Verdict.UNKNOWN
# The words that stand for a verdict elsewhere and not here, where 0 may be the first of several labels.
_WORDS = {
    Verdict.TRUE: "t 1 1.0 yes y o ok correct right supported support supports entailed entailment factual verified accurate s 예 네 "
    "맞음 맞다 옳음 사실 정답 진실 ○",
    Verdict.FALSE: "f 0 0.0 no n x incorrect wrong refuted refute contradicted contradiction contradicts hallucinated hallucination "
    "inaccurate untrue ns 아니오 아니요 틀림 틀리다 틀렸음 오류 오답 허위 ×",
}
_MEANT = {word: verdict for verdict, words in _WORDS.items() for word in words.split()}
_VERDICTS = [verdict.value for verdict in Verdict]
_GIVE_ONE = f"give one of {', '.join(_VERDICTS)}, or 참, 거짓"
SLIP_LETTERS = 3  # letters from which on a word may be a longer one with a slip
SHOWN_UNITS = 3  # of a row, those that are named of one kind of fault
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
    return f"unknown verdict {quoted(given)}; {_GIVE_ONE} (nearest: {_nearest(given)})"


def verdicts_advice(given: Sequence[object]) -> str:
    """What is said of the verdicts of a row's units, of which one at least is none: all of these, each by the place of its unit; ""
    where all are verdicts, or are of no type that a verdict has."""
    bad = [(n, one) for n, one in enumerate(given) if isinstance(one, str) and one not in _VERDICTS]
    if len(bad) < 2:
        return verdict_advice(bad[0][1]) if bad else ""
    shown = (f"units[{n}].verdict {quoted(one)} (nearest: {_nearest(one)})" for n, one in bad[:SHOWN_UNITS])
    return f"unknown verdicts: {', '.join(shown)}{_and_more(len(bad))}; {_GIVE_ONE}"


def _and_more(n: int) -> str:
    return f", and {n - SHOWN_UNITS:,} more" if n > SHOWN_UNITS else ""


def _nearest(given: object) -> str:
    """The verdict that a word stands for elsewhere, or that it is but for one slip of the hand; else `unknown`."""
    word = _word(str(given))
    if word not in _MEANT and len(word) >= SLIP_LETTERS:
        known = (one for one in (*_ACCEPTED, *_MEANT) if len(one) > SLIP_LETTERS and _one_slip(word, one))
        word = next(known, word)
    return (_MEANT | _ACCEPTED).get(word, Verdict.UNKNOWN).value


def _one_slip(one: str, other: str) -> bool:
    """Whether a letter more, less or other, or two that changed places, make one word of the other."""
    for _ in range(2):  # without the letters that they begin with, and, the other way round, end with
        begin = next(
            (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
        )
        one, other = one[begin:][::-1], other[begin:][::-1]
    return max(len(one), len(other)) == 1 or (len(one) == 2 and one == other[::-1])


def _word(text: str) -> str:
    return re.sub(r"^[\W_]+|[\W_]+$", "", text).casefold() or text.strip()


def row_of(
    row: Mapping[Any, Any], record: type, optional: Collection[str], *, of_csv: bool = False
) -> tuple[dict[str, Any], list[Fault]]:
    """(the columns of a record type in a row of any columns, all that is wrong with them, column by column).

    Args:
        row: column -> value, as it was given.
        record: the row type; other columns are left out.
        optional: columns that may be absent although the record says that they are not null.
        of_csv: whether all values are text: numbers and lists are read from it, an empty cell, or one that stands for none, is
            none, and a column is found in capitals, too.
    """
    values: dict[str, Any] = {}
    found: list[Fault] = []
    cells = {name.casefold(): cell for name, cell in row.items() if name} | row if of_csv else row
    for name, (hint, nullable) in column_types(record).items():
        cell = cells.get(name)
        values[name] = value = _typed(_of_csv(cell, hint) if of_csv else cell, hint)
        inside: list[Fault] = []
        for place, reason, detail in misfits(value, hint, nullable or name in optional, name):
            if place.endswith(".verdict") and reason != Reason.MISSING_FIELD:
                detail += f" ({', '.join(verdict.value for verdict in Verdict)})"
            if place != name:  # of what is inside a column, its path
                inside.append(Fault(name, reason, f"{place}: {detail}"))
                continue
            if of_csv and value is None and cell:
                detail = f"no value ({cell!r} stands for none)"
            elif of_csv and detail.startswith("expected a list"):
                detail += "; write each cell with json.dumps, as in scored.csv by `komep init`"
            found.append(Fault(name, reason, detail))
        found += _few(inside)
        if inside and get_args(hint) == (
            Unit,
        ):  # which nothing looks at any more that needs the column's type
            verdicts = [one.get("verdict") if isinstance(one, dict) else None for one in value]
            if told := verdicts_advice(verdicts):
                found.append(Fault(name, Reason.BAD_VALUE, told))
    return values, found


def _few(inside: Sequence[Fault]) -> Iterator[Fault]:
    """Of faults inside a column, the first of each reason, the last of these with how many more there are."""
    counts, seen = Counter(fault.reason for fault in inside), Counter()
    for fault in inside:
        seen[fault.reason] += 1
        if (n := seen[fault.reason]) <= SHOWN_UNITS:
            more = _and_more(counts[fault.reason]) if n == SHOWN_UNITS else ""
            yield fault._replace(detail=fault.detail + more)


def _of_csv(cell: str | None, hint: Any) -> Any:
    """A cell of CSV as a value of a type, where it can be read as such."""
    if not cell or stands_for_none(cell):
        return None
    if hint is not str:
        with suppress(ValueError):
            return hint(cell) if hint in (int, float) else written(cell)
    return cell


def _typed(value: Any, hint: Any) -> Any:
    """A value as its column has it: text in parts as a text, verdicts as the tables have them."""
    if hint is str:
        return plain_text(value)
    if get_origin(hint) is not list:
        return value
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        with suppress(ValueError):  # as what went through a CSV has it
            value = written(value)
    if is_dataclass(get_args(hint)[0]) and isinstance(value, dict):
        value = _rows_of(value)
    if get_args(hint) == (Unit,) and isinstance(value, list):
        return [
            one | {"verdict": verdict_of(one["verdict"])}
            if isinstance(one, dict) and "verdict" in one
            else one
            for one in value
        ]
    return value


def _rows_of(columns: Mapping[str, Any]) -> Any:
    """Objects that are written field by field, as `datasets` did before 4.0: `{text: […], verdict: […]}`; anything else as it is."""
    lists = [value for value in columns.values() if isinstance(value, list)]
    if not lists or len(lists) < len(columns) or len({len(value) for value in lists}) > 1:
        return columns
    return [dict(zip(columns, values, strict=True)) for values in zip(*lists, strict=True)]


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


@dataclass(frozen=True, slots=True)
class Reading:
    """How rows become typed ones.

    Args:
        record: the row type; other columns are left out.
        optional: columns that may be absent although the record says that they are not null.
        columns: a map of names.
        maps: whether the command has `--map`, which messages then recommend.
        checks: what else is wrong with the values that have the right type, of a frame of rows with faults and the names of
            the columns that have them.
        nowhere: columns that the table as a whole lacks.
    """

    record: type
    optional: Collection[str] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    maps: bool = False
    checks: Checks | None = None
    nowhere: Collection[str] = ()

    def checked(
        self, rows: Iterable[tuple[int, Mapping[Any, Any] | Problem]], file: object, *, of_csv: bool = False
    ) -> tuple[pl.DataFrame, list[Problem]]:
        """Rows as a typed frame, and those that cannot be used.

        Args:
            rows: (line, row under the known names or what is wrong with it).
            file: where they come from, for messages.
            of_csv: whether all values are text.

        Returns:
            (frame with the record's columns and `_line`; a problem a row).
        """
        schema, names = {**polars_schema(self.record), LINE: pl.Int64}, column_types(self.record)
        good: list[dict[str, Any]] = []
        bad: list[tuple[Mapping[Any, Any], dict[str, Any], list[Fault]]] = []
        problems: list[Problem] = []
        for line, row in rows:
            if isinstance(row, Problem):
                problems.append(row)
                continue
            values, found = row_of(row, self.record, self.optional, of_csv=of_csv)
            if not found:
                good.append(values | {LINE: line})
                continue
            fitting = values | dict.fromkeys((fault.column for fault in found), None)
            bad.append((row, fitting | {LINE: line}, found))
        if self.checks and bad:
            frame = pl.DataFrame([fitting for _, fitting, _ in bad], schema=schema)
            more = self.checks(frame, [{fault.column for fault in found} for *_, found in bad])
            bad = [(*one, found + also) for (*one, found), also in zip(bad, more, strict=True)]
        for row, fitting, found in bad:
            missing = (one for one in found if one.reason == Reason.MISSING_FIELD)
            lacking = [one.column for one in missing if ": " not in one.detail]
            if lacking and (told := others_told(row, names, lacking, self.maps, self.nowhere)):
                at = next(n for n, fault in enumerate(found) if fault.column == lacking[0])
                found[at] = found[at]._replace(detail=found[at].detail + told)
            problems.append(Problem.of_row(str(file), fitting[LINE], found))
        return pl.DataFrame(good, schema=schema), sorted(problems, key=lambda one: one.line)
