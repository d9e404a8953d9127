"""The key `selection:` of pipeline.yaml: what a build may be told, as a record that is read from YAML."""

from collections.abc import Iterator, Mapping
from dataclasses import field, make_dataclass, replace
from pathlib import Path
from typing import Any

from komep_dataset.build_options import OPTIONS
from komep_dataset.config.yaml_records import choice
from komep_dataset.options import Option
from komep_dataset.pairs.options import rule_problem


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
        yield "pairs", problem


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
