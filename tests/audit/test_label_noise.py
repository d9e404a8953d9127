"""Which margin gives which purity, and what is said of a release's expected label noise."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from benchmarks.label_noise import JUDGES, WORLDS, World, outcome, simulate
from komep_dataset.audit.flip_model import Judge
from komep_dataset.audit.label_noise import (
    answer_counts,
    by_margin,
    judge_of,
    recommend_min_margin,
    release_noise,
)
from komep_dataset.cli import app
from komep_dataset.errors import KomepError
from komep_dataset.pairs.rules import select_pairs
from komep_dataset.release.build import build
from komep_dataset.release.facts import read_facts
from komep_dataset.release.rows import read_rows
from tests.audit.records import plain, record, written


@pytest.mark.slow
def test_the_recommended_margin_gives_the_purity():
    found = outcome(WORLDS["as modelled"], JUDGES["lenient"], questions=1500, seed=3)
    assert 1 - found.true.mean() < 0.93
    advice = recommend_min_margin(found.margin, found.expected, 0.95)
    kept = found.margin > advice["min_margin"]
    assert advice["pairs"] == kept.sum() > 300
    assert 1 - found.true[kept].mean() > 0.95 - 0.02


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 12), st.floats(0, 1)), min_size=1, max_size=25),
    st.sampled_from([0.5, 0.7, 0.9, 1.0]),
)
def test_the_smallest_margin_that_reaches_the_purity(rows, purity):
    margin, flip = np.array([m / 12 for m, _ in rows]), np.array([f for _, f in rows])
    found = recommend_min_margin(margin, flip, purity)

    def pure(threshold):
        return 1 - flip[margin > threshold].mean()

    grid = [t / 1e4 for t in range(0, 10_000, 1) if t % 833 < 3 or t == 0]  # round 1/12, 2/12, …
    tried = [t for t in grid if (margin > t).any()]
    reaching = [t for t in tried if pure(t) >= purity - 1e-9]
    if found["min_margin"] is None:
        assert not [t for t in tried if pure(t) >= purity + 1e-9]
        assert found["best"]["purity"] == pytest.approx(max(map(pure, tried)))
        return
    kept = margin > found["min_margin"]
    assert found["pairs"] == kept.sum() and found["purity"] == pytest.approx(pure(found["min_margin"]))
    assert found["purity"] >= purity - 1e-9
    smaller = [t for t in reaching if t < found["min_margin"] and (margin > t).sum() != kept.sum()]
    assert not [t for t in smaller if pure(t) >= purity + 1e-9]


def test_margins_on_an_edge_are_in_the_bin_below():
    found = by_margin(np.array([0.7 - 0.6, 0.1, 0.11, 1.0]), np.array([0.4, 0.2, 0.1, 0.0]))
    assert [(b["low"], b["high"], b["pairs"]) for b in found] == [(0.0, 0.1, 2), (0.1, 0.2, 1), (0.9, 1.0, 1)]
    assert found[0]["flipped"] == pytest.approx(0.3)


def test_verdicts_that_cannot_be_read_do_not_make_a_judge_worse(tmp_path):
    """An answer with an unread verdict has no score, so what counts is how those that were read are right."""
    assert judge_of(plain(record(90, 10, 20, 80), tmp_path)) == Judge(0.9, 0.8)
    assert judge_of(plain(record(90, 10, 20, 80, unknown=50), tmp_path)) == Judge(
        pytest.approx(0.9), pytest.approx(0.8)
    )


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (record(50, 50, 50, 50), "no better than chance"),
        (record(20, 80, 60, 40), "no better than chance"),
        (record(60, 40, 50, 50), r"not told from chance .*sensitivity 60.0% \(50.2% to 69.1%; 60/100\)"),
        (replace(record(1, 0, 0, 1), rates=None), "no readable verdicts on both"),
        (record(0, 0, 5, 5, unknown=3), "no readable verdict on true, or on false"),
    ],
)
def test_a_judge_that_says_nothing_gives_no_purity(tmp_path, one, message):
    with pytest.raises(KomepError, match=message):
        judge_of(plain(one, tmp_path))


def bias(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["bias", *arguments])
    assert done.exit_code == 0, done.output
    return " ".join(done.stdout.split())


def test_a_release_tells_its_noise(tmp_path):
    build([], tmp_path / "komep", pairs="all", judge=written(record(190, 10, 40, 160), tmp_path))
    assert read_facts(tmp_path / "komep")["judge"]["checker"] == "stand-in"
    json_path = tmp_path / "bias.json"
    said = bias(str(tmp_path / "komep"), "--purity", "0.95", "--json", str(json_path))
    found = json.loads(json_path.read_text("utf-8"))["label_noise"]
    assert found["sensitivity"] == 0.95 and found["specificity"] == 0.8
    low, high = found["range"]
    assert 0.01 < low < found["flipped"] < high < 0.5  # a worse judge, more flips
    shares = [b["flipped"] for b in found["bins"]]
    assert shares[0] > 0.2 > 0.05 > shares[-1]  # larger margins, fewer flips
    advice = found["recommended"]["0.95"]
    margins = read_rows(tmp_path / "komep", "ko")["score_margin"]
    assert (margins > advice["min_margin"]).sum() == advice["pairs"]
    assert f"--min-margin {advice['min_margin']:g}` keeps {advice['pairs']} pairs" in said


def test_what_cannot_be_had_is_said(tmp_path):
    scored = simulate(WORLDS["as modelled"], JUDGES["poor"], 60, 0).drop("question_id")
    scored.write_ndjson(tmp_path / "scored.jsonl")
    build([tmp_path / "scored.jsonl"], tmp_path / "komep")
    release = str(tmp_path / "komep")
    poor = written(record(130, 70, 80, 120), tmp_path)
    assert "purity 99.9%: cannot be reached, the highest is" in bias(
        release, "--judge", str(poor), "--purity", "0.999"
    )
    chance = written(record(100, 100, 100, 100), tmp_path)
    assert "no purity can be estimated and no margin recommended" in bias(release, "--judge", str(chance))


def test_a_calibration_of_another_judge_is_found_out():
    """Where one that knows the truth said true of 90%, one that says it of 75% of what is true did not judge."""
    scored = simulate(
        World(lambda rng, means, questions: np.full((questions, 5), 0.9)), Judge(1.0, 1.0), 100, 0
    )
    pairs, _ = select_pairs(scored)
    another = asdict(record(150, 50, 70, 130))
    found, reason = release_noise(another, answer_counts(scored), pairs)
    assert found is None and "does not fit the verdicts: of the units of a, 89.9%" in reason
    own = asdict(record(200, 0, 0, 200))
    assert release_noise(own, answer_counts(scored), pairs)[0]["flipped"] == pytest.approx(0.0, abs=1e-9)
