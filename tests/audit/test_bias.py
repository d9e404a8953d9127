"""Bias figures against independent oracles, and `komep bias` as a user runs it."""

import json
import math
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize
from typer.testing import CliRunner

from komep_dataset.audit.baselines import clustered_share, separations
from komep_dataset.audit.bias import measure
from komep_dataset.audit.tables import verdicts
from komep_dataset.cli import app
from komep_dataset.errors import KomepError
from komep_dataset.release.build import build, sample_input
from komep_dataset.schema import question_id, split_of
from tests.gates.narrow_pairs import shuffled

# --- the figures of the sample ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bias") / "komep"
    build([], folder)
    return folder


@pytest.fixture(scope="module")
def figures(release) -> dict:
    return measure(release)


@pytest.fixture(scope="module")
def rows(release) -> list[dict]:
    files = [*sorted(release.glob("ko/train-*.parquet")), *sorted(release.glob("ko/test-*.parquet"))]
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def test_lengths_and_correlations_are_those_of_scipy(figures, rows):
    chosen, rejected = ([len(row[side][0]["content"]) for row in rows] for side in ("chosen", "rejected"))
    found = figures["length"]
    assert found["chosen_mean"] == pytest.approx(np.mean(chosen))
    assert found["ratio_median"] == pytest.approx(np.median(np.divide(chosen, rejected)))
    differ = [c - r for c, r in zip(chosen, rejected, strict=True) if c != r]
    low, high = found["chosen_longer_interval"]
    assert found["chosen_longer_share"] == pytest.approx(np.mean(np.array(differ) > 0))
    assert 0 < low < found["chosen_longer_share"] < high < 1
    assert found["equal"] == len(rows) - len(differ)
    label, values = np.repeat([1, 0], len(rows)), np.log(chosen + rejected)
    linear = stats.pearsonr(values, label)
    assert found["correlation"]["point_biserial"]["value"] == pytest.approx(linear.statistic)
    assert found["correlation"]["point_biserial"]["interval"] == pytest.approx(
        [*linear.confidence_interval()]
    )
    assert found["correlation"]["spearman"]["value"] == pytest.approx(
        stats.spearmanr(values, label).statistic
    )
    assert sum(found["histogram"]["counts"]) == len(rows) == figures["pairs"]
    assert len(found["histogram"]["edges"]) == len(found["histogram"]["counts"]) + 1


def test_wins_categories_margins_and_units_are_counted_right(figures, rows, release):
    wins, models = Counter((r["chosen_model"], r["rejected_model"]) for r in rows), figures["wins"]["models"]
    assert {
        (a, b): n
        for a, line in zip(models, figures["wins"]["matrix"], strict=True)
        for b, n in zip(models, line, strict=True)
        if n
    } == wins
    for one in figures["wins"]["win_share"]:
        won = sum(n for (a, _), n in wins.items() if a == one["model"])
        assert (one["hits"], one["n"]) == (won, sum(n for key, n in wins.items() if one["model"] in key))
    counts = Counter(r["category"] for r in rows)
    assert {k: v["pairs"] for k, v in figures["categories"]["names"].items()} == counts
    assert figures["categories"]["entropy"] == pytest.approx(stats.entropy([*counts.values()], base=2))
    margins = [r["score_margin"] for r in rows]
    assert figures["margins"]["quantiles"]["0.25"] == pytest.approx(np.quantile(margins, 0.25))
    bins = Counter(math.ceil(round(m * 10, 9)) - 1 for m in margins)
    assert figures["margins"]["histogram"]["counts"] == [bins[i] for i in range(10)]
    answers = [row for file in release.glob("scored/*.parquet") for row in pq.read_table(file).to_pylist()]
    units = {(a["question_id"], a["model"]): len(a["units"]) for a in answers}
    assert figures["units"]["rejected"]["mean"] == pytest.approx(
        np.mean([units[r["question_id"], r["rejected_model"]] for r in rows])
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(1, 5))
def test_the_interval_is_wilsons_over_what_the_pairs_are_worth(outcomes, repeats):
    """One pair a question: Wilson's; the same pair several times over: not narrower."""
    expected = stats.binomtest(sum(outcomes), len(outcomes)).proportion_ci(method="wilson")
    values = np.repeat(np.array(outcomes, float), repeats)
    questions = pl.Series(np.repeat(np.arange(len(outcomes)), repeats).astype(str))
    share, interval = clustered_share(values, questions)
    assert share == pytest.approx(np.mean(outcomes))
    assert interval == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_interval_covers_where_pairs_of_a_question_are_alike():
    """95% of sets should hold the true share within; the interval that takes pairs as independent does not."""
    rng, covered, naive = np.random.default_rng(0), 0, 0
    for _ in range(200):
        shares = rng.beta(0.6, 0.6, size=60)  # of each question; 0.5 in the mean
        values = (rng.random((60, 8)) < shares[:, None]).ravel() * 1.0
        low, high = clustered_share(values, pl.Series(np.repeat(np.arange(60), 8).astype(str)))[1]
        covered += low <= 0.5 <= high
        plain = stats.binomtest(int(values.sum()), 480).proportion_ci(method="wilson")
        naive += plain.low <= 0.5 <= plain.high
    assert covered / 200 > 0.9 and naive / 200 < 0.75


