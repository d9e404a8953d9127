"""The trainer of instruction tuning: what its loss covers, and the figures that compare with DPO's."""

import json

import pytest

from tests.recipes.tiny_runs import flags, forward, pair, read, train

pytest.importorskip("trl", reason="needs the extra [recipes]")


HELD_OUT = [pair(i) for i in range(30, 35)]


@pytest.fixture(scope="module")
def trained(tiny_model, release, tmp_path_factory):
    """(output of two steps, the trainer that made it); one pair a batch in the evaluation."""
    import sft

    output, kept = tmp_path_factory.mktemp("sft") / "out", []

    class Kept(sft.PairwiseSFTTrainer):
        def __init__(self, **settings):
            super().__init__(**settings)
            kept.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sft, "PairwiseSFTTrainer", Kept)
        settings = {"max_steps": 2, "per_device_eval_batch_size": 1}
        assert train("sft", flags(tiny_model, release, output, **settings)) == 0
    return output, kept[0]


def test_the_prompt_is_not_in_the_loss(trained):
    trainer = trained[1]
    row = trainer.train_dataset[0]
    tokenizer = trainer.processing_class
    prompt = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True)["input_ids"]
    whole = tokenizer.apply_chat_template(row["prompt"] + row["completion"])["input_ids"]
    assert row["input_ids"] == whole
    assert row["labels"] == [-100] * len(prompt) + whole[len(prompt) :]
    batch = trainer.data_collator([{key: row[key] for key in ("input_ids", "labels")}])
    assert batch["labels"].tolist() == [row["labels"]]
    assert not any(name.startswith("rejected") for name in batch)  # in the evaluation only


def test_figures_agree_with_plain_forward_passes(tiny_model, trained):
    evaluation = read(trained[0])["evaluation"]
    for moment, folder in (("before", tiny_model), ("after", trained[0])):
        sums, losses = {"chosen": [], "rejected": []}, []
        for row in HELD_OUT:
            for side, found in sums.items():
                logps, start = forward(folder, row["prompt"] + row[side], row["prompt"])
                found.append(logps[start:].sum().item())
                if side == "chosen":
                    losses.append(-logps[start:].mean().item())
        figures = evaluation[moment]
        assert figures["loss"] == pytest.approx(sum(losses) / 5, abs=1e-4)
        assert figures["logps_chosen"] == pytest.approx(sum(sums["chosen"]) / 5, abs=1e-3)
        assert figures["logps_rejected"] == pytest.approx(sum(sums["rejected"]) / 5, abs=1e-3)
        above = sum(c > r for c, r in zip(*sums.values(), strict=True))
        assert figures["policy_accuracy"] == above / 5
        assert figures["reward_accuracy"] is None and figures["margin"] is None
    assert evaluation["before"]["gain_accuracy"] == 0.5 < evaluation["after"]["gain_accuracy"]


@pytest.mark.slow
@pytest.mark.parametrize("more", [{"packing": "true"}, {"padding_free": "true", "max_length": "null"}])
def test_rows_that_are_joined_for_training_are_judged_alone(more, tiny_model, release, tmp_path):
    """Held-out figures are of pairs, whatever the batches of the training look like."""
    plain = {"max_steps": 1, "learning_rate": 0.0, "max_length": 128}
    figures = []
    for name, change in (("plain", {}), ("joined", more)):
        if change.get("max_length") == "null":
            (tmp_path / "none.yaml").write_text("max_length: null\n")
            settings = {k: v for k, v in (plain | change).items() if k != "max_length"}
            arguments = flags(tiny_model, release, tmp_path / name, **settings)
            at = arguments.index("--max_length")
            del arguments[at : at + 2]
            arguments += ["--config", str(tmp_path / "none.yaml")]
        else:
            arguments = flags(tiny_model, release, tmp_path / name, **(plain | change))
        assert train("sft", arguments) == 0
        figures.append(read(tmp_path / name))
    first, second = figures
    assert second["evaluation"]["after"]["pairs"] == first["evaluation"]["after"]["pairs"] == 5
    for key in ("logps_chosen", "gain_accuracy", "loss"):
        assert second["evaluation"]["after"][key] == pytest.approx(
            first["evaluation"]["after"][key], abs=1e-3
        )
    assert second["pairs"] == first["pairs"]
    assert json.dumps(second)
