"""Where a result may go: a file is replaced only by the command that could have written it.

Whatever lies at an output path is the user's until it proves to be ours: a table by its columns, a JSON by its keys,
a page by its title; an empty file is nobody's. Anything else is refused, with what was found. Links are followed,
so that a link stays one. What is written is written beside, then renamed.
"""

import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.files.locks import locked
from komep_dataset.progress import tell
from komep_dataset.schema import BUILD_FILE, SUMS_FILE, column_types
from komep_dataset.system import mounts

Owned = Callable[[Path], bool]  # whether a file that is there is one that the output may replace
Mark = tuple[Owned, str]  # and what such a file is, for messages
REJECTS = "rejects.jsonl"
HEAD_BYTES = 1 << 20  # of a file, in which its mark must stand
LINE_BYTES = 64 << 20  # of a line of JSONL; a longer one is none of ours
# Addresses, of which `Path` keeps one slash (a single letter is a drive); `~`, `$HOME` and the like.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_NOT_FILLED_IN = re.compile(r"(?:~\w*|\$\w+|\$\{\w+\}|\$\(.*\)|%\w+%)(?:/|$)")
SHOWN_NAMES, SHOWN_COLUMNS = 3, 4  # of what lies there, or should, in a message


def resolved(path: Path, option: str = "--output") -> Path:
    """The place behind a path: absolute, links followed; it need not be there.

    Raises `KomepError` where links lead in a circle, or the path is none.
    """
    if what := no_place(path):
        raise KomepError(f"{option} {path}: {what}", exit_code=2)
    try:
        str(path).encode("utf-8")  # no table and no reader of it takes another name
        place = Path(path).resolve()
        with suppress(FileNotFoundError, NotADirectoryError):
            place.stat()
    except (OSError, RuntimeError, ValueError) as error:
        # A circle of links is a RuntimeError before Python 3.13.
        why = getattr(error, "strerror", None) or {
            RuntimeError: "links that lead in a circle",
            UnicodeEncodeError: "a name that is not UTF-8",
        }.get(type(error), error)
        shown = f"{str(path)!a}" if isinstance(error, ValueError) else path
        raise KomepError(f"{option} {shown}: {why}") from None
    return place


def no_place(path: Path) -> str:
    """Why a path as a user gives it is none of this machine, and what to do; else ""."""
    if _ADDRESS.match(str(path)):
        return (
            "an address, and files are written and read here alone; name a folder of this machine, and copy it there with the "
            "tool of that place (a release goes to the Hub by `komep publish`)"
        )
    if _NOT_FILLED_IN.match(str(path)):
        return "the shell has not filled it in (it was quoted, or stands behind `=`); give the whole path"
    return "a result is a file, and is not printed; name one" if str(path) == "-" else ""


def check_file(path: Path, owned: Owned, kind: str, option: str = "--output") -> Path:
    """The place of an output file, which may be written: nothing is there, or what `owned` says to be ours.

    Args:
        path: as the user gave it.
        owned: one of this module's marks.
        kind: what is written there, for messages: "table of scored generations".
        option: that gave the path.

    Raises:
        KomepError: something else is there, or no file can be.
    """
    place = resolved(path, option)
    check_writable(place, option)
    if place.is_dir():
        raise KomepError(f"{option} {path}: is a folder; name a file in it")
    if any(mount.point == place for mount in mounts()):
        raise KomepError(
            f"{option} {path}: a mount point, in whose place no file can be put; mount its folder, or name a file elsewhere"
        )
    return _free(place, "file", owned, kind, f"{option} {path}")


def check_folder(folder: Path, owned: Owned, kind: str, option: str = "--output") -> Path:
    """The place of an output folder, which may be filled: it is not there, empty, or `owned`; see `check_file`."""
    return _free(resolved(folder, option), "folder", owned, kind, f"{option} {folder}")


def _free(place: Path, what: str, owned: Owned, kind: str, given: str) -> Path:
    """The place of a file or folder, if nothing is there, or one that is empty or ours."""
    try:
        fits = Path.is_file if what == "file" else Path.is_dir
        if not os.path.lexists(place) or (fits(place) and (_is_empty(place) or owned(place))):
            return place
        found = _described(place)
    except OSError as error:
        raise KomepError(f"{given}: cannot be read ({error.strerror or error})") from error
    raise KomepError(f"{given}: holds {found}, no {kind}; it is left as it is: name another {what}")


def _is_empty(place: Path) -> bool:
    return not any(place.iterdir()) if place.is_dir() else place.stat().st_size == 0


