"""A release as a user meets it: `load_dataset("komep")` beside the folder, offline, and again after a rebuild."""

import json
from pathlib import Path

import pytest
from datasets import load_dataset

from komep_dataset.errors import KomepError
from komep_dataset.release.build import build
from komep_dataset.release.facts import read_facts
from komep_dataset.release.rows import read_rows
from komep_dataset.schema import CONFIGS, RECORDS, column_types


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    return str(tmp_path / "cache")


def test_load_dataset_by_name_config_and_split(release, cache, monkeypatch):
    monkeypatch.chdir(release.parent)
    default = load_dataset("komep", cache_dir=cache)
    korean = load_dataset("komep", "ko", cache_dir=cache)
    facts = read_facts(release)
    assert {s: d.num_rows for s, d in default.items()} == facts["rows"]["ko"]
    assert default["test"].to_list() == korean["test"].to_list()
    for config in CONFIGS:
        train = load_dataset("komep", config, split="train", cache_dir=cache)
        card = (release / "README.md").read_text("utf-8")
        assert f"`pairs.info.version` is `{train.info.version}`" in card
        assert train.column_names == list(column_types(RECORDS[config]))
        assert train.to_list() == read_rows(release, config, "train").to_dicts()


def test_streaming(release, cache, monkeypatch):
    monkeypatch.chdir(release.parent)
    rows = list(load_dataset("komep", "en", split="test", streaming=True))
    assert rows == read_rows(release, "en", "test").to_dicts()


def test_a_rebuild_is_seen(tmp_path, cache, monkeypatch):
    """Same file names, same row counts, same sizes of everything but the content: only the hash differs."""
    monkeypatch.chdir(tmp_path)
    rows = [
        {"question": "Q?", "category": "c", "model": m, "response": m, "units": [{"text": "t", "verdict": v}]}
        for m, v in (("a", "true"), ("b", "false"))
    ]
    seen = []
    for _ in range(2):
        Path("in.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
        build([Path("in.jsonl")], Path("komep"))
        [row] = load_dataset("komep", split="train", cache_dir=cache)
        seen.append(row["chosen"][0]["content"])
        rows[0]["model"], rows[1]["model"] = "b", "a"
        rows[0]["response"], rows[1]["response"] = "b", "a"
    assert seen == ["a", "b"]


def test_trl_reads_the_format(release):
    from datasets import Dataset

    rows = Dataset.from_list(read_rows(release, "ko", "test").to_dicts())
    for row in rows:
        assert [m["role"] for m in row["prompt"]] == ["user"]
        assert [m["role"] for m in row["chosen"]] == [m["role"] for m in row["rejected"]] == ["assistant"]


def test_the_builder_class(release, tmp_path):
    from komep_dataset.komep import Komep

    for config in CONFIGS:
        builder = Komep(config_name=config, data_dir=str(release), cache_dir=str(tmp_path))
        builder.download_and_prepare()
        assert builder.as_dataset("train").to_list() == read_rows(release, config, "train").to_dicts()
    sample = Komep(cache_dir=str(tmp_path))
    sample.download_and_prepare()
    assert sample.as_dataset("train").num_rows + sample.as_dataset("test").num_rows <= 58
    with pytest.raises(KomepError, match="no such folder"):
        Komep(data_dir=str(tmp_path / "none"))


def test_the_builder_sees_a_rebuild(tmp_path):
    from komep_dataset.komep import Komep

    heights = []
    for selection in ("best-worst", "all"):
        build([], tmp_path / "komep", pairs=selection)
        builder = Komep(data_dir=str(tmp_path / "komep"), cache_dir=str(tmp_path / "cache"))
        builder.download_and_prepare()
        heights.append(builder.as_dataset("train").num_rows)
    assert heights[0] < heights[1]


def test_a_split_without_rows_is_left_out(tmp_path):
    """`datasets` cannot read a split of no rows; a small release may have no test question."""
    from komep_dataset.komep import Komep
    from komep_dataset.schema import question_id, split_of

    question = next(q for q in (f"Question {i}?" for i in range(99)) if split_of(question_id(q)) == "train")
    rows = [
        {
            "question": question,
            "category": "c",
            "model": m,
            "response": m,
            "units": [{"text": "t", "verdict": v}],
        }
        for m, v in (("a", "true"), ("b", "false"))
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    build([tmp_path / "in.jsonl"], tmp_path / "komep")
    for config in ("en", "scored"):
        loaded = load_dataset(str(tmp_path / "komep"), config, cache_dir=str(tmp_path / "cache"))
        assert list(loaded) == ["train"]
    builder = Komep(config_name="en", data_dir=str(tmp_path / "komep"), cache_dir=str(tmp_path / "cache"))
    builder.download_and_prepare()
    assert list(builder.as_dataset()) == ["train"]
    assert not list((tmp_path / "komep").rglob("test-*"))
