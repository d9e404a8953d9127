"""Texts by others that lie beside a checkout (`../shared/data`, or where KOMEP_REAL_DATA says): read there, never copied."""

import json
import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("KOMEP_REAL_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


def needs_data(*folders: str) -> pytest.MarkDecorator:
    """Skip a test where one of these folders is not there."""
    missing = [name for name in folders if not (DATA / name).is_dir()]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)} in {DATA}")


def rows(path: str) -> list:
    """The lines of a JSONL file."""
    return [json.loads(line) for line in (DATA / path).read_text("utf-8").split("\n") if line.strip()]


def answers() -> dict[str, list[str]]:
    """Answers of people and of models, English and Korean, by the folder that they lie in."""
    return {
        "kqa": [row["Free_form_answer"] for row in rows("kqa/questions_w_answers.jsonl")],
        "pubmedqa": [row["long_answer"] for row in rows("pubmedqa/questions.jsonl")],
        "expertqa": [row["response"] for row in rows("expertqa/expert_build_input.jsonl")],
        "korfactscore": [
            row["output"] for w in ("fr", "kr") for row in rows(f"korfactscore/gen_bio-gpt_4-{w}-all.jsonl")
        ],
        "gemini_replies": [
            row["answer"]
            for w in ("dentist", "nurse")
            for row in rows(f"gemini_replies/distillation_{w}.jsonl")
        ],
    }
