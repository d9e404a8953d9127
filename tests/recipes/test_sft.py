"""The instruction-tuning recipe on a tiny model: what it trains and records."""

import pytest

from tests.recipes.tiny_runs import read, weights

pytest.importorskip("trl", reason="needs the extra [recipes]")

import torch


def test_summary_and_weights(tiny_model, finished):
    summary = read(finished("sft"))
    assert summary["method"] == "sft" and summary["completion_only_loss"] is True
    assert summary["pairs"] == {"train": 24, "test": 5} and summary["dropped"] == {"overlong": 1}
    assert summary["tokens_seen"] > 0 and summary["tokens_per_second"] > 0
    before, after = weights(tiny_model), weights(finished("sft"))
    assert [name for name in before if torch.equal(before[name], after[name])] == []
