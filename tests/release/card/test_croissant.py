"""Croissant metadata of a release: valid, and its records are the rows."""

import math
from pathlib import Path

import pytest

from komep_dataset.release.build import build
from komep_dataset.release.facts import read_facts
from komep_dataset.release.rows import read_rows


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("release") / "komep"
    build([], folder)
    return folder


def test_croissant_is_valid_and_its_records_are_the_rows(release):
    mlcroissant = pytest.importorskip("mlcroissant", reason="needs the extra [dev]")

    file = release / "croissant.json"
    assert f"{file.name}\n" in (release / "SHA256SUMS").read_text()
    dataset = mlcroissant.Dataset(file)
    assert not dataset.metadata.issues.errors
    assert all("datePublished" in warning for warning in dataset.metadata.issues.warnings)
    facts = read_facts(release)
    assert {r.id for r in dataset.metadata.record_sets} == {
        f"{c}-{s}" for c in facts["rows"] for s in ("train", "test")
    }
    for config in ("ko", "scored"):
        assert [plain(r) for r in dataset.records(f"{config}-test")] == read_rows(
            release, config, "test"
        ).to_dicts()


def plain(value):
    """A record of mlcroissant as a row: text instead of bytes, the column's own name instead of its path."""
    if isinstance(value, dict):
        return {key.rpartition("/")[2]: plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value.decode() if isinstance(value, bytes) else None if is_nan(value) else value


def is_nan(value) -> bool:
    return isinstance(value, float) and math.isnan(value)
