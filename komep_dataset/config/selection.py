"""The key `selection:` of pipeline.yaml: what a build may be told, as a record that is read from YAML, and in messages."""

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, make_dataclass, replace
from pathlib import Path
from typing import Any

from komep_dataset.build_options import OPTIONS
from komep_dataset.config.yaml_records import choice
from komep_dataset.errors import KomepError
from komep_dataset.options import Option
from komep_dataset.pairs.options import rule_problem
from komep_dataset.progress import HEARERS, hearing

_KEYS = {option.flag: f"selection.{option.name}" for option in OPTIONS}
# What a message says of a build's options; those that it says of a command that it names stay.
_OF_BUILD = re.compile(
    rf"`[^`]*`|(?<![\w/-])komep build [^;`]*|(?<![\w-])({'|'.join(sorted(_KEYS, key=len, reverse=True))})(?![\w-])"
)
# The same of what else `komep run` takes from its file, or has no choice in.
_OF_RUN = (
    (re.compile(r"--map (?:'([^'=]+)=([^']+)'|([^\s=']+)=(=?[\w-]+))"), r"columns: {\1\3: \2\4}"),
    (re.compile(r"(?<![\w`-])--on-error reject\b"), "`komep questions --on-error reject`"),
    (re.compile(r"(?<![\w`-])--output (?=\S)"), ""),
    (re.compile(r"(?<![\w`-])--base\b"), "base"),
)


def _problems(selection: Any) -> Iterator[tuple[str, str]]:
    """(key, what is wrong with its value); None is no value."""
    for option in OPTIONS:
        value = getattr(selection, option.name)
        if option.choices:
            yield from choice(option.name, value, option.choices)
        elif option.range and value is not None and not option.allows(value):
            yield option.name, option.range.problem(value)
        elif option.check and value is not None and not option.allows(value):
            yield option.name, f"{value!r}: {option.wanted}"
    if problem := rule_problem(selection):
        yield "pairs", in_settings(problem)


def _paths(selection: Any) -> dict[str, dict[str, Path]]:
    """Option -> name -> path, of the options that name files; a path that has no name stands under ""."""
    values = {option.name: getattr(selection, option.name) for option in OPTIONS if option.read}
    return {name: v if isinstance(v, Mapping) else {"": v} for name, v in values.items() if v is not None}


def _placed(selection: Any, base: Path) -> Any:
    """The same with every path in full; relative ones begin at a folder."""
    full = {name: {n: base / p for n, p in paths.items()} for name, paths in selection.paths().items()}
    return replace(selection, **{name: paths.get("", paths) for name, paths in full.items()})


def _key(option: Option) -> tuple[str, Any, Any]:
    if option.nullable or option.default is None:
        return option.name, option.type | None, None
    default = option.default
    return option.name, option.type, field(default_factory=default.copy) if option.read else default


Selection = make_dataclass(
    "Selection",
    map(_key, OPTIONS),
    frozen=True,
    slots=True,
    kw_only=True,
    namespace={"problems": _problems, "paths": _paths, "placed": _placed},
)


def in_settings(text: str, *, chained: bool = False) -> str:
    """A message as it names options to whoever has them in a file: `selection.min_margin`, not `--min-margin`.

    `chained`: what the file says besides, which `komep run` and `komep preview` have no option for.
    """
    text = _OF_BUILD.sub(lambda found: _KEYS.get(found[1], found[0]), text)
    for option, key in _OF_RUN if chained else ():
        text = option.sub(key, text)
    return text


@contextmanager
def said_in_settings(*, chained: bool = False) -> Iterator[None]:
    """Have what is told or raised within name keys of the file of settings; see `in_settings`."""
    outer = HEARERS[-1] if HEARERS else lambda line: print(line, file=sys.stderr)
    with hearing(lambda line: outer(in_settings(line, chained=chained))):
        try:
            yield
        except KomepError as error:
            error.args = (in_settings(str(error), chained=chained),)
            raise
