"""`komep questions`: exam questions from CSV, JSONL or Parquet, each with its id, repeats left out with a reason."""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import check_tables, resolved
from komep_dataset.progress import tell
from komep_dataset.schema import (
    LANGUAGES,
    CitedGeneration,
    Question,
    Reason,
    Reject,
    Response,
    column_types,
    question_id,
)
from komep_dataset.tables.checking import row_of
from komep_dataset.tables.columns import check_shape, constants, of_file, others_told
from komep_dataset.tables.formats import CSV, KNOWN, check_there, format_of, stem_of, table_files
from komep_dataset.tables.option_columns import option_columns, telling_columns
from komep_dataset.tables.problems import ROWS, Fault, Problem, in_rows, problems_error, wholly_rejected
from komep_dataset.tables.reading import check_columns, read_table, values_in_path
from komep_dataset.tables.rows import columns_of, scan_rows
from komep_dataset.tables.writing import output_path, write_rejects, write_rows

STAGE = "questions"
REQUIRED = ("question", "category")
# The other columns of the table are derived, or given on the command line.
OPTIONAL = ("question_id", "language", "source")


@dataclass(frozen=True, slots=True)
class QuestionsResult:
    """What `komep questions` did."""

    path: Path
    questions: int
    rejects: list[Reject] = field(repr=False)

    @property
    def frame(self) -> pl.DataFrame:
        """The table that was written."""
        return read_table(self.path, Question)


def _check(row: dict[str, str | None], language: str, source: str) -> Question | list[Fault]:
    """A row as a question, or every value of it that is bad."""
    text, faults = row["question"] or "", []
    if not text.split():
        faults.append(Fault("question", Reason.BAD_VALUE, "empty"))
    row_language = row.get("language") or language
    if row_language not in LANGUAGES:
        what = f"{row_language!r} is not one of {', '.join(LANGUAGES)}"
        faults.append(Fault("language", Reason.BAD_VALUE, what))
    if faults:
        return faults
    category = unicodedata.normalize("NFC", row["category"] or "").strip()
    return Question(question_id(text), text, category, row_language, row.get("source") or source)


def collect(
    files: Sequence[Path], language: str, source: str, columns: Mapping[str, str] | None = None
) -> tuple[dict[str, Question], list[Problem], list[tuple[str, Question, str]], Counter]:
    """Read files of questions; what a row lacks and the name of a folder has (`category=cardiology`), it has. `columns` is a
    map of names.

    Returns:
        (question id -> the first question with it; bad rows; repeats as (place, question, place of the first); file -> how
        many rows it has).
    """
    questions: dict[str, Question] = {}
    firsts: dict[str, tuple[Path, int, dict[Any, Any]]] = {}
    # Of a table of answers, the questions are taken, each once.
    taken = {name for record in (Question, Response, CitedGeneration) for name in column_types(record)}
    taken.add("evidence")  # texts of a question that a checker may judge by
    problems, repeats, heads, read = [], [], {}, Counter()
    for path, line, given, of_path in _rows(files, columns):
        read[str(path)] += 1
        if isinstance(given, Problem):
            problems.append(given)
            continue
        as_given = given
        heads.setdefault(path, {str(name).casefold() for name in given})
        if options := option_columns(given, taken):
            raise KomepError(
                f"{path}:{line}: the columns {', '.join(options)} hold options of a multiple-choice question, and a "
                "question is one text: write them into it, or take these columns out to ask the stems alone"
            )
        given = of_path | {str(name).casefold(): value for name, value in given.items()} | given
        row, faults = row_of(given, Question, OPTIONAL, of_csv=format_of(path) == CSV)
        if lacking := [one.column for one in faults if one.detail == "no value"]:
            others = {name: value for name, value in as_given.items() if str(name).casefold() not in taken}
            nowhere = [name for name in REQUIRED if name not in heads[path]]
            told = others_told(others, column_types(Question), lacking, columns is not None, nowhere)
            faults = [o._replace(detail=o.detail + told) if o.column == lacking[0] else o for o in faults]
        checked = faults or _check(row, language, source)
        if not isinstance(checked, Question):
            problems.append(Problem.of_row(str(path), line, checked))
        elif checked.question_id in questions:
            file, number, other = firsts[checked.question_id]
            line_of = "row" if str(file) in ROWS else "line"
            first = f"{line_of} {number}" if file == path else _place(file, number)
            if others := telling_columns(other, as_given, taken):
                detail = (
                    f"the question of {first} with other values: no repeat; write what tells the two apart into the "
                    "question, or take these columns out to ask it once"
                )
                why = Reason.CONFLICTING_DUPLICATE
                problems.append(Problem(str(path), line, ", ".join(others), why, detail))
            else:
                repeats.append((_place(path, line), checked, first))
        else:
            questions[checked.question_id] = checked
            firsts[checked.question_id] = path, line, as_given
    return questions, problems, repeats, read


