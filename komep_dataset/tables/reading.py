"""Tables in: JSONL, CSV or Parquet as typed batches, and the rows that cannot be used as named problems.

JSONL is parsed by Arrow's typed reader, block by block. A block that it refuses is read again line by line, so
that each bad line gets its own reason while clean data stays fast.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import json as arrow_json

from komep_dataset.errors import KomepError
from komep_dataset.progress import tell
from komep_dataset.schema import (
    Reason,
    arrow_schema,
    column_types,
    id_before_spreadsheet,
    polars_schema,
    question_id,
)
from komep_dataset.tables.checking import Checks, Reading
from komep_dataset.tables.columns import (
    check_map,
    check_shape,
    constants,
    left_out,
    of_file,
    other_value,
    own_names,
    renamed,
    renames,
)
from komep_dataset.tables.encodings import HEAD, decoded
from komep_dataset.tables.formats import (
    ARROW,
    CSV,
    KNOWN,
    PARQUET,
    foreign,
    format_of,
    is_document,
    json_lines,
    table_files,
    unreadable_parquet,
)
from komep_dataset.tables.frames import BATCH_ROWS, fitted, parquet_frames, without
from komep_dataset.tables.problems import FILE, LINE, Fault, Problem, problems_error
from komep_dataset.tables.rows import (
    arrow_file,
    check_mapped,
    check_names,
    columns_of,
    parse_object,
    scan_rows,
    schema_of,
)
from komep_dataset.tables.values import NO_VALUE

T = TypeVar("T")
BLOCK_BYTES = 32 << 20
NEVER_BLANK = ("question", "model")  # of a row that has a question
ENDINGS = {"\t": ".tsv", ",": ".csv", ";": ".csv"}


def _row(line: bytes, path: Path, number: int, columns: Mapping[str, str]) -> dict[str, Any] | Problem:
    """A line of JSONL under the known names, or what is wrong with it as a whole."""
    row = parse_object(line)
    if not isinstance(row, dict):
        return Problem(str(path), number, "", Reason.MALFORMED, row)
    row = renamed(row, columns)
    return Problem.of_row(str(path), number, [row]) if isinstance(row, Fault) else row


def _jsonl_blocks(path: Path) -> Iterator[tuple[list[int], list[bytes]]]:
    """Line numbers and non-blank lines of a file, some megabytes at a time."""
    numbers: list[int] = []
    lines: list[bytes] = []
    size = 0
    for number, line in json_lines(path):
        numbers.append(number)
        lines.append(line if line.endswith(b"\n") else line + b"\n")
        size += len(line)
        if size >= BLOCK_BYTES:
            yield numbers, lines
            numbers, lines, size = [], [], 0
    if lines:
        yield numbers, lines


def _schemas(record: type, columns: Mapping[str, str]) -> list[pa.Schema]:
    """What Arrow's reader is told of a record: a column under each of its names; verdicts as words, or all as booleans."""
    fields = {field.name: field for field in arrow_schema(record, loose=True)}
    fields |= {new: fields[name].with_name(new) for new, name in columns.items() if name in fields}
    units = fields.get("units")
    if units is None:
        return [pa.schema(fields.values())]
    verdicts = pa.list_(pa.struct([("text", pa.string()), ("verdict", pa.bool_())]))
    return [pa.schema(fields.values()), pa.schema((fields | {"units": units.with_type(verdicts)}).values())]


def _parse_block(lines: list[bytes], schemas: list[pa.Schema]) -> pa.Table | None:
    """A block of lines by Arrow's strict reader; None where it refuses, or where it may have misread."""
    block = b"".join(lines)
    whole = arrow_json.ReadOptions(block_size=len(block))
    try:
        block.decode("utf-8")
    except UnicodeError:
        return None
    for schema in schemas:
        options = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
        with suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):
            table = arrow_json.read_json(pa.BufferReader(block), whole, options)
            return table if table.num_rows == len(lines) else None
    return None


def _known_names(table: pa.Table, columns: Mapping[str, str]) -> pl.DataFrame | None:
    """A table with the columns of a map under their known names; None where a row has both."""
    frame = pl.from_arrow(table)
    for new, name in columns.items():
        if new in frame.columns:
            if frame.select((pl.col(new).is_not_null() & pl.col(name).is_not_null()).any()).item():
                return None
            frame = frame.with_columns(pl.coalesce(name, new).alias(name)).drop(new)
    return frame


