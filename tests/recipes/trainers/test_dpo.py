"""DPO's trainer: figures as plain forward passes give them, and adapters."""

import math
from pathlib import Path

import pytest

from tests.recipes.tiny_runs import BETA, flags, pair, read, train

pytest.importorskip("trl", reason="needs the extra [recipes]")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def log_probabilities(folder: Path, rows: list[dict]) -> list[list[tuple[float, int]]]:
    """(log-probability, tokens) of the chosen and the rejected answer of each row, one forward pass each."""
    tokenizer, model = (
        AutoTokenizer.from_pretrained(folder),
        AutoModelForCausalLM.from_pretrained(folder).eval(),
    )
    found = []
    for row in rows:
        sides = []
        prompt = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True)["input_ids"]
        for side in ("chosen", "rejected"):
            ids = tokenizer.apply_chat_template(row["prompt"] + row[side])["input_ids"]
            assert ids[: len(prompt)] == prompt
            with torch.no_grad():
                logps = model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
            answer = range(len(prompt), len(ids))
            sides.append((sum(logps[i - 1, ids[i]].item() for i in answer), len(answer)))
        found.append(sides)
    return found


def test_evaluation_agrees_with_plain_forward_passes(tiny_model, dpo_run):
    rows = [pair(i) for i in range(30, 35)]
    reference, policy = log_probabilities(tiny_model, rows), log_probabilities(dpo_run, rows)
    gains = [(p[0][0] - r[0][0]) - (p[1][0] - r[1][0]) for p, r in zip(policy, reference, strict=True)]
    before, after = read(dpo_run)["evaluation"]["before"], read(dpo_run)["evaluation"]["after"]
    assert before["pairs"] == after["pairs"] == 5
    assert before["reward_accuracy"] == 0.5 and before["margin"] == pytest.approx(0, abs=1e-4)
    assert before["loss"] == pytest.approx(math.log(2), abs=1e-4)
    assert after["margin"] == pytest.approx(BETA * sum(gains) / 5, abs=1e-4)
    assert after["margin"] > 0.01  # two steps teach something
    assert after["reward_accuracy"] == sum(gain > 0 for gain in gains) / 5
    for figures, found in ((before, reference), (after, policy)):
        assert figures["gain_accuracy"] == figures["reward_accuracy"]
        assert figures["policy_accuracy"] == sum(c > r for (c, _), (r, _) in found) / 5
        assert figures["policy_accuracy_per_token"] == sum(c / n > r / m for (c, n), (r, m) in found) / 5
        assert figures["logps_chosen"] == pytest.approx(sum(c for (c, _), _ in found) / 5, abs=1e-3)


@pytest.mark.parametrize("cached", ["false", "true"], ids=["adapter off as reference", "cached reference"])
def test_lora(cached, tiny_model, release, tmp_path):
    output = tmp_path / "out"
    arguments = flags(tiny_model, release, output, max_steps=2, max_train_pairs=8, max_test_pairs=3)
    arguments += ["--precompute_ref_log_probs", cached, "--lora_r", "4"]
    assert train("dpo", [*arguments, "--use_peft", "--lora_target_modules", "q_proj", "v_proj"]) == 0
    summary = read(output)
    assert 0 < summary["trainable_parameters"] < summary["parameters"] / 10
    assert summary["pairs"] == {"train": 8, "test": 3}
    assert summary["evaluation"]["before"]["margin"] == pytest.approx(0, abs=1e-4)
    assert summary["evaluation"]["after"]["margin"] != 0
    from peft import PeftModel

    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_model), output)
    moved = {name: bool(p.abs().sum() > 0) for name, p in adapted.named_parameters() if "lora_B" in name}
    assert len(moved) == 4 and all(moved.values())  # B starts at zero
    cards = [path.name for path in output.rglob("*.md*")]
    assert cards == ["README.md"]  # PEFT's own card was never written, and so not taken for an edited one
