"""ORPO's trainer: its loss by the paper, and its one import point."""

import importlib
import math
import sys

import pytest

from tests.recipes.tiny_runs import BETA, RECIPES, forward, pair, read

pytest.importorskip("trl", reason="needs the extra [recipes]")

from datasets import Dataset, Features, Json, Value
from transformers import AutoTokenizer

HELD_OUT = [pair(i) for i in range(30, 35)]


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


def test_loss_is_what_it_says(tiny_model, orpo_run):
    nll_on, output = orpo_run
    evaluation = read(output)["evaluation"]
    for moment, folder in (("before", tiny_model), ("after", output)):
        losses, ratios = zip(*(orpo_loss(folder, row, nll_on) for row in HELD_OUT), strict=True)
        assert evaluation[moment]["loss"] == pytest.approx(sum(losses) / 5, abs=1e-4)
        assert evaluation[moment]["margin"] == pytest.approx(BETA * sum(ratios) / 5, abs=1e-4)
        assert evaluation[moment]["reward_accuracy"] == sum(ratio > 0 for ratio in ratios) / 5
    logged = [e for e in read(output, "trainer_state.json")["log_history"] if "eval_rewards/margins" in e]
    assert logged[0]["eval_rewards/margins"] == pytest.approx(evaluation["before"]["margin"], abs=1e-6)


def test_messages_of_any_type_become_text(tiny_model):
    """`datasets` keeps what differs from row to row as JSON, and a text put in its place is none."""
    from trainers.orpo import as_texts

    rows = [pair(0), pair(1)]
    columns = {name: [Json()] for name in ("prompt", "chosen", "rejected")}
    given = Dataset.from_list(rows, features=Features({**columns, "question_id": Value("string")}))
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    for row, made in zip(rows, as_texts(given, tokenizer), strict=True):
        for side in ("chosen", "rejected"):
            assert made["prompt"] + made[side] == tokenizer.apply_chat_template(
                row["prompt"] + row[side], tokenize=False
            )


def test_orpo_is_imported_from_one_place_that_says_when_it_is_gone(monkeypatch):
    from trainers import orpo

    named = [path.name for path in RECIPES.rglob("*.py") if "import ORPOConfig" in path.read_text("utf-8")]
    assert named == ["orpo.py"]
    assert orpo.PairwiseORPOTrainer.__mro__[2] is orpo.ORPOTrainer
    monkeypatch.setitem(sys.modules, "trl.experimental.orpo", None)  # as if TRL had dropped it
    monkeypatch.delitem(sys.modules, "trainers.orpo")
    with pytest.raises(SystemExit, match=r"no trl\.experimental\.orpo .*pip install .*recipes/dpo\.py"):
        importlib.import_module("trainers.orpo")
