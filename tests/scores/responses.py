"""Responses to score, and a judge that calls true what says so."""

import json
from pathlib import Path

from komep_dataset.schema import question_id
from tests.loopback import Loopback, answer, last_text


def response(text: str, *, question: str = "What is gout?", model: str = "a", finish: str = "stop") -> dict:
    return {
        "question_id": question_id(question),
        "model": model,
        "question": question,
        "category": "c",
        "response": text,
        "prompt_protocol": "chat",
        "temperature": 0.6,
        "top_p": 0.9,
        "max_new_tokens": 256,
        "seed": 0,
        "finish_reason": finish,
        "prompt_tokens": None,
        "completion_tokens": None,
    }


def write_responses(folder: Path, *rows: dict, name: str = "responses.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def truth(body: dict) -> str:
    """A splitter as usual, and a checker that calls true what says so."""
    if body["model"] == "splitter":
        return answer(body)
    return "True" if "right" in last_text(body) else "False" if "wrong" in last_text(body) else "Perhaps"


def sent(state: Loopback, model: str) -> list[str]:
    return [last_text(body) for body in state.calls if body["model"] == model]
