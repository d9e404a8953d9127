"""The ORPO recipe on a tiny model: what it trains and records."""

import pytest

from tests.recipes.tiny_runs import BETA, flags, read, train, weights

pytest.importorskip("trl", reason="needs the extra [recipes]")

import torch


@pytest.mark.slow
def test_summary_says_what_the_likelihood_covers(orpo_run):
    nll_on, output = orpo_run
    summary = read(output)
    assert (summary["method"], summary["nll_on"], summary["beta"]) == ("orpo", nll_on, BETA)
    assert read(output, "run.json")["nll_on"] == nll_on
    assert summary["tokens_seen"] > 0 and summary["tokens_per_second"] > 0
    assert summary["dropped"] == {"overlong": 1} and summary["share_truncated"] == 0.0
    assert summary["evaluation"]["before"]["gain_accuracy"] == 0.5
    assert summary["evaluation"]["after"]["gain_accuracy"] > 0.5


def test_every_parameter_moved(tiny_model, orpo_run):
    before, after = weights(tiny_model), weights(orpo_run[1])
    assert [name for name in before if torch.equal(before[name], after[name])] == []


@pytest.mark.slow
def test_lora(tiny_model, release, tmp_path):
    arguments = flags(tiny_model, release, tmp_path / "out", max_steps=1, lora_r=4)
    assert train("orpo", [*arguments, "--use_peft", "--lora_target_modules", "q_proj", "v_proj"]) == 0
    summary = read(tmp_path / "out")
    assert 0 < summary["trainable_parameters"] < summary["parameters"] / 10
