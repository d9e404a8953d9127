"""Texts that a user has for each question: a table with a column `evidence`, by `question_id` or `question`.

A cell is a text, a list of texts, or a list of `{id, title, text, url}`, in CSV written as JSON. Rows of one question add
up, and what is long is cut into pieces.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.evidence.passages import FIELDS, Passage, cut
from komep_dataset.schema import Reason, question_id
from komep_dataset.tables.checking import plain_text
from komep_dataset.tables.columns import OF_EVIDENCE
from komep_dataset.tables.formats import table_files
from komep_dataset.tables.problems import Problem, listed
from komep_dataset.tables.rows import scan_rows
from komep_dataset.tables.values import stands_for_none, written

COLUMN = "evidence"


def passages_of_questions(
    path: Path, columns: Mapping[str, str] | None = None
) -> dict[str, tuple[Passage, ...]]:
    """Question id -> its passages, as the file has them and in its order. `columns` is a map of names.

    A question is found by the id that the file gives it, and by the one that its text has.

    Raises:
        KomepError: the file cannot be read, or rows have no question, or evidence that is none; all of them are named.
    """
    found: dict[str, dict[str, Passage]] = {}
    problems: list[Problem] = []
    for file in table_files([path]):
        for line, given in scan_rows(file, OF_EVIDENCE, columns=columns):
            if isinstance(given, Problem):
                problems.append(given)
                continue
            row = {str(name).casefold(): value for name, value in given.items()} | given
            keys, question = {row.get("question_id"), ""} - {None, ""}, plain_text(row.get("question"))
            keys |= {question_id(question)} if isinstance(question, str) and question.strip() else set()
            if not keys:
                lacking = "neither question_id nor question"
                problems.append(Problem(str(file), line, "", Reason.MISSING_FIELD, lacking))
            texts = list(_texts(row.get(COLUMN)))
            bad = [text for text in texts if isinstance(text, str)]
            problems += [Problem(str(file), line, COLUMN, Reason.BAD_VALUE, why) for why in bad]
            for own in [found.setdefault(key, {}) for key in map(str, keys)]:
                for text in texts if not bad else ():
                    _add(own, text)
    if problems:
        raise KomepError(f"{path}: {len(problems):,} of its rows cannot be used:\n{listed(problems)}")
    if not any(found.values()):
        raise KomepError(
            f"{path}: no evidence in it: no row has a text in a column `{COLUMN}`; under `columns:` of pipeline.yaml, "
            f"NEW: {COLUMN} says which one it is"
        )
    return {key: tuple(own.values()) for key, own in found.items()}


def _texts(cell: Any) -> Iterator[dict[str, str] | str]:
    """What a cell holds, each as the fields of a passage, or, as a text, what is wrong with it."""
    if isinstance(cell, str) and cell.lstrip()[:1] in ("[", "{"):
        with suppress(ValueError):
            cell = written(cell)
    if cell is None or (isinstance(cell, str) and (not cell.strip() or stands_for_none(cell))):
        return
    for one in cell if isinstance(cell, list) else [cell]:
        fields = {"text": one} if isinstance(one, str) else one
        if not isinstance(fields, dict) or not isinstance(fields.get("text"), str):
            yield f"expected a text, or an object with a text, got {str(one)[:60]!r}"
        elif fields["text"].strip():
            yield {name: str(fields[name]) for name in FIELDS if fields.get(name) is not None}


def _add(own: dict[str, Passage], fields: dict[str, str]) -> None:
    """Put a text's pieces beside the others of its question; one that is there already is no second one."""
    id, known = fields.get("id", "").strip(), {one.text for one in own.values()}
    while not id or id in own or f"{id}#1" in own:
        id = f"{id}-{len(own) + 1}" if id else f"e{len(own) + 1}"
    whole = Passage(**{name: fields.get(name, "") for name in FIELDS} | {"id": id})
    own |= {piece.id: piece for piece in cut(whole) if piece.text not in known}
