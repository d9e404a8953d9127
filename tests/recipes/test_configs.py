"""Every YAML of the recipes and of Accelerate goes through its real parser, and its header is true."""

import re
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from conftest import RECIPES

pytest.importorskip("trl", reason="needs the extra [train]")

from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import launch_command_parser
from startup import RecipeParser

from komep_dataset.errors import KomepError

ROOT = RECIPES.parent
RUNS = sorted(RECIPES.rglob("*.yaml"))
LAUNCHES = sorted((ROOT / "accelerate_configs").glob("*.yaml"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parser_of(run: Path) -> RecipeParser:
    """The parser of the recipe that a run is for: `recipes/<model>/dpo.yaml` is for `recipes/dpo.py`."""
    return RecipeParser(import_module(run.stem.split("-")[0]).ARGUMENTS)


def header(path: Path) -> str:
    lines = path.read_text("utf-8").splitlines()
    comments = lines[: next(i for i, line in enumerate(lines) if not line.startswith("#"))]
    return " ".join(line.lstrip("# ").rstrip("\\ ") for line in comments)


def test_configs_are_found():
    assert "recipes/smollm2-135m/dpo.yaml" in map(name, RUNS)
    assert {"cpu.yaml", "cpu_zero3.yaml", "ddp.yaml", "zero3.yaml"} <= {path.name for path in LAUNCHES}


@pytest.mark.parametrize("path", RUNS, ids=name)
def test_run_is_parsed(path, tmp_path):
    parsed = parser_of(path).parse_args_and_config(["--config", str(path), "--use_cpu"])
    values = {key: value for part in parsed for key, value in vars(part).items()}
    for key, value in yaml.safe_load(path.read_text("utf-8")).items():
        assert values[key] == value or str(values[key]) == str(value) or values[key] == [], key
    assert values["trust_remote_code"] is False


@pytest.mark.parametrize("path", RUNS, ids=name)
def test_run_has_its_sections_and_reasons(path):
    text = path.read_text("utf-8")
    assert re.findall(r"^# (Model|Data|Trainer)$", text, re.MULTILINE) == ["Model", "Data", "Trainer"]
    assert re.search(r"Memory: +[\d.]+ GiB", header(path)) and "Hardware:" in header(path)


@pytest.mark.parametrize("path", RUNS, ids=name)
def test_misspelt_key_is_refused(path, tmp_path):
    wrong = tmp_path / path.name
    wrong.write_text(path.read_text("utf-8") + "\nlearning_rte: 1.0e-5\n", "utf-8")
    with pytest.raises(
        KomepError, match="'learning_rte'; the nearest known one is 'learning_rate'"
    ) as caught:
        parser_of(path).parse_args_and_config(["--config", str(wrong), "--use_cpu"])
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("path", LAUNCHES, ids=name)
def test_accelerate_config_is_loaded(path):
    config = load_config_from_file(str(path))  # refuses unknown keys
    known = {action.dest for action in launch_command_parser()._actions}
    assert set(config.deepspeed_config or ()) <= known  # which the loader does not look into
    assert config.num_processes >= 1 and "Hardware:" in header(path)


def test_accelerate_config_with_an_unknown_key_is_refused(tmp_path):
    wrong = tmp_path / "cpu.yaml"
    wrong.write_text(
        (ROOT / "accelerate_configs" / "cpu.yaml").read_text("utf-8") + "\nnum_proceses: 2\n", "utf-8"
    )
    with pytest.raises(ValueError, match="num_proceses"):
        load_config_from_file(str(wrong))


@pytest.mark.parametrize("path", RUNS + LAUNCHES, ids=name)
def test_header_commands_name_files_that_exist(path):
    text = header(path)
    assert "accelerate launch" in text and "--config_file accelerate_configs/" in text
    named = re.findall(r"(?:recipes|accelerate_configs)/[\w./-]+\.(?:py|yaml)", text)
    assert name(path) in named
    assert [file for file in named if not (ROOT / file).is_file()] == []


def test_docstrings_commands_name_files_that_exist():
    for script in RECIPES.rglob("*.py"):
        for file in re.findall(
            r"(?:recipes|accelerate_configs)/[\w./-]+\.(?:py|yaml)", script.read_text("utf-8")
        ):
            assert (ROOT / file).is_file(), (script.name, file)
