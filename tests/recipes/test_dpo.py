"""The DPO recipe on a tiny model: what it trains, records, refuses and resumes. No hub, one import of TRL."""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.recipes.tiny_runs import RECIPES, pair, read, weights, write_release
from tests.recipes.tiny_runs import flags as tiny_flags
from tests.recipes.tiny_runs import train as train_by

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("trl", reason="needs the extra [train]")

from dpo import ARGUMENTS  # noqa: E402
from trainers.dpo import PairwiseDPOTrainer  # noqa: E402
from training.flags import RecipeParser, check_launch  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from komep_dataset.errors import KomepError  # noqa: E402

ROOT = RECIPES.parent
BETA = 0.5


def flags(model: Path, release: Path, output: Path, **changes) -> list[str]:
    return tiny_flags(model, release, output, **{"beta": BETA, **changes})


def train(arguments: list[str]) -> int:
    return train_by("dpo", arguments)


@pytest.fixture(scope="module")
def trained(tiny_model, release, tmp_path_factory) -> Path:
    """Output of two steps, with a checkpoint after each."""
    output = tmp_path_factory.mktemp("dpo") / "out"
    saving = {"save_strategy": "steps", "save_steps": 1, "report_to": "tensorboard"}
    assert train(flags(tiny_model, release, output, max_steps=2, **saving)) == 0
    return output


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


def test_every_trainable_parameter_moved(tiny_model, trained):
    before, after = weights(tiny_model), weights(trained)
    assert before.keys() == after.keys()
    assert [name for name in before if torch.equal(before[name], after[name])] == []


def test_summary_is_complete(trained, release):
    summary = read(trained)
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
        for entry in read(trained, "trainer_state.json")["log_history"]
        if "num_tokens" in entry
    ]
    assert summary["tokens_seen"] == max(logged)  # TRL's own count


def test_tensorboard_has_every_step(trained):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (run_folder,) = (trained / "runs").iterdir()  # the evaluation after training writes a second file into it
    events = EventAccumulator(str(run_folder)).Reload()
    for name in ("loss", "rewards/margins", "rewards/accuracies"):
        logged = {e["step"]: e[name] for e in read(trained, "trainer_state.json")["log_history"] if name in e}
        shown = {event.step: event.value for event in events.Scalars(f"train/{name}")}
        assert shown.keys() == {1, 2} and shown == pytest.approx(logged)


def test_overlong_pairs_are_dropped_and_counted(trained):
    summary = read(trained)
    assert summary["dropped"] == {"overlong": 1}
    assert summary["share_dropped"] == pytest.approx(1 / 30)
    (reject,) = [json.loads(line) for line in (trained / "rejects.jsonl").read_text("utf-8").splitlines()]
    assert reject["key"] == f"{24:016x}" and reject["reason"] == "overlong"
    assert reject["detail"].startswith("train: ") and reject["detail"].endswith("max_length 64")


def test_evaluation_agrees_with_plain_forward_passes(tiny_model, trained):
    rows = [pair(i) for i in range(30, 35)]
    reference, policy = log_probabilities(tiny_model, rows), log_probabilities(trained, rows)
    gains = [(p[0][0] - r[0][0]) - (p[1][0] - r[1][0]) for p, r in zip(policy, reference, strict=True)]
    before, after = read(trained)["evaluation"]["before"], read(trained)["evaluation"]["after"]
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


def test_cached_reference_gives_the_same_run(tiny_model, release, trained, tmp_path):
    assert (
        train(flags(tiny_model, release, tmp_path / "out", max_steps=2, precompute_ref_log_probs="true")) == 0
    )
    for moment in ("before", "after"):
        plain, cached = (read(folder)["evaluation"][moment] for folder in (trained, tmp_path / "out"))
        for name in ("loss", "margin", "reward_accuracy", "policy_accuracy", "policy_accuracy_per_token"):
            assert cached[name] == pytest.approx(plain[name], abs=2e-4), (moment, name)


