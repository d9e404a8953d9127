"""A table of prices at which a call costs one unit of money."""

from pathlib import Path

import yaml

from tests.loopback import Loopback

TOKENS = {"prompt_tokens": 999_950, "completion_tokens": 50}  # one unit of money a call at the prices below


def priced(folder: Path, *models: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    entry = {"input": 1, "output": 1, "date": "2026-01-01", "source": "made up for a test"}
    path = folder / "prices.yaml"
    path.write_text(yaml.safe_dump({"currency": "EUR", "models": dict.fromkeys(models, entry)}))
    return path


def expensive() -> Loopback:
    state = Loopback()
    state.usage = TOKENS
    return state
