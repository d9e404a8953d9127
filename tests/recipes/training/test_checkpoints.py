"""Which checkpoint of an earlier run is gone on from, and which is passed over or refused: half-written, damaged, stripped."""

import re
import shutil
import zipfile
from types import SimpleNamespace

import pytest

from komep_dataset.errors import KomepError
from tests.recipes.tiny_runs import FOUR_STEPS, METHODS, as_killed, flags, of_finished, read, train, weights

pytest.importorskip("trl", reason="needs the extra [recipes]")

import torch
from training.checkpoints import describe_interruption, find_checkpoint, missing_states, read_state
from transformers import TrainingArguments


@pytest.mark.parametrize(
    "method", ["dpo", *(pytest.param(name, marks=pytest.mark.slow) for name in METHODS if name != "dpo")]
)
def test_a_checkpoint_of_the_last_step_is_not_trained_further(
    method, finished, tiny_model, release, tmp_path
):
    """Killed in the last evaluation: what is left to do is the evaluation."""
    whole, resumed = finished(method), as_killed(finished(method), tmp_path / "out")
    assert train(method, of_finished(method, tiny_model, release, resumed)) == 0
    first, second = read(whole), read(resumed)
    assert (second["steps"], second["resumed_from_step"]) == (2, 2)
    assert second["train_loss"] == pytest.approx(first["train_loss"], abs=1e-4)
    assert second["evaluation"]["after"]["loss"] == pytest.approx(
        first["evaluation"]["after"]["loss"], abs=1e-5
    )
    expected = weights(whole)
    for name, weight in weights(resumed).items():
        torch.testing.assert_close(weight, expected[name], msg=name)


def strip(checkpoint, *names):
    for name in names or ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        (checkpoint / name).unlink()


@pytest.mark.parametrize(
    ("names", "lacks"),
    [((), "optimiser and learning-rate scheduler"), (("optimizer.pt",), "optimiser"), (("scheduler.pt",), "learning-rate")],
    ids=["all", "optimiser", "scheduler"],
)  # fmt: skip
@pytest.mark.parametrize("wanted", [False, True], ids=["last", "wanted"])
def test_a_checkpoint_without_its_state_is_not_gone_on_from(
    wanted, names, lacks, copied, tiny_model, release, capsys
):
    shutil.rmtree(copied / "checkpoint-4")
    strip(copied / "checkpoint-2", *names)
    more = {"resume_from_checkpoint": copied / "checkpoint-2"} if wanted else {}
    assert train("dpo", flags(tiny_model, release, copied, **FOUR_STEPS, **more)) == 1
    said = capsys.readouterr().err
    assert f"checkpoint-2 has no state of the {lacks}" in said and "--model_name_or_path" in said
    assert (copied / "checkpoint-2" / "model.safetensors").is_file()


@pytest.mark.slow
def test_a_run_that_saves_weights_alone_says_so_and_is_not_gone_on_with(
    tiny_model, release, tmp_path, capsys
):
    """By the flag itself; a checkpoint of the last step is enough all the same, for there is nothing left to learn."""
    only = {**FOUR_STEPS, "save_only_model": "true"}
    assert train("dpo", flags(tiny_model, release, tmp_path / "whole", **only)) == 0
    output = as_killed(tmp_path / "whole", tmp_path / "out")
    assert train("dpo", flags(tiny_model, release, output, **only)) == 0
    assert read(output)["resumed_from_step"] == 4
    output = as_killed(tmp_path / "whole", tmp_path / "cut")
    shutil.rmtree(output / "checkpoint-4")
    capsys.readouterr()
    assert train("dpo", flags(tiny_model, release, output, **only)) == 1
    assert "checkpoint-2 has no state of the optimiser" in capsys.readouterr().err
    longer = {**only, "max_steps": 6}
    assert train("dpo", flags(tiny_model, release, tmp_path / "whole", **longer)) == 1
    assert "checkpoint-4 has no state of the optimiser" in capsys.readouterr().err
    weights_alone = TrainingArguments(output_dir=str(tmp_path), save_only_model=True, use_cpu=True)
    assert "cannot go on" in describe_interruption(weights_alone, 3)


