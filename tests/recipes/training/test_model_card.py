"""What a run leaves to look at: card, curves, log lines, and no secret in any of them."""

from types import SimpleNamespace

import pytest
import yaml

from tests.recipes.tiny_runs import METHODS, flags, read, train

pytest.importorskip("trl", reason="needs the extra [train]")

from training.curves import draw_curves, panels
from training.log_lines import clock, compose
from training.model_card import metadata, public_command, write_report
from training.output_folder import push

from komep_dataset.errors import KomepError


@pytest.fixture(scope="module")
def outputs(tiny_model, release, tmp_path_factory):
    """Method -> folder of a run of two steps."""
    found = {method: tmp_path_factory.mktemp(method) / f"tiny-{method}" for method in METHODS}
    for method, output in found.items():
        assert train(method, flags(tiny_model, release, output, max_steps=2)) == 0
    return found


@pytest.mark.parametrize("method", METHODS)
def test_card(method, outputs, tiny_model):
    card, summary = (outputs[method] / "README.md").read_text("utf-8"), read(outputs[method])
    front = yaml.safe_load(card.split("---")[1])
    assert front["tags"] == ["trl", method, "komep", "medical"] and "license" not in front
    assert "base_model" not in front and "datasets" not in front  # folders of this machine
    assert card.count(f"# tiny-{method}\n") == 1 and "**Not for clinical use.**" in card
    for value in (tiny_model, summary["dataset"]["version"], summary["dataset"]["fingerprint"], "curves.png"):
        assert str(value) in card
    assert "| learning_rate | 0.001 |" in card and "--learning_rate 0.001" in card
    assert f"| loss | {summary['evaluation']['before']['loss']:.4g} |" in card
    assert f"| {summary['evaluation']['after']['gain_accuracy']:.4g} |" in card
    assert ("| nll_on | all |" in card) == (method == "orpo")


@pytest.mark.parametrize("method", METHODS)
def test_folder_of_a_run(method, outputs):
    names = {path.name for path in outputs[method].iterdir()}
    assert {"model.safetensors", "curves.png", "README.md", "run.json", "training_summary.json"} <= names
    assert not [
        name for name in names if name.endswith((".bin", ".pt", ".tmp")) and name != "training_args.bin"
    ]
    assert (outputs[method] / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_of_several_processes_starts_as_many(outputs, tmp_path):
    """`global_batch_size` refuses another number; the launcher's own file is not known to the recipe."""
    write_report(tmp_path, read(outputs["dpo"]) | {"world_size": 8}, read(outputs["dpo"], "run.json"), [])
    assert "accelerate launch --num_processes 8 " in (tmp_path / "README.md").read_text("utf-8")
    assert "python " in (outputs["dpo"] / "README.md").read_text("utf-8")


def test_a_hub_that_is_lost_at_the_end_loses_no_run():
    """The HTTP client has errors that are none of the operating system's."""

    class ConnectError(Exception):
        pass

    def push_to_hub():
        raise ConnectError("name or service not known")

    trainer = SimpleNamespace(
        push_to_hub=push_to_hub, args=SimpleNamespace(output_dir="out"), hub_model_id="me/model"
    )
    with pytest.raises(
        KomepError, match=r"out is complete, and was not pushed .*not known.*hf upload me/model out"
    ):
        push(trainer)


def test_metadata_names_what_is_on_the_hub():
    summary = {"model": "org/model", "dataset": {"name": "org/komep"}, "method": "dpo", "use_peft": True}
    found = metadata(summary)
    assert (found["base_model"], found["datasets"]) == ("org/model", ["org/komep"])
    assert found["library_name"] == "peft" and "license" not in found


def test_no_secret_in_the_command():
    words = [
        "recipes/dpo.py",
        "--hub_token",
        "hf_abc",
        "--x_key=hf_abc",
        "--num_tokens",
        "3",
        "--output_dir",
        "a b",
    ]
    command = public_command(words)
    assert "hf_abc" not in command
    assert command == "recipes/dpo.py --hub_token HIDDEN --x_key=HIDDEN --num_tokens 3 --output_dir 'a b'"


def test_panels_have_training_and_held_out_points():
    entries = [
        {
            "step": 0,
            "eval_loss": 0.7,
            "eval_margin": 0.0,
            "eval_reward_accuracy": 0.5,
            "eval_gain_accuracy": 0.5,
        },
        {"step": 1, "loss": 0.69, "rewards/margins": 0.0, "rewards/accuracies": 0.0},
        {
            "step": 2,
            "eval_loss": 0.6,
            "eval_margin": 0.1,
            "eval_reward_accuracy": 1.0,
            "eval_gain_accuracy": 1.0,
        },
        {"step": 2, "train_runtime": 3.0},
    ]
    found = panels(entries)
    assert list(found) == ["loss", "margin (beta x reward)", "reward accuracy"]  # DPO's gain is its reward
    assert found["loss"] == ([(1, 0.69)], [(0, 0.7), (2, 0.6)], None)
    plain = panels(
        [
            {key: value for key, value in entry.items() if "reward" not in key and "margin" not in key}
            for entry in entries
        ]
    )
    assert list(plain) == ["loss", "gain accuracy"]  # instruction tuning


def test_nothing_to_draw(tmp_path, monkeypatch):
    assert draw_curves([{"step": 1, "train_runtime": 1.0}], tmp_path / "x.png", "x") is False
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)  # not installed
    assert draw_curves([{"step": 1, "loss": 1.0}], tmp_path / "x.png", "x") is False
    assert list(tmp_path.iterdir()) == []


def test_log_lines(tiny_model, release, tmp_path, capsys):
    assert train("dpo", flags(tiny_model, release, tmp_path / "out", max_steps=2)) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("step ")]
    assert [line.split()[1] for line in lines] == ["0/2", "1/2", "2/2", "2/2"]  # held-out before and after
    assert "held-out  loss 0.69" in lines[0] and "tokens/s" not in lines[0]
    assert "tokens/s" in lines[1] and lines[1].endswith(" left") and "accuracy" in lines[1]


def test_composed_lines():
    logs = {"loss": 0.69314, "rewards/accuracies": 0.75, "grad_norm": 1.0}
    assert (
        compose(3, 12, logs, 1234.5, 75)
        == "step 3/12  loss 0.6931  accuracy 0.7500  1,234 tokens/s  1:15 left"
    )
    assert compose(3, 12, {"eval_loss": 0.5}, 1234.5, 75) == "step 3/12 held-out  loss 0.5000"
    assert compose(12, 12, {"train_runtime": 3.0}, None, None) is None
    assert clock(3725.4) == "1:02:05" and clock(5) == "0:05"
