"""Whether a value of a file fits a type, and what a message says where it does not; which cells of CSV hold none."""

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

from komep_dataset.schema import Reason, column_types
from komep_dataset.tables.problems import Fault, shown

Scalar = str | int | float | bool
# A type -> what JSON and YAML have for it, and how a message calls that.
_KINDS: dict[Any, tuple[tuple[type, ...], str]] = {
    str: ((str,), "a string"),
    Path: ((str,), "a path"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    bool: ((bool,), "true or false"),
    list: ((list,), "a list"),
    tuple: ((list,), "a list"),
    dict: ((dict,), "keys and values"),
    Mapping: ((dict,), "names and values"),
    UnionType: ((str, int, float, bool), "a plain value"),  # Scalar
    Any: ((object, bool), "a value"),
}

# What programs write into a text table for a value that is not there (pandas, R, MySQL, R's factors), and what
# spreadsheets, in any language, and JavaScript leave of one that could not be worked out.
_NO_VALUE = re.compile(
    r"NA|-?NaN|-?nan|NAN|-?1\.#(?:IND|QNAN)|<NA>|NaT|None|NULL|null|[(\[<]?(?:null|NULL)[)\]>]|N/A|n/a|\\N|NA_(?:character|real|integer)_|undefined"
    r"|#N/A N/A|#(?:REF|N/?[ADV]|Н/Д|GETTING_DATA|NOM \?)|#{3,}|#[¡¿]?[^\s#]{2,20}[!?]|Err:\d{3}|\[object Object\]"
)

NO_VALUE = f"^(?:{_NO_VALUE.pattern})$"  # of a cell without the blanks around it, for polars


def stands_for_none(cell: str) -> bool:
    """Whether a whole cell of a text table says that there is no value. `Na` may be sodium, and is one."""
    return bool(_NO_VALUE.fullmatch(cell.strip()))


def written(text: str) -> Any:
    """A value that is written as JSON, or as Python prints it, which pandas does in a CSV; else `ValueError`."""
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            return read(text.strip())
    raise ValueError("neither JSON nor Python; write each cell with json.dumps")


def quoted(value: Any) -> str:
    """A value as JSON, at most 60 characters of it."""
    return shown(value, 60, 57)


def kind_of(value: Any) -> str:
    """What a value is, without what it holds."""
    return _KINDS.get(type(value), ((), f"a {type(value).__name__}"))[1]


def check_value(
    value: Any, hint: Any, nullable: bool, name: str, *, exact: bool = False, quote: Callable = quoted
) -> Fault | None:
    """None if a value fits a type, else the first of its `misfits`."""
    return next(misfits(value, hint, nullable, name, exact=exact, quote=quote), None)


def misfits(
    value: Any, hint: Any, nullable: bool, name: str, *, exact: bool = False, quote: Callable = quoted
) -> Iterator[Fault]:
    """Where a value does not fit a type, by the path of each place; `exact`: objects have no other keys."""
    if value is None:
        if not (nullable or hint is Any):
            yield Fault(name, Reason.MISSING_FIELD, "no value")
        return
    wanted, words = _KINDS[dict if is_dataclass(hint) else get_origin(hint) or hint]
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        comma = hint is float and isinstance(value, str) and re.fullmatch(r"\s*[01],\d+\s*", value)
        point = "; write it with a point" if comma else ""
        yield Fault(name, Reason.WRONG_TYPE, f"expected {words}, got {quote(value)}{point}")
    elif hint in (int, float) and isinstance(value, int) and not -(2**63) <= value < 2**63:
        reason = Reason.WRONG_TYPE if hint is int else Reason.BAD_VALUE
        yield Fault(name, reason, f"{quote(value)} is too large")
    elif is_dataclass(hint):
        columns = column_types(hint)
        if exact and value.keys() != columns.keys():
            found = f"expected the keys {', '.join(columns)}, got {', '.join(value)}"
            yield Fault(name, Reason.BAD_VALUE, found)
            return
        others = ", ".join(quoted(key) for key in value if key not in columns)
        for key, (inner, null) in columns.items():
            for fault in misfits(value.get(key), inner, null, f"{name}.{key}", exact=exact):
                missing = others and fault.reason == Reason.MISSING_FIELD
                yield fault._replace(detail=f"no value; beside it: {others}") if missing else fault
    elif list in wanted and (of := get_args(hint)):
        for place, one in enumerate(value):
            yield from misfits(one, of[0], False, f"{name}[{place}]", exact=exact)