def test_a_cached_reference_does_not_change_the_order_of_batches(tiny_model, tmp_path, monkeypatch):
    """The first run computes the reference's log-probabilities, the second finds them in the cache of `datasets`."""
    monkeypatch.setattr(
        "datasets.config.HF_DATASETS_CACHE", tmp_path / "cache"
    )  # nothing is known before the first
    folder = write_release(tmp_path / "release", {"train": [pair(i, words=4 + i % 5) for i in range(24)]})
    passes, losses = [], []
    compute = PairwiseDPOTrainer.compute_ref_log_probs
    monkeypatch.setattr(
        PairwiseDPOTrainer, "compute_ref_log_probs", lambda *args: passes.append(1) or compute(*args)
    )
    settings = {"max_steps": 3, "precompute_ref_log_probs": "true", "gradient_accumulation_steps": 1}
    settings |= {"precompute_ref_batch_size": 8}
    settings["train_sampling_strategy"] = "group_by_length"  # drawn from the global random state
    for run_number in (1, 2):
        output = tmp_path / f"out{run_number}"
        assert train(flags(tiny_model, folder, output, **settings)) == 0
        log = read(output, "trainer_state.json")["log_history"]
        losses.append([entry["loss"] for entry in log if "loss" in entry])
        assert len(passes) == 3  # of the first run: three batches of eight
    assert losses[0] == losses[1] and len(set(losses[0])) == 3


def test_a_cached_reference_is_of_one_precision(tiny_model, tmp_path, monkeypatch):
    folder = write_release(tmp_path / "release", {"train": [pair(i) for i in range(40, 48)]})
    passes, compute = [], PairwiseDPOTrainer.compute_ref_log_probs
    monkeypatch.setattr(
        PairwiseDPOTrainer, "compute_ref_log_probs", lambda *a: passes.append(1) or compute(*a)
    )
    settings = {"max_steps": 1, "precompute_ref_log_probs": "true", "precompute_ref_batch_size": 8}
    for number, half in enumerate(("true", "false", "true"), 1):
        arguments = flags(tiny_model, folder, tmp_path / f"out{number}", **settings, **{"bf16": half})
        assert train(arguments) == 0
        assert len(passes) == min(number, 2)


def test_resumed_run_equals_the_uninterrupted_one(tiny_model, release, trained, tmp_path):
    output = tmp_path / "out"
    shutil.copytree(trained, output)
    for name in ("checkpoint-2", "training_summary.json", "model.safetensors"):
        path = output / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    arguments = flags(tiny_model, release, output, max_steps=2, save_strategy="steps", save_steps=1)
    assert train(arguments) == 0
    resumed, whole = read(output), read(trained)
    assert resumed["resumed_from_step"] == 1 and resumed["steps"] == 2
    assert resumed["tokens_seen"] == whole["tokens_seen"]
    expected = weights(trained)
    for name, weight in weights(output).items():
        torch.testing.assert_close(weight, expected[name], msg=name)
    for moment in ("before", "after"):
        assert resumed["evaluation"][moment]["loss"] == pytest.approx(
            whole["evaluation"][moment]["loss"], abs=1e-5
        )


def test_finished_run_is_left_alone(tiny_model, release, trained, capsys):
    stamp = (trained / "model.safetensors").stat().st_mtime_ns
    assert train(flags(tiny_model, release, trained, max_steps=2, save_strategy="steps", save_steps=1)) == 0
    assert "holds this run already" in capsys.readouterr().out
    assert (trained / "model.safetensors").stat().st_mtime_ns == stamp


def test_other_settings_never_go_into_the_same_folder(tiny_model, release, trained, capsys):
    assert train(flags(tiny_model, release, trained, max_steps=2, gradient_accumulation_steps=1)) == 1
    message = capsys.readouterr().err
    assert "effective_batch = 8" in message and "4" in message and "--output_dir" in message


