"""`komep questions`: exam questions from CSV, JSONL or Parquet, each with its id, repeats left out with a reason."""

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import check_tables, resolved
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
from komep_dataset.tables.formats import CSV, KNOWN, check_there, format_of, stem_of
from komep_dataset.tables.option_columns import option_columns, telling_columns
from komep_dataset.tables.problems import Problem, problems_error
from komep_dataset.tables.reading import check_shape, csv_row, row_of
from komep_dataset.tables.rows import scan_rows
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
    rejects: list[Reject]


def _check(row: dict[str, str | None], language: str, source: str) -> Question | tuple[str, str]:
    """A row as a question, or (column, detail) of a bad value."""
    text = row["question"] or ""
    if not text.split():
        return "question", "empty"
    row_language = row.get("language") or language
    if row_language not in LANGUAGES:
        return "language", f"{row_language!r} is not one of {', '.join(LANGUAGES)}"
    category = unicodedata.normalize("NFC", row["category"] or "").strip()
    return Question(question_id(text), text, category, row_language, row.get("source") or source)


def collect(
    path: Path, language: str, source: str
) -> tuple[dict[str, Question], list[Problem], list[tuple[int, Question, int]]]:
    """Read a file of questions.

    Returns:
        (question id -> the first question with it; bad rows; repeats as (line, question, line of the first)).
    """
    questions: dict[str, Question] = {}
    firsts: dict[str, tuple[int, dict[Any, Any]]] = {}
    # Of a table of answers, the questions are taken, each once.
    taken = {name for record in (Question, Response, CitedGeneration) for name in column_types(record)}
    problems, repeats = [], []
    check_shape(path, Question, OPTIONAL)
    for line, given in scan_rows(path, column_types(Question), needed=REQUIRED):
        if isinstance(given, Problem):
            problems.append(given)
            continue
        as_given = given
        if options := option_columns(given, taken):
            raise KomepError(
                f"{path}:{line}: the columns {', '.join(options)} hold options of a multiple-choice question, and a "
                "question is one text: write them into it, or take these columns out to ask the stems alone"
            )
        given = {str(name).casefold(): value for name, value in given.items()} | given
        row = (csv_row if format_of(path) == CSV else row_of)(given, Question, OPTIONAL)
        if not isinstance(row, dict):
            problems.append(Problem(str(path), line, *row))
            continue
        checked = _check(row, language, source)
        if not isinstance(checked, Question):
            problems.append(Problem(str(path), line, checked[0], Reason.BAD_VALUE, checked[1]))
        elif checked.question_id in questions:
            first, other = firsts[checked.question_id]
            if others := telling_columns(other, as_given, taken):
                detail = (
                    f"the question of line {first} with other values: no repeat; write what tells the two apart into the "
                    "question, or take these columns out to ask it once"
                )
                problems.append(
                    Problem(str(path), line, ", ".join(others), Reason.CONFLICTING_DUPLICATE, detail)
                )
            else:
                repeats.append((line, checked, first))
        else:
            questions[checked.question_id] = checked
            firsts[checked.question_id] = line, as_given
    return questions, problems, repeats


def make_questions(
    path: Path, output: Path, *, language: str = "en", source: str | None = None, on_error: str = "stop"
) -> QuestionsResult:
    """Write the table `questions` and the rejects beside it.

    Args:
        path: CSV, JSONL, JSON or Parquet with the columns `question` and `category` (and perhaps `language`, `source`).
        output: the table to write, or a folder for `questions.parquet`.
        language: `en` or `ko`, for rows that do not say it.
        source: for rows that do not say it; default: the file's name without its ending.
        on_error: `stop` raises on bad rows, `reject` leaves them out. A repeated question is always a reject.

    Raises:
        KomepError: no such file, missing columns, bad rows, nothing left.
    """
    if language not in LANGUAGES:
        raise KomepError(f"--language {language}: give one of {', '.join(LANGUAGES)}", exit_code=2)
    path = Path(path)
    check_there(path)
    if path.is_dir():
        raise KomepError(f"{path}: a folder; name a file in it")
    if format_of(path) is None:
        raise KomepError(f"{path}: questions come as {KNOWN}")
    target = output_path(Path(output), "questions.parquet")
    if resolved(target) == path.resolve():
        raise KomepError(f"--output {output}: is the input; name another file", exit_code=2)
    check_tables({target: Question})
    questions, problems, repeats = collect(path, language, source or stem_of(path))
    if problems and on_error == "stop":
        raise problems_error(problems)
    if not questions:
        raise KomepError(f"{path}: no usable question in it ({len(problems)} bad rows)")
    rejects = [p.reject(STAGE) for p in problems]
    for line, question, first in repeats:
        detail = f"{path.name}:{line} repeats line {first}"
        if question.category != questions[question.question_id].category:
            detail += f" under another category, {question.category!r}"
        rejects.append(Reject(STAGE, question.question_id, Reason.DUPLICATE_QUESTION.value, detail))
    write_rows(questions.values(), target, Question)
    write_rejects(target.parent, STAGE, rejects)
    return QuestionsResult(target, len(questions), rejects)
