"""A YAML file as frozen dataclasses: known keys, right types, and every mistake named by its file and key.

A dataclass that is read may have `problems()`, which yields (key, what is wrong with its value). `NOT_KEYS` are fields
that no file may set (`nulls` takes the names of those that it sets to null); `SHORTHAND` has words that may stand for a
whole record; `FILL_IN` is called with the keys of a record before they are read, and may add some.
"""

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml

from komep_dataset.errors import KomepError
from komep_dataset.schema import column_types
from komep_dataset.tables.values import check_value, kind_of, quoted


def read_yaml(path: Path) -> Any:
    class Loader(yaml.SafeLoader):
        """SafeLoader that refuses a key that stands twice, where YAML would silently take the last."""

    def mapping(loader, node, deep=False):
        keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
        for index, key in enumerate(keys):
            if key in keys[:index]:
                line = node.value[index][0].start_mark.line + 1
                raise KomepError(f"{path}:{line}: the key {key!r} stands twice")
        return yaml.SafeLoader.construct_mapping(loader, node, deep=True)

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    try:
        return yaml.load(path.read_text("utf-8"), Loader)  # Loader is a SafeLoader
    except OSError as error:
        what = "is a folder; name the file in it" if path.is_dir() else f"cannot be read ({error.strerror})"
        raise KomepError(f"{path}: {what}") from error
    except UnicodeDecodeError as error:
        raise KomepError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise KomepError(f"{place}: not YAML ({getattr(error, 'problem', None) or 'unreadable'})") from error


def as_yaml(value: Any) -> Any:
    """A value of Python as YAML would have given it: lists for tuples, text for paths, plain numbers for those of numpy."""
    if isinstance(value, Mapping):
        return {key: as_yaml(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_yaml(inner) for inner in value]
    return value.item() if hasattr(value, "item") else str(value) if isinstance(value, Path) else value


def build_record(cls: type, raw: Any, file: str, where: str) -> Any:
    """A mapping as a dataclass; `where` is the path of its key, with a dot at the end unless empty."""
    if isinstance(raw, str):
        raw = getattr(cls, "SHORTHAND", {}).get(raw, raw)
    _check(raw, dict, False, file, where.rstrip(".") or "the file")
    if fill_in := getattr(cls, "FILL_IN", None):
        try:
            raw = fill_in(raw)
        except ValueError as error:
            key, problem = error.args
            raise KomepError(f"{file}: {where}{key}: {problem}") from None
    no_keys, values = getattr(cls, "NOT_KEYS", ()), {}
    types = {name: kind for name, kind in column_types(cls).items() if name not in no_keys}
    for key in raw:
        if key not in types:
            raise KomepError(f"{file}: {where}{key}: unknown key; {nearest(str(key), types)}")
    for item in fields(cls):
        if item.name in raw and item.name in types:
            hint, nullable = types[item.name]
            values[item.name] = _value(hint, nullable, raw[item.name], file, f"{where}{item.name}")
        elif item.default is MISSING and item.default_factory is MISSING:
            raise KomepError(f"{file}: {where}{item.name}: missing")
    if "nulls" in no_keys:
        values["nulls"] = tuple(name for name in types if name in raw and raw[name] is None)
    built = cls(**values)
    for key, problem in getattr(built, "problems", tuple)():
        raise KomepError(f"{file}: {where}{key}: {problem}")
    return built


def _value(hint: Any, nullable: bool, raw: Any, file: str, where: str) -> Any:
    kind, inner = get_origin(hint) or hint, get_args(hint)
    if is_dataclass(hint) and not (raw is None and nullable):
        return build_record(hint, raw, file, f"{where}.")
    _check(raw, kind, nullable, file, where)
    if raw is None:
        return None
    if kind is Mapping:
        return {str(name): _value(inner[1], False, one, file, f"{where}.{name}") for name, one in raw.items()}
    if kind is tuple:
        return tuple(_value(inner[0], False, one, file, f"{where}[{i}]") for i, one in enumerate(raw))
    if kind is Path:  # no shell fills in the home folder here
        return Path(os.path.expanduser(raw))  # noqa: PTH111 - of an unknown user it stays as it is
    return float(raw) if kind is float else raw


def _check(raw: Any, kind: Any, nullable: bool, file: str, where: str) -> None:
    # What is not shown may be a key itself, or hold one.
    hidden = "key" in where or isinstance(raw, (dict, list))
    if misfit := check_value(raw, kind, nullable, where, quote=kind_of if hidden else quoted):
        raise KomepError(f"{file}: {where}: {misfit[2]}")


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like another, however far it is; None where none is known."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)), None)


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message that refuses a name: which one may be meant."""
    close = closest(name, known)
    return "none is configured" if close is None else f"did you mean {close!r}?"


def choice(key: str, value: str | None, known: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if value is not None and value not in known:
        yield key, f"{value!r} is none of {', '.join(known)}; {nearest(value, known)}"


def at_least(key: str, value: int | None, least: int) -> Iterator[tuple[str, str]]:
    if value is not None and value < least:
        yield key, f"{value} is below {least}"