@pytest.mark.slow
def test_an_earlier_checkpoint_with_its_state_is_taken_instead(copied, tiny_model, release, capsys):
    strip(copied / "checkpoint-4")
    arguments = flags(tiny_model, release, copied, **{**FOUR_STEPS, "max_steps": 5})
    assert train("dpo", arguments) == 0
    assert read(copied)["resumed_from_step"] == 2
    assert "checkpoint-4 has no state of the optimiser and learning-rate" in capsys.readouterr().out


def cut(name, size):
    def do(checkpoint):
        with (checkpoint / name).open("r+b") as file:
            file.truncate(size)

    return do


def forget(checkpoint):
    saved = torch.load(checkpoint / "optimizer.pt", weights_only=True)
    torch.save({**saved, "state": {}}, checkpoint / "optimizer.pt")


def change(make):
    """Save an optimiser's state anew, each parameter's as `make` makes it; None leaves one out."""

    def do(checkpoint):
        saved = torch.load(checkpoint / "optimizer.pt", weights_only=True)
        made = {i: make(i, state) for i, state in saved["state"].items()}
        saved["state"] = {i: state for i, state in made.items() if state is not None}
        torch.save(saved, checkpoint / "optimizer.pt")

    return do


def spoil(name, part="data.pkl", content=b"\x80\x02}q\x00(X\x05"):
    """Another content for a part of the zip, which is a whole zip as before."""

    def do(checkpoint):
        with zipfile.ZipFile(checkpoint / name) as file:
            parts = {one: file.read(one) for one in file.namelist()}
        with zipfile.ZipFile(checkpoint / name, "w") as file:
            for one, old in parts.items():
                file.writestr(one, content if one.endswith(part) else old)

    return do


def put(name, value):
    return lambda checkpoint: torch.save(value, checkpoint / name)


def write(name, text):
    return lambda checkpoint: (checkpoint / name).write_text(text)


CALL = b"cos\nsystem\nX\x04\x00\x00\x00trueq\x00\x85R."  # a whole pickle that would call something


DAMAGE = {
    "optimizer.pt: all its moments are 0": (
        change(lambda i, state: {name: torch.zeros_like(value) for name, value in state.items()}),
        change(lambda i, state: {**state, **{k: v * 0 for k, v in state.items() if k != "step"}}),
    ),
    "optimizer.pt: spoilt": (spoil("optimizer.pt"), spoil("optimizer.pt", content=b"")),
    "scheduler.pt: spoilt": (spoil("scheduler.pt"), spoil("scheduler.pt", content=b"not a pickle")),
    "rng_state.pth: spoilt": (spoil("rng_state.pth"), spoil("rng_state.pth", content=b"\x00" * 40)),
    "rng_state.pth: cannot be read": (spoil("rng_state.pth", content=CALL),),
    "scheduler.pt: holds a list": (put("scheduler.pt", [1]),),
    "config.json: cut short": (write("config.json", '{"model_type": '),),
    "optimizer.pt: cut short": (cut("optimizer.pt", 100), cut("optimizer.pt", 0)),
    "scheduler.pt: cut short": (cut("scheduler.pt", 0),),
    "rng_state.pth: cut short": (cut("rng_state.pth", 500),),
    "model.safetensors: cut short": (cut("model.safetensors", 2000), cut("model.safetensors", 0)),
    "optimizer.pt: holds no state": (forget,),
    "no weights": (lambda checkpoint: (checkpoint / "model.safetensors").unlink(),),
}


@pytest.mark.parametrize(("said", "harm"), [(said, harm) for said in DAMAGE for harm in DAMAGE[said]])
def test_a_damaged_checkpoint_is_not_gone_on_from(said, harm, whole, tmp_path, capsys):
    """By a full disk, or a copy that broke off; the weights' header and the end of a zip tell their length."""
    output = as_killed(whole, tmp_path / "out")
    args = TrainingArguments(output_dir=str(output), max_steps=6, use_cpu=True)
    harm(output / "checkpoint-4")
    assert find_checkpoint(output, args)[0] == str(output / "checkpoint-2")
    assert f"checkpoint-4 is damaged ({said}" in capsys.readouterr().out
    shutil.rmtree(output / "checkpoint-2")
    with pytest.raises(KomepError, match="copy it again"):
        find_checkpoint(output, args)
    args.resume_from_checkpoint = str(output / "checkpoint-4")
    with pytest.raises(KomepError, match="copy it again"):
        find_checkpoint(output, args)


