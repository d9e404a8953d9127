"""A stage's function as Python calls it: rows where it reads tables, a dict where it reads pipeline.yaml, text for paths.

It prints nothing: what a command would say on standard error is a warning of Python, and what it returns shows itself.
"""

import inspect
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import wraps
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

from komep_dataset.config.config import load_config
from komep_dataset.errors import KomepError, require
from komep_dataset.progress import hearing
from komep_dataset.tables.memory import TAKEN, as_files
from komep_dataset.tables.problems import in_rows

_PACKAGE = __name__.partition(".")[0]
TABLES, TABLE, CONFIG = "tables", "table", "config"
# What the docstring of a function says of such an argument.
_DOCS = {
    TABLES: f"{TAKEN}.",
    TABLE: "the same, but one table.",
    CONFIG: "the path of a pipeline.yaml, the same as a dict, or what `load_config` made of it.",
}
_MAP = re.compile(r"--map (?:'([^'=]+)=([^']+)'|([^\s=']+)=(=?[\w-]+))")
_OTHERWISE = {"round": "rounds", "labels": "path"}  # than the option is called
_OPTION = re.compile(r"(?<![\w`-])--([a-z][a-z-]*[a-z])\b(?: (stop|reject)\b)?")


def callable_with(
    function: Callable, name: str, kinds: Mapping[str, str], shown: Callable[[Any], Any]
) -> Callable:
    """A function of a stage, for whoever calls it by Python.

    Args:
        function: of the stage.
        name: what it is called here.
        kinds: argument -> `TABLES`, `TABLE` or `CONFIG`; those that are a `Path` by their annotation take text, too.
        shown: is given what it returns, and gives it to the caller.
    """
    signature = inspect.signature(function, eval_str=True)
    paths = {p.name for p in signature.parameters.values() if _is_path(p.annotation)} - kinds.keys()
    lists = {p.name for p in signature.parameters.values() if p.annotation == Sequence[Path]} - kinds.keys()

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{name}() {error}") from None
        given = bound.arguments
        try:
            with hearing(_warn), ExitStack() as stack:
                if CONFIG in kinds.values():
                    require("llm", "datatrove", "aiohttp")
                _check_map(given.get("columns"))
                for each in given.keys() - kinds.keys() - lists - {"columns"}:
                    check_type(given[each], signature.parameters[each].annotation, each)
                for each in paths & given.keys():
                    given[each] = None if given[each] is None else Path(given[each]).expanduser()
                for each in lists & given.keys():
                    given[each] = _paths(given[each], each)
                for each in kinds.keys() & given.keys():
                    needed = signature.parameters[each].default is not None and each != "inputs"
                    given[each] = _read(given[each], each, kinds[each], stack, needed)
                return shown(function(*bound.args, **bound.kwargs))
        except KomepError as error:
            error.args = (in_python(str(error)),)
            raise error.with_traceback(None) from None

    told = "\n".join(f"    {each}: {_DOCS[kind]}" for each, kind in kinds.items())
    call.__name__ = call.__qualname__ = name
    call.__module__ = _PACKAGE
    more = f"{inspect.cleandoc(function.__doc__)}\n\nFrom Python:\n{told}"
    call.__doc__ = more if told else function.__doc__
    named = [p.replace(annotation=Any) if p.name in kinds else p for p in signature.parameters.values()]
    call.__signature__ = signature.replace(parameters=named)
    return call


def in_python(text: str) -> str:
    """A message as it names options to whoever calls by Python: `on_error="reject"`, not `--on-error reject`."""

    def named(found: re.Match) -> str:
        return _OTHERWISE.get(found[1], found[1].replace("-", "_")) + (f'="{found[2]}"' if found[2] else "")

    text = _MAP.sub(lambda found: f'columns={{"{found[1] or found[3]}": "{found[2] or found[4]}"}}', text)
    return "`".join(part if i % 2 else _OPTION.sub(named, part) for i, part in enumerate(text.split("`")))


