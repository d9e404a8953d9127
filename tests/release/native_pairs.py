"""Scored generations of one question that was asked in Korean, and of one that was translated."""

import json
from pathlib import Path


def generations(question: str, korean: str | None, answers: dict[str, str]) -> list[dict]:
    return [
        {
            "question": question, "category": "c", "model": m, "response": f"{question} {m}",
            "units": [{"text": "t", "verdict": v}], "question_ko": korean, "response_ko": korean and f"{korean} {m}",
        }
        for m, v in answers.items()
    ]  # fmt: skip


def write_input(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


VERDICTS = {"a": "true", "b": "false"}
NATIVE = generations("고유한 질문은?", "고유한 질문은?", VERDICTS)
TRANSLATED = generations("What?", "무엇인가?", VERDICTS)
