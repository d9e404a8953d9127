"""Scored generations for tests: two good answers to one question, and a file of any lines."""

import json
from pathlib import Path

UNITS = [{"text": "a fact", "verdict": "true"}, {"text": "another", "verdict": "false"}]


def row(model="m1", question="What is sepsis?", response="An answer.", **more):
    return {
        "question": question,
        "category": "medicine",
        "model": model,
        "response": response,
        "units": UNITS,
    } | more


GOOD = [row("m1"), row("m2", response="Another answer.", units=UNITS[:1])]


def write(path: Path, rows) -> Path:
    lines = [r if isinstance(r, bytes) else json.dumps(r, ensure_ascii=True).encode() for r in rows]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path
