"""Flags that a run cannot be meant with: one line of error before anything is trained, and never a traceback."""

import re
import shutil

import pytest

from komep_dataset.errors import KomepError
from tests.recipes.tiny_runs import flags, read, train

pytest.importorskip("trl", reason="needs the extra [recipes]")

from dpo import ARGUMENTS
from dpo import __doc__ as recipe_text
from training.flags import RecipeParser, check_launch

BAD = {
    "no first pairs": ({"limit": 0}, "--limit"),
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
BAD_INPUT = {
    "no such dataset": ({"dataset_name": "no/such-release"}, 1, "no/such-release"),
    "no such config": ({"dataset_config": "en"}, 1, "'en'"),
    "no such model": ({"model_name_or_path": "no/such-model"}, 1, "no/such-model"),
    "all overlong": ({"max_length": 3}, 1, "all 25 train pairs"),
    "no checkpoint": ({"resume_from_checkpoint": "nowhere"}, 1, "nowhere"),
    "bad loss": ({"loss_type": "exo_pair"}, 2, "--label_smoothing"),
    "no number": ({"max_steps": "many"}, 2, "max_steps"),
    "a flag cut short": ({"max_step": 1}, 2, "max_step"),
    "misspelt flag": ({"learning_rat_e": 1}, 2, "'learning_rate'"),
    "bad value": ({"eval_strategy": "sometimes"}, 2, "sometimes"),
    "no config file": ({"config": "nowhere.yaml"}, 2, "nowhere.yaml"),
}


def test_stated_batch_must_be_the_real_one(finished, release, tmp_path, capsys):
    assert train("dpo", flags("no/such-model", release, tmp_path / "out", global_batch_size=16)) == 2
    message = capsys.readouterr().err
    assert "--global_batch_size 16, and 1 process x 4 pairs x 2 accumulated = 8" in message
    assert read(finished("sft"))["effective_batch"] == 8  # as stated


@pytest.mark.parametrize(
    ("launched", "given", "runs_in"),
    [
        ("bf16", {"bf16": "false"}, "no"),
        ("fp16", {"bf16": "true"}, "bf16"),
        ("bf16", {"bf16": "true"}, "bf16"),
        ("bf16", {"bf16": "false", "fp16": "true"}, "fp16"),
        ("no", {"bf16": "true"}, "bf16"),
        ("no", {"bf16": "false"}, "no"),
    ],
)
def test_the_recipe_decides_on_the_precision(launched, given, runs_in, tmp_path, monkeypatch, capsys):
    """Else DeepSpeed stops, late, and others compute in one that no record has."""
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", launched)
    _, args, _ = RecipeParser(ARGUMENTS).parse_args_and_config(
        flags("m", tmp_path, tmp_path / "out", **given)
    )
    assert args.mixed_precision == runs_in
    said = capsys.readouterr().out
    assert ("the recipe decides" in said) == (launched not in ("no", runs_in))


def test_a_token_on_the_command_line_is_refused(tiny_model, release, tmp_path, capsys):
    assert train("dpo", flags(tiny_model, release, tmp_path / "out", hub_token="hf_secret")) == 2
    message = capsys.readouterr().err
    assert "HF_TOKEN" in message and "hf_secret" not in message


@pytest.mark.parametrize("name", BAD)
def test_bad_settings_are_explained(name, tiny_model, release, tmp_path, capsys):
    change, words = BAD[name]
    assert train("dpo", flags(tiny_model, release, tmp_path / "out", **{"max_steps": 1, **change})) in (1, 2)
    message = capsys.readouterr().err
    assert message.splitlines()[-1].startswith("error: ") and words in message
    assert not (tmp_path / "out" / "training_summary.json").exists()


def test_the_base_model_is_not_overwritten(tiny_model, release, tmp_path, capsys):
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    before = (model / "model.safetensors").read_bytes()
    assert train("dpo", flags(model, release, tmp_path / "." / "model", max_steps=1)) == 2
    assert "--output_dir" in capsys.readouterr().err
    assert (model / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("value", ["[0.1, 0.2]", "null"])
def test_values_of_a_wrong_type_in_a_file_are_explained(value, tiny_model, release, tmp_path, capsys):
    config = tmp_path / "dpo.yaml"
    config.write_text(f"beta: {value}\n")
    assert train(
        "dpo", ["--config", str(config), *flags(tiny_model, release, tmp_path / "out", max_steps=1)]
    ) in (1, 2)
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_explained(name, tiny_model, release, tmp_path, capsys):
    changes, code, words = BAD_INPUT[name]
    assert train("dpo", flags(tiny_model, release, tmp_path / "out", **{"max_steps": 1, **changes})) == code
    message = capsys.readouterr().err
    assert message.startswith("error: ") and words in message
    assert not (tmp_path / "out" / "training_summary.json").exists()


def test_processes_that_do_not_see_each_other_are_refused(tiny_model, release, tmp_path, monkeypatch):
    parsed = RecipeParser(ARGUMENTS).parse_args_and_config(flags(tiny_model, release, tmp_path / "out"))
    monkeypatch.setenv("WORLD_SIZE", "2")  # what a launcher sets; this process is alone all the same
    with pytest.raises(KomepError, match="2 processes were launched and do not see each other"):
        check_launch(*parsed[:2], None)


def test_unknown_key_of_a_file_is_named_with_the_nearest_one(tmp_path, capsys):
    config = tmp_path / "dpo.yaml"
    config.write_text("learning_rat: 1.0e-5\n", "utf-8")
    assert train("dpo", ["--config", str(config)]) == 2
    message = capsys.readouterr().err
    assert "learning_rat'" in message and "'learning_rate'" in message and str(config) in message
    assert message.startswith("error: ") and message.count("\n") == 1


def test_help_begins_with_the_recipes_own_flags():
    text = RecipeParser(ARGUMENTS, description=recipe_text).format_help()
    assert text.startswith("usage: recipes/") and text.count("accelerate launch") == 2
    ours, theirs = text.split("flags of TRL, transformers and accelerate:")
    flags_shown = re.findall(r"^  (?:-\w(?: \S+)?, )?--(\w+)", ours.split("own flags:")[1], re.M)
    assert flags_shown == [
        "config", "model_name_or_path", "dataset_name", "dataset_config", "output_dir", "map", "max_train_pairs",
        "max_test_pairs", "global_batch_size", "limit", "quiet", "verbose",
        "chat_template_path", "share_prompts", "label_smoothing_from_release",
    ]  # fmt: skip
    assert "  -q, --quiet  " in ours
    assert "--learning_rate VALUE" in theirs and "-h, --help" in theirs


def test_a_map_may_be_given_several_times_and_goes_over_the_file(tiny_model, release, tmp_path):
    file = tmp_path / "dpo.yaml"
    file.write_text("map: [q=prompt]\n")
    words = ["--config", str(file), *flags(tiny_model, release, tmp_path / "out")]
    parse = RecipeParser(ARGUMENTS).parse_args_and_config
    assert parse(words)[0].map == ["q=prompt"]
    given = [*words, "--map", "질문=prompt", "--map", "좋은답=chosen", "나쁜답=rejected"]
    assert parse(given)[0].map == ["질문=prompt", "좋은답=chosen", "나쁜답=rejected"]
