"""What is no whole model is told by what transformers reports of its loading."""

import json
import math
import os
import re

import pytest

from komep_dataset.errors import KomepError

pytest.importorskip("transformers", reason="needs the extra [evaluation] or [recipes]")

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from komep_dataset.inference.weights import OURS, check_whole, no_folder, span, weights_fault

SIZES = {"vocab_size": 24, "hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2}


@pytest.fixture
def load(tmp_path):
    """(a change of the weights, changes of the config) -> what `from_pretrained` gives of the model so saved."""

    def get(change=dict, tied=False, **config):
        LlamaForCausalLM(LlamaConfig(**SIZES, num_hidden_layers=2, tie_word_embeddings=tied)).save_pretrained(
            tmp_path
        )
        file = tmp_path / "model.safetensors"
        weights = {name: weight.clone() for name, weight in change(load_file(file)).items()}
        save_file(weights, file, metadata={"format": "pt"})
        written = json.loads((tmp_path / "config.json").read_text()) | config
        (tmp_path / "config.json").write_text(json.dumps(written))
        return AutoModelForCausalLM.from_pretrained(
            tmp_path, output_loading_info=True, ignore_mismatched_sizes=True
        )

    return get


def put(name, value):
    return lambda weights: weights | {name: torch.full_like(weights[name], value)}


def renamed(old, new):
    return lambda weights: {name.replace(old, new): weight for name, weight in weights.items()}


def without(part):
    return lambda weights: {name: weight for name, weight in weights.items() if part not in name}


@pytest.mark.parametrize("tied", [True, False])
def test_a_whole_model(load, tied):
    assert check_whole(*load(tied=tied), "it") == []


@pytest.mark.parametrize(
    ("change", "config", "said"),
    [
        (without(".layers.1."), {}, "it: 9 of 21 weights are not in its files (model.layers.1.input_layernorm"),
        (without("lm_head"), {}, "(lm_head.weight) and would be random numbers; it was saved as LlamaForCausalLM"),
        (without("layers.0.mlp.up_proj"), {}, "1 of 21 weights"),
        (lambda weights: {f"module.{name}": w for name, w in weights.items()}, {}, "behind 'module.'"),
        (lambda weights: {f"_orig_mod.{name}": w for name, w in weights.items()}, {}, "behind '_orig_mod.'"),
        (renamed("model.layers", "base_model.model.layers"), {}, "behind 'base_model.'"),
        (renamed("o_proj.weight", "o_proj.base_layer.weight"), {}, "2 of 21 weights"),
        (lambda weights: {}, {}, "21 of 21 weights"),
        (dict, {"vocab_size": 32}, "lm_head.weight is (24, 8), wanted is (32, 8)"),
        (dict, {"num_hidden_layers": 1}, "layers that its config.json does not count (model.layers.1."),
        (dict, {"num_hidden_layers": 3}, "9 of 30 weights are not in its files"),
        (put("model.norm.weight", float("nan")), {}, "NaN or infinite numbers (model.norm.weight), read as float32"),
        (put("lm_head.weight", float("-inf")), {}, "NaN or infinite numbers (lm_head.weight)"),
        (dict, {"architectures": ["LlamaForSequenceClassification"]}, "was never trained to write"),
        (dict, {"architectures": ["BertForMaskedLM"]}, "a BertForMaskedLM, which classifies or fills in"),
        (dict, {"architectures": ["Qwen2ForProcessRewardModel"]}, "was never trained to write"),
    ],
)  # fmt: skip
def test_what_is_missing_or_broken_is_named(load, change, config, said):
    with pytest.raises(KomepError) as refused:
        check_whole(*load(change, **config), "it")
    assert said in str(refused.value)


def test_a_single_nan_among_sound_numbers(load):
    def change(weights):
        weights["model.embed_tokens.weight"][3, 2] = float("nan")
        return weights

    with pytest.raises(KomepError, match="embed_tokens"):
        check_whole(*load(change), "it")


def test_a_second_head_is_told_and_no_fault(load):
    (told,) = check_whole(*load(lambda weights: weights | {"v_head.weight": torch.ones(1, 8)}), "it")
    assert told == "it: weights in its files that have no place in the model: v_head.weight"


def test_zeros_are_told_and_refused_where_no_model_has_them(load):
    (told,) = check_whole(*load(put("model.layers.0.mlp.down_proj.weight", 0)), "it")
    assert told == "it: weights that are zero throughout: model.layers.0.mlp.down_proj.weight"
    for name in ("lm_head.weight", "model.embed_tokens.weight"):
        with pytest.raises(KomepError, match=f"nothing but zeros in {name}"):
            check_whole(*load(put(name, 0)), "it")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_each_type_of_weights_is_looked_at(dtype):
    weight = torch.ones(4, 4, dtype=dtype)
    weight[2, 2] = -3
    assert span(weight) == (-3, 1)
    weight[0, 1] = float("inf")
    assert span(weight) == (-3, float("inf"))
    weight[0, 0] = float("nan")
    assert all(map(math.isnan, span(weight)))


def test_weights_that_lie_elsewhere_and_codes_are_passed_over():
    for weight in (torch.empty(0), torch.zeros(2, device="meta"), torch.tensor([0, 0], dtype=torch.uint8)):
        assert span(weight) == (1, 1)
    spread = torch.empty(0)
    spread.ds_tensor = torch.tensor([float("inf"), 2])
    assert span(spread) == (2, float("inf"))


def split_in_two(folder):
    model = LlamaForCausalLM.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="3KB")
    next(folder.glob("model-00002-*")).unlink()