# --- baselines --------------------------------------------------------------------------------------------


def planted(seed: int, n: int = 300, **signal) -> pl.DataFrame:
    """Pairs with `split`, without any signal but those named: `length`, `model`, `word`."""
    rng = random.Random(seed)

    def text(size):
        return " ".join(
            rng.choice(["열이", "난다", "맥박", "fever", "pulse", "pain", "cell"]) for _ in range(size)
        )

    rows = []
    for index in range(n):
        identity = question_id(f"{seed} {index}")
        models = rng.sample("abcd", 2)
        if signal.get("model"):
            models.sort()
        sizes = sorted(rng.sample(range(5, 40), 2), reverse=True) if signal.get("length") else (20, 20)
        chosen, rejected = (text(size) for size in sizes)
        row = {"question_id": identity, "chosen_model": models[0], "rejected_model": models[1]}
        chosen += " 확실히" if signal.get("word") else ""
        rejected += " 아마도" if signal.get("word") else ""
        rows.append(row | {"split": split_of(identity), "chosen": chosen, "rejected": rejected})
    return pl.DataFrame(rows)


@pytest.mark.parametrize(
    ("signal", "seen_by"),
    [("length", {"longer wins", "length"}), ("model", {"model name"}), ("word", {"tf-idf"})],
)
def test_each_baseline_finds_the_signal_that_was_planted(signal, seen_by):
    frame = planted(3, **{signal: True})
    found = {one["name"]: one for one in separations(frame)}
    for name in seen_by:
        assert found[name]["accuracy"] > 0.95, (name, found[name])
    for name in {"longer wins", "length", "model name"} - seen_by:
        assert found[name]["interval"][0] < 0.5 < found[name]["interval"][1], found[name]
    tests = (frame["split"] == "test").sum()
    assert {(one["train_pairs"], one["test_pairs"]) for one in found.values()} == {(300 - tests, tests)}
    assert list(found.values()) == separations(shuffled(frame))  # the same numbers, whatever the row order


def test_model_strengths_are_bradley_terrys():
    """The pairwise accuracy of strengths fitted by hand, with scikit-learn's penalty, on noisy wins."""
    rng = random.Random(5)
    strength = {"a": 1.5, "b": 0.5, "c": -0.3, "d": -1.7}
    frame = planted(5)
    swap = [
        rng.random() > 1 / (1 + math.exp(strength[b] - strength[a]))
        for a, b in frame.select("chosen_model", "rejected_model").iter_rows()
    ]
    a, b = pl.col("chosen_model"), pl.col("rejected_model")
    turned = frame.with_columns(_swap=pl.Series(swap)).with_columns(
        chosen_model=pl.when("_swap").then(b).otherwise(a),
        rejected_model=pl.when("_swap").then(a).otherwise(b),
    )
    train, test = (turned.filter(turned["split"] == s) for s in ("train", "test"))

    def gaps(values, of):
        at = dict(zip("abcd", values, strict=True))
        return np.array([at[x] - at[y] for x, y in of.select("chosen_model", "rejected_model").iter_rows()])

    fitted = minimize(lambda v: 2 * np.logaddexp(0, -gaps(v, train)).sum() + v @ v / 2, np.zeros(4)).x
    ahead = gaps(fitted, test)
    found = next(one for one in separations(turned) if one["name"] == "model name")
    assert found["accuracy"] == pytest.approx(((ahead > 0) + 0.5 * (np.abs(ahead) < 1e-9)).mean())


