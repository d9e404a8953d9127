"""What a run leaves to look at: its card, with curves and command, and no secret in it."""

import shutil

import pytest
import yaml

from tests.places import snapshot
from tests.recipes.tiny_runs import METHODS, of_finished, read, train

pytest.importorskip("trl", reason="needs the extra [train]")

from training.model_card import metadata, public_command, write_report


@pytest.mark.parametrize("method", METHODS)
def test_card(method, finished, tiny_model):
    card, summary = (finished(method) / "README.md").read_text("utf-8"), read(finished(method))
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
def test_folder_of_a_run(method, finished):
    names = {path.name for path in finished(method).iterdir()}
    assert {"model.safetensors", "curves.png", "README.md", "run.json", "training_summary.json"} <= names
    assert not [
        name for name in names if name.endswith((".bin", ".pt", ".tmp")) and name != "training_args.bin"
    ]
    assert (finished(method) / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_of_several_processes_starts_as_many(finished, tmp_path):
    """`global_batch_size` refuses another number; the launcher's own file is not known to the recipe."""
    write_report(tmp_path, read(finished("dpo")) | {"world_size": 8}, read(finished("dpo"), "run.json"), [])
    assert "accelerate launch --num_processes 8 " in (tmp_path / "README.md").read_text("utf-8")
    assert "python " in (finished("dpo") / "README.md").read_text("utf-8")


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


@pytest.mark.slow
def test_an_edited_card_is_kept_when_the_run_goes_on(finished, tiny_model, release, tmp_path, capsys):
    output, settings = shutil.copytree(finished("sft"), tmp_path / "out"), {"save_total_limit": 2}
    for steps, text in ((3, "mine"), (4, "mine too"), (5, None)):
        if text:
            (output / "README.md").write_text(text)
        before = snapshot(output)
        assert train("sft", of_finished("sft", tiny_model, release, output, **settings)) == (
            0 if steps == 3 else 1
        )
        assert snapshot(output) == before  # finished: nothing is written, nor where fewer steps are asked for
        settings |= {"max_steps": steps}
        assert train("sft", of_finished("sft", tiny_model, release, output, **settings)) == 0
        settings |= {"max_steps": steps - 1}
    assert (output / "README.md.edited").read_text() == "mine"
    assert (output / "README.md.edited-2").read_text() == "mine too"
    assert "README.md had been edited: kept as README.md.edited-2" in capsys.readouterr().out
    assert len([path for path in output.iterdir() if path.name.startswith("README")]) == 3
