"""Requests to a loopback endpoint, for the tests of those who send them."""

from pathlib import Path

import pytest

from komep_dataset.config.config import Judge
from komep_dataset.inference import client as engine
from komep_dataset.inference.ask import Body, ask
from komep_dataset.inference.reply_log import Reply
from tests.loopback import last_text

# Values that no reader expects.
DEEP = "[" * 100_000 + "]" * 100_000
HUGE = "9" * 5_000

SECRET = "sk-komep-0123456789abcdef"


def endpoint(url: str, **changes) -> Judge:
    return Judge(**{"endpoint": url, "model": "m", "concurrency": 4, "max_attempts": 2} | changes)


def request(id: str, text: str | None = None, **changes) -> tuple[str, Body]:
    return id, ({"messages": [{"role": "user", "content": text or id}], "temperature": 0.0} | changes)


def echo(body: dict) -> str:
    return f"re: {last_text(body)}"


def ask_all(url: str, folder: Path, requests: list[tuple[str, Body]], **changes) -> dict[str, Reply]:
    return ask(dict(requests), endpoint(url, **changes), folder, label="test")


@pytest.fixture(autouse=True)
def no_wait(monkeypatch):
    monkeypatch.setattr(engine, "FIRST_WAIT", 0.01)
