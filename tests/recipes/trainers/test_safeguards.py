"""A run that cannot go well is stopped before it costs anything; one that is interrupted loses nothing."""

import json
import os
import re
import signal
import sys
from importlib import import_module
from types import SimpleNamespace

import pytest

from komep_dataset.errors import KomepError
from tests.recipes.launches import ENDLESS, LONG, TWO, begin, launch, wait_for, workers
from tests.recipes.tiny_runs import METHODS, flags, pair, read, train, weights, write_release

pytest.importorskip("trl", reason="needs the extra [recipes]")

import torch
import transformers
from safetensors.torch import load_file
from trainers.safeguards import GuardedTrainer, Watch, find_questions
from transformers import LlamaConfig, LlamaForCausalLM, Trainer


@pytest.mark.parametrize("method", METHODS)
def test_a_loss_that_is_no_number_stops_the_run_with_its_questions(method, tiny_model, tmp_path, capsys):
    folder = write_release(tmp_path / "release", {"train": [pair(i) for i in range(8)], "test": [pair(9)]})
    settings = {
        "max_steps": 6,
        "learning_rate": 1e30,
        "max_grad_norm": 0,
        "save_strategy": "steps",
        "save_steps": 1,
    }
    settings |= {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 1}
    assert train(method, flags(tiny_model, folder, tmp_path / "out", **settings)) == 1
    message = capsys.readouterr().err
    assert "is not finite" in message and "--learning_rate" in message
    step = int(message.split("step ")[1].split(":")[0])
    named = message.split("its batch: ")[1].split(".")[0].split(", ")
    assert len(named) == 2 and set(named) <= {f"{i:016x}" for i in range(8)}
    assert not (tmp_path / "out" / f"checkpoint-{step}").exists()
    assert not (tmp_path / "out" / "training_summary.json").exists()


def test_a_gradient_that_is_no_number_stops_the_run_but_under_fp16():
    watch, state = Watch(SimpleNamespace(question_ids=lambda: ["q1", "q2"])), SimpleNamespace(global_step=3)
    watch.on_log(SimpleNamespace(fp16=True), state, None, logs={"grad_norm": float("inf")})
    watch.on_log(SimpleNamespace(fp16=False), state, None, logs={"grad_norm": 1.0})
    with pytest.raises(KomepError, match=r"step 3: the gradient is not finite; .*: q1, q2"):
        watch.on_log(SimpleNamespace(fp16=False), state, None, logs={"grad_norm": float("nan")})


def test_questions_of_a_batch_are_found():
    from datasets import Dataset

    data = {"a": [[1], [1, 2], [3]], "b": [[2], [3], [4]], "question_id": ["x", "y", None]}
    dataset = Dataset.from_dict(data)
    assert find_questions(dataset, ("a", "b"), [[3, 4], [1, 2]]) == ["x", "row 2"]
    assert find_questions(dataset, ("a",), [[9]]) == []


@pytest.mark.slow
def test_sigterm_saves_a_checkpoint_and_the_same_command_goes_on(tiny_model, release, tmp_path, capsys):
    arguments = flags(tiny_model, release, tmp_path / "out", **LONG)
    import_module("dpo")  # which here could take longer than all the steps there
    process = begin(["recipes/dpo.py", *arguments])
    said = wait_for(process, "step 5/")
    assert train("dpo", arguments) == 1
    assert "another run is at work here" in capsys.readouterr().err
    process.send_signal(signal.SIGTERM)
    said += process.communicate(timeout=300)[0]
    assert process.returncode == 0 and "Traceback" not in said, said
    (checkpoint,) = (tmp_path / "out").glob("checkpoint-*")
    step = int(checkpoint.name.split("-")[1])
    assert 5 <= step < LONG["max_steps"] and f"interrupted at step {step}: the same command goes on" in said
    assert not (tmp_path / "out" / "training_summary.json").exists()
    assert not (tmp_path / "out" / "model.safetensors").exists()  # nothing half-trained passes for a model
    assert train("dpo", arguments) == 0
    assert read(tmp_path / "out")["resumed_from_step"] == step
    assert train("dpo", flags(tiny_model, release, tmp_path / "whole", **LONG)) == 0
    expected = weights(tmp_path / "whole")
    for name, weight in weights(tmp_path / "out").items():
        torch.testing.assert_close(weight, expected[name], atol=1e-3, rtol=0, msg=name)


