"""How each responder did, as a table and as JSON."""

import json

import pytest
from typer.testing import CliRunner

from komep_dataset.cli import app
from komep_dataset.dahl import model_score
from komep_dataset.errors import KomepError
from komep_dataset.pairs.generations import read_scored
from komep_dataset.release.build import build
from komep_dataset.samples import SAMPLE_INPUT
from komep_dataset.scores.models import as_json, as_text, model_reports


def row(model: str, question: str, verdicts: str, response: str = "four", category: str = "c") -> dict:
    names = {"t": "true", "f": "false", "?": "unknown"}
    units = [{"text": f"unit {i}", "verdict": names[v]} for i, v in enumerate(verdicts)]
    values = {"model": model, "question": question, "category": category, "response": response}
    return values | {"units": units, "question_ko": None, "response_ko": None}


ROWS = [
    row("good", "q1", "tttt"),
    row("good", "q2", "tf", "eight ch", "d"),
    row("good", "q3", "t?"),
    row("good", "q4", "", "I don't know."),
    row("poor", "q1", "ff"),
    row("silent", "q1", "", ""),
]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "scored.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in ROWS))
    return path


def test_a_model_is_reported_by_score_states_units_and_length(table):
    good, poor, silent = model_reports(read_scored([table]))
    assert (good.model, poor.model, silent.model) == ("good", "poor", "silent")
    assert good.dahl == model_score([1.0, 0.5]) and good.answers == 4
    assert good.shares == {"scored": 0.5, "unparsed": 0.25, "abstained": 0.25, "empty": 0.0, "failed": 0.0}
    assert good.units == pytest.approx(8 / 3)  # of the three answers that have any
    assert good.characters == (pytest.approx((4 + 8 + 4 + 13) / 4), 6.0)
    assert {name: score.mean for name, score in good.categories.items()} == {"c": 1.0, "d": 0.5}
    assert (silent.dahl, silent.units, silent.characters) == (None, None, None)
    assert silent.shares["empty"] == 1.0


def test_the_table_shows_every_model_and_dashes_where_there_is_nothing(table):
    text = as_text(model_reports(read_scored([table])), categories=True)
    lines = text.splitlines()
    assert lines[1].split()[:2] == ["good", "0.750"] and "0.000 to 1.000" in lines[1]
    assert lines[3].split()[:4] == ["silent", "-", "-", "0"]
    assert lines[5].split() == ["category", "good", "poor", "silent"]
    assert lines[7].split() == ["d", "0.500", "(n", "1)", "-", "-"]


def test_it_says_what_the_build_says(tmp_path):
    facts = build([], tmp_path / "komep").facts["models"]
    for source in (SAMPLE_INPUT, tmp_path / "komep"):
        for report in as_json(model_reports(read_scored([source]))):
            assert report["dahl"] == pytest.approx(facts[report["model"]]["dahl"])
            states = {s: n / report["answers"] for s, n in facts[report["model"]]["statuses"].items()}
            assert report["shares"] == states


def test_the_command_prints_the_table_and_writes_the_json(table, tmp_path):
    out = tmp_path / "models.json"
    done = CliRunner().invoke(app, ["models", str(table), "--categories", "--output", str(out)])
    assert done.exit_code == 0 and "silent" in done.output
    assert [r["model"] for r in json.loads(out.read_text())] == ["good", "poor", "silent"]


def test_bad_and_missing_rows_are_named(tmp_path):
    path = tmp_path / "scored.jsonl"
    path.write_text('{"model": "a"}\n')
    with pytest.raises(KomepError, match=r"scored\.jsonl:1"):
        read_scored([path])
    path.write_text("")
    with pytest.raises(KomepError, match="no scored generation"):
        read_scored([path])
    path.write_text("".join(json.dumps(row("a", "q", v)) + "\n" for v in "tf"))
    with pytest.raises(KomepError, match="conflicting_duplicate"):
        read_scored([path])
