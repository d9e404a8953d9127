"""`komep_dataset.load`: a release as `datasets` objects."""

import datasets
import pytest

from komep_dataset.errors import KomepError
from komep_dataset.hub.load import load
from komep_dataset.release.build import build
from komep_dataset.release.rows import read_rows


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def test_every_config_of_a_folder(tmp_path):
    folder = tmp_path / "release"
    build([], folder)
    for config in ("ko", "en", "scored"):
        loaded = load(folder, config)
        assert {split: rows.to_list() for split, rows in loaded.items()} == {
            split: read_rows(folder, config, split).to_dicts() for split in ("train", "test")
        }
    assert load(str(folder))["train"].column_names[-1] == "origin"  # `ko`, unless another is asked for
    with pytest.raises(KomepError, match=r"no rows in config 'de' \(it has ko, en, scored\)"):
        load(folder, "de")


def test_what_is_no_release(tmp_path):
    with pytest.raises(KomepError, match=r"not a KoMeP release \(it has no build\.json\)"):
        load(tmp_path)
    with pytest.raises(
        KomepError,
        match=r"^nowhere: no such folder; .*'nowhere' is no id of a dataset on the Hub: give ORG/NAME",
    ):
        load("nowhere")
    with pytest.raises(KomepError, match="org/nothing: "):
        load("org/nothing")
