"""Filled-in sheets in, judgements out: those of this version, un-blinded, and those of before, which told what was chosen."""

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

from komep_dataset.errors import KomepError
from komep_dataset.progress import counted
from komep_dataset.review.agreement import QUESTIONS, Judgement
from komep_dataset.review.better import A, B, better
from komep_dataset.review.blinding import ANSWERS, Blinding, blinding_of
from komep_dataset.review.drawing import SIDES, ReviewPair
from komep_dataset.review.sheet import COLUMNS, FILLED, Material, numbered, unescape
from komep_dataset.review.words import Mark, is_remark, marks, yes_or_no
from komep_dataset.schema import collapse_blanks
from komep_dataset.tables.columns import (
    check_map,
    constants,
    no_such_column,
    of_file,
    renames,
    with_constants,
)
from komep_dataset.tables.encodings import is_text
from komep_dataset.tables.formats import foreign
from komep_dataset.tables.problems import Problem, listed
from komep_dataset.tables.rows import SHOWN_HEADER, read_csv

NEEDED = ("pair_id", "sheet", "better")
# Of a sheet of before.
OPEN_SHOWN = tuple(field.name for field in fields(ReviewPair))
# What a spreadsheet takes for a number, a date or a truth and writes in its own way (1.50, 3/4, (5), MARCH1, 5월 5일, 참), and how
# much of a text it holds in a cell.
_MONTHS = "january february march april may june july august september sept october november december"
_REWRITTEN = re.compile(
    rf"(?:[\d\s.,:/%+e()$₩€£¥년월일시분초-]|오전|오후|[ap]m|{'|'.join(f'{m}|{m[:3]}' for m in _MONTHS.split())})+|true|false|참|거짓",
    re.I,
)
CELL_LIMIT = 32_767
OPEN_FILLED = (*QUESTIONS, *(f"corrected_{side}" for side in SIDES), "comment")
KNOWN = tuple(dict.fromkeys((*COLUMNS, *OPEN_SHOWN, *OPEN_FILLED)))  # what a map of columns may give
Cells = dict[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a sheet: where it stands, its cells, the pair, the sheet that it is of (None: one of before), and whether the
    file had signs that its encoding lacks."""

    file: str
    line: int
    cells: Cells
    pair: ReviewPair
    blinding: Blinding | None
    lossy: bool

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def letters(self) -> dict[str, str]:
        """Letter -> which answer it stands for."""
        return self.blinding.sides(self.pair.pair_id) if self.blinding else {}

    @property
    def filled(self) -> Cells:
        names = FILLED if self.blinding else OPEN_FILLED
        return {name: self.cells.get(name, "").strip() for name in names}

    @property
    def is_filled(self) -> bool:
        return any(self.filled.values())

    def column(self, name: str) -> str:
        """The column of this sheet for one of a sheet of before: `corrected_chosen` stands in `corrected_a`, or b."""
        for letter, side in self.letters.items():
            name = re.sub(rf"^{side}(?=_)|(?<=^corrected_){side}$", letter, name)
        return name

    def problem(self, column: str, detail: str) -> Problem:
        return Problem(self.file, self.line, column, None, detail)


def read_sheets(
    paths: Sequence[Path], material: Material, columns: Mapping[str, str] | None = None
) -> tuple[list[Judgement], list[str]]:
    """The judgements of filled-in sheets, and what a user should know of how they were read. `columns` is a map of names.

    A sheet that was saved twice, its judgements in both or in one, counts once.

    Raises:
        KomepError: a file that cannot be read, a missing column, a sheet of another release, an unknown pair, a changed cell,
            an answer that is none, a pair judged twice by one reviewer; each with file, line, column and value.
    """
    faults: list[Problem] = []
    notes: list[str] = []
    found: dict[tuple[str, str], Row] = {}
    there: list[str] = []
    columns = columns or {}
    check_map(columns, KNOWN)
    names: dict[int, dict[str, str]] = {}  # seed -> name of a pair on its sheets -> pair_id
    for path in map(Path, paths):
        rows, note = read_sheet(path, columns, there)
        notes += note
        for line, cells in rows:
            one = _identified(path, line, cells, material, names, lossy=any("CP949" in said for said in note))
            if isinstance(one, Problem):
                # A whole sheet of another release is one fault.
                known = {(fault.file, fault.detail) for fault in faults}
                faults += [one] if (one.file, one.detail) not in known else []
                continue
            if wrong := list(_faults(one, material)):
                faults += wrong
                continue
            reviewer = collapse_blanks(unicodedata.normalize("NFC", cells.get("reviewer", "")))
            key = one.pair.pair_id, reviewer or (str(one.blinding.sheet) if one.blinding else path.stem)
            if not one.blinding and not one.is_filled:
                continue
            again = _twice(found[key], one, key[1]) if key in found else one
            if isinstance(again, Problem):
                faults.append(again)
            else:
                found[key] = again
    others = [name for name in there if name not in renames(columns).values()]  # of all sheets together
    for new, name in renames(columns).items():
        if new not in there and not of_file(others, {new: name}, ""):
            raise no_such_column(new, columns, there)
    if faults:
        what = f"{counted(len(faults), 'cell')} cannot be used:\n{listed(faults)}"
        raise KomepError("\n".join([what, *notes, "Mend them in the sheet and import again."]))
    judged = [(row, reviewer) for (_, reviewer), row in found.items() if row.is_filled]
    return [_judgement(row, reviewer, material) for row, reviewer in judged], notes + list(_told(found))


def read_sheet(
    path: Path, columns: Mapping[str, str], there: list[str]
) -> tuple[list[tuple[int, Cells]], list[str]]:
    """(line, column -> cell) for each row of a sheet as a spreadsheet saved it, and notes on encoding and missing columns.
    `columns` is a map of names; those of the file's header are put into `there`.

    Raises `KomepError` that names the file and the columns that are missing.
    """
    if not columns:  # whose header may be of any names
        _check_sheet(path)
    table = read_csv(path, KNOWN, columns=columns)
    there += [name for name in table.header if name not in there]
    names = [name.lower() for name in table.names]
    of_before = "sheet" not in names and {"preference_ok", "chosen_korean"} & {*names}
    missing = [name for name in ((*OPEN_SHOWN, *OPEN_FILLED) if of_before else NEEDED) if name not in names]
    if missing:
        raise KomepError(
            f"{path}:1: missing columns {', '.join(missing)} (header: {', '.join(table.header)[:SHOWN_HEADER]}); take the sheet that "
            f"`komep review sample` wrote, or say which column it is: --map NEW={missing[0]}"
        )
    gone = [] if of_before else [name for name in FILLED if name not in names]
    notes = [table.note] if table.note else []
    notes += [f"{path}: without the columns {', '.join(gone)}: taken as not filled in"] if gone else []
    rows = []
    for first, last, cells in table.rows:
        if isinstance(cells, csv.Error):
            raise KomepError(f"{path}:{last}: not readable as CSV ({cells}); save it as CSV again")
        if not all(map(is_text, cells)):
            raise KomepError(f"{path}:{first}: neither UTF-8 nor CP949 text; save it as CSV UTF-8")
        if any(cell.strip() for cell in cells):
            row = dict(zip(names, map(unescape, cells), strict=False))
            rows.append((first, with_constants(row, constants(columns), f"{path}:{first}")))
    if any(cells.get(question, "").strip() == "0" for _, cells in rows for question in QUESTIONS):
        rows = [(line, cells | _spelled(cells)) for line, cells in rows]
    return rows, notes


def _check_sheet(path: Path) -> None:
    """Raise `KomepError` for a file that is no sheet, by its beginning; what is no text at all `read_csv` knows better."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return
    begin = head.replace(b"\0", b"").lower().lstrip(b"\xef\xbb\xbf\xff\xfe \r\n")
    names = (*NEEDED, *OPEN_SHOWN, *OPEN_FILLED)
    is_sheet = sum(name.encode() in begin for name in names) > 1 and begin[:1] not in b"{[<"
    page = begin[:1] == b"<"
    if begin and not is_sheet and (page or not foreign(head)):
        what = "a page, to be read in a browser, which saves a CSV to import" if page else ""
        raise KomepError(
            f"{path}: {what or 'no sheet of a review'}; a sheet is a CSV with the columns {', '.join(NEEDED)}, as `komep review "
            "sample` writes it"
        )


def _spelled(cells: Cells) -> Cells:
    """A row's answers with 1 and 0 as yes and no: beside a 0, a 1 is no number of an answer."""
    said = {"1": "yes", "0": "no"}
    return {name: said.get(cells[name].strip(), cells[name]) for name in QUESTIONS if name in cells}


def _identified(
    path: Path, line: int, cells: Cells, material: Material, names: dict[int, dict[str, str]], *, lossy: bool
) -> Row | Problem:
    """A row with its pair; where that is unknown, nothing else is looked at."""
    name, blinding = cells.get("pair_id", "").strip(), None
    if (code := cells.get("sheet")) is not None:
        blinding = blinding_of(code.strip(), material.facts["content_hash"])
        if blinding is None:
            detail = f"{code!r} is no sheet of this release; give the --release that was sampled, as it was then, and leave this column alone"
            return Problem(str(path), line, "sheet", None, detail)
        if blinding.seed not in names:
            names[blinding.seed] = {blinding.name(id): id for id in material.pairs}
        pair = material.pairs.get(names[blinding.seed].get(name, ""))
    else:
        pair = material.pairs.get(name)
    if pair is None:
        what = f"{name!r} is no pair of {'the release' if blinding is None else f'sheet {code}'}"
        what += "; give the --release that was sampled, and leave this column alone"
        return Problem(str(path), line, "pair_id", None, what)
    return Row(str(path), line, cells, pair, blinding, lossy)


def _faults(row: Row, material: Material) -> Iterable[Problem]:
    """What is wrong with a row."""
    cells, pair = row.cells, row.pair
    given = {row.column(name): getattr(pair, name) for name in OPEN_SHOWN if name != "pair_id"}
    units = material.beside[pair.pair_id].units
    for letter, side in row.letters.items():
        given[f"{letter}_units"] = numbered(unit["text"] for unit in units[side])
    for column, text in given.items():
        if (cell := cells.get(column)) is not None and not _same(cell, text, row.lossy):
            side = column.removesuffix("_korean")
            better_so = "leave it" if side == column else f"write corrections into corrected_{side}"
            if row.blinding:
                better_so += "; if columns were sorted apart from the others, take the sheet as it was before"
            yield row.problem(column, f"{_cut(cell)} is not what the release has; {better_so}")
    readers = dict.fromkeys(QUESTIONS, yes_or_no) | {"better": better}
    readers |= {f"{letter}_marks": partial(marks, n=len(units[side])) for letter, side in row.letters.items()}
    for column, read in readers.items():
        if column in row.filled:
            try:
                read(row.filled[column])
            except ValueError as error:
                yield row.problem(column, f"{_cut(row.filled[column])} is {error}")
    for side in SIDES:
        column = row.column(f"corrected_{side}")
        if (cell := row.filled[column]) and pair.origin != "translated":
            text = "a native text" if pair.origin == "native" else "an English text"
            what = f"{text} is no translation; say what is wrong in the comment"
            yield row.problem(column, f"{_cut(cell)}: {what}")
        elif cell and is_remark(cell, getattr(pair, f"{side}_korean")):
            what = "not a text that can take the place of this one; write all of it, or leave the cell empty and use the comment"
            yield row.problem(column, f"{_cut(cell)}: {what}")


def _same(cell: str, given: str, lossy: bool) -> bool:
    """Whether a cell holds a text as a spreadsheet gives it back, which may take apostrophes from its beginning; of a `lossy`
    file, as far as letters go."""
    if _REWRITTEN.fullmatch(given) or len(given) > CELL_LIMIT == len(cell):
        return True
    one, other = (collapse_blanks(unicodedata.normalize("NFC", text)).lstrip("'") for text in (cell, given))
    if one != other and lossy:
        one, other = (re.sub(r"[^0-9A-Za-z가-힣]", "", text) for text in (one, other))
    return one == other


def _twice(before: Row, row: Row, reviewer: str) -> Row | Problem:
    """Two rows of one pair and reviewer as one, if they are of one sheet and none contradicts the other."""
    if not row.is_filled or not before.is_filled:
        return before if before.is_filled else row
    if row.blinding is None or row.blinding != before.blinding:
        too = f"{reviewer!r} judged this pair at {before.place} too; give each reviewer a name of their own"
        return row.problem("reviewer", too)
    for name, cell in row.filled.items():
        if cell and before.filled[name] and cell != before.filled[name]:
            detail = f"{_cut(cell)}, but {reviewer!r} has {_cut(before.filled[name])} at {before.place}: keep one of the two, or give each reviewer a name of their own"
            return row.problem(name, detail)
    both = {name: cell or row.filled[name] for name, cell in before.filled.items()}
    return replace(before, cells=before.cells | both)


def _told(found: Mapping[tuple[str, str], Row]) -> Iterable[str]:
    """Who has not come to the end, who filled in several sheets, and which sheet several filled in."""
    given: dict[str, list[Row]] = defaultdict(list)
    people: dict[str, set[str]] = defaultdict(set)
    for (_, reviewer), row in found.items():
        if row.blinding:
            given[reviewer].append(row)
    for reviewer, rows in sorted(given.items()):
        answered = sum(bool(row.filled["better"]) for row in rows)
        if answered < len(rows):
            yield f"{reviewer}: {answered} of {counted(len(rows), 'pair')} have an answer to `better`"
        sheets = sorted({row.blinding.code for row in rows if row.is_filled})
        for code in sheets:
            people[code].add(reviewer)
        if len(sheets) > 1:
            yield f"{reviewer}: one person by the name, with the sheets {', '.join(sheets)}"
    for code, names in sorted(people.items()):
        if len(names) > 1:
            yield f"sheet {code}: filled in by {' and '.join(sorted(names))}; if that is one person, give one file of it alone"


def _cut(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:39] + "…")


def _judgement(row: Row, reviewer: str, material: Material) -> Judgement:
    """What was judged, of the answers that the release chose and rejected."""
    cells, pair = row.filled, row.pair.pair_id
    if row.blinding is None:
        said = {question: yes_or_no(cells[question]) for question in QUESTIONS}
        return Judgement(pair, reviewer, **cells | said)
    letter = better(cells["better"])
    preference = row.letters[letter.lower()] if letter in (A, B) else letter
    units = material.beside[pair].units
    marked = {side: marks(cells[f"{at}_marks"], len(units[side])) for at, side in row.letters.items()}
    said = tuple(Mark(side, *one) for side, labels in marked.items() for one in labels.items())
    return Judgement(
        pair,
        reviewer,
        translation_ok=yes_or_no(cells["translation_ok"]),
        preference_ok=preference == ANSWERS[0] if preference in ANSWERS else None,
        **{f"corrected_{side}": cells[row.column(f"corrected_{side}")] for side in SIDES},
        comment=cells["comment"],
        preference=preference,
        letter=letter if letter in (A, B) else None,
        marks=said,
    )
