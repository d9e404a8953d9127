"""A release to review."""

import json
from pathlib import Path

import pytest

from komep_dataset.release.build import build
from komep_dataset.review.sheet import Material, read_material
from tests.explorer.conftest import chromium  # noqa: F401 - a fixture
from tests.review.sheets import generations


@pytest.fixture(scope="session")
def release(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("review")
    source = folder / "scored.jsonl"
    source.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in generations()), "utf-8")
    build([source], folder / "komep")
    return folder / "komep"


@pytest.fixture(scope="session")
def material(release) -> Material:
    return read_material(release)
