"""Questions and responders over a loopback endpoint."""

import json
from pathlib import Path

import yaml

from komep_dataset.config.config import Config, load_config
from komep_dataset.schema import Response, question_id
from komep_dataset.tables.reading import read_table

QUESTIONS = ["What is gout?", 'Say "</answer>" and a\nline break.', "천식이란 무엇인가?"]


def write_questions(folder: Path, texts=QUESTIONS) -> Path:
    path = folder / "questions.jsonl"
    rows = [
        {"question_id": question_id(t), "question": t, "category": "c", "language": "en", "source": "test"}
        for t in texts
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def configured(folder: Path, url: str, *responders: dict) -> Config:
    base = {"endpoint": url, "max_attempts": 1, "concurrency": 4}
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump({"seed": 5, "responders": [base | r for r in responders]}), "utf-8")
    return load_config(path)


def rows_of(path: Path) -> dict[str, dict]:
    return {row["question"]: row for row in read_table(path, Response).iter_rows(named=True)}