@pytest.mark.parametrize("splits", [{}, {"test": []}], ids=["no test split", "empty test split"])
def test_without_held_out_pairs(splits, tiny_model, tmp_path):
    folder = write_release(tmp_path / "release", {"train": [pair(i) for i in range(4)], **splits})
    arguments = flags(tiny_model, folder, tmp_path / "out", max_steps=1, eval_strategy="steps", eval_steps=1)
    assert train(arguments) == 0
    assert read(tmp_path / "out")["evaluation"] == {"before": None, "after": None}


@pytest.mark.parametrize("cached", ["false", "true"], ids=["adapter off as reference", "cached reference"])
def test_lora(cached, tiny_model, release, tmp_path):
    output = tmp_path / "out"
    arguments = flags(tiny_model, release, output, max_steps=2, max_train_pairs=8, max_test_pairs=3)
    arguments += ["--precompute_ref_log_probs", cached, "--lora_r", "4"]
    assert train([*arguments, "--use_peft", "--lora_target_modules", "q_proj", "v_proj"]) == 0
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


BAD = {
    "no such dataset": ({"dataset_name": "no/such-release"}, 1, "no/such-release"),
    "no such config": ({"dataset_config": "en"}, 1, "'en'"),
    "no such model": ({"model_name_or_path": "no/such-model"}, 1, "no/such-model"),
    "all overlong": ({"max_length": 3}, 1, "all 25 train pairs"),
    "no checkpoint": ({"resume_from_checkpoint": "nowhere"}, 1, "nowhere"),
    "bad loss": ({"loss_type": "exo_pair"}, 1, "Label smoothing"),
    "no number": ({"max_steps": "many"}, 2, "max_steps"),
    "misspelt flag": ({"learning_rat_e": 1}, 2, "'learning_rate'"),
    "bad value": ({"eval_strategy": "sometimes"}, 2, "sometimes"),
    "no config file": ({"config": "nowhere.yaml"}, 2, "nowhere.yaml"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_explained(name, tiny_model, release, tmp_path, capsys):
    changes, code, words = BAD[name]
    assert train(flags(tiny_model, release, tmp_path / "out", **{"max_steps": 1, **changes})) == code
    message = capsys.readouterr().err
    assert message.startswith("error: ") and words in message
    assert not (tmp_path / "out" / "training_summary.json").exists()


def test_processes_that_do_not_see_each_other_are_refused(tiny_model, release, tmp_path, monkeypatch):
    parsed = RecipeParser(ARGUMENTS).parse_args_and_config(flags(tiny_model, release, tmp_path / "out"))
    monkeypatch.setenv("WORLD_SIZE", "2")  # what a launcher sets; this process is alone all the same
    with pytest.raises(KomepError, match="2 processes were launched and do not see each other"):
        check_launch(*parsed[:2], None)


@pytest.mark.parametrize("column", ["prompt", "rejected"])
def test_missing_column_is_named(column, tiny_model, tmp_path, capsys):
    rows = [{key: value for key, value in pair(i).items() if key != column} for i in range(2)]
    from datasets import Dataset

    Dataset.from_list(rows).to_parquet(tmp_path / "train.parquet")
    assert train(flags(tiny_model, tmp_path, tmp_path / "out", dataset_config="default")) == 1
    assert f"missing columns {column}" in capsys.readouterr().err


def test_columns_must_hold_messages(tiny_model, tmp_path, capsys):
    from datasets import Dataset

    Dataset.from_list([{"prompt": "a", "chosen": "b", "rejected": "c"}]).to_parquet(
        tmp_path / "train.parquet"
    )
    assert train(flags(tiny_model, tmp_path, tmp_path / "out", dataset_config="default")) == 1
    assert "column prompt must hold messages" in capsys.readouterr().err


@pytest.mark.slow
def test_unknown_key_of_a_file_ends_the_program_without_a_traceback(tmp_path):
    config = tmp_path / "dpo.yaml"
    config.write_text("learning_rat: 1.0e-5\n", "utf-8")
    command = [sys.executable, str(RECIPES / "dpo.py"), "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert done.returncode == 2
    assert "learning_rat'" in done.stderr and "'learning_rate'" in done.stderr and str(config) in done.stderr
    assert "Traceback" not in done.stderr
