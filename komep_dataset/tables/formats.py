"""Which files are tables, by their names, and what they hold as bytes, lines and text.

Of a folder, nothing is left out in silence: a file is a table, is known to be none, or is named in an error.
"""

import difflib
import io
import json
import lzma
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import LINE_BYTES, REJECTS
from komep_dataset.progress import tell
from komep_dataset.system import late
from komep_dataset.tables.encodings import HEAD, decoded, is_wide, utf8_lines
from komep_dataset.tables.problems import listed

pa, pq = late("pyarrow"), late("pyarrow.parquet")

JSONL, JSON, CSV, PARQUET, ARROW = "JSONL", "JSON", "CSV", "Parquet", "Arrow"
FORMATS = {
    ".jsonl": JSONL,
    ".ndjson": JSONL,
    ".jsonlines": JSONL,
    ".json": JSON,
    ".csv": CSV,
    ".tsv": CSV,
    ".tab": CSV,
    ".parquet": PARQUET,
    ".arrow": ARROW,
    ".feather": ARROW,
}
PACKED = (".gz", ".zst", ".bz2", ".xz")  # all of these but Parquet and Arrow, which are packed inside
# How a file begins, whatever it is called -> how it is packed.
_PACKINGS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2", b"\xfd7zX": "xz"}
DAMAGED = (OSError, EOFError, lzma.LZMAError)  # what reading a packed file may raise
KNOWN = ".jsonl, .json, .csv, .tsv (packed as .gz, .zst, .bz2 or .xz, too), .parquet or .arrow"
# By these a JSON object is a row; one without them may hold its rows under a name.
_OF_A_ROW = {
    "question",
    "prompt",
    "response",
    "units",
    "chosen",
    "rejected",
    "messages",
    "conversations",
    "instruction",
}
# By the names of these columns, what is no table by its own name is one.
_OF_QUESTIONS = re.compile(
    r"question(?:_(?!id|type|number|no|index)\w+)?|query|stem|problem|prompt|response|chosen|문제|문항|질문",
    re.I,
)
# What lies beside tables and holds none: what we write there, what systems do, and documents.
_NO_TABLE = re.compile(
    r".*\.(verdicts|translations)\.parquet|.*\.(judges|evidence)\.json|.*\.edited(-\d+)?|"
    + re.escape(REJECTS)
    + r"|(done|judge|preflight|slurm|stats|executor|build|provenance|quality|croissant|export|dataset_infos?|dataset_dict|state)\.json"
    r"|outcome\.\d{5}\.json|sha256sums|makefile|dockerfile"
    r"|_success|_(common_)?metadata|_(started|committed)_.*|.*\.crc|(eh)?thumbs\.db|~\$.*"
    r"|(readme|licen[cs]e|copying|notice|sources?|citation|changelog|contributing|authors|requirements)(\.txt)?"
    r"|.*\.(md|markdown|rst|html?|pdf|tex|bib|ya?ml|toml|cfg|ini|cff|py|ipynb|sh|r|log|lock|sha256|md5|png|jpe?g|gif|svg)",
    re.I | re.S,
)
_SAVED = "(Excel: File, Save As, CSV UTF-8; LibreOffice: Save As, Text CSV)"
# How what is no table begins, whatever it is called -> what it is, and what to do.
_FOREIGN = {
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself; fetch that with `git lfs pull`",
    b"PK\x03\x04": f"a workbook or a zip; save its sheet as CSV UTF-8 {_SAVED}, or unpack it",
    b"\xd0\xcf\x11\xe0": f"a workbook; save its sheet as CSV UTF-8 {_SAVED}",
    b"<!doctype html": "a web page (HTML); download the file that it leads to",
    b"<html": "a web page (HTML); download the file that it leads to",
    b"arrow1": "Arrow by its content; name it .arrow",
    b"\xff\xff\xff\xff": "Arrow by its content; name it .arrow",
    b"7z\xbc\xaf": "packed as 7z; unpack it",
    b"rar!": "packed as RAR; unpack it",
}
# A part of a whole by its name: `test-00000-of-00002.parquet`, `rows.1of4.jsonl`.
_DOCUMENT = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[\s*\{|\{[ \t\r]*\n)")
_COMMAS = (b"},\n", b"},\r\n", b"},\r", b"},")
_BETWEEN = re.compile(r"[\s,]*")  # of objects one behind the other
_PART = re.compile(r"(.*?)(\d+)(?:[-_. ]of[-_. ]|of)(\d+)(?!\d).*", re.I | re.S)


def format_of(path: Path) -> str | None:
    """The format of a table by its name, in capitals or not; None where it is none."""
    packed = path.suffix.lower() in PACKED
    kind = FORMATS.get((path.with_suffix("") if packed else path).suffix.lower())
    return None if packed and kind in (PARQUET, ARROW) else kind


def is_document(path: Path) -> bool:
    """Whether a file is known by its name to be no table: a document, a program, what systems write."""
    return bool(_NO_TABLE.fullmatch(path.name))


def stem_of(path: Path) -> str:
    """The name without the endings that say its format: `test` of `test.jsonl.gz`."""
    path = path.with_suffix("") if path.suffix.lower() in PACKED else path
    return path.stem if path.suffix.lower() in FORMATS else path.name


def table_files(paths: Iterable[Path]) -> list[Path]:
    """The tables behind paths: files, and those of folders, in depth, through links, sorted within a folder.

    Hidden files and folders, documents, rejects and evidence that lie beside a table are never input.

    Raises:
        KomepError: a path does not exist, a folder holds no table, or one holds what cannot be read and may hold rows.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        check_there(path)
        for folder in path.parents:
            _check_whole(folder)
        found = tables_in(path) if path.is_dir() else [path]
        if not found:
            raise KomepError(f"{path}: no {KNOWN} file in this folder")
        files += found
    for path in files:
        try:
            str(path).encode("utf-8")
        except UnicodeEncodeError:
            raise KomepError(
                f"{str(path)!a}: a name that is not UTF-8, which no release can hold; rename it"
            ) from None
    check_parts(files)
    return files


def check_there(path: Path) -> None:
    """Raise `KomepError` where an input is neither a file nor a folder; a pipe cannot be read twice, as tables are."""
    if str(path) != "-" and not path.exists():
        of_map = "=" in path.name and f"; each name of a column takes its own --map: --map {path}"
        raise KomepError(f"{path}: no such file or folder{of_map or nearest_told(path)}")
    if not (path.is_file() or path.is_dir()):
        raise KomepError(f"{path}: no regular file; save what comes through it to a file, and name that")


def nearest_told(path: Path) -> str:
    """The name beside a path that is nearest to its own, as the end of a sentence; "" where none is alike."""
    names = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"; the nearest is {path.parent / near[0]}" if near else ""


def check_parts(files: Iterable[Path]) -> None:
    """Raise `KomepError` where names say that files are parts of a whole, and not all of its parts are there."""
    wholes: dict[tuple[Path, str, str], dict[int, str]] = {}
    for path in files:
        if part := _PART.fullmatch(path.name):
            wholes.setdefault((path.parent, part[1], part[3]), {})[int(part[2])] = part[2]
    for (folder, before, of), there in wholes.items():
        total, width = int(of), max(map(len, there.values()))
        # As `datasets` and Spark count, unless a name says otherwise.
        first = int(total in there or (0 not in there and width < 5))
        missing = [f"{before}{n:0{width}d}-of-{of}" for n in range(first, first + total) if n not in there]
        if missing:
            raise KomepError(
                f"{folder}: {len(there)} of {total} parts, as their names say; missing ({len(missing)}):\n"
                f"{listed(missing)}\nGive all of them; to read some alone, rename them."
            )


def tables_in(folder: Path) -> list[Path]:
    """The tables of a folder, perhaps none; see `table_files`."""
    tables, strange = [], []
    for path in files_in(folder):
        if is_document(path) and not (path.is_file() and _holds_rows(path)):
            continue
        if not path.is_file():
            strange.append(f"{path}: " + ("links to nothing" if path.is_symlink() else "no regular file"))
        elif format_of(path) and path.name not in cached(path.parent):
            tables.append(path)
        elif format_of(path) == ARROW:
            continue
        elif path.stat().st_size:
            strange.append(path)
    if strange:
        raise KomepError(
            f"{folder}: what may hold rows and cannot be read as a table ({len(strange)}):\n{listed(strange)}\n"
            f"Write them as {KNOWN}, move them out of the folder, or name the files to read instead of the folder."
        )
    return tables


def cached(folder: Path) -> frozenset[str]:
    """The names of Arrow files in a folder by `save_to_disk` that are no part of it: what `datasets` computed later."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        own = {one["filename"] for one in json.loads((folder / "state.json").read_bytes())["_data_files"]}
        return frozenset(path.name for path in folder.glob("*.arrow") if path.name not in own)
    return frozenset()


def _holds_rows(path: Path) -> bool:
    """Whether a file that is no table by its name holds questions or answers all the same: as Parquet, JSON, YAML, or, of
    any other, in its first line."""
    found: Any = None
    kind, kept = format_of(path), re.search(r"\.edited(-\d+)?$", path.name)
    try:
        if kind == PARQUET:
            found = dict.fromkeys(pq.read_schema(path).names)
        elif path.suffix.lower() in (".yaml", ".yml"):
            import yaml

            found = {"": yaml.load(path.read_bytes(), yaml.CSafeLoader)}
            found |= found[""] if isinstance(found[""], dict) else {}
            found = {name: value for name, value in found.items() if isinstance(value, list)}
        elif not kept:
            with path.open("rb") as file:
                found = json.loads(file.read() if kind == JSON else file.readline(LINE_BYTES))
    except Exception:  # what is damaged, or of another kind, raises what its library likes
        with path.open("rb") as file:
            keys = re.findall(r'"([^"\\\n]{1,40})"\s*:', file.read(LINE_BYTES).decode("utf-8", "replace"))
        return kind in (JSON, JSONL) and any(map(_OF_QUESTIONS.fullmatch, keys))
    inner = found.values() if isinstance(found, dict) else [found]
    rows = [found, *(value[0] for value in inner if isinstance(value, list) and value)]
    return any(isinstance(row, dict) and any(_OF_QUESTIONS.fullmatch(str(n)) for n in row) for row in rows)


def _check_whole(folder: Path) -> None:
    """Raise `KomepError` for the folder of a table of which a log says what counts: in its files stand deleted rows."""
    logs = {"_delta_log": "Delta", ".hoodie": "Hudi", "_versions": "Lance"}
    logs["metadata/version-hint.text"] = "Iceberg"
    kind = next((logs[log] for log in logs if os.path.lexists(folder / log)), "")
    if kind or next(folder.glob("metadata/*.metadata.json"), None):
        raise KomepError(
            f"{folder}: a table of {kind or 'Iceberg'}, whose files hold deleted rows too; write what it holds now to a "
            "Parquet file elsewhere, by its own library, and read that"
        )


def files_in(folder: Path) -> list[Path]:
    """All that is no folder below a folder, through links, sorted; what is hidden is left out.

    Raises `KomepError` for a folder that cannot be read.
    """

    def stop(error: OSError) -> None:
        what = f"cannot be read ({error.strerror}); give it back, or move it away"
        raise KomepError(f"{error.filename}: {what}")

    found, seen = [], set()
    for top, inner, names in os.walk(folder, onerror=stop, followlinks=True):
        place = Path(top).resolve()
        if place in seen:  # a link that leads back, or here by another way
            inner.clear()
            continue
        seen.add(place)
        _check_whole(Path(top))
        inner[:] = [name for name in inner if not name.startswith(".")]
        found += [Path(top, name) for name in names if not name.startswith(".")]
    return sorted(found)


def opened(path: Path) -> io.BufferedReader:
    """A file's bytes, unpacked; one of `DAMAGED`, perhaps later on, where it is damaged.

    Raises `KomepError` where it cannot be opened, or is no text.
    """
    try:
        raw = path.open("rb")
        begin = raw.peek(4)[:4]
    except OSError as error:
        raise KomepError(f"{path}: cannot be read ({error.strerror})") from error
    if begin == b"PAR1":
        raise KomepError(f"{path}: Parquet by its content; name it .parquet")
    packing = next((kind for magic, kind in _PACKINGS.items() if begin.startswith(magic)), None)
    if packing == "xz":
        raw = io.BufferedReader(lzma.LZMAFile(raw))  # noqa: SIM115 - the caller closes it
    elif packing:
        raw = io.BufferedReader(pa.CompressedInputStream(raw, packing))
    if what := foreign(raw.peek(HEAD)):
        raise KomepError(f"{path}: {what}")
    return raw


def foreign(begin: bytes) -> str:
    """What a file is by its beginning, and what to do, where it is known to be no table; else ""."""
    if begin[257:262] == b"ustar":
        return "a tar archive; unpack it"
    begin = begin.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return next((what for magic, what in _FOREIGN.items() if begin.startswith(magic.lower())), "")


def unreadable_parquet(path: Path, error: Exception) -> KomepError:
    """What is said of a Parquet file that cannot be read as a whole."""
    what = ""
    with suppress(OSError), path.open("rb") as file:
        what = "" if format_of(path) == ARROW else foreign(file.read(HEAD))
    said = (str(error).splitlines() or [type(error).__name__])[0]
    kind = format_of(path) or PARQUET
    return KomepError(f"{path}: {what or f'not a readable {kind} file ({said}); is it whole?'}")


def json_lines(path: Path, *, quiet: bool = False) -> Iterator[tuple[int, bytes]]:
    """(number, line) of each line of JSONL that is not blank, in UTF-8 without a mark; of a JSON file that is one list, of each
    of its items. What begins as a document over several lines is one, whatever its name.

    A line feed ends a line, or a carriage return before an object; U+2028, U+0085, form feeds and the like are text. What other
    encoding a file is in, and that commas stand behind its objects, is told on stderr, unless `quiet`.

    Raises `KomepError` where the file cannot be read.
    """
    try:
        with opened(path) as file:
            head = file.peek(HEAD)[:HEAD]
            if format_of(path) == JSON or _DOCUMENT.match(head) or is_wide(head):
                text, note = decoded(file.read(), path)
                if note and not quiet:
                    tell(f"note: {note}")
                content = text.encode("utf-8", "surrogateescape")
                whole = format_of(path) == JSON or _DOCUMENT.match(content)
                lines = _items(content, path) if whole else io.BytesIO(content)
            else:
                lines = utf8_lines(file, path, quiet=quiet)
            told = quiet
            for number, line in enumerate(_ended(lines), 1):
                line = line.removeprefix(b"\xef\xbb\xbf")  # on any line, where files were joined
                if line.endswith(_COMMAS):
                    line = line[: line.rindex(b",")] + b"\n"
                    if not told:
                        what = f"the commas behind its objects, from line {number} on, are left out"
                        tell(f"note: {path}: {what}")
                    told = True
                if line.strip():
                    yield number, line
    except DAMAGED as error:
        raise unreadable(path, error) from error


def _ended(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines that end in a carriage return, as well: JSON has none within a text, so that one before an object ends a line."""
    for line in lines:
        if line.find(b"\r", 0, len(line) - 2) < 0:
            yield line
        else:
            parts = line.splitlines(keepends=True)
            begin = (part.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] for part in parts)
            yield from parts if all(sign in (b"", b"{") for sign in begin) else [line]


def unreadable(path: Path, error: Exception) -> KomepError:
    """What is said of a file whose bytes cannot be read, all or some of them."""
    return KomepError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})")


class _AsWritten(dict[str, Any]):
    """An object in which a key stands twice: `json.dumps` writes both again, so that whoever reads the row refuses it."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def items(self) -> Any:
        return self._pairs


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _AsWritten(pairs)


def _items(content: bytes, path: Path) -> Iterable[bytes]:
    """A JSON file's items, each as a line: those of a list, or of the only list of objects that an object holds, or the
    rows of one that pandas or R wrote column by column; lines as they are where it is JSONL by another name."""
    try:
        whole = json.loads(content, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        return _documents(content, path, error)
    whole = _turned(whole) if isinstance(whole, dict) else whole
    if isinstance(whole, dict) and not _OF_A_ROW & {name.casefold() for name in whole}:
        full = {name: rows for name, rows in whole.items() if isinstance(rows, list) and rows}
        lists = [name for name, rows in full.items() if isinstance(rows[0], dict)]
        if len(lists) > 1:
            names = ", ".join(lists)
            raise KomepError(f"{path}: rows may stand under {names}; write the one list that is meant alone")
        whole = whole[lists[0]] if lists else whole
    return [json.dumps(item).encode() for item in (whole if isinstance(whole, list) else [whole])]


def _is_json(line: bytes) -> bool:
    """Whether a line holds an object or a list by itself."""
    with suppress(ValueError, RecursionError):
        return isinstance(json.loads(line), (dict, list))
    return False


def _documents(content: bytes, path: Path, error: Exception) -> Iterable[bytes]:
    """The objects of a file that holds one behind the other, each over several lines; its lines where any of the first is an
    object by itself. Raises `KomepError` with the `error` of a document that is damaged."""
    if _DOCUMENT.match(content) and content.lstrip()[:1] == b"{":
        found, text, at, decoder = (
            [],
            content.decode("utf-8", "replace"),
            0,
            json.JSONDecoder(object_pairs_hook=_object),
        )
        try:
            while (at := _BETWEEN.match(text, at).end()) < len(text):
                one, at = decoder.raw_decode(text, at)
                found.append(json.dumps(one).encode())
            return found
        except (ValueError, RecursionError) as later:
            error = later
    lines = [line for line in content.split(b"\n", 20)[:20] if len(line.strip()) > 2]
    if len(lines) < 3 or not _DOCUMENT.match(content) or any(map(_is_json, lines)):
        return io.BytesIO(content)
    raise KomepError(
        f"{path}:{getattr(error, 'lineno', 1)}: not JSON ({getattr(error, 'msg', error)}); is the file whole?"
    )


def _turned(whole: dict[str, Any]) -> Any:
    """The rows of a frame that is written as an object: by columns, by an index, or split (pandas), or as lists (R); any
    other object as it is."""
    inner, names = list(whole.values()), {name.casefold() for name in whole}
    if names >= {"columns", "data"} and all(isinstance(row, list) for row in whole["data"]):
        return [dict(zip(whole["columns"], row, strict=False)) for row in whole["data"]]
    if len({type(value) for value in inner}) != 1 or not isinstance(inner[0], (dict, list)):
        return whole
    if _OF_A_ROW & names and len({len(value) for value in inner}) == 1 and len(inner) > 1:
        keys = list(inner[0]) if isinstance(inner[0], dict) else range(len(inner[0]))
        same = isinstance(inner[0], list) or all(value.keys() == inner[0].keys() for value in inner)
        return [{name: column[key] for name, column in whole.items()} for key in keys] if same else whole
    rows = isinstance(inner[0], dict) and all(_OF_A_ROW & {str(n).casefold() for n in row} for row in inner)
    return inner if rows and not _OF_A_ROW & names else whole


def csv_text(path: Path, size: int = -1) -> tuple[str, str]:
    """The text of a CSV file as spreadsheets save it, or of its first `size` bytes, and a note where it is no UTF-8; see
    `encodings.decoded`.

    Raises `KomepError` where it cannot be read or is no text.
    """
    try:
        with opened(path) as file:
            data = file.read(size)
        return decoded(data[: data.rfind(b"\n") + 1] or data if size >= 0 else data, path)
    except DAMAGED as error:
        raise unreadable(path, error) from error
