"""The record of a calibration: its intervals, its way into a release, what is no record."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from komep_dataset.cli import app
from komep_dataset.config.config import Checker
from komep_dataset.errors import KomepError
from komep_dataset.judge.calibration import (
    calibrate,
    read_record,
    write_record,
)
from komep_dataset.judge.ranking import pair_sides, simulate
from komep_dataset.pairs.generations import read_scored
from komep_dataset.release.build import build
from komep_dataset.release.facts import read_facts
from komep_dataset.samples import SAMPLE_INPUT
from tests.judge.checkers import FACTS, configured, errs
from tests.loopback import Loopback, loopback


@pytest.fixture(scope="module")
def record_file(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("calibration")
    with loopback(Loopback(errs)) as (_, url):
        checker = Checker(endpoint=url, model="judge|7b", batch=1)
        record = calibrate(checker, FACTS[:60], folder)
    ranking = simulate(pair_sides(read_scored([SAMPLE_INPUT])), record.rates, draws=100)
    write_record(
        replace(record, statements="60 of them", ranking=ranking, ranked="sample"), folder / "c.json"
    )
    return folder / "c.json"


def test_a_calibration_goes_into_card_and_build_file_and_builds_stay_the_same(tmp_path, record_file):
    record = read_record(record_file)
    for name in "ab":
        build([], tmp_path / name / "komep", judge=record_file)
    a, b = ((tmp_path / name / "komep" / "README.md").read_text("utf-8") for name in "ab")
    assert a == b
    sums = [(tmp_path / name / "komep" / "SHA256SUMS").read_bytes() for name in "ab"]
    assert sums[0] == sums[1]
    assert read_facts(tmp_path / "a" / "komep")["judge"] == record
    section = a.split("## What the checker is worth")[1].split("## Columns")[0]
    accuracy = record["groups"][0]["accuracy"]
    shown = [100 * accuracy[k] for k in ("share", "low", "high")]
    assert "| all | 60 | {:.1f}% ({:.1f} to {:.1f}) |".format(*shown) in section
    assert "checker `judge|7b`" in section and f"{100 * record['ranking']['flipped']['mean']:.1f}%" in section
    rows = [line for line in section.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(record["groups"]) and {line.count("|") for line in rows} == {7}


def test_without_a_calibration_the_card_says_so(tmp_path):
    build([], tmp_path / "komep")
    section = (tmp_path / "komep" / "README.md").read_text("utf-8").split("## What the checker is worth")[1]
    assert section.strip().startswith("Not measured for this release")
    assert read_facts(tmp_path / "komep")["judge"] is None


@pytest.mark.parametrize("text", ["", "[]", '{"checker": "a"}', "{"])
def test_a_file_that_is_no_calibration_stops_the_build(tmp_path, text):
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(KomepError, match=r"c\.json: "):
        build([], tmp_path / "komep", judge=path)
    assert not (tmp_path / "komep").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: record.pop("mode"),
        lambda record: record["groups"][0].pop("accuracy"),
        lambda record: record["groups"][0]["accuracy"].update(share="high"),
        lambda record: record.update(groups=[]),
        lambda record: record["ranking"].update(flipped=0.1),
        lambda record: record.update(version=2),
        lambda record: record.update(n="many"),
    ],
)
def test_a_damaged_calibration_is_refused_before_the_build(tmp_path, record_file, damage):
    record = read_record(record_file)
    damage(record)
    (tmp_path / "c.json").write_text(json.dumps(record))
    with pytest.raises(KomepError, match="not a calibration"):
        read_record(tmp_path / "c.json")


def test_the_command_writes_what_the_build_reads(tmp_path):
    with loopback(Loopback(errs)) as (_, url):
        config = configured(tmp_path, url)
        common = ["calibrate", "--config", str(config)]
        out = str(tmp_path / "c.json")
        done = CliRunner().invoke(app, [*common, "--limit", "40", "--output", out])
        assert done.exit_code == 0, done.output
        assert "40 statements (the shipped statements), 40 calls" in done.output
        attacked = CliRunner().invoke(app, [*common, "--adversarial", "--limit", "8"])
        assert attacked.exit_code == 0 and "moved, not delimited" in attacked.output
    built = CliRunner().invoke(app, ["build", "--output", str(tmp_path / "komep"), "--judge", out])
    assert built.exit_code == 0, built.output


def test_a_record_from_before_the_curve_is_read(tmp_path, record_file):
    old = json.loads(record_file.read_text("utf-8"))
    del old["curve"]
    (tmp_path / "old.json").write_text(json.dumps(old))
    assert read_record(tmp_path / "old.json") == old | {"curve": None}
    build([], tmp_path / "komep", judge=tmp_path / "old.json")
    assert read_facts(tmp_path / "komep")["judge"]["curve"] is None