def test_verdicts_follow_their_rules(figures):
    def line(interval, questions=30):
        one = {"name": "length", "accuracy": 0.62, "interval": interval, "test_pairs": 99}
        told = verdicts(figures | {"baselines": [one | {"test_questions": questions}]})
        return told["baseline: length"]

    told = "length alone tells 62% (55 to 69) of 99 held-out pairs"
    assert line([0.55, 0.69]) == told + ": above chance"
    assert line([0.55, 0.69], questions=19) == told + ", of 19 questions: too few to tell"
    assert line([0.49, 0.69]).endswith("not told from chance")
    assert line([0.4, 0.49]).endswith("below chance")
    first = {"model": "a", "hits": 6, "n": 9, "share": 0.6, "interval": [0, 1], "of_all": 0.51}
    wins = verdicts(figures | {"wins": {"models": ["a"], "win_share": [first]}})["wins"]
    assert wins == "a wins 51% of all pairs: more than half; `--balance-models` caps that"


# --- the command ------------------------------------------------------------------------------------------


def test_the_command_tells_a_person_and_a_program(release, figures, tmp_path):
    done = CliRunner().invoke(app, ["bias", str(release), "--json", str(tmp_path / "bias.json")])
    assert done.exit_code == 0
    assert json.loads((tmp_path / "bias.json").read_text("utf-8")) == json.loads(json.dumps(figures))
    said = " ".join(done.stdout.split())
    assert f"{figures['pairs']} pairs of the config ko" in said
    name = next(one for one in figures["baselines"] if one["name"] == "model name")
    low, high = (round(100 * x) for x in name["interval"])
    tells = f"tells {name['accuracy']:.0%} ({low} to {high}) of {name['test_pairs']} held-out pairs"
    assert f"name alone {tells}, of {name['test_questions']} questions: too few to tell" in said
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
        (["{damaged}"], 1, "not whole by its SHA256SUMS"),
    ],
)
def test_bad_input_is_named(release, tmp_path, arguments, code, message):
    import shutil

    (tmp_path / "file").write_text("no JSON")
    damaged = shutil.copytree(release, tmp_path / "damaged")
    next(damaged.glob("ko/train-*.parquet")).write_bytes(b"PAR1")
    places = {"tmp": tmp_path, "release": release, "damaged": damaged}
    done = CliRunner().invoke(app, ["bias", *(a.format(**places) for a in arguments)])
    assert isinstance(done.exception, KomepError) and done.exception.exit_code == code
    assert message in str(done.exception)


def test_without_held_out_pairs_the_rest_is_still_told(tmp_path):
    lines = sample_input().read_text("utf-8").splitlines()
    train = [line for line in lines if split_of(question_id(json.loads(line)["question"])) == "train"]
    (tmp_path / "train.jsonl").write_text("\n".join(train[:100]), "utf-8")
    build([tmp_path / "train.jsonl"], tmp_path / "komep")
    found = measure(tmp_path / "komep", "en")
    assert {one["reason"] for one in found["baselines"]} == {"no pair in the split test"}
    assert found["pairs"] == found["splits"]["train"] > 0
    assert "not fitted, no pair in the split test" in found["verdicts"]["baseline: tf-idf"]


@pytest.mark.slow
def test_without_scikit_learn_it_says_how_to_get_it(release):
    """In a process that cannot import it; the one rule needs none."""
    code = (
        "import sys; sys.modules['sklearn'] = None; from komep_dataset.audit.bias import measure; "
        f"print([one.get('reason', one['name']) for one in measure({str(release)!r})['baselines']])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "['longer wins'," in done.stdout and done.stdout.count('pip install "komep[quality]"') == 3
