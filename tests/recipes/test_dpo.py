"""The DPO recipe on a tiny model: what it trains and records, and how it goes on."""

import re

import pytest

from komep_dataset.release.build import build
from tests.recipes.launches import finish, launch
from tests.recipes.tiny_runs import BETA, METHODS, RECIPES, losses, read, weights

pytest.importorskip("trl", reason="needs the extra [recipes]")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def test_every_trainable_parameter_moved(tiny_model, dpo_run):
    before, after = weights(tiny_model), weights(dpo_run)
    assert before.keys() == after.keys()
    assert [name for name in before if torch.equal(before[name], after[name])] == []


def test_summary_is_complete(dpo_run, release):
    summary = read(dpo_run)
    assert summary["effective_batch"] == 8 and summary["steps"] == 2 and summary["resumed_from_step"] == 0
    assert (summary["world_size"], summary["distributed_type"], summary["device"]) == (1, "NO", "cpu")
    assert summary["method"] == "dpo" and summary["beta"] == BETA and summary["learning_rate"] == 1e-3
    assert f"version: {summary['dataset']['version']}\n" in (release / "README.md").read_text("utf-8")
    assert summary["dataset"]["fingerprint"]
    assert summary["pairs"] == {"train": 24, "test": 5}
    assert summary["share_truncated"] == 0.0
    assert summary["trainable_parameters"] == summary["parameters"] > 10_000
    assert summary["seconds"] > 0 and summary["peak_memory_gib"]["host"] > 0.1
    assert summary["tokens_per_second"] == pytest.approx(
        summary["tokens_seen"] / summary["seconds"], rel=0.01
    )
    assert summary["versions"]["trl"] and summary["versions"]["torch"]
    logged = [
        entry["num_tokens"]
        for entry in read(dpo_run, "trainer_state.json")["log_history"]
        if "num_tokens" in entry
    ]
    assert summary["tokens_seen"] == max(logged)  # TRL's own count


def test_tensorboard_has_every_step(dpo_run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (run_folder,) = (dpo_run / "runs").iterdir()  # the evaluation after training writes a second file into it
    events = EventAccumulator(str(run_folder)).Reload()
    for name in ("loss", "rewards/margins", "rewards/accuracies"):
        logged = {e["step"]: e[name] for e in read(dpo_run, "trainer_state.json")["log_history"] if name in e}
        shown = {event.step: event.value for event in events.Scalars(f"train/{name}")}
        assert shown.keys() == {1, 2} and shown == pytest.approx(logged)


def test_recipes_have_the_same_sections_and_short_mains():
    found = {}
    for method in METHODS:
        text = (RECIPES / f"{method}.py").read_text("utf-8")
        found[method] = re.findall(r"#{20}\n    # (.+)\n    #{20}", text)
        main = text[text.index("\ndef main(") : text.index('\nif __name__ == "__main__"')]
        assert len(main.strip().splitlines()) <= 120, method
    assert found["dpo"] == found["orpo"] == found["sft"]
    assert found["dpo"][0] == "Seed and logging" and found["dpo"][-1] == "Push" and len(found["dpo"]) == 9


@pytest.mark.slow
def test_the_first_layers_of_smollm2_learn_from_the_sample(smollm2, tmp_path):
    """Its config, its words, its template and two of its 30 layers, which learn as all do in a fifth of the time."""
    model = AutoModelForCausalLM.from_pretrained(smollm2, num_hidden_layers=2)
    for part in (model, AutoTokenizer.from_pretrained(smollm2)):
        part.save_pretrained(tmp_path / "model")
    build([], tmp_path / "komep")
    changes = {
        "max_train_pairs": 1,  # the same pair twice: a step takes seconds
        "max_test_pairs": 1,
        "max_steps": 2,
        "per_device_train_batch_size": 1,
        "global_batch_size": 1,
        "save_strategy": "no",
        "model_name_or_path": tmp_path / "model",
    }
    changes |= {"dataset_name": tmp_path / "komep", "output_dir": tmp_path / "out"}
    arguments = ["--config", "recipes/smollm2-135m/dpo.yaml"]
    arguments += [word for key, value in changes.items() for word in (f"--{key}", str(value))]
    finish(launch("cpu", "dpo", arguments, "--quiet", "--num_cpu_threads_per_process", "1"))
    summary = read(tmp_path / "out")
    assert (summary["world_size"], summary["distributed_type"], summary["steps"]) == (1, "NO", 2)
    assert losses(tmp_path / "out")[0] == pytest.approx(0.6931, abs=1e-3)  # the policy is still the reference
    assert losses(tmp_path / "out")[-1] < 0.692
    assert summary["evaluation"]["after"]["logps_chosen"] != summary["evaluation"]["before"]["logps_chosen"]
