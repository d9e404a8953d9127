"""The release of the sample, and its figures."""

from pathlib import Path

import pytest

from komep_dataset.audit.bias import measure
from komep_dataset.release.build import build


@pytest.fixture(scope="session")
def release(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bias") / "komep"
    build([], folder)
    return folder


@pytest.fixture(scope="session")
def figures(release) -> dict:
    return measure(release)
