"""Every YAML of the recipes and of Accelerate goes through its real parser, and its header is true."""

import math
import re
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from benchmarks.gpu.memory import SHAPES, estimate
from tests.recipes.tiny_runs import RECIPES

pytest.importorskip("trl", reason="needs the extra [recipes]")

from accelerate.commands import launch
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import launch_command_parser
from training.flags import RecipeParser

from komep_dataset.errors import KomepError

ROOT = RECIPES.parent
RUNS = sorted(RECIPES.rglob("*.yaml"))
LAUNCHES = sorted((ROOT / "accelerate_configs").glob("*.yaml"))
BIG = [run for run in RUNS if run.parent.name in SHAPES]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parser_of(run: Path) -> RecipeParser:
    """The parser of the recipe that a run is for: `recipes/<model>/dpo.yaml` is for `recipes/dpo.py`."""
    return RecipeParser(import_module(run.stem.split("-")[0]).ARGUMENTS)


def values_of(run: Path, *more: str) -> dict:
    """What the recipe gets of a run's file and further flags, all dataclasses in one."""
    parsed = parser_of(run).parse_args_and_config(["--config", str(run), "--use_cpu", *more])
    return {key: value for part in parsed for key, value in vars(part).items()}


def header(path: Path) -> str:
    lines = path.read_text("utf-8").splitlines()
    comments = lines[: next(i for i, line in enumerate(lines) if not line.startswith("#"))]
    return " ".join(line.lstrip("# ").rstrip("\\ ") for line in comments)


def test_configs_are_found():
    assert "recipes/smollm2-135m/dpo.yaml" in map(name, RUNS)
    methods = {f"{method}{kind}.yaml" for method in ("dpo", "orpo", "sft") for kind in ("", "-lora")}
    for model in SHAPES:
        assert {run.name for run in RUNS if run.parent.name == model} == methods
    topologies = "cpu cpu_zero2 cpu_zero3 ddp zero1 zero2 zero3 zero3_offload fsdp2 multi_node"
    assert {path.stem for path in LAUNCHES} == set(topologies.split())


@pytest.mark.parametrize("path", RUNS, ids=name)
def test_run_is_parsed(path):
    values = values_of(path)
    for key, value in yaml.safe_load(path.read_text("utf-8")).items():
        assert values[key] == value or str(values[key]) == str(value) or values[key] == [], key
    assert values["trust_remote_code"] is False


@pytest.mark.parametrize("path", RUNS, ids=name)
def test_run_has_its_sections_and_reasons(path):
    text = path.read_text("utf-8")
    assert re.findall(r"^# (Model|Data|Trainer)$", text, re.MULTILINE) == ["Model", "Data", "Trainer"]
    assert re.search(r"Memory: +[\d.]+ GiB", header(path)) and "Hardware:" in header(path)


@pytest.mark.parametrize("path", BIG, ids=name)
def test_values_say_why(path):
    """Each value but the obvious ones has its reason or its source beside it."""
    obvious = {"use_peft", "output_dir", "bf16", "seed", "save_total_limit", "per_device_eval_batch_size"}
    lines = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if " # " not in line and line.split(":")[0] not in obvious] == []
    assert max(map(len, path.read_text("utf-8").splitlines())) <= 124


def launch_words(path: Path) -> list[str]:
    """The words of the launch command in a header, without the options that follow a full stop."""
    text = header(path)
    command = text[text.index("accelerate launch") :]
    return re.split(r"\s+(?:Before|Hardware|Under|On CPUs):?\s", command)[0].split()


def pairs_a_step(words: list[str]) -> tuple[int, dict]:
    """(processes x batch x accumulation, the run's values) of a launch command."""
    recipe = next(i for i, word in enumerate(words) if word.endswith(".py"))
    launcher = words[2:recipe]
    config = load_config_from_file(str(ROOT / launcher[launcher.index("--config_file") + 1]))
    processes = config.num_processes
    if "--num_processes" in launcher:
        processes = int(launcher[launcher.index("--num_processes") + 1])
    run, more = ROOT / words[words.index("--config") + 1], words[words.index("--config") + 2 :]
    values = values_of(run, *more)
    return processes * values["per_device_train_batch_size"] * values["gradient_accumulation_steps"], values


