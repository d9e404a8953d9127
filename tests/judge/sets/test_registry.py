"""Labelled sets: found by being there, read from a user's copy, refused with the line that is none."""

import json
import sys

import pytest
from typer.testing import CliRunner

from komep_dataset.cli import app
from komep_dataset.errors import KomepError
from komep_dataset.judge import sets
from komep_dataset.judge.sets.registry import all_sets, read_set
from tests.judge.checkers import configured, stated
from tests.loopback import Loopback, last_text, loopback
from tests.real_data import DATA, needs_data

TOY = """
from komep_dataset.judge.sets.registry import LabelledSet
from komep_dataset.judge.statements import Statement

SET = LabelledSet("toy", "toy.jsonl", ("toy*.jsonl",), lambda row: [Statement(row["t"], row["l"], "en", "c")])
"""
# Claims written for this project, as FactBench has its own.
CLAIMS = [
    {
        "prompt": "What does insulin do?",
        "claims": ["right a", "wrong b", "perhaps"],
        "claim_labels": [True, False, "unknown"],
    },
    {"prompt": "What does insulin do?", "claims": ["right a"], "claim_labels": [True]},
    {"prompt": "Both?", "claims": ["both", "both"], "claim_labels": [True, False]},
]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_set_is_plugged_in_as_a_file(tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text(TOY)
    monkeypatch.setattr(sets, "__path__", [*sets.__path__, str(tmp_path)])
    write(tmp_path / "toy1.jsonl", [{"t": "a", "l": True}])
    write(tmp_path / "toy2.jsonl", [{"t": "b", "l": False}])
    all_sets.cache_clear()
    try:
        assert list(all_sets()) == ["expertqa", "factbench", "korfactscore", "kqa", "toy"]
        read, left_out = read_set("toy", tmp_path)
    finally:
        all_sets.cache_clear()
        sys.modules.pop("komep_dataset.judge.sets.toy", None)
    assert [(s.text, s.label) for s in read] == [("a", True), ("b", False)] and left_out == 0


def test_equal_claims_are_judged_once_and_contradicting_labels_left_out(tmp_path):
    read, left_out = read_set("factbench", write(tmp_path / "claims.jsonl", CLAIMS))
    assert [s.text for s in read] == ["right a", "wrong b"] and left_out == 2


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("factbank", "", "--set factbank: there are .*did you mean 'factbench'"),
        (
            "factbench",
            '{"claim": "a"}',
            r"claims.jsonl:1: no row of factbench \(KeyError: 'label'\); it is read as",
        ),
        ("factbench", '{"claim": "a", "label": "maybe"}', "'maybe' is no label"),
        ("factbench", '{"claim": "a", "label": "true"}\n{', "claims.jsonl:2: not JSON"),
        (
            "factbench",
            '{"claims": ["a", "b"], "claim_labels": [true]}',
            "claims.jsonl:1: no row of factbench",
        ),
        ("factbench", '{"claim": "a", "label": "not_enough_evidence"}', "no labelled claim in it"),
        ("kqa", "", r"no NLI_medical_annotator\*\.csv in it"),
        ("korfactscore", '{"atom": 1}', "claims.jsonl:1: no row of korfactscore"),
    ],
)
def test_what_is_no_such_set_is_named(tmp_path, name, content, said):
    file = tmp_path / "claims.jsonl"
    file.write_text(content)
    with pytest.raises(KomepError, match=said):
        read_set(name, tmp_path if name == "kqa" else file)
    with pytest.raises(KomepError, match="is not there"):
        read_set("kqa", tmp_path / "no.csv")


def test_the_command_judges_a_set_and_draws_its_curve(tmp_path):
    def reply(body):
        text, wavers = stated(last_text(body)), body["seed"] % 3 == 0
        return "Who knows" if wavers else str("right" in text)

    labels = write(tmp_path / "claims.jsonl", CLAIMS)
    with loopback(Loopback(reply)) as (_, url):
        path = configured(tmp_path, url, votes=5, temperature=0.7)
        common = ["calibrate", "--config", str(path), "--set", "factbench"]
        out = tmp_path / "judge.json"
        done = CliRunner().invoke(app, [*common, str(labels), "--output", str(out)])
        assert done.exit_code == 0, done.output
        missing = CliRunner().invoke(app, [*common, str(tmp_path / "no.jsonl")])
        both = CliRunner().invoke(app, [*common, str(labels), "--labels", str(labels)])
        (tmp_path / "other.svg").write_text("a drawing of somebody's")
        taken = CliRunner().invoke(app, [*common, str(labels), "--output", str(tmp_path / "other.json")])
    assert "2 statements (factbench, 2 claims without a label left out)" in done.output
    assert "area under the risk-coverage curve" in done.output and "confidence" in done.output
    record = json.loads(out.read_text())
    assert record["curve"]["points"] and out.with_suffix(".svg").read_text().startswith("<svg")
    assert (tmp_path / "work" / "calibrate" / "judge.svg").is_file()
    assert [one.exception.exit_code for one in (missing, both, taken)] == [1, 2, 1]
    assert (tmp_path / "other.svg").read_text() == "a drawing of somebody's"


@needs_data("kqa", "factbench", "korfactscore", "expertqa")
def test_the_published_sets_are_read_where_they_lie():
    counts = {name: read_set(name, DATA / name) for name in all_sets()}
    labels = {n: (sum(s.label for s in read), len(read), left) for n, (read, left) in counts.items()}
    assert labels["kqa"] == (153, 399, 0)
    assert labels["factbench"] == (1034, 1396, 47)
    assert labels["korfactscore"][1:] == (1923, 358)  # one of 2,282 atoms stands twice
    assert labels["expertqa"] == (2365, 2514, 274)
    assert all(s.text and s.category and s.question for read, _ in counts.values() for s in read)
