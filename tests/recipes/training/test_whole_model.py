"""A base model that is not whole is not trained on, in any method."""

import json
import shutil
from importlib.util import find_spec

import pytest

from tests.recipes.tiny_runs import METHODS, flags, messages, pair, train

pytest.importorskip("trl", reason="needs the extra [recipes]")

import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from training.whole_model import check_tokens, whole_models
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    Qwen2VLConfig,
)

from komep_dataset.errors import KomepError


@pytest.fixture
def changed(tiny_model, tmp_path):
    """Makes a copy of the model with other weights."""

    def make(change):
        shutil.copytree(tiny_model, tmp_path / "model")
        file = tmp_path / "model" / "model.safetensors"
        weights = {name: weight.clone() for name, weight in change(load_file(file)).items()}
        save_file(weights, file, metadata={"format": "pt"})
        return tmp_path / "model"

    return make


@pytest.mark.parametrize("method", METHODS)
def test_a_model_without_a_layer_is_refused(method, changed, release, tmp_path, capsys):
    model = changed(lambda weights: {name: w for name, w in weights.items() if ".layers.1." not in name})
    assert train(method, flags(model, release, tmp_path / "out", max_steps=1)) == 1
    said = capsys.readouterr().err
    assert f"error: --model_name_or_path {model}: 9 of 21 weights are not in its files" in said
    assert not (tmp_path / "out" / "model.safetensors").exists()


@pytest.mark.parametrize(
    "method",
    [
        method
        for method, package in (("gptq", "optimum"), ("awq", "gptqmodel"), ("bitsandbytes", "bitsandbytes"))
        if not find_spec(package)
    ],
)
def test_a_quantised_model_that_cannot_be_read_is_said_to_be_one(method, changed, release, tmp_path, capsys):
    config = changed(dict) / "config.json"
    kind = {"quant_method": method, "bits": 4, "group_size": 128, "load_in_4bit": True}
    config.write_text(json.dumps(json.loads(config.read_text()) | {"quantization_config": kind}))
    assert train("dpo", flags(config.parent, release, tmp_path / "out", max_steps=1)) == 1
    said = capsys.readouterr().err
    assert (
        f"{config.parent}: is quantised, which cannot be read here" in said and "take the full model" in said
    )


def test_what_is_loaded_in_the_block_is_checked_and_nothing_behind_it(changed, tiny_model, capsys):
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = changed(lambda weights: weights | {"v_head.weight": torch.ones(1, 16)})
    with whole_models(tokenizer):
        for _ in range(2):
            assert isinstance(AutoModelForCausalLM.from_pretrained(model), LlamaForCausalLM)
    assert capsys.readouterr().out.count("have no place in the model: v_head.weight") == 1
    file = model / "model.safetensors"
    save_file({k: w * torch.nan for k, w in load_file(file).items()}, file, metadata={"format": "pt"})
    with whole_models(tokenizer), pytest.raises(KomepError, match="NaN or infinite"):
        AutoModelForCausalLM.from_pretrained(model)
    assert AutoModelForCausalLM.from_pretrained(model).lm_head.weight.isnan().all()


@pytest.mark.parametrize(
    ("asked", "saved"),
    [
        (
            {"temperature": 0.6, "top_p": 0.9},
            {"temperature": 0.6, "top_p": 0.9, "do_sample": True},
        ),  # Llama 2's
        ({"length_penalty": 2.0}, {}),
        ({"num_beams": 3}, {"num_beams": 3}),
    ],
)
def test_a_generation_config_that_could_not_be_saved_is_mended(asked, saved, tiny_model, tmp_path, capsys):
    """transformers loads it, and says so behind the last step."""
    shutil.copytree(tiny_model, tmp_path / "model")
    (tmp_path / "model" / "generation_config.json").write_text(json.dumps(asked | {"eos_token_id": 2}))
    with whole_models(AutoTokenizer.from_pretrained(tiny_model)):
        model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    model.save_pretrained(tmp_path / "out")
    written = json.loads((tmp_path / "out" / "generation_config.json").read_text())
    assert {k: v for k, v in written.items() if k in asked or k == "do_sample"} == saved
    assert written["eos_token_id"] == 2
    assert ("generation_config.json" in capsys.readouterr().out) == (saved != asked)


def test_a_classifier_is_refused(tiny_model, tmp_path):
    LlamaForSequenceClassification(LlamaConfig.from_pretrained(tiny_model)).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    with whole_models(tokenizer), pytest.raises(KomepError, match="never trained to write"):
        LlamaForSequenceClassification.from_pretrained(tmp_path)


def test_a_vision_language_model_is_told_what_to_do(tiny_model, tmp_path):
    Qwen2VLConfig().save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    with (
        pytest.raises(KomepError, match=r"Qwen2VLConfig, for which .*recipes/dpo.py"),
        whole_models(tokenizer),
    ):
        AutoModelForCausalLM.from_pretrained(tmp_path)


def test_gguf_is_told_what_to_do(release, tmp_path, capsys):
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    assert train("sft", flags(tmp_path, release, tmp_path / "out", max_steps=1)) == 1
    assert "gguf_file='model.gguf'), each .save_pretrained(FOLDER)" in capsys.readouterr().err


def test_a_token_that_the_model_does_not_know(tiny_model):
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    tokenizer.add_tokens(["zyzomys"])
    without, withal = Dataset.from_list([pair(0)]), Dataset.from_list([pair(0), pair(1)])
    withal = withal.map(lambda row: row | {"rejected": messages("assistant", "zyzomys")})
    check_tokens(model, tokenizer, (without, None))  # a token that no text has is no fault
    for column in ("chosen", "completion"):  # as instruction tuning calls it
        given = withal.rename_column("chosen", column) if column != "chosen" else withal
        with pytest.raises(
            KomepError, match=r"makes token \d+ \('zyzomys'\) of the pairs, and the model knows"
        ):
            check_tokens(model, tokenizer, (without, given))
    tokenizer.add_special_tokens({"pad_token": "<|fill|>"})
    with pytest.raises(KomepError, match="fill"):
        check_tokens(model, tokenizer, (without,))
