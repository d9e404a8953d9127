"""`komep report` of pairs that others made: what the set does not have is left out, and said."""

import html

import pytest
from typer.testing import CliRunner

from komep_dataset.audit.bias import figures_of
from komep_dataset.cli import app
from komep_dataset.errors import KomepError
from komep_dataset.explorer.page import payload
from komep_dataset.explorer.report import write_report
from komep_dataset.explorer.sets import set_rows, tiles
from komep_dataset.preferences.reading import read_preferences
from tests.explorer.pages import seen
from tests.preferences.sets import PAIRS, write


def test_figures_that_the_columns_do_not_give_are_left_out_and_said(tmp_path):
    page = write_report(write(tmp_path / "set.jsonl", "NeMo RL"), tmp_path / "report.html")
    plain = seen(page.read_text("utf-8"))
    assert "<title>set.jsonl (24 pairs)</title>" in plain and "Not for clinical use" not in plain
    assert "Length of chosen against rejected" in plain and "What trivial rules know of the label" in plain
    for title in (
        "Pairs by score margin",
        "Who was chosen over whom",
        "Pairs by category",
        "Units an answer",
        "Findings",
    ):
        assert title not in plain
    told = html.unescape(plain)
    assert (
        "wins: the set does not name the models; categories: the set has none; margins: the set has no scores"
        in told
    )
    scored = write_report(
        write(tmp_path / "scored.jsonl", "UltraFeedback"), tmp_path / "report.html"
    )  # replaced
    assert "Pairs by score margin" in scored.read_text(
        "utf-8"
    ) and "How often each model wins" in scored.read_text("utf-8")


def test_pairs_of_one_question_keep_their_texts(tmp_path):
    pairs = read_preferences(
        write(tmp_path / "set.jsonl", "UltraFeedback", [(PAIRS[0][0], f"a{i}", f"b{i}") for i in range(3)])
    )
    rows = set_rows(pairs, 10)
    data = payload(rows)
    assert (
        len(set(data["columns"]["id"])) == 3 and data["languages"] == ["ko"] and data["models"] == ["x", "y"]
    )
    for row in range(3):
        assert data["korean"][data["columns"]["chosen"][row]] == f"a{row}"
        assert data["korean"][data["columns"]["rejected"][row]] == f"b{row}"
    assert ("1", "questions") in tiles(pairs, figures_of(pairs))


def test_of_more_pairs_a_sample_is_shown_and_said(tmp_path):
    file = write(tmp_path / "set.jsonl", "plain strings")
    page = write_report(file, tmp_path / "report.html", max_pairs=5).read_text("utf-8")
    assert "This page holds 5 of" in page
    assert set_rows(read_preferences(file), 5).pairs.height == 5


def test_english_pairs_are_english(tmp_path):
    pairs = read_preferences(
        write(tmp_path / "set.jsonl", "plain strings", [("What is gout?\nIn short.", "a", "b")])
    )
    assert payload(set_rows(pairs, 5))["languages"] == ["en"]


def test_what_is_refused(tmp_path):
    file = write(tmp_path / "set.jsonl", "messages")
    with pytest.raises(KomepError, match=r"--compare: .* is no release") as told:
        write_report(file, tmp_path / "report.html", compare=file)
    assert told.value.exit_code == 2
    done = CliRunner().invoke(app, ["report", str(file), "-o", str(file)])
    assert "holds a file of" in str(done.exception) and file.stat().st_size