@pytest.mark.slow
def test_two_processes_stop_at_the_same_step_by_sigterm_to_one_and_in_one_line_by_ctrl_c(
    tiny_model, release, tmp_path
):
    """The same command twice, in one launch: what SIGTERM ended is taken up, and ended by what Ctrl-C sends."""
    arguments = flags(tiny_model, release, tmp_path / "out", **ENDLESS)
    both = [*arguments, "+", "orpo", *arguments]
    process = launch("ddp", "orpo", both, *TWO, python=sys.executable)  # whose children are looked for
    said = wait_for(process, "step 5/")
    found = workers(process.pid)
    assert len(found) == 2
    os.kill(found[1], signal.SIGTERM)
    said += wait_for(process, "going on from ")
    assert "Traceback" not in said, said
    (checkpoint,) = (tmp_path / "out").glob("checkpoint-*")
    state = json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
    assert (
        f"interrupted at step {state['global_step']}" in said and state["global_step"] < ENDLESS["max_steps"]
    )
    assert sorted(path.name for path in checkpoint.glob("rng_state*")) == [
        "rng_state_0.pth",
        "rng_state_1.pth",
    ]
    said += wait_for(process, "step ")
    for one in found:
        os.kill(one, signal.SIGINT)
    said += process.communicate(timeout=300)[0]
    assert re.match(
        rf"interrupted: {checkpoint} is kept; to go on: (python|accelerate launch) .* orpo ",
        said.rstrip().splitlines()[-1],
    ), said


def test_a_model_that_trains_is_not_walked_again():
    """But once: an adapter's wrapper trains from its birth, and the layers inside, as they were loaded, do not."""
    from trainers import safeguards

    model = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Linear(2, 2))
    model[0].eval()
    safeguards.walk_only_to_switch(model)
    assert model.train() is model and model[0].training
    assert model.eval() is model and not model[0].training
    assert model.train() is model and model[0].training
    model[0].training = False  # which only a walk would undo
    assert model.train() is model and not model[0].training


@pytest.mark.slow
def test_layers_of_an_adapted_model_train_in_a_run(tiny_model, release, tmp_path, monkeypatch):
    """Activation checkpointing and dropout hang on it."""
    from transformers.models.llama.modeling_llama import LlamaDecoderLayer

    seen, forward = [], LlamaDecoderLayer.forward

    def watched(self, *args, **kwargs):
        seen.append((torch.is_grad_enabled(), self.training))
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(LlamaDecoderLayer, "forward", watched)
    adapted = {"use_peft": "true", "lora_target_modules": "all-linear", "lora_r": 2, "max_test_pairs": 2}
    assert train("dpo", flags(tiny_model, release, tmp_path / "run", max_steps=2, **adapted)) == 0
    assert (True, True) in seen and (True, False) not in seen  # evaluation has no gradients


@pytest.mark.parametrize(("asked", "runs", "refused"), [("FSDP", "MULTI_CPU", True), ("FSDP", "FSDP", False),
                                                        ("DEEPSPEED", "NO", True), ("", "MULTI_CPU", False)])  # fmt: skip
def test_the_topology_that_was_asked_for_is_the_one_that_runs(monkeypatch, asked, runs, refused):
    from trainers.safeguards import check_topology

    for kind in ("DEEPSPEED", "FSDP"):
        monkeypatch.setenv(f"ACCELERATE_USE_{kind}", "true" if kind == asked else "false")
    if refused:
        with pytest.raises(KomepError, match=f"asks for {asked}, and {runs} would run"):
            check_topology(runs)
    else:
        check_topology(runs)


def test_weights_that_are_saved_once_and_used_twice_are_not_called_missing(tmp_path, monkeypatch):
    """Each resume of a model whose head is its embeddings looked as if its checkpoint were damaged."""
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=9, tie_word_embeddings=True, **sizes))
    model.save_pretrained(tmp_path)
    saved = load_file(tmp_path / "model.safetensors")
    assert "lm_head.weight" not in saved

    class Resumed(GuardedTrainer, Trainer):
        def __init__(self):
            self.model = model

    told = []
    monkeypatch.setattr(transformers.trainer.logger, "warning", told.append)
    Resumed()._issue_warnings_after_load(model.load_state_dict(saved, strict=False))
    assert told == []
    del saved["model.norm.weight"]
    Resumed()._issue_warnings_after_load(model.load_state_dict(saved, strict=False))
    assert len(told) == 1 and "['model.norm.weight']" in told[0]