def pickled(folder):
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
HARM = {
    "a pointer of Git LFS, not the file itself": lambda f: (f / "model.safetensors").write_text(POINTER),
    "model.safetensors: cut short": lambda f: os.truncate(f / "model.safetensors", 900),
    "model-00002-of-": split_in_two,
    "pytorch_model.bin: weights as a pickle": pickled,
    "model.safetensors.index.json: no index": lambda f: (f / "model.safetensors").rename(
        f / "model.safetensors.index.json"
    ),
}


@pytest.mark.parametrize(("said", "harm"), HARM.items())
def test_files_of_weights_that_cannot_be_read(said, harm, load, tmp_path):
    load()
    assert weights_fault(tmp_path) is None
    (tmp_path / "consolidated.safetensors").touch()  # nobody reads it
    assert weights_fault(tmp_path) is None
    (tmp_path / "consolidated.safetensors").unlink()
    harm(tmp_path)
    assert said in weights_fault(tmp_path)


def test_the_advice_for_a_pickle_makes_a_folder_that_is_read(load, tmp_path):
    load()
    pickled(tmp_path)
    command = re.search(r'python -c "(.*)"', weights_fault(tmp_path))[1]
    exec(command, {})
    assert weights_fault(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("models/smolm2", "no such folder; the nearest is models/smollm2"),
        ("modles/smollm2", "no such folder; the nearest is models/smollm2"),
        ("./models/other", "no such folder; models is there, with smollm2"),
        ("{here}/models/smolm2", "no such folder; the nearest is {here}/models/smollm2"),
        ("results/a/b/c", "no such folder; . is there, with models"),
        ("models/smollm2", None),
        ("org/model", None),  # an id
        (
            OURS,
            f"no such folder; `make quickstart`, or python recipes/smollm2-135m/export.py --output {OURS}, puts it there",
        ),
        ("gpt2", None),
    ],
)
def test_a_path_that_is_no_folder_is_no_id_on_the_hub(name, said, tmp_path, monkeypatch):
    (tmp_path / "models" / "smollm2").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    asked = []

    def model_info(self, name, timeout):
        asked.append(name)
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", model_info)
    assert no_folder(name.format(here=tmp_path)) == (said and said.format(here=tmp_path))
    assert asked == ([name] if name in ("models/smolm2", "modles/smollm2") else [])


@pytest.mark.parametrize("found", [False, True])
def test_an_id_is_asked_for_once_and_told_before(found, tmp_path, monkeypatch, capsys):
    """And not by the tries of a download, which take seconds before anything is said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    asked = []

    def model_info(self, name, timeout):
        asked.append((name, capsys.readouterr().err))
        if not found:
            raise OSError("404: not found")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", model_info)
    said = no_folder("org/model")
    assert asked == [
        ("org/model", "note: org/model: no such folder here; the Hub is asked for the model of that name\n")
    ]
    assert said == (
        None if found else "no such folder, and the Hub gives no model of that name (404: not found)"
    )


def test_a_model_of_the_hub_may_have_the_name_of_a_folder(tmp_path, monkeypatch):
    (tmp_path / "org").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda self, name, timeout: name)
    assert no_folder("org/model") is None
