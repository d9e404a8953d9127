"""What a folder with an earlier run is taken for (gone on with, finished, another's), and what is recorded."""

import json
import math
import shutil

import pytest

from komep_dataset.errors import KomepError
from tests.recipes.tiny_runs import FOUR_STEPS, METHODS, as_killed, flags, of_finished, read, train, weights

pytest.importorskip("trl", reason="needs the extra [recipes]")

import torch
from training.run_record import (
    check_same_run,
    compare_evaluations,
    mean_loss,
    share_above_limit,
    write_json,
)


@pytest.mark.slow
def test_the_loss_of_a_resumed_run_is_that_of_all_its_steps(copied, whole, tiny_model, release):
    shutil.rmtree(copied / "checkpoint-4")
    assert train("dpo", flags(tiny_model, release, copied, **FOUR_STEPS)) == 0
    assert read(copied)["resumed_from_step"] == 2
    assert read(copied)["train_loss"] == pytest.approx(read(whole)["train_loss"], abs=1e-4)


def test_mean_loss_by_hand():
    history = [{"step": 2, "loss": 1.0}, {"step": 2, "eval_loss": 9.0}, {"step": 3, "loss": 4.0}]
    assert mean_loss(history, 3, 0.5, 1) == pytest.approx((2 * 1 + 4 + 0.5) / 4)
    assert mean_loss([], 0, 0.5, 2) == 0.5
    assert mean_loss(history, 3, 0.0, 0) == pytest.approx(2.0)
    assert mean_loss([], 3, 0.0, 0) is None


def test_checkpoints_of_another_program_are_not_gone_on_with(copied, tiny_model, release, capsys):
    (copied / "run.json").unlink()
    assert train("dpo", flags(tiny_model, release, copied, **FOUR_STEPS)) == 1
    message = capsys.readouterr().err
    assert "run.json" in message and "--output_dir" in message
    assert not (copied / "training_summary.json").exists()


@pytest.mark.parametrize("finished", [True, False])
def test_a_run_is_not_shortened(finished, whole, copied, tiny_model, release, tmp_path, capsys):
    folder = tmp_path / "finished"
    shutil.copytree(whole if finished else copied, folder)
    assert train("dpo", flags(tiny_model, release, folder, **(FOUR_STEPS | {"max_steps": 3}))) == 1
    message = capsys.readouterr().err
    assert "max_steps = 4" in message and "3" in message


def test_a_run_of_some_steps_may_be_lengthened_to_whole_epochs(whole, tiny_model, release, tmp_path):
    """`max_steps` of -1 leaves it to the epochs; it is no smaller number of steps."""
    folder = tmp_path / "out"
    shutil.copytree(whole, folder)
    settings = FOUR_STEPS | {"max_steps": -1, "num_train_epochs": 3}
    assert train("dpo", flags(tiny_model, release, folder, **settings)) == 0
    assert read(folder)["resumed_from_step"] == 4 and read(folder)["steps"] == 9