def _place(path: Path, line: int) -> str:
    return in_rows(f"{path if str(path) in ROWS else path.name}:{line}")


def _rows(
    files: Sequence[Path], columns: Mapping[str, str] | None
) -> Iterator[tuple[Path, int, dict[Any, Any] | Problem, dict[str, Any]]]:
    """(file, line, row or what is wrong with it, values in the names of its folders) of every row."""
    check_columns(files, Question, OPTIONAL, columns or {})
    for path in files:
        of_path, names = values_in_path(path, Question), columns_of(path)
        own = of_file(names, columns or {}, path)
        names = [*(own.get(name, name) for name in names), *constants(columns)]
        check_shape(path, Question, {*OPTIONAL, *of_path}, names)
        needed = [name for name in REQUIRED if name not in of_path]
        for line, given in scan_rows(path, column_types(Question), needed=needed, columns=columns or {}):
            yield path, line, given, of_path


def make_questions(
    path: Path,
    output: Path,
    *,
    language: str = "en",
    source: str | None = None,
    on_error: str = "stop",
    columns: Mapping[str, str] | None = None,
) -> QuestionsResult:
    """Write the table `questions` and the rejects beside it.

    Args:
        path: CSV, JSONL, JSON or Parquet, or a folder of them, with the columns `question` and `category` (and perhaps `language`, `source`).
        output: the table to write, or a folder for `questions.parquet`.
        language: `en` or `ko`, for rows that do not say it.
        source: for rows that do not say it; default: the name of file or folder, without its ending.
        on_error: `stop` raises on bad rows, `reject` leaves them out. A repeated question is always a reject.
        columns: a file's own name of a column -> the known one.

    Raises:
        KomepError: no such file, missing columns, bad rows, nothing left.
    """
    if language not in LANGUAGES:
        raise KomepError(f"--language {language}: give one of {', '.join(LANGUAGES)}", exit_code=2)
    path = Path(path)
    check_there(path)
    if path.is_file() and format_of(path) is None:
        raise KomepError(f"{path}: questions come as {KNOWN}")
    target = output_path(Path(output), "questions.parquet")
    files = table_files([path])
    if resolved(target) in [file.resolve() for file in files]:
        raise KomepError(f"--output {output}: is the input, or a part of it; name another file", exit_code=2)
    check_tables({target: Question})
    name = source or stem_of(path.resolve())
    questions, problems, repeats, read = collect(files, language, name, columns or {})
    if problems and on_error == "stop":
        raise problems_error(problems, may_reject=True)
    if not questions:
        raise KomepError(f"{path}: no usable question in it ({len(problems)} bad rows)")
    for what in wholly_rejected(problems, read):
        tell(f"warning: {what}")
    rejects = [p.reject(STAGE) for p in problems]
    for line, question, first in repeats:
        detail = f"{line} repeats {first}"
        if question.category != questions[question.question_id].category:
            detail += f" under another category, {question.category!r}"
        rejects.append(Reject(STAGE, question.question_id, Reason.DUPLICATE_QUESTION.value, detail))
    write_rows(questions.values(), target, Question)
    write_rejects(target.parent, STAGE, rejects)
    return QuestionsResult(target, len(questions), rejects)
