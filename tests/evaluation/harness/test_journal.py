"""Replies on disk while a run is at work: whose they are, and who may write them."""

import pytest

from evaluation.harness.backend import Answer
from evaluation.harness.journal import keep, open_journal
from evaluation.harness.output import read_evaluation
from komep_dataset.errors import KomepError
from tests.evaluation.runs import command, run


def test_replies_of_other_settings_are_not_taken_over(tiny_model, question_folder, tmp_path):
    with open_journal(tmp_path / "out") as journal:
        keep(journal, "of another run", Answer("B"))
    assert run(*command(tiny_model, question_folder, tmp_path / "out")) == 0
    assert read_evaluation(tmp_path / "out").results["config"]["resumed_questions"] == 0


def test_a_folder_serves_one_run_at_a_time(tmp_path):
    with open_journal(tmp_path), pytest.raises(KomepError, match="another evaluation is at work here"):
        open_journal(tmp_path).__enter__()
    with open_journal(tmp_path, rank=0) as first, open_journal(tmp_path, rank=1) as second:
        keep(second, "b", Answer("C", (0.1, 0.2)))
        assert "b" not in first.rows
    with open_journal(tmp_path, rank=0) as first:
        assert first.rows["b"] == ("C", [0.1, 0.2], "", "")  # every process reads what the others left