@pytest.mark.parametrize(
    "change",
    [
        {"adam_beta2": 0.5}, {"adam_epsilon": 1}, {"data_seed": 7}, {"use_weighting": "true"},
        {"model_revision": "other"}, {"lr_scheduler_kwargs": '{"min_lr": 0}'}, {"dataset_test_split": "train"},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_every_setting_that_shapes_a_model_makes_another_run(change, whole, tiny_model, release, capsys):
    assert train("dpo", flags(tiny_model, release, whole, **FOUR_STEPS, **change)) == 1
    assert next(iter(change)).removeprefix("dataset_") in capsys.readouterr().err


def test_a_run_of_an_older_version_is_still_known(copied, tiny_model, release):
    """Its `run.json` lacks settings that are recorded by now."""
    settings = read(copied, "run.json")
    del settings["adam_beta2"]
    (copied / "run.json").write_text(json.dumps(settings), "utf-8")
    assert train("dpo", flags(tiny_model, release, copied, **FOUR_STEPS)) == 0


def test_a_run_knows_its_data_by_the_rows_and_not_by_the_files_date(tmp_path):
    """`datasets` takes a copy for other data; a run of an older version has no hash, and its fingerprint counts."""
    folder = tmp_path / "run"
    numbered = folder / "checkpoint-1"
    numbered.mkdir(parents=True)
    (numbered / "trainer_state.json").write_text("{}", "utf-8")

    def settings(**dataset) -> dict:
        return {"dataset": {"name": "n.jsonl", "fingerprint": "a", "sha256": "r", **dataset}}

    older = {"dataset": {"name": "n.jsonl", "fingerprint": "a"}}
    for recorded, now, same in (
        (settings(), settings(fingerprint="b"), True),
        (settings(), settings(sha256="s"), False),
        (settings(), settings(name="m.jsonl", fingerprint="b"), False),
        (older, settings(), True),
        (older, settings(fingerprint="b"), False),
    ):
        write_json(folder / "run.json", recorded)
        if same:
            assert check_same_run(folder, now) is False  # not trained to its end
        else:
            with pytest.raises(KomepError, match="holds a run with") as error:
                check_same_run(folder, now)
            what = "name = 'n.jsonl', this one has 'm.jsonl'"  # what differs alone
            other_name = now["dataset"]["name"] == "m.jsonl"
            assert (
                f"holds a run with dataset: {what if other_name else 'other rows in n.jsonl'}; take"
                in str(error.value)
            )


@pytest.mark.parametrize("method", METHODS)
def test_resumed_run_equals_the_uninterrupted_one(method, finished, tiny_model, release, tmp_path):
    output = as_killed(finished(method), tmp_path / "out")
    shutil.rmtree(output / "checkpoint-2")
    assert train(method, of_finished(method, tiny_model, release, output)) == 0
    resumed, whole = read(output), read(finished(method))
    assert resumed["resumed_from_step"] == 1 and resumed["tokens_seen"] == whole["tokens_seen"]
    for moment in ("before", "after"):
        for name in ("loss", "gain_accuracy", "logps_rejected"):
            expected = pytest.approx(whole["evaluation"][moment][name], abs=1e-5)
            assert resumed["evaluation"][moment][name] == expected, (moment, name)
    expected = weights(finished(method))
    for name, weight in weights(output).items():
        torch.testing.assert_close(weight, expected[name], atol=1e-3, rtol=0, msg=name)


def test_finished_run_is_left_alone(tiny_model, release, dpo_run, capsys):
    stamp = (dpo_run / "model.safetensors").stat().st_mtime_ns
    assert train("dpo", of_finished("dpo", tiny_model, release, dpo_run)) == 0
    assert "holds this run already" in capsys.readouterr().out
    assert (dpo_run / "model.safetensors").stat().st_mtime_ns == stamp


def test_other_settings_never_go_into_the_same_folder(tiny_model, release, dpo_run, capsys):
    assert train("dpo", of_finished("dpo", tiny_model, release, dpo_run, gradient_accumulation_steps=1)) == 1
    message = capsys.readouterr().err
    assert "effective_batch = 8" in message and "4" in message and "--output_dir" in message


def test_json_never_holds_nan(tmp_path):
    write_json(
        tmp_path / "x.json", {"loss": math.nan, "list": [math.inf, 1.5], "deep": {"ok": -math.inf, "한글": 1}}
    )
    text = (tmp_path / "x.json").read_text("utf-8")
    assert json.loads(text, parse_constant=pytest.fail) == {
        "loss": None,
        "list": [None, 1.5],
        "deep": {"ok": None, "한글": 1},
    }
    assert "한글" in text and [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_share_above_limit():
    assert share_above_limit([8, 9], 8) == 0.5
    assert share_above_limit([8, 9], 9) == 0.0 and share_above_limit([8, 9], 7) == 1.0
    assert share_above_limit([8, 9], None) == 0.0


def test_same_run(tmp_path):
    settings = {"learning_rate": 1e-5, "max_steps": 4}
    write_json(tmp_path / "run.json", settings)
    assert check_same_run(tmp_path, {"learning_rate": 2e-5}) is False  # nothing was trained yet
    (tmp_path / "checkpoint-2").mkdir()
    assert check_same_run(tmp_path, settings) is False  # to be resumed
    assert check_same_run(tmp_path, {**settings, "max_steps": 8}) is False  # to be lengthened
    with pytest.raises(KomepError, match="learning_rate = 1e-05, this one has 2e-05"):
        check_same_run(tmp_path, {**settings, "learning_rate": 2e-5})
    write_json(tmp_path / "training_summary.json", {})
    assert check_same_run(tmp_path, settings) is True
    (tmp_path / "run.json").write_text("{", "utf-8")
    with pytest.raises(KomepError, match="not JSON"):
        check_same_run(tmp_path, settings)


def test_table_before_and_after():
    figures = {"pairs": 3, "loss": 0.69, "reward_accuracy": 0.5, "margin": 0.0, "policy_accuracy": 0.4}
    before = {**figures, "loss": None, "policy_accuracy_per_token": 0.6}
    table = compare_evaluations({"before": before, "after": {**before, "loss": 0.5}}).splitlines()
    assert table[0].split() == ["held-out", "pairs:", "3", "before", "after"]
    assert table[1].split() == ["loss", "nan", "0.5000"]
    assert not any(line.startswith("gain_accuracy") for line in table)  # neither side has it
    assert compare_evaluations({"before": None, "after": None}) == "no test split: nothing was evaluated"
