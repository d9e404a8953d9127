"""Tables that users bring, of any columns, row by row: JSONL, JSON, CSV and Parquet, each row with its line.

`reading` reads the tables that KoMeP writes, as typed frames, and takes CSV from here.
"""

import csv
import json
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.progress import tell
from komep_dataset.schema import Reason
from komep_dataset.system import late
from komep_dataset.tables.columns import (
    advice_on,
    constants,
    crossed,
    no_such_column,
    of_file,
    own_names,
    renamed,
    renames,
    with_constants,
)
from komep_dataset.tables.encodings import advice, is_text
from komep_dataset.tables.formats import (
    ARROW,
    CSV,
    JSON,
    JSONL,
    PARQUET,
    csv_text,
    format_of,
    json_lines,
    unreadable_parquet,
)
from komep_dataset.tables.problems import Fault, Problem

pa, pq = late("pyarrow"), late("pyarrow.parquet")

SEPARATORS = ",;\t|"
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
SHOWN_HEADER = 300  # characters
HEADER_ROWS = 20  # below a header that is none, in which another is looked for
HEADER_BYTES = 1 << 20  # in which the header of a CSV file stands
BACKSLASHES = """a quote is written as \\", as Spark and MySQL do: write it doubled, "" (Spark: .option("escape", '"'))"""


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A CSV file: its columns, its header, whether it is all text, its rows as (first line, last line, cells or what is wrong), and a note or ""."""

    names: list[str]  # as known here
    header: list[str]  # as given
    is_text: bool  # whether all of it could be decoded
    rows: Iterator[tuple[int, int, list[str] | csv.Error]]
    note: str


def read_csv(
    path: Path,
    wanted: Collection[str] = (),
    *,
    needed: Collection[str] = (),
    strict: bool = False,
    columns: Mapping[str, str] | None = None,
    size: int = -1,
) -> CsvTable:
    """A CSV file as spreadsheets save it, in any of their encodings, with any line ends.

    Args:
        path: the file.
        wanted: columns that it may have; the separator is the one of `SEPARATORS` that gives most of them, then the
            one that gives most columns. A line `sep=;` decides.
        needed: columns that it must have, in capitals or not.
        strict: refuse signs behind a closing quote, and a file that ends inside one.
        columns: a map of names, see `columns`; None where the command takes none.
        size: how many bytes are read; -1: all.

    Names of columns lose the blanks around them.

    Raises `KomepError` where the file cannot be read, its header is no CSV or lacks a column, or a name stands twice.
    """
    text, note = csv_text(path, size)
    # A line that Excel writes, and reads.
    declared = re.match(rf'"?sep=([{SEPARATORS}])"?(?:\r\n|\r|\n)', text)
    text = text[declared.end() :] if declared else text
    order = "\t,;|" if {".tsv", ".tab"} & {*map(str.lower, path.suffixes)} else SEPARATORS
    known = {name.casefold() for name in (*wanted, *renames(columns))}

    def fit(found: tuple[list[str] | csv.Error, Any]) -> tuple[int, int]:
        """How well a header fits."""
        if isinstance(found[0], csv.Error):
            return -1, 0
        return len(known & {name.casefold() for name in found[0]}), len(found[0])

    signs = declared[1] if declared else order
    found = []  # by each separator: the first row that is not blank, or what is wrong with it; the rows behind it
    for sign in signs:
        rows = _csv_rows(text, sign, strict, 2 if declared else 1)
        names = next((cells for _, _, cells in rows if cells), [])
        found.append((names if isinstance(names, csv.Error) else list(map(str.strip, names)), rows))
    names, rows = max(found, key=fit)
    if isinstance(names, csv.Error):
        raise KomepError(f"{path}:1: not CSV ({names}); is a quote open in the header?") from names
    if not all(map(is_text, names)):
        found = advice("".join(names).encode("utf-8", "surrogateescape"))
        raise KomepError(f"{path}:1: neither UTF-8 nor CP949 text; {found}")
    check_names(f"{path}:1", names)
    own = of_file(names, columns or {}, f"{path}:1")
    header, names = names, [own.get(name, name) for name in names]
    there = {name.casefold() for name in names}
    if missing := [name for name in needed if name not in there]:
        told = "; ".join(advice_on(dict.fromkeys(names), wanted, missing, columns is not None, missing))
        wanted = {name.casefold() for name in needed}
        behind = [list(islice(rows, HEADER_ROWS)) for _, rows in found]
        _check_title(path, behind, wanted, columns or {})
        second = (cells for rows in behind for *_, cells in rows[:1] if isinstance(cells, list))
        if len(header) == 1 < max(map(len, second), default=0):
            told = "a title seems to stand above the names of columns: take it out"
        header = ", ".join(header) or "empty"
        raise KomepError(
            f"{path}:1: no column {', '.join(missing)} (header: {header[:SHOWN_HEADER]}){told and f'; {told}'}"
        )
    return CsvTable(names, header, is_text(text), rows, note)


def _check_title(
    path: Path, found: Iterable[Iterable[Any]], needed: set[str], columns: Mapping[str, str]
) -> None:
    """Raise `KomepError` where the names of columns stand below the first line; `found`: the rows behind it, read in several ways."""
    if line := next(filter(None, (_header_below(rows, needed, columns) for rows in found)), None):
        raise KomepError(
            f"{path}:1: the names of columns stand in line {line}, and this is none of them; take out the lines before it"
        )


def _header_below(rows: Iterable[Any], needed: set[str], columns: Mapping[str, str]) -> int | None:
    """The line of the first rows that has all the names of columns that are needed, as below a title in a merged cell."""
    for first, _, cells in rows:
        if not isinstance(cells, csv.Error):
            own = of_file(cells, columns, first)
            if needed <= {own.get(name, name).strip().casefold() for name in cells}:
                return first
    return None


def check_names(place: object, names: Sequence[str]) -> None:
    """Raise `KomepError` where a column stands twice: one of the two would be dropped."""
    if twice := next((name for name in names if name and names.count(name) > 1), None):
        raise KomepError(f"{place}: the column {twice} stands twice")


def _csv_rows(
    text: str, separator: str, strict: bool, number: int
) -> Iterator[tuple[int, int, list[str] | csv.Error]]:
    """(first line, last line, cells) of each row, the header and blank rows too; an error where a row is not CSV."""
    csv.field_size_limit(sys.maxsize)  # by default a cell of 128 KiB is a fault
    # As `io.StringIO` has them, which holds 4 bytes a sign.
    lines = (found[0] for found in _LINE.finditer(text))
    reader = csv.reader(lines, delimiter=separator, strict=strict)
    cells: list[str] | csv.Error
    while True:
        first = reader.line_num + number
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells = csv.Error(f"{error}; {BACKSLASHES}") if '\\"' in text else error
        yield first, reader.line_num + number - 1, cells


def scan_rows(
    path: Path,
    wanted: Collection[str] = (),
    *,
    needed: Collection[str] = (),
    columns: Mapping[str, str] | None = None,
) -> Iterator[tuple[int, dict[Any, Any] | Problem]]:
    """(line on which it begins, or number in a Parquet file; column -> value, or what is wrong) of each row, from 1.

    Args:
        path: a file; its ending, in capitals or not, decides the format; one that is unknown is JSONL.
        wanted, needed: of CSV, see `read_csv`.
        columns: a map of names, see `columns`; None where the command takes none.

    Cells of CSV are text, as many as the header has.

    Raises `KomepError` where the file as a whole cannot be read.
    """
    kind, fixed = format_of(path), constants(columns)
    own: dict[str, str] | None = None
    if kind == CSV:
        needed = [name for name in needed if name not in fixed]
        rows = _scan_csv(path, read_csv(path, wanted, needed=needed, strict=True, columns=columns))
    else:
        rows = enumerate(_parquet_rows(path), 1) if kind in (PARQUET, ARROW) else json_rows(path)
    for number, row in rows:
        if columns and kind != CSV and isinstance(row, dict):
            own = own_names(row, columns, f"{path}:{number}") if own is None else own
            row = renamed(row, own)
        if fixed and isinstance(row, dict):
            row = with_constants(row, fixed, f"{path}:{number}")
        yield number, Problem.of_row(str(path), number, [row]) if isinstance(row, Fault) else row


def json_rows(path: Path, *, quiet: bool = False) -> Iterator[tuple[int, dict[str, Any] | Problem]]:
    """(line, object or what is wrong) of each line of JSONL; see `formats.json_lines`."""
    for number, line in json_lines(path, quiet=quiet):
        row = parse_object(line)
        yield number, row if isinstance(row, dict) else Problem(str(path), number, "", Reason.MALFORMED, row)


def _scan_csv(path: Path, table: CsvTable) -> Iterator[tuple[int, dict[Any, Any] | Problem]]:
    if table.note:
        tell(f"note: {table.note}")
    for first, last, cells in table.rows:
        bad = ""
        if isinstance(cells, csv.Error):
            bad = f"not CSV ({cells}" + (f"; lines {first} to {last})" if last > first else ")")
        elif not (cells and cells[0].strip()) and not any(map(str.strip, cells)):
            continue  # what spreadsheets leave of an empty row: ",,,"
        elif len(cells) < len(table.names) or any(cells[len(table.names) :]):
            more = "; is the separator in a text or number without quotes?" * (len(cells) > len(table.names))
            bad = f"{len(cells)} fields, the header has {len(table.names)}{more}"
        elif not (table.is_text or all(map(is_text, cells))):
            found = advice("".join(cells).encode("utf-8", "surrogateescape"))
            bad = f"not UTF-8, nor Korean CP949; {found}"
        elif cells[-1].strip() == table.header[-1] and table.header == [
            cell.strip().removeprefix("\ufeff") for cell in cells
        ]:
            bad = "the header once more, as where files were joined; take it out"
        if bad:
            yield first, Problem(str(path), first, "", Reason.MALFORMED, bad)
        else:
            yield first, dict(zip(table.names, cells, strict=False))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, whose keys must not stand twice with two values: one of them would be lost."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found and found[name] != value:
            raise ValueError(f"{name} stands twice, with two values; take one out")
        found[name] = value
    return found


def _no_json(text: str, error: json.JSONDecodeError) -> str:
    """What is wrong with a text that is no JSON, in the words of those who wrote it."""
    said = f"not JSON ({error.msg.removesuffix(' at')} at column {error.colno})"
    if "\0" in text:
        return f"{said}; NUL bytes, as a crash or a full disk leaves them: take them out"
    if text.lstrip().startswith("{'"):
        return f"{said}; it is written as Python prints it: write it with json.dumps"
    if text.lstrip().startswith(("//", "#")):
        return f"{said}; a comment, which JSON has none of: take it out"
    if error.pos >= len(text) or error.msg.startswith("Unterminated string"):
        return f"{said}; it ends within the object: is the file whole?"
    return said


def parse_object(line: bytes) -> dict[str, Any] | str:
    """A line as a JSON object, or what is wrong with it."""
    try:
        text = line.decode("utf-8").rstrip("\r\n")
        row = json.loads(text, object_pairs_hook=_once)
        json.dumps(row, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        half = error.object[error.start].encode("ascii", "backslashreplace").decode()
        return f"{half} is half of a sign that takes two escapes; write the whole sign, or take it out"
    except UnicodeError as error:
        return f"not UTF-8 ({error.reason}); {advice(line)}"
    except json.JSONDecodeError as error:
        return _no_json(text, error)
    except (RecursionError, ValueError) as error:
        return f"not usable JSON ({error})"
    if isinstance(row, str) and row.lstrip()[:1] == "{":
        return "a JSON object within a text, as json.dumps writes it the second time: write it once"
    return row if isinstance(row, dict) else f"not a JSON object but {str(row)[:60]}"


def check_mapped(files: Iterable[Path], columns: Mapping[str, str]) -> None:
    """Raise `KomepError` for a name of a map that no table has, or where it is not there since a table cannot be read; of JSONL, a
    later row may have it. What seems the wrong way round is told."""
    if said := crossed(columns):
        tell(f"warning: {said}")
    files, columns, there = list(files), renames(columns), []
    absent = set(columns)
    for path in files if absent else ():
        names = columns_of(path)
        there += [name for name in names if name not in there]
        absent -= {new for new in absent if of_file(names, {new: columns[new]}, path)}
        absent -= {new for new in absent if new == columns[new] and new in names}
    for path in files if absent else ():
        kinds = set()
        for _, row in scan_rows(path) if format_of(path) in (JSONL, JSON) else ():
            kinds.add(type(row))
            absent -= set(row) if isinstance(row, dict) else set()
            if not absent:
                return
        if kinds == {Problem}:  # reading says what is wrong with each
            return
        if not any(_columns_of(path)) and format_of(path) == CSV:
            raise KomepError(f"{path}: empty; the names of columns stand in the first line")
        if format_of(path) == CSV:
            behind = list(islice(read_csv(path, size=HEADER_BYTES).rows, HEADER_ROWS))
            _check_title(path, [behind], {name.casefold() for name in absent}, {})
    if absent:
        raise no_such_column(min(absent), columns, there)


def read_rows(
    path: Path, wanted: Collection[str] = (), columns: Mapping[str, str] | None = None
) -> Iterator[tuple[int, dict[Any, Any]]]:
    """The rows of `scan_rows`; `KomepError` that names the first one that is none."""
    for number, row in scan_rows(path, wanted, columns=columns):
        if isinstance(row, Problem):
            raise KomepError(f"{row.place}: {row.detail}")
        yield number, row


def columns_of(path: Path) -> list[str]:
    """Names of the columns of a table, of JSONL those of its first object; none of what cannot be read."""
    with suppress(KomepError):
        return _columns_of(path)
    return []


def _columns_of(path: Path) -> list[str]:
    """As `columns_of`; `KomepError` where the table cannot be read."""
    if format_of(path) == CSV:
        return read_csv(path, size=HEADER_BYTES).names
    if format_of(path) in (JSONL, JSON):
        found = json_rows(path, quiet=True)
        return next((list(row) for _, row in found if isinstance(row, dict)), [])
    try:
        return schema_of(path).names
    except (pa.ArrowException, OSError) as error:
        raise unreadable_parquet(path, error) from error


def schema_of(path: Path) -> Any:
    """The `pyarrow.Schema` of a Parquet or Arrow file."""
    if format_of(path) == ARROW:
        with arrow_file(path) as source:
            return source.schema
    return pq.read_schema(path)


@contextmanager
def arrow_file(path: Path) -> Iterator[Any]:
    """A file of Arrow, a stream as `datasets` saves it or one with an index, as a reader of its batches.

    Raises `KomepError`, or `pyarrow.ArrowException` where it is damaged."""
    with pa.memory_map(str(path)) as file:
        indexed = file.read(6) == b"ARROW1"
        file.seek(0)
        if not indexed:
            with pa.ipc.open_stream(file) as stream:
                yield stream
            return
        whole = pa.ipc.open_file(file)
        batches = (whole.get_batch(number) for number in range(whole.num_record_batches))
        yield pa.RecordBatchReader.from_batches(whole.schema, batches)


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with arrow_file(path) if format_of(path) == ARROW else pq.ParquetFile(path) as source:
            schema = source.schema if format_of(path) == ARROW else source.schema_arrow
            check_names(path, schema.names)
            binary = [n for n, kind in enumerate(schema.types) if kind in (pa.binary(), pa.large_binary())]
            for batch in source if format_of(path) == ARROW else source.iter_batches():
                for number in binary:  # texts of writers that do not say so; of pictures, bytes
                    with suppress(pa.ArrowInvalid):
                        text = batch.column(number).cast(pa.large_string())
                        batch = batch.set_column(number, batch.schema.names[number], text)
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise unreadable_parquet(path, error) from error
