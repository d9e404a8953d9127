"""`komep verify` against rejects.jsonl: a line that was taken out, changed or made up is found."""

import json
import shutil

import polars as pl
import pyarrow.parquet as pq
import pytest

from komep_dataset.release.build import build
from komep_dataset.release.sums import write_sums
from tests.gates.gated import failed, gated_release, rejects


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    return gated_release(tmp_path_factory.mktemp("gated"))


def forged(gated, tmp_path, reason, change):
    """A copy of the release in which one line of rejects.jsonl with a reason was changed, sums written anew."""
    folder = tmp_path / "komep"
    shutil.copytree(gated / "komep", folder)
    lines = rejects(folder)
    index = next(i for i, reject in enumerate(lines) if reject["reason"] == reason)
    change(lines, index)
    (folder / "rejects.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines), "utf-8")
    write_sums(folder)
    return failed(folder)


@pytest.mark.parametrize("reason", ["contaminated", "personal_data", "near_duplicate", "length_control"])
def test_a_reject_that_is_taken_out_is_missed(gated, tmp_path, reason):
    check = "rejects" if reason == "personal_data" else "pairs"  # what texts say is derived, recorded or not
    assert check in forged(gated, tmp_path, reason, lambda lines, index: lines.pop(index))


@pytest.mark.parametrize("reason", ["personal_data", "length_control"])
def test_a_reject_for_another_reason_than_the_data_give_is_found(gated, tmp_path, reason):
    other = "balance_models" if reason == "length_control" else "unsafe_directive"
    assert forged(gated, tmp_path, reason, lambda lines, index: lines[index].update(reason=other))


def test_a_pair_hidden_behind_a_gate_that_is_off_is_missed(tmp_path):
    build([], tmp_path / "komep")
    folder = tmp_path / "komep"
    path = folder / "en/test-00000-of-00001.parquet"
    frame, table = pl.read_parquet(path), pq.read_table(path)
    pq.write_table(table.slice(1), path)
    gone = {"stage": "build", "key": frame["question_id"][0], "reason": "contaminated", "detail": "x"}
    (folder / "rejects.jsonl").write_text(json.dumps(gone) + "\n", "utf-8")
    write_sums(folder)
    assert {"pairs", "rejects"} <= failed(folder)  # no benchmark was given
