"""The reviewer's sheet: a CSV for a spreadsheet and a page for a browser out, filled-in CSVs in.

The CSV is UTF-8 with a BOM, so that a spreadsheet shows Korean. What a spreadsheet would take for a formula gets
an apostrophe in front, and reading takes that one away again. The page is one file without network; it saves the
same CSV.
"""

import csv
import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import replacing
from komep_dataset.release.facts import read_facts, read_quality
from komep_dataset.release.rows import read_rows
from komep_dataset.review.agreement import QUESTIONS, Judgement
from komep_dataset.review.drawing import SIDES, ReviewPair, draw, pair_id, review_pairs, shuffled
from komep_dataset.review.sources import SIDES as JUDGED_SIDES
from komep_dataset.review.sources import SIGNS, Judged, of_pairs
from komep_dataset.schema import Pair, collapse_blanks
from komep_dataset.tables.formats import is_text
from komep_dataset.tables.problems import Problem, listed
from komep_dataset.tables.rows import read_csv
from komep_dataset.tables.values import stands_for_none
from komep_dataset.templates import MARKUP
from komep_dataset.translation.evidence import warned_pairs

SHOWN = tuple(f.name for f in fields(ReviewPair))  # what the reviewer reads
FILLED = (*QUESTIONS, *(f"corrected_{side}" for side in SIDES), "comment")  # what the reviewer writes
COLUMNS = (*SHOWN, "reviewer", *FILLED)
Sources = Mapping[str, Mapping[str, Sequence[Judged]]]  # pair_id -> side -> statements
NO_SOURCES: Sources = {}
YES = ("yes", "y", "true", "예", "네", "참", "o", "○", "◯", "⭕", "✓", "✔", "✔\ufe0f", "☑", "✅", "√")
NO = ("no", "n", "false", "아니오", "아니요", "거짓", "x", "×", "✗", "✘", "✕", "❌", "☒")
# In place of a corrected text, what says that there is none, or that it stays.
_NO_TEXT = re.compile(
    r"(?:동일|상동|(?:해당|수정|이상|문제)\s?없음|그대로|확인|완료|보류"
    r"|no (?:change|correction)|same|ok(?:ay)?|done|tbd|todo|unchanged|ditto|see .*)[\W_]*",
    re.I,
)
_BRIEF = (
    *YES,
    *NO,
    "없음",
    "없다",
    "없습니다",
    "무",
    "좋음",
    "맞음",
    "적절",
    "모름",
    "none",
    "good",
    "fine",
    "correct",
)
# What begins a formula. A text that begins with apostrophes and then such a sign gets one more, too: reading must
# not take an apostrophe away that was there before.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r]")


