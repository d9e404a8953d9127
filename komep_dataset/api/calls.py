"""A stage's function as Python calls it: rows where it reads tables, a dict where it reads pipeline.yaml, text for paths.

It prints nothing: what a command would say on standard error is a warning of Python, and what it returns shows itself.
"""

import inspect
import re
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import wraps
from pathlib import Path
from typing import Any, get_args

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
                for each in paths & given.keys():
                    given[each] = _path(given[each], each)
                for each in lists & given.keys():
                    some = [given[each]] if isinstance(given[each], (str, Path)) else given[each]
                    given[each] = [_path(one, each) for one in some]
                for each in kinds.keys() & given.keys():
                    given[each] = _read(given[each], each, kinds[each], stack)
                _check_map(given.get("columns"))
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


def _path(given: Any, name: str) -> Path | None:
    if given is None:
        return None
    try:
        return Path(given).expanduser()
    except TypeError:
        raise KomepError(f"{name}: give a path, not {type(given).__name__}", exit_code=2) from None


def _read(given: Any, name: str, kind: str, stack: ExitStack) -> Any:
    if kind == CONFIG:
        return load_config(given)
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