def _is_path(annotation: Any) -> bool:
    kinds = {*(get_args(annotation) or (annotation,))}
    return annotation != Sequence[Path] and Path in kinds <= {Path, str, type(None)}


def check_type(given: Any, annotation: Any, name: str) -> None:
    """Raise `KomepError` for a value of another type than an argument is annotated with, as far as this names one of `_TYPES`."""
    kinds = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    known = {kind: _TYPES.get(get_origin(kind) or kind) for kind in kinds if kind is not type(None)}
    if not all(known.values()) or (given is None and type(None) in kinds):
        return
    if (kind := next((kind for kind, one in known.items() if one.fits(given)), None)) is None:
        words = " or ".join(sorted(one.words for one in known.values()))
        raise KomepError(f"{name}: give {words}, not {_called(given)}", exit_code=2)
    inside = get_args(kind) if isinstance(given, (Mapping, list, tuple)) else ()
    for key, value in (given.items() if isinstance(given, Mapping) else enumerate(given)) if inside else ():
        try:
            check_type(value, inside[-1], name)
        except KomepError as error:
            raise KomepError(f"{error}, for {key!r}", exit_code=2) from None


class _Type(NamedTuple):
    """What a type of an annotation takes, and how a message calls that."""

    fits: Callable[[Any], bool]
    words: str


def _is(*types: type) -> Callable[[Any], bool]:
    return lambda given: isinstance(given, types)


def _is_number(kind: type) -> Callable[[Any], bool]:
    return lambda given: isinstance(given, kind) and not isinstance(given, bool)


_TYPES = {
    str: _Type(_is(str), "text"),
    bool: _Type(lambda given: isinstance(given, bool) or type(given).__name__ == "bool_", "True or False"),
    int: _Type(_is_number(Integral), "a whole number"),
    float: _Type(_is_number(Real), "a number"),
    Path: _Type(_is(str, PathLike), "a path"),
    Mapping: _Type(_is(Mapping), "a dict"),
    Sequence: _Type(
        lambda given: isinstance(given, Iterable) and not isinstance(given, (str, bytes, Mapping)), "a list"
    ),
    Callable: _Type(callable, "a function"),
}


def _called(given: Any) -> str:
    return "None" if given is None else type(given).__name__


def _paths(given: Any, name: str) -> list[Path]:
    """One path, or several, as paths."""
    wanted = f"{name}: give a path or a list of them, not"
    if isinstance(given, (str, PathLike)):
        given = [given]
    if not _TYPES[Sequence].fits(given):
        raise KomepError(f"{wanted} {_called(given)}", exit_code=2)
    given = list(given)
    if wrong := [one for one in given if not isinstance(one, (str, PathLike))]:
        raise KomepError(f"{wanted} {_called(wrong[0])} in it", exit_code=2)
    return [Path(one).expanduser() for one in given]


def _read(given: Any, name: str, kind: str, stack: ExitStack, needed: bool) -> Any:
    if kind == CONFIG:
        return load_config(given)
    if given is None and needed:
        raise KomepError(f"{name}: give a table or rows, not None", exit_code=2)
    files = stack.enter_context(as_files(given, name))
    if kind == TABLES:
        if not files and given is not None:
            raise KomepError(f"{name}: an empty list; give a table or rows, or leave it out", exit_code=2)
        return files
    if len(files) != 1:
        raise KomepError(f"{name}: {len(files)} tables; give one", exit_code=2)
    return files[0]


def _check_map(columns: Any) -> None:
    names = [name for one in columns.items() for name in one] if isinstance(columns, Mapping) else [None]
    if columns is not None and not all(isinstance(name, str) for name in names):
        raise KomepError("columns: give a dict of the rows' own name of a column -> the known one", 2)


def _warn(line: str) -> None:
    """Make a warning of a note, as it comes, of the line that called."""
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_globals["__name__"].startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(in_python(in_rows(line)), stacklevel=level)