def test_what_begins_anew_is_said(whole, tmp_path, capsys):
    """Half of the moments, and the random numbers: the rest is taken on, and a whole checkpoint without a word."""
    output = as_killed(whole, tmp_path / "out")
    args = TrainingArguments(output_dir=str(output), max_steps=6, use_cpu=True)
    wanted = args.resume_from_checkpoint = str(output / "checkpoint-4")
    assert find_checkpoint(output, args)[0] == wanted and capsys.readouterr().out == ""
    change(lambda i, state: state if i % 2 else None)(output / "checkpoint-4")
    (output / "checkpoint-4" / "rng_state.pth").unlink()
    for args.resume_from_checkpoint in (wanted, None):
        assert find_checkpoint(output, args)[0] == wanted
        said = capsys.readouterr().out
        known, count = re.search(r"state of (\d+) of (\d+) parameters", said).groups()
        assert int(known) == int(count) // 2 > 0 and "checkpoint-4 has no rng_state.pth: dropout" in said
    args.max_steps = 4  # nothing is left to learn
    assert find_checkpoint(output, args)[0] == wanted and capsys.readouterr().out == ""


def test_an_optimiser_that_keeps_nothing_is_whole_without_a_state(whole, tmp_path):
    output = as_killed(whole, tmp_path / "out")
    forget(output / "checkpoint-4")
    args = TrainingArguments(output_dir=str(output), max_steps=6, use_cpu=True, optim="sgd")
    assert find_checkpoint(output, args)[1].global_step == 4


def test_each_kind_of_launch_looks_for_its_own_state(tmp_path, monkeypatch):
    plain = SimpleNamespace(deepspeed_plugin=None, fsdp=None)
    deepspeed = SimpleNamespace(deepspeed_plugin=object(), fsdp=None)
    (tmp_path / "scheduler.pt").touch()
    (tmp_path / "optimizer_0").mkdir()
    (tmp_path / "optimizer_0" / ".metadata").touch()
    assert missing_states(tmp_path, plain) == "optimiser"
    assert missing_states(tmp_path, deepspeed) == "optimiser under DeepSpeed"
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    assert missing_states(tmp_path, plain) == ""
    monkeypatch.delenv("ACCELERATE_USE_FSDP")
    (tmp_path / "global_step4").mkdir()
    (tmp_path / "global_step4" / "bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt").touch()
    (tmp_path / "optimizer.pt").touch()
    assert missing_states(tmp_path, plain) == missing_states(tmp_path, deepspeed) == ""


@pytest.mark.parametrize("content", [None, '{"global_step": '], ids=["missing", "cut short"])
def test_a_half_written_checkpoint_is_passed_over(content, copied, whole, tiny_model, release, capsys):
    """What `kill -9` leaves while one is written; the one before it is whole."""
    state = copied / "checkpoint-4" / "trainer_state.json"
    state.unlink() if content is None else state.write_text(content)
    assert train("dpo", flags(tiny_model, release, copied, **FOUR_STEPS)) == 0
    assert "checkpoint-4 was not written to its end" in capsys.readouterr().out
    assert read(copied)["resumed_from_step"] == 2 and read(copied)["steps"] == 4
    assert read(copied)["evaluation"]["after"]["loss"] == pytest.approx(
        read(whole)["evaluation"]["after"]["loss"], abs=1e-5
    )


@pytest.mark.parametrize(
    "content", ["", "[]", '{"global_step": "four"}', '{"log_history": null}', '{"log_history": [1]}']
)
def test_a_spoilt_state_is_no_state(content, tmp_path):
    (tmp_path / "trainer_state.json").write_text(content)
    assert read_state(tmp_path) is None


def test_without_a_whole_checkpoint_the_run_begins_anew(copied, tiny_model, release):
    for name in ("checkpoint-2", "checkpoint-4"):
        (copied / name / "trainer_state.json").unlink()
    assert train("dpo", flags(tiny_model, release, copied, **FOUR_STEPS)) == 0
    assert read(copied)["resumed_from_step"] == 0 and read(copied)["steps"] == 4
