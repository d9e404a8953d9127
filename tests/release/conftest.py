"""The release of the sample with every pair."""

from pathlib import Path

import pytest

from komep_dataset.release.build import build


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("release") / "komep"
    build([], folder, pairs="all")
    return folder
