"""`komep install`: afterwards `load_dataset("komep")` works from any folder, without Hub or release."""

import json
import shutil
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from komep_dataset.hub.install import MARK, install, uninstall
from komep_dataset.komep import Komep, KomepError
from komep_dataset.release.build import build
from komep_dataset.release.rows import read_rows
from tests.clients import Client, rows_hash
from tests.full_disk import run_on_full_disk


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """A client that may not ask a hub, in an empty folder, with an empty cache."""
    home = tmp_path_factory.mktemp("home")
    environment = {"HF_HOME": str(home / "hf"), "HF_HUB_OFFLINE": "1"}
    (home / "empty").mkdir()
    with Client(environment, home / "empty") as client:
        yield client


def rows_of(folder: Path, config: str = "ko") -> dict:
    found = {split: read_rows(folder, config, split).to_dicts() for split in ("train", "test")}
    return {split: [len(rows), rows_hash(rows)] for split, rows in found.items()}


@pytest.mark.slow
def test_install_load_replace_uninstall(offline, tmp_path):
    load = offline.load
    assert "error" in load("komep")
    build([], tmp_path / "first")
    first = rows_of(tmp_path / "first")
    code, out, err = offline.komep("install", tmp_path / "first")
    assert code == 0 and 'load_dataset("komep") reads ' in out, err
    assert load("komep") == first
    cached = Path(out.split(" reads ")[1].strip())
    killed = cached.parents[3] / ".komep-installing-x"  # what a killed install leaves
    (killed / "komep").mkdir(parents=True)
    (killed / MARK).touch()
    theirs = cached.parents[3] / ".komep-installing-mine"
    theirs.mkdir()
    shutil.rmtree(tmp_path / "first")
    assert load("komep") == first
    assert load("komep", split="test", streaming=True) == {"test": first["test"]}

    build([], tmp_path / "komep", pairs="all")
    second = rows_of(tmp_path / "komep")
    code, _, err = offline.komep("install", tmp_path / "komep")
    assert code == 0 and "the release that was installed before is gone" in err
    assert load("komep") == load("komep", "ko") == second != first
    assert not cached.exists() and len(list(cached.parent.iterdir())) == 1

    # Another release loaded beside its folder, and two configs of it, do not come between.
    build([], tmp_path / "other" / "komep", min_margin=0.4)
    beside = rows_of(tmp_path / "other" / "komep")
    assert load("komep", cwd=tmp_path / "other") == beside != second
    assert load("komep", "en", cwd=tmp_path / "other")["train"][0] == beside["train"][0]
    (tmp_path / "empty").mkdir()
    assert load("komep", cwd=tmp_path / "empty") == second

    code, out, _ = offline.komep("install", "--uninstall")
    assert code == 0 and out.startswith("removed ") and out.count("\n") == 1
    assert [p.name for p in cached.parents[3].glob(".komep*")] == [theirs.name]
    assert "error" in load("komep", cwd=tmp_path / "empty")
    assert offline.komep("install", "--uninstall")[1] == "nothing is installed\n"


def test_bad_input_is_one_line(offline, tmp_path):
    build([], tmp_path / "komep")
    (tmp_path / "komep" / "rejects.jsonl").write_text("changed")
    for arguments, message, code in (
        ([tmp_path / "komep"], "rejects.jsonl: SHA-256", 1),
        ([tmp_path / "none"], "no such folder", 1),
        ([tmp_path], "not a KoMeP release", 1),
        ([tmp_path, "--uninstall"], "--uninstall takes no folder", 2),
    ):
        found, out, err = offline.komep("install", *arguments)
        assert (found, out, err.count("\n")) == (code, "", 1) and message in err


def test_a_cache_that_cannot_be_written(tmp_path):
    build([], tmp_path / "komep")
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(KomepError, match="cannot be written"):
        install(tmp_path / "komep", cache_dir=tmp_path / "cache")


@pytest.mark.slow
def test_a_disk_that_fills(tmp_path):
    build([], tmp_path / "komep")
    command = f"HF_DATASETS_CACHE=full '{sys.executable}' -m komep_dataset.cli install komep; echo code $?; ls -A full"
    done = run_on_full_disk(tmp_path, command, kilobytes=30)
    assert done.stderr.startswith("error: the cache of `datasets` cannot be written: ")
    assert (done.stderr.count("\n"), done.stdout) == (1, "code 1\n")  # nothing half-written is left


def test_without_korean_the_english_config_is_the_default(tmp_path):
    rows = [
        {"question": "Q?", "category": "c", "model": m, "response": m, "units": [{"text": "t", "verdict": v}]}
        for m, v in (("a", "true"), ("b", "false"))
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    build([tmp_path / "in.jsonl"], tmp_path / "komep")
    assert install(tmp_path / "komep", cache_dir=tmp_path / "cache").parts[-3] == "en"


def test_a_release_of_schema_1_gets_the_column_origin(tmp_path):
    build([], tmp_path / "komep")
    for file in (tmp_path / "komep" / "ko").glob("*.parquet"):
        pq.write_table(pq.read_table(file).drop_columns(["origin"]), file)
    builder = Komep(data_dir=str(tmp_path / "komep"), cache_dir=str(tmp_path / "cache"))
    builder.download_and_prepare()
    train = builder.as_dataset("train")
    assert set(train["origin"]) == {"translated"} and train.features["origin"].dtype == pa.string()
    english = Komep(config_name="en", data_dir=str(tmp_path / "komep"), cache_dir=str(tmp_path / "cache"))
    english.download_and_prepare()
    assert "origin" not in english.as_dataset("train").column_names


@pytest.mark.slow
def test_what_others_put_into_the_cache_stays(tmp_path):
    """Beside the rows of an installed release, and under its name: it is named, and nothing is removed."""
    build([], tmp_path / "komep")
    prepared = install(tmp_path / "komep", tmp_path / "cache")
    (prepared / "thesis.txt").write_text("years of work")
    build([], tmp_path / "komep", pairs="all")
    for harm in (
        lambda: uninstall(tmp_path / "cache"),
        lambda: install(tmp_path / "komep", tmp_path / "cache"),
    ):
        with pytest.raises(KomepError, match=r"holds thesis\.txt, which"):
            harm()
    assert (prepared / "thesis.txt").read_text() == "years of work" and (
        prepared / "dataset_info.json"
    ).exists()
    (prepared / "thesis.txt").unlink()
    assert len(uninstall(tmp_path / "cache")) == 1
