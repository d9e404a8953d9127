"""A pipeline.yaml of any text, read; and what is said of one that cannot be."""

from pathlib import Path

import pytest
import yaml

from komep_dataset.config.config import Config, load_config
from komep_dataset.errors import KomepError

ONE = {"name": "a", "endpoint": "http://localhost:8000/v1", "model": "m"}


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "pipeline.yaml"
    path.write_text(text, "utf-8")
    return load_config(path)


def fail(tmp_path: Path, text: str) -> str:
    with pytest.raises(KomepError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "pipeline.yaml"))
    assert caught.value.exit_code == 1
    return message


def with_responder(**changes) -> str:
    return yaml.safe_dump({"responders": [ONE | changes]})
