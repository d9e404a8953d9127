"""Settings and data that cannot be trained with: one line of error, or no influence at all, and never a traceback."""

import json
import shutil

import pytest

from tests.recipes.tiny_runs import METHODS, flags, pair, read, train, write_release

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("trl", reason="needs the extra [train]")

EXTRA = {
    "input_ids": [1, 2, 3], "messages": [{"role": "user", "content": "?"}], "label": True, "completion": "none",
    "text": "none", "labels": [1], "images": None,
}  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_further_columns_change_nothing(method, tiny_model, tmp_path):
    """Those of other datasets, under names that TRL gives a meaning."""
    rows, summaries = [pair(i) for i in range(8)], []
    for name, more in (("plain", {}), ("more", EXTRA)):
        splits = {"train": [row | more for row in rows], "test": [pair(9) | more]}
        release = write_release(tmp_path / name, splits)
        output = tmp_path / f"{name}-out"
        assert train(method, flags(tiny_model, release, output, max_steps=1)) == 0
        summaries.append(read(output))
    first, second = summaries
    assert first["tokens_seen"] == second["tokens_seen"]
    assert first["train_loss"] == pytest.approx(second["train_loss"], abs=1e-6)
    assert first["evaluation"]["after"]["logps_chosen"] == pytest.approx(
        second["evaluation"]["after"]["logps_chosen"], abs=1e-4
    )


BAD = {
    "no pairs": ({"max_train_pairs": 0}, "--max_train_pairs"),
    "fewer than no pairs": ({"max_test_pairs": -1}, "--max_test_pairs"),
    "no batch": ({"per_device_train_batch_size": 0}, "--per_device_train_batch_size"),
    "no evaluation batch": ({"per_device_eval_batch_size": 0}, "--per_device_eval_batch_size"),
    "no accumulation": ({"gradient_accumulation_steps": 0}, "--gradient_accumulation_steps"),
    "no epoch": ({"num_train_epochs": 0, "max_steps": -1}, "--num_train_epochs"),
    "no length": ({"max_length": -5}, "--max_length"),
    "misspelt split": ({"dataset_test_split": "tset"}, "'tset'"),
    "no such tracker": ({"report_to": "wandb"}, "wandb"),
    "no such loss": ({"loss_type": "foo"}, "foo"),
    "streaming": ({"dataset_streaming": "true"}, "--dataset_streaming"),
    "negative rate": ({"learning_rate": -1}, "learning rate"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_settings_are_explained(name, tiny_model, release, tmp_path, capsys):
    change, words = BAD[name]
    assert train("dpo", flags(tiny_model, release, tmp_path / "out", **{"max_steps": 1, **change})) in (1, 2)
    message = capsys.readouterr().err
    assert message.splitlines()[-1].startswith("error: ") and words in message
    assert not (tmp_path / "out" / "training_summary.json").exists()


@pytest.mark.parametrize("method", METHODS)
def test_without_a_held_out_pair_nothing_is_evaluated(method, tiny_model, release, tmp_path):
    assert train(method, flags(tiny_model, release, tmp_path / "out", max_steps=1, max_test_pairs=0)) == 0
    assert read(tmp_path / "out")["evaluation"] == {"before": None, "after": None}


def test_the_base_model_is_not_overwritten(tiny_model, release, tmp_path, capsys):
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    before = (model / "model.safetensors").read_bytes()
    assert train("dpo", flags(model, release, tmp_path / "." / "model", max_steps=1)) == 2
    assert "--output_dir" in capsys.readouterr().err
    assert (model / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("chat_template.jinja", "{% for m in messages %}"),
        ("chat_template.jinja", ""),
        ("chat_template.jinja", "{{ raise_exception('no such role') }}"),
        ("model.safetensors", "cut short"),
        ("tokenizer.json", "{}"),
    ],
)
def test_broken_files_of_a_model_are_named(file, content, tiny_model, release, tmp_path, capsys):
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    (model / file).write_text(content)
    assert train("dpo", flags(model, release, tmp_path / "out", max_steps=1)) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")


def test_a_template_that_refuses_a_conversation_is_quoted(tiny_model, tmp_path, capsys):
    """Gemma's has no system role."""
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    template = (model / "chat_template.jinja").read_text("utf-8")
    refusal = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    (model / "chat_template.jinja").write_text(refusal + template, "utf-8")
    row = pair(1)
    row["prompt"] = [{"role": "system", "content": "Be brief."}, *row["prompt"]]
    release = write_release(tmp_path / "release", {"train": [row], "test": [row]})
    assert train("dpo", flags(model, release, tmp_path / "out", max_steps=1)) == 1
    assert "System role not supported" in capsys.readouterr().err


def test_messages_in_parts_are_refused(tiny_model, tmp_path, capsys):
    row = pair(1)
    row["prompt"] = [{"role": "user", "content": [{"type": "text", "text": "?"}]}]
    release = write_release(tmp_path / "release", {"train": [row], "test": [row]})
    assert train("dpo", flags(tiny_model, release, tmp_path / "out", max_steps=1)) == 1
    assert "content" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["[0.1, 0.2]", "null"])
def test_values_of_a_wrong_type_in_a_file_are_explained(value, tiny_model, release, tmp_path, capsys):
    config = tmp_path / "dpo.yaml"
    config.write_text(f"beta: {value}\n")
    assert train(
        "dpo", ["--config", str(config), *flags(tiny_model, release, tmp_path / "out", max_steps=1)]
    ) in (1, 2)
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")


def test_an_adapter_is_not_taken_for_a_model(tiny_model, release, tmp_path, capsys):
    lora = ["--use_peft", "--lora_target_modules", "q_proj", "v_proj", "--lora_r", "2"]
    assert train("sft", [*flags(tiny_model, release, tmp_path / "adapter", max_steps=1), *lora]) == 0
    for method in METHODS:
        capsys.readouterr()
        assert train(method, flags(tmp_path / "adapter", release, tmp_path / method, max_steps=1)) == 1
        assert "merge" in capsys.readouterr().err


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
