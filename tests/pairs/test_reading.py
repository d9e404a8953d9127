"""Scored generations in one frame: from files or a release, complete and in order, or an error that names the row."""

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.pairs.reading import read_scored
from komep_dataset.release.build import build
from tests.scored_rows import GOOD, row, write


def test_files_and_the_release_built_of_them_hold_the_same(tmp_path):
    one, other = write(tmp_path / "a.jsonl", GOOD[1:]), write(tmp_path / "b.jsonl", GOOD)
    found = read_scored([one, other])  # an identical repeat is one row
    assert found["model"].to_list() == ["m1", "m2"]
    assert found["dahl_score"].to_list() == [0.5, 1.0]
    build([other], tmp_path / "komep")
    again = read_scored([tmp_path / "komep"])
    assert again.drop("_file", "_line").equals(found.drop("_file", "_line"))


def test_bad_rows_conflicts_and_nothing_at_all_are_errors(tmp_path):
    for rows, message in [
        ([*GOOD, row("m3", response=5)], r"s\.jsonl:3: response: wrong_type"),
        (
            [*GOOD, row("m1", response="Another.")],
            r"2 bad rows:\n.*s\.jsonl:1: question_id, model: conflicting",
        ),
        ([b""], "no scored generation in"),
    ]:
        with pytest.raises(KomepError, match=message):
            read_scored([write(tmp_path / "s.jsonl", rows)])
