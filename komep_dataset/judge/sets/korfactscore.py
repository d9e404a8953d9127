"""KorFactScore (ETRI): atoms of Korean biographies by GPT-4, judged by people against Wikipedia."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.judge.sets.registry import LabelledSet, Rows
from komep_dataset.judge.statements import Statement, label_of
from komep_dataset.tables.formats import json_lines

LABEL = "human.verdict-all"


def rows(path: Path) -> Rows:
    """(line, (atoms, about whom they are, or None)): the gold file has no names, the file beside it that it was drawn
    from has."""
    topics = _topics(path.with_name(path.name.replace("-gold", "")))
    for number, line in json_lines(path):
        try:
            atoms = json.loads(line)
            atoms = [atoms] if isinstance(atoms, dict) else atoms  # of one biography, each comes alone
            found = Counter(topics[a["atom"]] for a in atoms if a["atom"] in topics).most_common(1)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise KomepError(f"{path}:{number}: no list of atoms; it is read as {SET.told}") from error
        yield number, (atoms, found[0][0] if found else None)


def _topics(path: Path) -> dict[str, str]:
    """Atom -> topic of its biography."""
    found: dict[str, str] = {}
    with suppress(OSError, ValueError, TypeError, KeyError):
        for line in path.read_text("utf-8").split("\n"):
            row = json.loads(line) if line else {"annotations": ()}
            for sentence in row["annotations"] or ():
                found |= {atom["text"]: row["topic"] for atom in sentence["model-atomic-facts"] or ()}
    return found


def statements(row: tuple[list[dict[str, Any]], str | None]) -> Iterator[Statement | None]:
    atoms, topic = row
    for atom in atoms:
        label = label_of(atom[LABEL])
        question = topic and f"{topic}의 생애를 알려 주세요."
        text = atom["atom"].strip()
        yield Statement(text, label, "ko", "biography", question) if text and label is not None else None


SET = LabelledSet("korfactscore", "KorFactScore's gen_bio-…-gold.jsonl", ("*-gold.jsonl",), statements, rows)
