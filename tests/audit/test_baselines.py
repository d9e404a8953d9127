"""Trivial baselines find what was planted, and nothing else; their intervals cover."""

import math
import random
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize

from komep_dataset.audit.baselines import clustered_share, separations
from komep_dataset.schema import question_id, split_of
from tests.gates.narrow_pairs import shuffled


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


@pytest.mark.slow
def test_without_scikit_learn_it_says_how_to_get_it(release):
    """In a process that cannot import it; the one rule needs none."""
    code = (
        "import sys; sys.modules['sklearn'] = None; from komep_dataset.audit.bias import measure; "
        f"print([one.get('reason', one['name']) for one in measure({str(release)!r})['baselines']])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "['longer wins'," in done.stdout and done.stdout.count('pip install "komep[quality]"') == 3