def _described(place: Path) -> str:
    """What lies at a path, in a few words."""
    if place.is_dir():
        names = sorted(entry.name for entry in place.iterdir())
        more = f" and {len(names) - SHOWN_NAMES:,} more" if len(names) > SHOWN_NAMES else ""
        return f"{', '.join(names[:SHOWN_NAMES])}{more}" if names else "an empty folder"
    if not place.is_file():
        return "no regular file"
    begin = _head(place, 60).decode("utf-8", "replace").split("\n")[0]
    begins = f" that begins {begin[:40]!r}" if begin.isprintable() and begin.strip() else ""
    return f"a file of {place.stat().st_size:,} bytes{begins}"


def table_of(record: type) -> Mark:
    """The mark of a table: it has the columns of the record, all but those that may be null, and no other.

    Of JSONL, every line has. A table in a release is none that a command replaces.
    """
    columns = column_types(record)
    needed = {name for name, (_, nullable) in columns.items() if not nullable}
    shown = ", ".join(list(dict.fromkeys([*record.KEY, *columns]))[:SHOWN_COLUMNS])

    def owned(path: Path) -> bool:
        return all(needed <= names <= columns.keys() for names in _columns(path)) and not in_release(path)

    return owned, f"table with the columns {shown}, …"


def in_release(path: Path) -> bool:
    """Whether a file lies in a release: there, nothing is written but by a build."""
    marks = (SUMS_FILE, BUILD_FILE)
    return any(all((folder / mark).is_file() for mark in marks) for folder in path.parents[:2])


def _columns(path: Path) -> Iterator[set[str]]:
    """Names of the columns of a Parquet file, or of each line of a JSONL file; none of what is neither."""
    if _head(path, 4) == b"PAR1":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            yield set(pq.read_schema(path).names)
        except (pa.ArrowException, OSError):
            yield set()
        return
    with path.open("rb") as file:
        for line in iter(lambda: file.readline(LINE_BYTES), b""):
            row = _json(line)
            yield set(row) if isinstance(row, dict) else set()


def json_with(*keys: str) -> Mark:
    """The mark of a JSON file: an object, or a list of objects, with these keys."""

    def owned(path: Path) -> bool:
        content = _json(path.read_bytes())
        first = content[0] if isinstance(content, list) and content else content
        return isinstance(first, dict) and set(keys) <= set(first)

    return owned, f"JSON with the keys {', '.join(keys)}"


def lines_with(*keys: str) -> Mark:
    """The mark of a JSONL file: every line is an object with these keys."""
    kind = f"JSONL with the keys {', '.join(keys)}"
    return lambda path: all(set(keys) <= names for names in _columns(path)), kind


def text_with(mark: bytes, kind: str) -> Mark:
    """The mark of a text: these bytes near its beginning."""
    return lambda path: mark in _head(path, HEAD_BYTES), kind


