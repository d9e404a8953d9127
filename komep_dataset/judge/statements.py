"""Statements whose truth is known: those that ship, and those of a user's file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.samples import SAMPLES
from komep_dataset.schema import LANGUAGES
from komep_dataset.tables.checking import verdict_of
from komep_dataset.tables.columns import others_told
from komep_dataset.tables.formats import CSV, format_of
from komep_dataset.tables.problems import Problem
from komep_dataset.tables.rows import scan_rows

NEEDED = ("text", "label", "language", "category")
COLUMNS = (*NEEDED, "question", "question_ko", "true", "false")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement whose truth is known; `question` is shown to a checker with `context: question`."""

    text: str
    label: bool
    language: str
    category: str
    question: str | None = None


def sample_statements() -> Path:
    """The statements that ship with the package, written for this project."""
    return SAMPLES / "facts.jsonl"


def read_statements(path: Path, columns: Mapping[str, str] | None = None) -> list[Statement]:
    """Labelled statements from JSONL or another table; `columns` is a map of names.

    A row is either {text, label, language, category, and, if wanted, question} or a question of the shipped
    kind, whose `true` and `false` are lists of {en, ko}. Raises `KomepError` that names the line.
    """
    statements: list[Statement] = []
    for number, row in scan_rows(path, NEEDED, columns=columns or {}):
        if isinstance(row, Problem):
            raise KomepError(f"{path}:{number}: no labelled statement ({row.detail})")
        if format_of(path) == CSV and "label" in row:  # where all is text
            row["label"] = {"true": True, "false": False}.get(verdict_of(row["label"]))
        try:
            statements += _statements_of(row)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            lacking = [name for name in NEEDED if name not in row] if "question" not in row else []
            told = f"{type(error).__name__}: {error}"
            if lacking:
                told = f"no column {', '.join(lacking)}{others_told(row, COLUMNS, lacking, True)}"
            raise KomepError(f"{path}:{number}: no labelled statement ({told})") from error
    if not statements:
        raise KomepError(f"{path}: no statement in it")
    return statements


def _statements_of(row: dict) -> list[Statement]:
    if "text" in row:
        if not isinstance(row["label"], bool) or row["language"] not in LANGUAGES or not row["text"].strip():
            raise ValueError("label is true or false, language en or ko, text not empty")
        question = row.get("question")
        if not isinstance(question, str | None):
            raise TypeError("question is text")
        return [Statement(row["text"].strip(), row["label"], row["language"], str(row["category"]), question)]
    questions = {"en": row["question"], "ko": row.get("question_ko")}
    return [
        Statement(statement[language], label, language, row["category"], questions[language])
        for label in (True, False)
        for statement in row[str(label).lower()]
        for language in LANGUAGES
    ]


def label_of(said: Any, *neither: str) -> bool | None:
    """A label as published sets write it; None for no value and the words that say neither true nor false."""
    if said is None or said in neither:
        return None
    label = {"true": True, "false": False}.get(str(said).strip().lower())
    if label is None:
        raise ValueError(f"{said!r} is no label")
    return label
