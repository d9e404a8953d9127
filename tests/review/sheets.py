"""Generations that a sheet may stumble over, and sheets filled in as a spreadsheet saves them."""

import csv
import io
from pathlib import Path

from komep_dataset.review.sheet import COLUMNS

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
                "units": [{"text": "t", "verdict": v} for v in verdicts],
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


def judged(path: Path, answers: dict[str, dict[str, str]]) -> Path:
    """Fill in a sheet as a reviewer would."""
    rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))
    return save(path, [row | answers.get(row["pair_id"], {}) for row in rows], delimiter=";")
