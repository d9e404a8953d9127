"""Which curves a run has, and that it does without a picture where there is none to draw."""

import csv

import pytest

pytest.importorskip("trl", reason="needs the extra [recipes]")

from training.curves import draw_curves, panels, write_table


def test_panels_have_training_and_held_out_points():
    entries = [
        {
            "step": 0,
            "eval_loss": 0.7,
            "eval_margin": 0.0,
            "eval_reward_accuracy": 0.5,
            "eval_gain_accuracy": 0.5,
        },
        {"step": 1, "loss": 0.69, "rewards/margins": 0.0, "rewards/accuracies": 0.0},
        {
            "step": 2,
            "eval_loss": 0.6,
            "eval_margin": 0.1,
            "eval_reward_accuracy": 1.0,
            "eval_gain_accuracy": 1.0,
        },
        {"step": 2, "train_runtime": 3.0},
    ]
    found = panels(entries)
    assert list(found) == ["loss", "margin", "reward accuracy"]  # DPO's gain is its reward
    assert found["loss"] == ([(1, 0.69)], [(0, 0.7), (2, 0.6)], None)
    plain = panels(
        [
            {key: value for key, value in entry.items() if "reward" not in key and "margin" not in key}
            for entry in entries
        ]
    )
    assert list(plain) == ["loss", "gain accuracy"]  # instruction tuning
    names = {"rewards/margins": "gains/margins", "rewards/accuracies": "gains/accuracies"}
    other = panels([{names.get(key, key): value for key, value in entry.items()} for entry in entries])
    assert other["margin"][0] == [] and other["gain accuracy"][0] == [
        (1, 0.0)
    ]  # a loss whose reward TRL does not log


def test_nothing_to_draw(tmp_path, monkeypatch):
    assert draw_curves([{"step": 1, "train_runtime": 1.0}], tmp_path / "x.png", "x", 4) is False
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)  # not installed
    assert draw_curves([{"step": 1, "loss": 1.0}], tmp_path / "x.png", "x", 4) is False
    assert list(tmp_path.iterdir()) == []


def test_the_curves_are_a_table_too(tmp_path):
    entries = [
        {"step": 0, "eval_loss": 0.7, "eval_margin": 0.0},
        {"step": 1, "loss": 0.69, "rewards/margins": 0.5, "learning_rate": 1e-3, "grad_norm": 2.0},
        {"step": 1, "train_runtime": 3.0},
    ]
    write_table(entries, tmp_path / "curves.csv", batch=8)
    rows = list(csv.DictReader((tmp_path / "curves.csv").open(encoding="utf-8")))
    assert [(r["step"], r["pairs_seen"], r["split"], r["loss"], r["margin"]) for r in rows] == [
        ("1", "8", "train", "0.69", "0.5"),
        ("0", "0", "held_out", "0.7", "0.0"),
    ]
    assert rows[0]["grad_norm"] == "2.0" and rows[1]["learning_rate"] == rows[0]["gain_accuracy"] == ""


def test_a_title_is_drawn_as_it_is(tmp_path):
    """Korean letters, and what matplotlib would take for a formula."""
    assert draw_curves([{"step": 1, "loss": 1.0}], tmp_path / "x.png", "한국어 $x^2$: \\alpha_1 $", 4)
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