def _read_jsonl(path: Path, how: Reading) -> Iterator[tuple[pl.DataFrame, list[Problem]]]:
    schemas = _schemas(how.record, how.columns)
    for numbers, lines in _jsonl_blocks(path):
        table = _parse_block(lines, schemas)
        frame = None if table is None else _known_names(table, how.columns)
        if frame is None:
            rows = ((n, _row(line, path, n, how.columns)) for n, line in zip(numbers, lines, strict=True))
            yield how.checked(rows, path)
            continue
        frame = frame.with_columns(pl.Series(LINE, numbers, pl.Int64))
        good, gone = without(*fitted(frame, how.record, how.optional))
        rows = ((numbers[place], _row(lines[place], path, numbers[place], how.columns)) for place in gone)
        mended, problems = how.checked(rows, path)
        yield pl.concat([good, mended]), problems


def _read_csv(path: Path, how: Reading) -> Iterator[tuple[pl.DataFrame, list[Problem]]]:
    columns = column_types(how.record)
    needed = [name for name, (_, nullable) in columns.items() if not nullable and name not in how.optional]
    found = scan_rows(path, columns, needed=needed, columns=how.columns if how.maps else None)
    while some := list(islice(found, BATCH_ROWS)):
        good, rest = _by_columns(some, how)
        mended, problems = how.checked(rest, path, of_csv=True)
        yield pl.concat([good, mended]), problems


def _by_columns(some: list[tuple[int, Any]], how: Reading) -> tuple[pl.DataFrame, list[tuple[int, Any]]]:
    """(the rows of CSV that can be read column by column, as `checking.row_of` reads them one by one; the others)."""
    rows = [one for one in some if not isinstance(one[1], Problem)]
    names = rows[0][1] if rows else ()
    cells = {name.casefold(): name for name in names if name} | {name: name for name in names}
    schema, typed, doubtful = polars_schema(how.record), [], pl.repeat(False, len(rows), eager=True)
    for name, wanted in schema.items():
        key = cells.get(name)
        given = pl.Series(name, [row[key] if key is not None else None for _, row in rows], pl.String)
        none = given.str.strip_chars().str.contains(NO_VALUE) | (given == "")
        given = given.set(none.fill_null(False), None)
        value = _lists(given, how.record) if isinstance(wanted, pl.List) else given.cast(wanted, strict=False)
        doubtful |= given.is_not_null() & value.is_null()
        typed.append(value)
    frame = pl.DataFrame(typed).with_columns(pl.Series(LINE, [line for line, _ in rows], pl.Int64))
    whole, bad = fitted(frame, how.record, how.optional)
    good, gone = without(whole, bad | ({LINE: doubtful} if doubtful.any() else {}))
    return good, [*(rows[place] for place in gone), *(one for one in some if isinstance(one[1], Problem))]


def _lists(cells: pl.Series, record: type) -> pl.Series:
    """Cells that hold lists as JSON; null where all of them cannot be read at once."""
    nulls = pl.repeat(None, cells.len(), dtype=polars_schema(record)[cells.name], eager=True)
    if cells.null_count() == cells.len():
        return nulls.alias(cells.name)
    lines = [
        b'{"%b": %b}\n' % (cells.name.encode(), b"null" if one is None else _on_one_line(one).encode())
        for one in cells
    ]
    schemas = [pa.schema([schema.field(cells.name)]) for schema in _schemas(record, {})]
    table = _parse_block(lines, schemas)
    return nulls.alias(cells.name) if table is None else pl.from_arrow(table).to_series()


def _on_one_line(cell: str) -> str:
    """The JSON of a cell without line ends; `null` where one stands within a string, which JSON forbids."""
    if "\n" not in cell and "\r" not in cell:
        return cell
    with suppress(ValueError):
        return json.dumps(json.loads(cell), ensure_ascii=False)
    return "null"


def _read_arrow(path: Path, how: Reading) -> Iterator[tuple[pl.DataFrame, list[Problem]]]:
    """The rows of a Parquet or an Arrow file."""
    try:
        schema = schema_of(path)
        check_names(path, schema.names)
        known = {how.columns.get(name, name): name for name in schema.names}
        wanted = [name for name in polars_schema(how.record) if name in known]
        frames, rows = _frames(path, [known[name] for name in wanted])
        if not wanted and rows:
            known, found = ", ".join(polars_schema(how.record)), ", ".join(schema.names)
            raise KomepError(f"{path}: none of the columns {known} (found: {found})")
        first = 1
        for frame in one_ahead(frames):
            lines = pl.int_range(first, first + frame.height, dtype=pl.Int64, eager=True).alias(LINE)
            first += frame.height
            given = pl.DataFrame([*(frame[known[name]].alias(name) for name in wanted), lines])
            good, gone = without(*fitted(given, how.record, how.optional))
            if not len(gone):
                yield good, []
                continue
            # Row by row they are looked at as those of any file: what is wrong, or that a list was written as text.
            lacking = [name for name in schema.names if name not in known.values()]
            rows = ({**dict.fromkeys(lacking), **row} for row in given[gone].iter_rows(named=True))
            mended, problems = how.checked(((row.pop(LINE), row) for row in rows), path)
            yield pl.concat([good, mended]), problems
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError) as error:
        raise unreadable_parquet(path, error) from error


