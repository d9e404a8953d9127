"""Generations that a sheet may stumble over, and sheets filled in as a spreadsheet saves them."""

import csv
import io
from dataclasses import asdict
from functools import cache
from pathlib import Path

from komep_dataset.review.blinding import blinding_of
from komep_dataset.review.reading import OPEN_FILLED, OPEN_SHOWN
from komep_dataset.review.sheet import COLUMNS, Material, escape

HOSTILE = {  # texts that a spreadsheet or a browser might run
    "question": '<script>alert(1)</script>, "why"?',
    "question_ko": "=1+1 </script><img src=x onerror=alert(1)> 왜?",
}


def generations() -> list[dict]:
    """Twenty questions, some native, two answers each; one with hostile texts."""
    rows = []
    for i in range(20):
        native = i % 4 == 0
        question = f"질문 {i}은?" if native else f"Question {i}?"
        for model, verdicts in (("a", ["true"] * 4), ("b", ["true"] * (i % 4) + ["false"] * (4 - i % 4))):
            response = f"{'답' if native else 'Answer'} {i} {model}"
            row = {
                "question": question, "category": ("심장", "lung")[i % 2], "model": model, "response": response,
                "units": [{"text": f"{model}{n} of {i}", "verdict": v} for n, v in enumerate(verdicts)],
                "question_ko": question if native else f"질문 {i}?", "response_ko": response if native else f"답 {i} {model}",
            }  # fmt: skip
            if i == 7:
                row |= HOSTILE | {
                    "response": f"-{model}\nsecond",
                    "response_ko": f"'+첫 줄\n둘째; {model}\t끝",
                }
            rows.append(row)
    return rows


def save(
    path: Path,
    rows: list[dict],
    delimiter=",",
    encoding="utf-8-sig",
    newline="\r\n",
    before="",
    columns=COLUMNS,
):
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=delimiter, lineterminator=newline, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes((before + text.getvalue()).encode(encoding))
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a sheet, cells as they stand in the file."""
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def blinded_answers(row: dict[str, str], material: Material, said: dict[str, str]) -> dict[str, str]:
    """What is said of `chosen` and `rejected`, in the columns of a row's A and B."""
    blinding = blinding_of(row["sheet"], material.facts["content_hash"])
    letters = {side: letter for letter, side in blinding.sides(pair_of(row, material)).items()}
    found = dict(said)
    for side, letter in letters.items():
        for name, column in (
            (f"corrected_{side}", f"corrected_{letter}"),
            (f"{side}_marks", f"{letter}_marks"),
        ):
            if name in found:
                found[column] = found.pop(name)
    if "better" in found:
        found["better"] = letters.get(found["better"], found["better"]).upper()
    return found


def pair_of(row: dict[str, str], material: Material) -> str:
    """The `pair_id` of the release behind a row of a blind sheet."""
    return _names(row["sheet"], material.facts["content_hash"], tuple(material.pairs))[row["pair_id"]]


@cache
def _names(code: str, release: str, pairs: tuple[str, ...]) -> dict[str, str]:
    return {blinding_of(code, release).name(pair): pair for pair in pairs}


def judged(path: Path, material: Material, answers: dict[str, dict[str, str]]) -> Path:
    """Fill in a sheet as a reviewer would who knew: `pair_id` of the release -> `better` (chosen, rejected, …) and others."""
    rows = rows_of(path)
    filled = [row | blinded_answers(row, material, answers.get(pair_of(row, material), {})) for row in rows]
    return save(path, filled, delimiter=";")


def of_before(material: Material, reviewer: str = "1") -> list[dict[str, str]]:
    """The rows of a sheet as versions before blind review wrote it."""
    empty = {"reviewer": reviewer, **dict.fromkeys(OPEN_FILLED, "")}
    return [
        {name: escape(cell) for name, cell in asdict(pair).items()} | empty
        for pair in material.pairs.values()
    ]


COLUMNS_OF_BEFORE = (*OPEN_SHOWN, "reviewer", *OPEN_FILLED)
