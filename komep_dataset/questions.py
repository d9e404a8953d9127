"""`komep questions`: exam questions from CSV, JSONL or Parquet, each with its id, repeats left out with a reason."""

import csv
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import check_tables, resolved
from komep_dataset.schema import LANGUAGES, Question, Reason, Reject, question_id
from komep_dataset.tables.problems import LINE, Problem, problems_error
from komep_dataset.tables.reading import SUFFIXES, read_batches
from komep_dataset.tables.rows import csv_rows
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


def read_csv(path: Path) -> Iterator[tuple[int, dict[str, str] | Problem]]:
    """Rows of a CSV file with the line on which each begins; a row that is not CSV or not UTF-8 is a problem.

    Raises `KomepError` if the header lacks `question` or `category`.
    """
    with path.open("rb") as raw:
        # Undecodable bytes survive as lone surrogates, so that the rest of the file can still be read.
        lines = (line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape") for line in raw)
        rows = csv_rows(lines, strict=True)
        _, _, header = next(rows, (1, 1, []))
        if isinstance(header, csv.Error):
            raise KomepError(f"{path}:1: not CSV ({header})")
        missing = [name for name in REQUIRED if name not in header]
        if missing:
            there = ", ".join(header) or "empty"
            raise KomepError(f"{path}:1: no column {', '.join(missing)} (header: {there})")
        for line, _, cells in rows:
            bad = ""
            if isinstance(cells, csv.Error):
                bad = f"not CSV ({cells})"
            elif cells and len(cells) != len(header):
                bad = f"{len(cells)} fields, the header has {len(header)}"
            elif any("\udc80" <= c <= "\udcff" for cell in cells for c in cell):
                bad = "not UTF-8"
            if bad:
                yield line, Problem(str(path), line, "", Reason.MALFORMED, bad)
            elif cells:
                yield line, dict(zip(header, cells, strict=True))


def _read_table(path: Path) -> Iterator[tuple[int, dict[str, str | None] | Problem]]:
    for frame, problems in read_batches(path, Question, OPTIONAL):
        yield from ((problem.line, problem) for problem in problems)
        yield from ((row.pop(LINE), row) for row in frame.iter_rows(named=True))


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
    first_line: dict[str, int] = {}
    problems, repeats = [], []
    for line, row in (read_csv if path.suffix == ".csv" else _read_table)(path):
        if isinstance(row, Problem):
            problems.append(row)
            continue
        checked = _check(row, language, source)
        if not isinstance(checked, Question):
            problems.append(Problem(str(path), line, checked[0], Reason.BAD_VALUE, checked[1]))
        elif checked.question_id in questions:
            repeats.append((line, checked, first_line[checked.question_id]))
        else:
            questions[checked.question_id] = checked
            first_line[checked.question_id] = line
    return questions, problems, repeats


def make_questions(
    path: Path, output: Path, *, language: str = "en", source: str | None = None, on_error: str = "stop"
) -> QuestionsResult:
    """Write the table `questions` and the rejects beside it.

    Args:
        path: CSV, JSONL or Parquet with the columns `question` and `category` (and perhaps `language`, `source`).
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
    if not path.is_file():
        raise KomepError(f"{path}: no such file")
    if path.suffix not in (".csv", *SUFFIXES):
        raise KomepError(f"{path}: questions come as .csv, {', '.join(SUFFIXES)}")
    target = output_path(Path(output), "questions.parquet")
    if resolved(target) == path.resolve():
        raise KomepError(f"--output {output}: is the input; name another file", exit_code=2)
    check_tables({target: Question})
    questions, problems, repeats = collect(path, language, source or path.stem)
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
