"""Checkers over a loopback endpoint: one that knows the shipped statements, and one that errs."""

import json
import re
from pathlib import Path

import yaml

from komep_dataset.judge.statements import read_statements, sample_statements
from tests.loopback import last_text

FACTS = read_statements(sample_statements())
TRUTH = {s.text: s.label for s in FACTS}


def stated(text: str) -> str:
    """The statement of a check: a JSON string, or what stands there."""
    inner = re.search(r"(?:Statement|진술): (.*?)\n(?:Is the statement true|이 진술은 참)", text, re.DOTALL)[
        1
    ]
    try:
        return json.loads(inner)
    except ValueError:
        return inner


def expert(body: dict) -> str:
    """Knows every shipped statement; of the others it says False."""
    return str(TRUTH.get(stated(last_text(body)), False))


def errs(body: dict) -> str:
    """Knows them too, but for each seventh."""
    text = stated(last_text(body))
    right = TRUTH.get(text, False)
    return str(right if len(text) % 7 else not right)


def configured(folder: Path, url: str, **options) -> Path:
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump({"checker": {"endpoint": url, "model": "checker"} | options}))
    return path