def escape(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescape(cell: str) -> str:
    """What `escape` was given."""
    return cell[1:] if _ESCAPED.match(cell) else cell


def read_pairs(release: Path) -> tuple[list[ReviewPair], dict[str, tuple[str, str, str]], dict[str, Any]]:
    """The pairs of `ko` in a release, `pair_id` -> key, and the release's facts.

    Raises `KomepError` if the folder is no release or holds no Korean.
    """
    facts = read_facts(Path(release))
    if "ko" not in facts["rows"]:
        raise KomepError(f"{release}: no pair has Korean texts to review (config ko has no rows)")
    pairs = read_rows(release, "ko")
    keys = {pair_id(key): key for key in pairs.select(Pair.KEY).iter_rows()}
    return review_pairs(pairs, read_rows(release, "scored")), keys, facts


def warned_ids(release: Path, keys: Mapping[str, tuple[str, str, str]]) -> set[str]:
    """The `pair_id`s of pairs of which a translated text has a warning, by the release's quality.json."""
    warned = set(warned_pairs(read_quality(release), keys.values()))
    return {id for id, key in keys.items() if key in warned}


def write_sheets(release: Path, output: Path, n: int = 100, seed: int = 0, reviewers: int = 2) -> list[Path]:
    """Draw a sample and write a folder a reviewer, each with `review.csv` and `review.html`.

    Args:
        release: a folder that `komep build` wrote.
        output: the folder; one reviewer's sheet lies in it, several in `reviewer-1`, `reviewer-2`, …
        n: pairs to draw, up to a half of them with a warning of their translation, which no sheet tells; every reviewer
            gets the same ones, in an order of their own.
        seed: of the sample and the orders.
        reviewers: how many.

    Returns:
        the folders.

    Raises:
        KomepError: no release, or a sheet is there already: it may hold someone's judgements.
    """
    pairs, keys, facts = read_pairs(release)
    sample = draw(pairs, n, seed, warned_ids(release, keys))
    sources = of_pairs(read_rows(release, "scored"), keys)
    names = [str(number) for number in range(1, reviewers + 1)]
    folders = [output if reviewers == 1 else output / f"reviewer-{name}" for name in names]
    for file in (folder / name for folder in folders for name in ("review.csv", "review.html")):
        if os.path.lexists(file):
            raise KomepError(f"{file}: exists, and may be filled in; give another --output, or move it away")
    for name, folder in zip(names, folders, strict=True):
        own = shuffled(sample, seed, name)
        with replacing(folder / "review.csv") as beside:
            beside.write_bytes(sheet_bytes(own, name, sources))
        with replacing(folder / "review.html") as beside:
            beside.write_text(page(own, name, facts, sources), "utf-8")
    return folders


def sheet_bytes(pairs: Iterable[ReviewPair], reviewer: str, sources: Sources = NO_SOURCES) -> bytes:
    """The empty CSV of one reviewer; where answers were judged by passages, with what these say, to read alone."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*COLUMNS, *(f"{side}_sources" for side in JUDGED_SIDES if sources)])
    for pair in pairs:
        said = sources.get(pair.pair_id, {})
        read = ["\n".join(one.lines for one in said.get(side, ())) for side in JUDGED_SIDES if sources]
        cells = [*map(escape, asdict(pair).values()), reviewer, *[""] * len(FILLED), *map(escape, read)]
        writer.writerow(cells)
    return text.getvalue().encode("utf-8-sig")


def page(
    pairs: Sequence[ReviewPair], reviewer: str, facts: Mapping[str, Any], sources: Sources = NO_SOURCES
) -> str:
    """The page of one reviewer; every text of the data is escaped by the template: it is shown, never run."""
    rows = [asdict(pair) for pair in pairs]
    values = {"pairs": pairs, "rows": rows, "columns": COLUMNS, "filled": FILLED, "sources": sources}
    values |= {"signs": SIGNS}
    return MARKUP.get_template("review.html.j2").render(values, reviewer=reviewer, facts=facts)


def read_sheets(paths: Sequence[Path], pairs: Mapping[str, ReviewPair]) -> tuple[list[Judgement], list[str]]:
    """The judgements of filled-in sheets, and what a user should know of how they were read.

    Raises:
        KomepError: a file that cannot be read, a missing column, an unknown pair, a changed cell, an answer that
            is neither yes nor no, a pair judged twice by one reviewer; each with file, line, column and value.
    """
    judgements: list[Judgement] = []
    faults, notes = [], []
    seen: dict[tuple[str, str], str] = {}
    for path in map(Path, paths):
        rows, note = read_sheet(path)
        notes += [note] if note else []
        if any(row.get(question, "").strip() == "0" for _, row in rows for question in QUESTIONS):
            rows = [(line, row | _spelled(row)) for line, row in rows]
        for line, row in rows:
            wrong = list(_faults(str(path), line, row, pairs))
            judgement = None if wrong else _judgement(row, path.stem)
            if judgement:
                key, place = (judgement.pair_id, judgement.reviewer), f"{path}:{line}"
                if seen.setdefault(key, place) != place:
                    detail = f"{key[1]!r} judged this pair at {seen[key]} too; give each reviewer a name of their own"
                    wrong.append(Problem(str(path), line, "reviewer", None, detail))
                judgements.append(judgement)
            faults += wrong
    if faults:
        hints = "".join(f"\n{note}" for note in notes)
        raise KomepError(
            f"{len(faults)} cells cannot be used:\n{listed(faults)}{hints}\nMend them in the sheet and import again."
        )
    return judgements, notes


def read_sheet(path: Path) -> tuple[list[tuple[int, dict[str, str]]], str]:
    """(line, column -> cell) for each row of a sheet as a spreadsheet saved it, and a note on its encoding or "".

    Raises `KomepError` that names the file and the columns that are missing.
    """
    table = read_csv(path, COLUMNS)
    names = [name.lower() for name in table.names]
    missing = [name for name in COLUMNS if name not in names and name != "reviewer"]
    if missing:
        raise KomepError(
            f"{path}:1: missing columns {', '.join(missing)}; take the sheet that `komep review sample` wrote"
        )
    rows = []
    for first, last, cells in table.rows:
        if isinstance(cells, csv.Error):
            raise KomepError(f"{path}:{last}: not readable as CSV ({cells}); save it as CSV again")
        if not all(map(is_text, cells)):
            raise KomepError(f"{path}:{first}: neither UTF-8 nor CP949 text; save it as CSV UTF-8")
        if any(cell.strip() for cell in cells):
            rows.append((first, dict(zip(names, map(unescape, cells), strict=False))))
    return rows, table.note


def _faults(
    file: str, line: int, row: Mapping[str, str], pairs: Mapping[str, ReviewPair]
) -> Iterable[Problem]:
    """What is wrong with a row; where the pair is unknown, nothing else is looked at."""
    name = row.get("pair_id", "").strip()
    pair = pairs.get(name)
    if pair is None:
        detail = f"{name!r} is no pair of the release; give the --release that was sampled, and leave this column alone"
        yield Problem(file, line, "pair_id", None, detail)
        return
    for column, given in asdict(pair).items():
        cell = row.get(column, "")
        if collapse_blanks(cell) != collapse_blanks(given):
            side = column.removesuffix("_korean")
            better = "leave it" if side == column else f"write corrections into corrected_{side}"
            yield Problem(file, line, column, None, f"{_cut(cell)} is not what the release has; {better}")
    for column in QUESTIONS:
        if (cell := row.get(column, "").strip()) and cell.lower() not in (*YES, *NO):
            detail = f"{_cut(cell)} is none of yes, no, 예, 아니오 (nor O, X, TRUE, FALSE, ✓, or 1 and 0 in one sheet); leave it empty if unsure"
            yield Problem(file, line, column, None, detail)
    for side in SIDES:
        column, what = f"corrected_{side}", ""
        if cell := row.get(column, "").strip():
            if pair.origin == "native":
                what = "a native text is no translation; say what is wrong in the comment"
            elif _is_remark(cell, getattr(pair, f"{side}_korean")):
                what = "not a text that can take the place of this one; write all of it, or leave the cell empty and use the comment"
        if what:
            yield Problem(file, line, column, None, f"{_cut(cell)}: {what}")


def _spelled(row: Mapping[str, str]) -> dict[str, str]:
    """A row's answers with 1 and 0 as yes and no: beside a 0, a 1 is no number of an answer."""
    said = {"1": "yes", "0": "no"}
    return {name: said.get(row[name].strip(), row[name]) for name in QUESTIONS if name in row}


def _is_remark(cell: str, text: str) -> bool:
    """Whether a cell for a corrected text holds something else: signs, a spreadsheet's error, or, in place of a longer
    text, words about it."""
    brief = cell.lower().rstrip(".!") in _BRIEF and len(cell) < len(text)
    said = brief or stands_for_none(cell) or _NO_TEXT.fullmatch(cell)
    return bool(said) or not re.search(r"[^\W_]", cell)


def _cut(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:39] + "…")


def _judgement(row: Mapping[str, str], reviewer: str) -> Judgement | None:
    """A row as a judgement; None where nothing was filled in."""
    cells = {name: row.get(name, "").strip() for name in FILLED}
    if not any(cells.values()):
        return None
    said = dict.fromkeys(YES, True) | dict.fromkeys(NO, False)
    cells |= {question: said.get(cells[question].lower()) for question in QUESTIONS}
    return Judgement(row["pair_id"].strip(), row.get("reviewer", "").strip() or reviewer, **cells)
