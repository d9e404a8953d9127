"""One line for each logging step."""

import pytest

pytest.importorskip("trl", reason="needs the extra [recipes]")

from trainers.log_lines import clock, compose


def test_log_lines(dpo_run):
    said = (dpo_run.parent / "said.txt").read_text("utf-8")
    lines = [line for line in said.splitlines() if line.startswith("step ")]
    assert [line.split()[1] for line in lines] == ["0/2", "1/2", "2/2", "2/2"]  # held-out before and after
    assert "held-out  loss 0.69" in lines[0] and "tokens/s" not in lines[0]
    assert "tokens/s" in lines[1] and lines[1].endswith(" left") and "accuracy" in lines[1]


def test_composed_lines():
    logs = {"loss": 0.69314, "rewards/accuracies": 0.75, "grad_norm": 1.0}
    assert (
        compose(3, 12, logs, 1234.5, 75)
        == "step 3/12  loss 0.6931  accuracy 0.7500  1,234 tokens/s  1:15 left"
    )
    assert compose(3, 12, {"eval_loss": 0.5}, 1234.5, 75) == "step 3/12 held-out  loss 0.5000"
    assert compose(12, 12, {"train_runtime": 3.0}, None, None) is None
    assert clock(3725.4) == "1:02:05" and clock(5) == "0:05"
