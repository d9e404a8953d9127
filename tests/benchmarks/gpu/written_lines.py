"""Lines that a check wrote."""

import json
from pathlib import Path


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
