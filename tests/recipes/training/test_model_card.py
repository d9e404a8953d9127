"""What a run leaves to look at: its card, with curves and command, and no secret in it."""

import re
import shutil
import types

import pytest
import yaml
from huggingface_hub import ModelCard, ModelCardData, metadata_load
from markdown_it import MarkdownIt

from tests.places import snapshot
from tests.recipes.tiny_runs import METHODS, of_finished, read, train

pytest.importorskip("trl", reason="needs the extra [recipes]")

from training.model_card import base_card, metadata, public_command, render_card, write_report


@pytest.mark.parametrize("method", METHODS)
def test_card(method, finished, tiny_model):
    card, summary = (finished(method) / "README.md").read_text("utf-8"), read(finished(method))
    front = yaml.safe_load(card.split("---")[1])
    assert front["tags"] == ["trl", method, "komep", "medical"] and front["license"] == "unknown"
    assert front["language"] == ["ko"] and front["pipeline_tag"] == "text-generation"
    assert ModelCard(card).data.eval_results[0].metric_value == round(
        summary["evaluation"]["after"]["loss"], 6
    )
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
    assert {
        "model.safetensors",
        "curves.png",
        "curves.csv",
        "answers.json",
        "README.md",
        "run.json",
        "training_summary.json",
    } <= names
    assert not [
        name for name in names if name.endswith((".bin", ".pt", ".tmp")) and name != "training_args.bin"
    ]
    assert (finished(method) / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_of_several_processes_starts_as_many(finished, tmp_path):
    """`global_batch_size` refuses another number; the launcher's own file is not known to the recipe."""
    write_report(tmp_path, read(finished("dpo")) | {"world_size": 8}, read(finished("dpo"), "run.json"), [])
    assert "accelerate launch --num_processes 8 " in (tmp_path / "README.md").read_text("utf-8")
    assert "python " in (finished("dpo") / "README.md").read_text("utf-8")


SUMMARY = {
    "model": "org/model",
    "method": "dpo",
    "use_peft": True,
    "dataset": {"name": "org/komep", "config": "ko"},
    "evaluation": {"before": {"loss": 0.7}, "after": {"loss": 0.6, "reward_accuracy": None, "pairs": 3}},
}


def test_metadata_are_the_hubs():
    """What is known and nothing else: the base's licence with its name, results with what they were before."""
    base = {
        "license": "other",
        "license_name": "gemma: \n- x",
        "license_link": "https://a.b/c",
        "tags": ["x"],
    }
    found = metadata(SUMMARY, "mine", base)
    assert (found["base_model"], found["datasets"], found["language"]) == ("org/model", ["org/komep"], ["ko"])
    assert (found["library_name"], found["base_model_relation"]) == ("peft", "adapter")
    assert (found["license"], found["license_name"]) == ("other", "gemma: \n- x")
    [result] = found["model-index"][0]["results"]
    assert result["metrics"] == [
        {
            "type": "loss",
            "value": 0.6,
            "name": "Loss, after training",
            "args": {"pairs": 3, "before_training": 0.7},
        }
    ]
    assert ModelCard(f"---\n{yaml.safe_dump(found)}---\n").data.license_name == "gemma: \n- x"
    bare = metadata(
        SUMMARY | {"model": "/x/y", "dataset": {"name": "data.jsonl", "config": None}, "use_peft": False},
        "m",
        {},
    )
    assert bare["license"] == "unknown" and not bare.keys() & {
        "base_model",
        "base_model_relation",
        "datasets",
        "language",
    }


def test_the_card_of_a_base_is_asked_where_it_lies(tmp_path, monkeypatch):
    assert base_card(str(tmp_path)) == {}
    (tmp_path / "README.md").write_text("---\nlicense: mit\nbase_model: a/b\n---\n# x\n")
    assert base_card(str(tmp_path))["license"] == "mit"
    assert metadata(SUMMARY | {"model": str(tmp_path)}, "m", base_card(str(tmp_path)))["base_model"] == "a/b"
    (tmp_path / "README.md").write_text("---\n- : [\n---\n")
    assert base_card(str(tmp_path)) == {}
    hub = types.SimpleNamespace(card_data=ModelCardData(license="apache-2.0"))
    monkeypatch.setattr("training.model_card.model_info", lambda *_, **__: hub)
    assert base_card("org/model")["license"] == "apache-2.0"
    monkeypatch.undo()
    assert base_card("org/model") == {}  # no hub is reached in tests


def asked(folder, monkeypatch) -> None:
    """Run the snippet of a card beside the folder of its model."""
    code = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text("utf-8"), re.DOTALL)[1]
    monkeypatch.chdir(folder.parent)
    code = code.replace("max_new_tokens=256", "max_new_tokens=2")
    exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})


def test_the_snippet_of_the_card_runs(finished, capsys, monkeypatch):
    asked(finished("dpo"), monkeypatch)
    assert capsys.readouterr().out.endswith("\n")


@pytest.mark.slow
def test_the_snippet_of_an_adapter_runs(tiny_model, release, tmp_path, capsys, monkeypatch):
    lora = {"use_peft": "true", "lora_target_modules": "all-linear", "max_steps": 1, "save_strategy": "no"}
    assert train("dpo", of_finished("dpo", tiny_model, release, tmp_path / "tuned", **lora)) == 0
    capsys.readouterr()
    asked(tmp_path / "tuned", monkeypatch)
    text = (tmp_path / "tuned" / "README.md").read_text("utf-8")
    assert "import AutoPeftModelForCausalLM as Model" in text and capsys.readouterr().out.endswith("\n")
    assert metadata_load(tmp_path / "tuned" / "README.md")["library_name"] == "peft"


def test_what_got_worse_is_said(finished):
    summary = read(finished("dpo")) | {
        "evaluation": {
            "before": {
                "pairs": 2,
                "loss": 0.693,
                "reward_accuracy": 0.5,
                "margin": 0.0,
                "logps_chosen": -1.0,
            },
            "after": {
                "pairs": 2,
                "loss": 0.708,
                "reward_accuracy": 0.75,
                "margin": -0.1,
                "logps_chosen": -2.0,
            },
        }
    }
    assert "**Worse after training than before:** loss, margin." in render_card(summary, {}, "m", "x", None)


def test_hostile_names_and_answers_stay_text(finished, monkeypatch):
    summary = read(finished("dpo")) | {"model": "a`b|c\n---\n<script>"}
    summary["dataset"] = summary["dataset"] | {"name": "d|`\n# e"}
    told = {"prompts": ["p|<b>"], "before": ["```\n# x"], "after": [""], "max_new_tokens": 9, "why_not": None}
    text = render_card(summary, read(finished("dpo"), "run.json"), 'm"|\n<script>', "python x", None, told)
    tokens = MarkdownIt("commonmark").enable("table").parse(text.split("---\n", 2)[2])
    assert not {"html_block", "hr"} & {token.type for token in tokens}
    assert [token.tag for token in tokens if token.type == "heading_open"].count("h1") == 1
    cells = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "td_open"]
    assert cells[:4] == ["before training", r"\`\`\` \# x", "after training", "(nothing)"]
    assert "1. **p\\|\\<b\\>**\n" in text
    assert "None were taken: the weights are split" in render_card(
        summary, {}, "m", "x", None, {"prompts": [], "why_not": "the weights are split"}
    )


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
