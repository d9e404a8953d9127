"""The rows of a release, as a whole and in ranges of ids: none is missed, none comes twice."""

import shutil
import sys

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from komep_dataset.errors import KomepError
from komep_dataset.release.rows import RANGE_LIMITS, config_files, id_ranges, read_rows
from komep_dataset.schema import CONFIGS
from tests.places import may_not_read


@given(st.text(), st.sampled_from([0, *(limit + 1 for limit, _ in RANGE_LIMITS)]))
def test_every_text_is_in_one_range(text, rows):
    ranges = id_ranges(rows)
    assert sum(low <= text and (high is None or text < high) for low, high in ranges) == 1
    assert all(low < high for low, high in ranges[:-1]) and ranges[-1][1] is None


@pytest.mark.parametrize("config", CONFIGS)
def test_ranges_have_every_row_and_say_where_it_stands(release, config):
    files = config_files(release, config)
    found = pl.concat(files.read(ids) for ids in id_ranges(RANGE_LIMITS[0][0] + 1))
    whole = read_rows(release, config)
    assert found.height == whole.height == sum(files.rows)
    places = ["_split", "question_id"]
    assert found.sort(places, descending=[True, False], maintain_order=True)["question_id"].to_list() == (
        whole["question_id"].to_list()
    )
    for row in found.head(3).iter_rows(named=True):
        there = pl.read_parquet(release / row["_name"])["question_id"][row["_row"] - 1]
        assert there == row["question_id"] and row["_name"].startswith(f"{config}/{row['_split']}-")


def test_a_config_that_is_not_there(tmp_path):
    assert config_files(tmp_path, "ko") is None
    with pytest.raises(KomepError, match="no data files for config 'ko'"):
        read_rows(tmp_path, "ko")
    (tmp_path / "ko").mkdir()
    assert read_rows(tmp_path, "ko", "test").is_empty()


@pytest.mark.parametrize("rows", [10, 10**6, 10**7])
def test_ranges_cover_every_string_once(rows):
    ranges = id_ranges(rows)
    ids = ["", "\x00", "0", "00", "deadbeef", "DEADBEEF", "9fffffff", "9\uffff", "zz", "\U0010ffff"]
    ids += [f"{i:08x}" for i in range(0, 2**32, 2**26 - 1)]
    for one in ids:
        assert sum(low <= one and (high is None or one < high) for low, high in ranges) == 1


def test_a_file_that_cannot_be_read_is_named(release, tmp_path):
    shutil.copytree(release, tmp_path / "komep")
    [shard, *_] = (tmp_path / "komep" / "scored").glob("train-*.parquet")
    shard.write_bytes(shard.read_bytes()[:-30])
    with pytest.raises(KomepError, match=r"komep: scored cannot be read \(.*`komep verify` says more"):
        read_rows(tmp_path / "komep", "scored")


def test_a_release_whose_files_may_not_be_read_gives_no_traceback(release, tmp_path):
    shutil.copytree(release, tmp_path / "komep")
    [shard, *_] = (tmp_path / "komep" / "ko").glob("train-*.parquet")
    shard.chmod(0)
    command = [sys.executable, "-m", "komep_dataset.cli", "review", "sample", "komep", "-o", "sheets"]
    done = may_not_read(command, cwd=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"ko/{shard.name}" in done.stderr and "Permission denied" in done.stderr
