"""The ORPO recipe on a tiny model: its loss, its tokens, its figures, and its one import point."""

import importlib
import math
import sys

import pytest

from tests.recipes.tiny_runs import flags, forward, pair, read, train, weights

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("trl", reason="needs the extra [train]")

BETA = 0.5
HELD_OUT = [pair(i) for i in range(30, 35)]


@pytest.fixture(scope="module", params=["all", "completion"])
def trained(request, tiny_model, release, tmp_path_factory):
    """(what the likelihood term covers, output of two steps); one pair a batch in the evaluation."""
    output = tmp_path_factory.mktemp(f"orpo-{request.param}") / "out"
    settings = {"max_steps": 2, "beta": BETA, "per_device_eval_batch_size": 1, "nll_on": request.param}
    assert train("orpo", flags(tiny_model, release, output, **settings)) == 0
    return request.param, output


def orpo_loss(folder, row: dict, nll_on: str) -> tuple[float, float]:
    """(loss, log odds ratio) of one pair by arXiv 2403.07691, from plain forward passes."""
    odds = []
    for side in ("chosen", "rejected"):
        logps, start = forward(folder, row["prompt"] + row[side], row["prompt"])
        mean = logps[start:].mean().item()
        odds.append(math.log(math.exp(mean) / (1 - math.exp(mean))))
        if side == "chosen":
            nll = -(logps if nll_on == "all" else logps[start:]).mean().item()
    ratio = odds[0] - odds[1]
    return nll - BETA * math.log(1 / (1 + math.exp(-ratio))), ratio


def test_loss_is_what_it_says(tiny_model, trained):
    nll_on, output = trained
    evaluation = read(output)["evaluation"]
    for moment, folder in (("before", tiny_model), ("after", output)):
        losses, ratios = zip(*(orpo_loss(folder, row, nll_on) for row in HELD_OUT), strict=True)
        assert evaluation[moment]["loss"] == pytest.approx(sum(losses) / 5, abs=1e-4)
        assert evaluation[moment]["margin"] == pytest.approx(BETA * sum(ratios) / 5, abs=1e-4)
        assert evaluation[moment]["reward_accuracy"] == sum(ratio > 0 for ratio in ratios) / 5
    logged = [e for e in read(output, "trainer_state.json")["log_history"] if "eval_rewards/margins" in e]
    assert logged[0]["eval_rewards/margins"] == pytest.approx(evaluation["before"]["margin"], abs=1e-6)


def test_summary_says_what_the_likelihood_covers(trained):
    nll_on, output = trained
    summary = read(output)
    assert (summary["method"], summary["nll_on"], summary["beta"]) == ("orpo", nll_on, BETA)
    assert read(output, "run.json")["nll_on"] == nll_on
    assert summary["tokens_seen"] > 0 and summary["tokens_per_second"] > 0
    assert summary["dropped"] == {"overlong": 1} and summary["share_truncated"] == 0.0
    assert summary["evaluation"]["before"]["gain_accuracy"] == 0.5
    assert summary["evaluation"]["after"]["gain_accuracy"] > 0.5


def test_every_parameter_moved(tiny_model, trained):
    before, after = weights(tiny_model), weights(trained[1])
    assert [name for name in before if torch.equal(before[name], after[name])] == []


def test_lora(tiny_model, release, tmp_path):
    arguments = flags(tiny_model, release, tmp_path / "out", max_steps=1, lora_r=4)
    assert train("orpo", [*arguments, "--use_peft", "--lora_target_modules", "q_proj", "v_proj"]) == 0
    summary = read(tmp_path / "out")
    assert 0 < summary["trainable_parameters"] < summary["parameters"] / 10


def test_orpo_is_imported_from_one_place_that_says_when_it_is_gone(monkeypatch):
    from trainers import orpo

    from tests.recipes.tiny_runs import RECIPES

    named = [path.name for path in RECIPES.rglob("*.py") if "import ORPOConfig" in path.read_text("utf-8")]
    assert named == ["orpo.py"]
    assert orpo.PairwiseORPOTrainer.__mro__[2] is orpo.ORPOTrainer
    monkeypatch.setitem(sys.modules, "trl.experimental.orpo", None)  # as if TRL had dropped it
    monkeypatch.delitem(sys.modules, "trainers.orpo")
    with pytest.raises(SystemExit, match=r"no trl\.experimental\.orpo .*pip install .*recipes/dpo\.py"):
        importlib.import_module("trainers.orpo")
