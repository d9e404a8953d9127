"""`komep report`: the page shows what the release holds, and runs nothing of it."""

import json
import re

import pytest

from komep_dataset.build import build
from komep_dataset.errors import KomepError
from komep_dataset.report import margin_histogram, report_facts, win_table, write_report

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)> \"' {{ 7 * 7 }} </details>"


def hostile_rows():
    for model, verdict in ((f"a{ATTACK}", "true"), ("b", "false")):
        yield {
            "question": f"Q? {ATTACK}", "category": ATTACK, "model": model, "response": f"{model} {ATTACK}",
            "units": [{"text": ATTACK, "verdict": verdict}],
        }  # fmt: skip


def test_text_of_the_data_is_shown_and_never_run(tmp_path):
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(r) + "\n" for r in hostile_rows()))
    build([tmp_path / "in.jsonl"], tmp_path / "komep")
    page = write_report(tmp_path / "komep", tmp_path / "report.html").read_text("utf-8")
    assert "&lt;script&gt;alert(1)" in page
    assert "{{ 7 * 7 }}" in page
    assert page.count("<script") == page.count("</script>") == 1
    assert "<img" not in page
    assert "default-src 'none'" in page  # what slipped through would still not load or run


def test_the_page_needs_no_network(tmp_path):
    build([], tmp_path / "komep")
    page = write_report(tmp_path / "komep", tmp_path / "report.html").read_text("utf-8")
    assert not re.search(r"""(src|href)=|https?://|@import|url\(""", page)
    assert page.count("<details") == 58
    assert "written for the KoMeP project" in page


def test_figures_count_every_pair(tmp_path):
    build([], tmp_path / "komep", pairs="all")
    facts = report_facts(tmp_path / "komep")
    pairs = facts["facts"]["pairs"]
    assert sum(int(bar.number.replace(",", "")) for bar in facts["margins"]) == pairs
    assert sum(n for row in facts["wins"].values() for n in row.values()) == pairs
    assert len(facts["pairs"]) + facts["hidden"] == pairs
    assert all(pair["chosen_units"] for pair in facts["pairs"])


def test_histogram_bins_take_their_upper_bound():
    import polars as pl

    bars = margin_histogram(pl.Series([0.05, 0.1, 0.95, 1.0]))
    assert [bar.number for bar in bars] == ["1", "1", "0", "0", "0", "0", "0", "0", "0", "2"]


def test_win_table():
    import polars as pl

    models, wins = win_table(
        pl.DataFrame({"chosen_model": ["a", "a", "b"], "rejected_model": ["b", "b", "c"]})
    )
    assert models == ["a", "b", "c"]
    assert (wins["a"]["b"], wins["b"]["a"], wins["b"]["c"]) == (2, 0, 1)


def test_a_release_without_pairs_and_no_release(tmp_path):
    (tmp_path / "in.jsonl").write_text(json.dumps(next(hostile_rows())) + "\n")
    build([tmp_path / "in.jsonl"], tmp_path / "komep")
    with pytest.raises(KomepError, match="no pairs to report on"):
        write_report(tmp_path / "komep", tmp_path / "report.html")
    with pytest.raises(KomepError, match="not a KoMeP release"):
        write_report(tmp_path, tmp_path / "report.html")