def _frames(path: Path, columns: list[str]) -> tuple[Iterator[pl.DataFrame], int]:
    """(some columns of a file, frame by frame; how many rows it has, of Arrow at least so many)."""
    if format_of(path) == ARROW:

        def batches() -> Iterator[pl.DataFrame]:
            with arrow_file(path) as source:
                for batch in source:
                    yield pl.from_arrow(pa.Table.from_batches([batch]).select(columns))

        return batches(), 1
    source = pq.ParquetFile(path)
    return parquet_frames(path, source, columns), source.metadata.num_rows


def one_ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items, each made in a second thread while the one before is worked on."""
    source, end = iter(items), object()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, source, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, source, end)
            yield item


def read_batches(
    path: Path,
    record: type,
    optional: Iterable[str] = (),
    *,
    columns: Mapping[str, str] | None = None,
    checks: Checks | None = None,
) -> Iterator[tuple[pl.DataFrame, list[Problem]]]:
    """Read one file as typed batches.

    Args:
        path: the file; its suffix decides the format.
        record: row type of `schema`; columns that it does not have are left out.
        optional: columns that may be absent although the record says that they are not null.
        columns: a map of names, see `columns`; None where the command takes none.
        checks: see `checking.Reading`.

    Yields:
        (frame with the record's columns and `_line`, problems of the rows that were left out). A column of type
        list that is optional and absent is null, not empty; what a row lacks and a folder's name has, it has.
    """
    of_path, fixed = values_in_path(path, record), constants(columns)
    optional = frozenset(optional).union(of_path, fixed)
    kind, names = _kind(path), columns_of(path)
    check_names(path, names)
    own = own_names(names, columns, path)
    names = {own.get(name, name) for name in names}
    check_shape(path, record, optional, names)
    nowhere = frozenset(column_types(record)) - names
    how = Reading(record, optional, own, columns is not None, checks, nowhere)
    read = {PARQUET: _read_arrow, ARROW: _read_arrow, CSV: _read_csv}.get(kind, _read_jsonl)
    for frame, problems in read(path, how):
        for name, text in fixed.items():  # where a column has nothing
            given = pl.when(pl.col(name).str.strip_chars() != "").then(pl.col(name))
            if (other := frame.filter(given != text)).height:
                raise other_value(f"{path}:{other[LINE][0]}", name, other[name][0], text)
            frame = frame.with_columns(given.fill_null(text).alias(name))
        yield frame.with_columns(pl.col(name).fill_null(value) for name, value in of_path.items()), problems


def check_columns(
    files: Iterable[Path], record: type, optional: Collection[str], columns: Mapping[str, str]
) -> None:
    """Look at the columns of tables before any is read: one that is not known, where a known one may be meant that may be
    left out, is told on stderr. (Of one that may not, reading says more.)

    Raises `KomepError` for a name of a map that no table has.
    """
    check_map(columns, column_types(record))
    fixed, told, known = constants(columns), set(), column_types(record)
    scores = {"units", "dahl_score", "status"}  # one of which a row must have, as the error says
    needed = {name for name, (_, nullable) in known.items() if not nullable and name not in optional}
    for path in files:
        names = columns_of(path)
        own = of_file(names, columns, path)
        names = [*(own.get(name, name) for name in names), *fixed]
        lacks = not needed.issubset(names) or (scores <= known.keys() and not scores & {*names})
        if not lacks and (note := left_out(names, known)) and note not in told:
            tell(f"note: {path}: {note}")
            told.add(note)
    if columns:
        check_mapped(files, columns)


def applicable(
    files: Iterable[Path],
    record: type,
    columns: Mapping[str, str],
    *,
    all_there: bool = False,
    only_lacking: bool = False,
) -> dict[str, str]:
    """The part of a map for several kinds of tables that these have, for columns of this record, and its constants; with
    `all_there`, also names that no table has, where the known column is in none either (which reading then refuses); with
    `only_lacking`, of the constants those of needed columns that no table has."""
    known, texts = column_types(record), constants(columns)
    fixed = {new: name for new, name in columns.items() if new in texts and new in known}
    columns = {new: name for new, name in renames(columns).items() if name in known}
    tables = [columns_of(path) for path in files] if columns or fixed else []
    if only_lacking:
        needed = [name for name in fixed if not known[name][1]]
        fixed = {name: fixed[name] for name in needed if not any(name in names for names in tables)}
    return fixed | {
        new: name
        for new, name in columns.items()
        if any(of_file(names, {new: name}, "") for names in tables)
        or (all_there and not any(name in names for names in tables))
    }


def values_in_path(path: Path, record: type) -> dict[str, Any]:
    """The values of columns that stand in the names of folders, as Hive, Spark, DuckDB and polars write them:
    `model=a/part-0.parquet`.

    Raises `KomepError` for one of the wrong type.
    """
    found, columns = {}, column_types(record)
    for folder in path.parts[:-1]:
        name, _, text = folder.partition("=")
        hint = columns.get(name.casefold(), (None,))[0]
        if text and text != "__HIVE_DEFAULT_PARTITION__" and hint in (str, int, float):
            try:
                found[name.casefold()] = hint(unquote(text))
            except ValueError:
                raise KomepError(f"{path}: its folder {folder} gives no number") from None
    return found


def _kind(path: Path) -> str:
    """The format of a table; a file without one of the known endings must begin as Parquet does."""
    if kind := format_of(path):
        return kind
    with path.open("rb") as file:
        begin = file.read(HEAD)
    if begin.startswith(b"PAR1"):
        return PARQUET
    if path.suffix.lower() in (".yaml", ".yml"):
        raise KomepError(f"{path}: is YAML, no table ({KNOWN}); a pipeline.yaml is for `komep run {path}`")
    what = foreign(begin) or f"a table is Parquet, or has an ending that says what it is: {KNOWN}"
    raise KomepError(
        f"{path}: {what}{'' if foreign(begin) or is_document(path) else _looks_like(begin, path)}"
    )


def _looks_like(begin: bytes, path: Path) -> str:
    """What a file of text may be by its beginning, and how it is to be called; or ""."""
    head, _ = decoded(begin, path)
    first = head.lstrip().partition("\n")[0]
    ending = ".jsonl" if first.startswith("{") else next((e for s, e in ENDINGS.items() if s in first), "")
    return f"; by its beginning this one may be {path.stem}{ending}: rename it" if ending else ""


def read_table(
    path: Path, record: type, optional: Iterable[str] = (), *, columns: Mapping[str, str] | None = None
) -> pl.DataFrame:
    """A whole table: one file, or every table file of a folder, sorted by its key.

    `columns` is a map of names, None where the command takes none. An optional `question_id` that is not there, or of which a spreadsheet
    made a number, is derived from the question.

    Raises `KomepError` that names the bad rows by file, line and reason, those with an empty question or model among them, or the key
    that stands twice.
    """
    frames, problems = [], []
    files = table_files([path])
    if columns is not None:
        check_columns(files, record, optional, columns)
    for file in files:
        for frame, bad in read_batches(file, record, optional, columns=columns):
            frames.append(frame.with_columns(pl.lit(str(file)).alias(FILE)))
            problems += bad
    if problems:
        raise problems_error(problems)
    empty = pl.DataFrame(schema={**polars_schema(record), LINE: pl.Int64, FILE: pl.String})
    table = pl.concat(frames) if frames else empty
    texts = [name for name in NEVER_BLANK if {"question", name} <= column_types(record).keys()]
    for name in texts:  # else whoever asks models about the rows would be told when they are paid for
        blank = table.filter(pl.col(name).str.strip_chars() == "").select(FILE, LINE).iter_rows()
        fault = Fault(name, Reason.BAD_VALUE, "empty")
        problems += [Problem.of_row(file, line, [fault]) for file, line in blank]
    if problems:
        raise problems_error(problems)
    if "question_id" in optional:
        given = table.select("question_id", "question").iter_rows()
        ids = [(id and id_before_spreadsheet(id, text)) or id or question_id(text) for id, text in given]
        table = table.with_columns(pl.Series("question_id", ids, pl.String))
    repeated = table.filter(pl.struct(record.KEY).is_duplicated())
    if repeated.height:
        first = repeated.row(0, named=True)
        same = repeated.filter(pl.all_horizontal(pl.col(name) == first[name] for name in record.KEY))
        places = " and ".join(f"{file}:{line}" for file, line in same.select(FILE, LINE).head(2).iter_rows())
        raise KomepError(
            f"{path}: {repeated.height} rows share a key ({', '.join(record.KEY)}), first "
            f"{'/'.join(str(first[name]) for name in record.KEY)}, at {places}; give each once"
        )
    return table.drop(LINE, FILE).sort(record.KEY)
