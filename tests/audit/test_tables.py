"""`komep bias` as a user runs it."""

import json

import pytest
from typer.testing import CliRunner

from komep_dataset.cli import app
from komep_dataset.errors import KomepError
from tests.preferences.sets import write


def test_the_command_tells_a_person_and_a_program(release, figures, tmp_path):
    done = CliRunner().invoke(app, ["bias", str(release), "--json", str(tmp_path / "bias.json")])
    assert done.exit_code == 0
    assert json.loads((tmp_path / "bias.json").read_text("utf-8")) == json.loads(json.dumps(figures))
    said = " ".join(done.stdout.split())
    assert f"{figures['pairs']} pairs of the config ko" in said
    name = next(one for one in figures["baselines"] if one["name"] == "model name")
    low, high = (round(100 * x) for x in name["interval"])
    right = f"was right in {name['accuracy']:.0%} ({low} to {high}) of {name['test_pairs']} held-out pairs"
    assert f"name alone {right}; {name['test_questions']} questions are too few to conclude from" in said
    assert figures["label_noise"] is None and "komep calibrate" in figures["label_noise_reason"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{tmp}"], 1, "not a KoMeP release"),
        (["{tmp}/nowhere"], 1, "no such folder"),
        (["{release}", "--config", "fr"], 2, "no config 'fr' of pairs; it has: ko, en"),
        (["{release}", "--json", "{tmp}/file/x.json"], 1, "x.json: cannot be written"),
        (["{release}", "--purity", "1.2"], 2, "--purity 1.2: give a share above 0 to 1"),
        (["{release}", "--judge", "{tmp}/file"], 1, "file: cannot be read"),
        (["{set}", "--config", "ko"], 2, "set.jsonl is no release, and has no configs"),
        (["{file}"], 1, "file:1: malformed: not JSON"),
        (["{damaged}"], 1, "not whole by its SHA256SUMS"),
    ],
)
def test_bad_input_is_named(release, tmp_path, arguments, code, message):
    import shutil

    (tmp_path / "file").write_text("no JSON")
    damaged = shutil.copytree(release, tmp_path / "damaged")
    next(damaged.glob("ko/train-*.parquet")).write_bytes(b"PAR1")
    pairs = write(tmp_path / "set.jsonl", "messages")
    places = {
        "set": pairs,
        "file": tmp_path / "file",
        "tmp": tmp_path,
        "release": release,
        "damaged": damaged,
    }
    done = CliRunner().invoke(app, ["bias", *(a.format(**places) for a in arguments)])
    assert isinstance(done.exception, KomepError) and done.exception.exit_code == code
    assert message in str(done.exception)


def test_a_set_of_others_is_shown_without_what_it_does_not_have(tmp_path):
    file, figures = write(tmp_path / "set.jsonl", "OpenAI"), tmp_path / "figures.json"
    done = CliRunner().invoke(app, ["bias", str(file), "--json", str(figures)])
    assert done.exit_code == 0, done.output
    assert (
        "24 pairs of set.jsonl" in done.output
        and "Wins (row" not in done.output
        and "Margins" not in done.output
    )
    assert json.loads(figures.read_text())["margins"] is None
    assert CliRunner().invoke(app, ["bias", str(file), "--json", str(figures)]).exit_code == 0