@pytest.mark.parametrize("path", RUNS + LAUNCHES, ids=name)
def test_launch_command_gives_the_stated_batch(path):
    stated, values = pairs_a_step(launch_words(path))
    if path in BIG:
        assert values["global_batch_size"] is not None
    assert values["global_batch_size"] in (stated, None)


@pytest.mark.parametrize("path", [run for run in BIG if run.stem.endswith("-lora")], ids=name)
def test_lora_fits_one_gpu_as_its_header_says(path, monkeypatch):
    """`--num_processes 1` before the recipe is a launch of one process, and the accumulation named keeps the batch."""
    said = re.search(
        r"One GPU: (--num_processes 1) before (\S+) and (--gradient_accumulation_steps \d+)", header(path)
    )
    words, launched = launch_words(path), []
    recipe = words.index(said[2])
    words = [*words[:recipe], *said[1].split(), *words[recipe:], *said[3].split()]
    stated, values = pairs_a_step(words)
    assert stated == values["global_batch_size"]
    monkeypatch.setattr(launch, "multi_gpu_launcher", launched.append)
    launch.launch_command(launch_command_parser().parse_args(words[2:]))
    assert [args.num_processes for args in launched] == [1]


def test_another_batch_is_noticed():
    """The check above is alive: a launch on half of the processes has half of the batch."""
    words = launch_words(RECIPES / "qwen3-8b" / "dpo.yaml")
    stated, values = pairs_a_step([*words[:2], "--num_processes", "4", *words[2:]])
    assert (stated, values["global_batch_size"]) == (32, 64)


def estimated(path: Path) -> int:
    """GiB a GPU of a run by the formula, rounded up."""
    values, shape = values_of(path), SHAPES[path.parent.name]
    rank = values["lora_r"] if values["use_peft"] else None
    method, batch = path.stem.split("-")[0], values["per_device_train_batch_size"]
    return math.ceil(estimate(shape, method, 8, batch, values["max_length"], rank))


@pytest.mark.parametrize("path", BIG, ids=name)
def test_memory_is_what_the_formula_gives(path):
    said = re.search(r"Memory: +(\d+) GiB on each GPU, estimated", header(path))
    assert int(said[1]) == estimated(path)
    card = int(re.search(r"8 GPUs of (\d+) GB", header(path))[1])
    assert (
        int(said[1]) * 2**30 < 0.95 * card * 1e9 + 2 * 2**30
    )  # a card of 80 GB has 79.6 GiB, one of 40 GB 39.4


def test_a_pipeline_is_told_from_the_settings_of_a_recipe():
    """Its first key was called unknown, and the nearest one of a trainer was offered."""
    pipeline = Path(__file__).parents[2] / "pipeline.yaml"
    with pytest.raises(
        KomepError, match=r"pipeline\.yaml: is a pipeline, which `komep run .*pipeline\.yaml` reads"
    ) as caught:
        parser_of(RUNS[0]).parse_args_and_config(["--config", str(pipeline)])
    assert caught.value.exit_code == 2


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
    nested = [*(config.deepspeed_config or ()), *(config.fsdp_config or ())]
    assert set(nested) <= known  # which the loader does not look into
    assert config.num_processes >= 1 and "Hardware:" in header(path)


def test_models_need_no_remote_code():
    """Their architectures are in transformers (EXAONE-3.5's since 5.24: tests/recipes/training/test_base_model.py)."""
    from transformers import CONFIG_MAPPING

    assert {"llama", "gemma2", "qwen2", "qwen3", "exaone"} <= set(CONFIG_MAPPING.keys())


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
    named = re.findall(r"(?:tests/)?(?:recipes|accelerate_configs)/[\w./-]+\.(?:py|yaml)", text)
    assert name(path) in named
    assert [file for file in named if not (ROOT / file).is_file()] == []


def test_docstrings_commands_name_files_that_exist():
    for script in RECIPES.rglob("*.py"):
        for file in re.findall(
            r"(?:recipes|accelerate_configs)/[\w./-]+\.(?:py|yaml)", script.read_text("utf-8")
        ):
            assert (ROOT / file).is_file(), (script.name, file)
