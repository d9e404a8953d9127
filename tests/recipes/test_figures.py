"""Pure parts of the recipes: figures over pairs, JSON without NaN, shares, settings of a run."""

import json
import math

import numpy as np
import pytest

pytest.importorskip("trl", reason="needs the extra [train]")

from pair_metrics import preference_figures, share_above
from preferences import draw
from run_record import check_same_run, compare_evaluations, share_truncated, write_json

from komep_dataset.errors import KomepError


def test_figures_by_hand():
    # chosen, rejected, both under the reference; the second pair is preferred by length alone
    sums = np.array([[-10.0, -12.0, -11.0, -12.0], [-20.0, -30.0, -19.0, -30.0], [-9.0, -8.0, -9.0, -8.0]])
    tokens = np.array([[5, 4], [5, 10], [3, 2]])
    figures = preference_figures(sums, tokens, beta=0.1)
    assert figures["pairs"] == 3
    assert figures["reward_accuracy"] == pytest.approx((1 + 0 + 0.5) / 3)  # gains 1, -1 and 0: a tie
    assert figures["margin"] == pytest.approx(0.1 * (1 - 1 + 0) / 3)
    assert figures["policy_accuracy"] == pytest.approx(2 / 3)
    assert figures["policy_accuracy_per_token"] == pytest.approx(2 / 3)  # -2 > -3, -4 < -3, -3 > -4
    assert figures["logps_chosen"] == pytest.approx(-13) and figures["logps_rejected"] == pytest.approx(
        -50 / 3
    )


def test_untrained_policy_has_chance_accuracy_also_with_float_noise():
    noise = np.random.default_rng(0).normal(scale=1e-4, size=200)
    assert share_above(noise, tie=1e-3) == 0.5
    assert share_above(np.array([1.0, 2.0, -1.0, 0.0]), tie=1e-3) == 0.625


def test_json_never_holds_nan(tmp_path):
    write_json(
        tmp_path / "x.json", {"loss": math.nan, "list": [math.inf, 1.5], "deep": {"ok": -math.inf, "한글": 1}}
    )
    text = (tmp_path / "x.json").read_text("utf-8")
    assert json.loads(text, parse_constant=pytest.fail) == {
        "loss": None,
        "list": [None, 1.5],
        "deep": {"ok": None, "한글": 1},
    }
    assert "한글" in text and [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_share_truncated_counts_the_longer_side():
    from datasets import Dataset

    rows = Dataset.from_dict(
        {"prompt_ids": [[1] * 4, [1] * 4], "chosen_ids": [[2] * 4, [2]], "rejected_ids": [[3], [3] * 5]}
    )
    assert share_truncated(rows, 8) == 0.5  # 8 and 9 tokens
    assert share_truncated(rows, 9) == 0.0 and share_truncated(rows, 7) == 1.0
    assert share_truncated(rows, None) == 0.0


def test_draw_is_seeded_and_never_repeats():
    from datasets import Dataset

    rows = Dataset.from_dict({"x": list(range(50))})
    first, again, other = (list(draw(rows, 10, seed)["x"]) for seed in (0, 0, 1))
    assert first == again != other and len(set(first)) == 10
    assert draw(rows, None, 0) is rows and draw(rows, 50, 0) is rows and draw(None, 3, 0) is None


def test_same_run(tmp_path):
    settings = {"learning_rate": 1e-5, "max_steps": 4}
    write_json(tmp_path / "run.json", settings)
    assert check_same_run(tmp_path, {"learning_rate": 2e-5}) is False  # nothing was trained yet
    (tmp_path / "checkpoint-2").mkdir()
    assert check_same_run(tmp_path, settings) is False  # to be resumed
    assert check_same_run(tmp_path, {**settings, "max_steps": 8}) is False  # to be lengthened
    with pytest.raises(KomepError, match="learning_rate = 1e-05, this one has 2e-05"):
        check_same_run(tmp_path, {**settings, "learning_rate": 2e-5})
    write_json(tmp_path / "training_summary.json", {})
    assert check_same_run(tmp_path, settings) is True
    (tmp_path / "run.json").write_text("{", "utf-8")
    with pytest.raises(KomepError, match="not JSON"):
        check_same_run(tmp_path, settings)


def test_table_before_and_after():
    figures = {"pairs": 3, "loss": 0.69, "reward_accuracy": 0.5, "margin": 0.0, "policy_accuracy": 0.4}
    before = {**figures, "loss": None, "policy_accuracy_per_token": 0.6}
    table = compare_evaluations({"before": before, "after": {**before, "loss": 0.5}}).splitlines()
    assert table[0].split() == ["held-out", "pairs:", "3", "before", "after"]
    assert table[1].split() == ["loss", "nan", "0.5000"]
    assert compare_evaluations({"before": None, "after": None}) == "no test split: nothing was evaluated"
