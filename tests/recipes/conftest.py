"""A tiny chat model and a tiny release, made once for all tests of the recipes."""

from pathlib import Path

import pytest

from tests.recipes.tiny_runs import write_tiny_model, write_tiny_release


@pytest.fixture(scope="session")
def release(tmp_path_factory) -> Path:
    return write_tiny_release(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny-model"))
