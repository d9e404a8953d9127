"""The key `selection:` of pipeline.yaml: what a build may be told, as a record that is read from YAML."""

from collections.abc import Iterator
from dataclasses import field, make_dataclass
from typing import Any

from komep_dataset.build_options import OPTIONS
from komep_dataset.config.yaml_records import choice
from komep_dataset.options import Option


def _problems(selection: Any) -> Iterator[tuple[str, str]]:
    """(key, what is wrong with its value); None is no value."""
    for option in OPTIONS:
        value = getattr(selection, option.name)
        if option.choices:
            yield from choice(option.name, value, option.choices)
        elif option.range and value is not None and not option.allows(value):
            yield option.name, option.range.problem(value)


def _key(option: Option) -> tuple[str, Any, Any]:
    if option.nullable or option.default is None:
        return option.name, option.type | None, None
    default = option.default
    return option.name, option.type, field(default_factory=default.copy) if option.read else default


Selection = make_dataclass(
    "Selection", map(_key, OPTIONS), frozen=True, slots=True, kw_only=True, namespace={"problems": _problems}
)