def _head(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        return file.read(size)


def utf16_of(content: bytes) -> str:
    """The name of the encoding where bytes are a text in UTF-16, with a mark or without; else "".

    Without one, the blanks, signs and line ends of a text leave NULs in every other byte, and few elsewhere (those of 가).
    """
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    head = content[:512]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if 3 * min(even, odd) > max(even, odd) or max(even, odd) < max(2 - (0 in head[:2]), len(head) / 25):
        return ""
    return "utf-16-be" if even > odd else "utf-16-le"


def _json(text: bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _holds_rejects(path: Path) -> bool:
    """Whether any line is a reject: a file that was damaged, or written into, is still ours, and no other can be named.

    What a cut leaves of the first line counts, and so do the NULs that a power cut leaves of a whole file.
    """
    head = _head(path, HEAD_BYTES)
    if order := utf16_of(head):  # what PowerShell and Windows' editor make of it
        rows = map(_json, head.decode(order, "replace").encode().split(b"\n"))
        return any(isinstance(row, dict) and row.keys() >= REJECT_KEYS for row in rows)
    whole = any(names >= REJECT_KEYS for names in _columns(path))
    return whole or _head(path, 11) == b'{"stage": "' or not _head(path, HEAD_BYTES).strip(b"\0")


REJECT_KEYS = {"stage", "key", "reason"}
REJECTS_MARK = _holds_rejects, lines_with(*sorted(REJECT_KEYS))[1]


def check_tables(tables: Mapping[Path, type]) -> None:
    """Raise `KomepError` unless a stage may write its tables (path -> record) and `rejects.jsonl` beside the first.

    For before the work, which may cost money: it looks at what lies there, and whether the folder can be written.
    """
    for path, record in tables.items():
        if in_release(check_file(path, *table_of(record))):
            what = "lies in a release, which a build alone writes; name another file"
            raise KomepError(f"--output {path}: {what}")
    check_file(next(iter(tables)).parent / REJECTS, *REJECTS_MARK)


def check_writable(place: Path, option: str = "--output") -> None:
    """Raise `KomepError` where the folder of a file or folder cannot be written, or not be made."""
    there = next((folder for folder in place.parents if os.path.lexists(folder)), place)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        why = "it may not be written" if there.is_dir() else "it is a file, no folder"
        raise KomepError(f"{option} {place}: cannot be written ({there}: {why})")


@contextmanager
def stage_outputs(work: Path, tables: Mapping[Path, type]) -> Iterator[None]:
    """Hold a stage's folder and its first table while it works; `check_tables` is done before anything else.

    Raises `KomepError` where another run holds one of them.
    """
    check_tables(tables)
    with locked(resolved(work, "work")), locked(resolved(next(iter(tables)))):
        yield


def edited_names(name: str) -> Iterator[str]:
    """The names under which an edited file is kept, the first one first: `NAME.edited`, `NAME.edited-2`, …"""
    yield f"{name}.edited"
    yield from (f"{name}.edited-{number}" for number in count(2))


def set_aside(path: Path) -> Path:
    """Rename a file to the first free one of its `edited_names`; `KomepError` where the folder does not let it."""
    kept = next(p for p in map(path.with_name, edited_names(path.name)) if not os.path.lexists(p))
    try:
        path.rename(kept)
    except OSError as error:
        what = f"cannot be moved to {kept.name} ({error.strerror}); move it away"
        raise KomepError(f"{path}: {what}") from error
    return kept


def read_own_json(path: Path) -> Any:
    """The content of a JSON object of ours whose name no option gives; None where there is none. One that is cut is set
    aside to be written anew, and stderr says so."""
    if is_cut_json(path):
        tell(f"note: {path}: damaged; kept as {set_aside(path).name}, made anew")
    return _json(path.read_bytes()) if path.is_file() else None


def is_cut_json(path: Path) -> bool:
    """Whether a file is what a cut, or NULs after a power cut, leave of a JSON object; anything else is somebody's."""
    content = path.read_bytes() if path.is_file() else b""
    return content[:1] in (b"{", b"\0") and bool(content) and _json(content) is None


@contextmanager
def replacing(path: Path, owned: Owned | None = None, kind: str = "") -> Iterator[Path]:
    """A path beside `path` to write to; renamed over `path` if the block ends well, removed if it does not.

    Args:
        path: the output.
        owned, kind: as in `check_file`; left out only where the folder is known to be ours.

    Raises:
        KomepError: something else is there, or the folder cannot be written.
    """
    given, path = path, check_file(path, owned, kind) if owned else resolved(path)
    # Not the process id: two containers have the same ones.
    beside = path.with_name(f".{path.name}.writing-{uuid.uuid4().hex[:12]}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        if path.exists():
            shutil.copymode(path, beside)
        beside.replace(path)
    except OSError as error:
        raise KomepError(f"{given}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def write_text(path: Path, text: str, owned: Owned | None = None, kind: str = "") -> None:
    """Write a text as `replacing` does."""
    with replacing(path, owned, kind) as beside:
        beside.write_text(text, "utf-8")


def write_json(
    path: Path, content: object, mark: Mark | tuple[None, str] = (None, ""), **options: Any
) -> None:
    """Write a JSON file as `replacing` does; `options` are those of `json.dumps`, such as another `indent`."""
    write_text(path, json.dumps(content, **{"indent": 1, "ensure_ascii": False} | options) + "\n", *mark)


@dataclass(frozen=True, slots=True)
class Beside:
    """A JSON object of ours beside a table, `<name>.<ending>.json`: what its rows come from."""

    ending: str
    keys: tuple[str, ...]

    def path(self, table: Path) -> Path:
        return table.with_name(f"{table.stem}.{self.ending}.json")

    def keep(self, table: Path, content: Mapping[str, Any] | None) -> None:
        """Write it, or, of nothing, take away what an earlier run left there."""
        if content:
            write_json(self.path(table), content, json_with(*self.keys))
        elif self.read(table):
            self.path(table).unlink()

    def read(self, table: Path) -> dict[str, Any] | None:
        """What `keep` wrote; None where there is nothing of ours."""
        path, (owned, _) = self.path(table), json_with(*self.keys)
        return read_own_json(path) if path.is_file() and owned(path) else None
