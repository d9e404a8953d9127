"""How a recipe loads its base model, what it refuses, and a tokenizer that can pad."""

import json
import os
import shutil

import pytest

from tests.recipes.tiny_runs import METHODS, flags, read, train, weights

pytest.importorskip("trl", reason="needs the extra [recipes]")

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from training.base_model import merging, model_settings, pick_padding
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
    TrainingArguments,
    set_seed,
)
from trl import ModelConfig

# The names that EXAONE's own code gives its tensors, for those that LlamaForCausalLM gives them.
PUBLISHED = {
    "model.embed_tokens": "transformer.wte",
    "model.layers": "transformer.h",
    "model.norm": "transformer.ln_f",
    "self_attn.o_proj": "attn.attention.out_proj",
    "self_attn": "attn.attention",
    "input_layernorm": "ln_1",
    "post_attention_layernorm": "ln_2",
    "gate_proj": "c_fc_0",
    "up_proj": "c_fc_1",
    "down_proj": "c_proj",
}
SIZES = {"vocab_size": 64, "hidden_size": 16, "intermediate_size": 24}
CODE = "raise SystemExit('code from the model folder was run')\n"


def published_name(name: str) -> str:
    for ours, theirs in PUBLISHED.items():
        name = name.replace(ours, theirs)
    return name


@pytest.fixture
def llama() -> LlamaForCausalLM:
    set_seed(0)
    more = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    return LlamaForCausalLM(LlamaConfig(**SIZES, **more, rms_norm_eps=1e-5, rope_theta=1e6)).eval()


def test_no_tensor_keeps_a_name_of_llamas(llama):
    """The fixture is what it says."""
    names = {published_name(name) for name in llama.state_dict()}
    assert "transformer.h.1.attn.attention.out_proj.weight" in names
    assert not any("model." in name or "self_attn" in name or "layernorm" in name for name in names)


@pytest.fixture
def exaone(llama, tmp_path) -> str:
    """A folder with the weights of `llama` as EXAONE-3.5 has them on the Hub: its keys, its names, its code."""
    config = {
        "model_type": "exaone",
        "architectures": ["ExaoneForCausalLM"],
        "auto_map": {
            "AutoConfig": "configuration_exaone.ExaoneConfig",
            "AutoModelForCausalLM": "modeling_exaone.ExaoneForCausalLM",
        },
        **SIZES,
        "num_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "layer_norm_epsilon": 1e-5,
        "activation_function": "silu",
        "rope_theta": 1e6,
        "tie_word_embeddings": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    for name in ("configuration_exaone.py", "modeling_exaone.py"):
        (tmp_path / name).write_text(CODE, "utf-8")
    tensors = {published_name(name): value.contiguous() for name, value in llama.state_dict().items()}
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    return str(tmp_path)


def _arguments(output) -> TrainingArguments:
    args = TrainingArguments(output_dir=str(output), use_cpu=True)
    args.trust_remote_code, args.model_init_kwargs = False, None
    return args


def load(folder: str, output) -> LlamaForCausalLM:
    """A model as the recipes ask for it; remote code is off by default."""
    settings = model_settings(ModelConfig(), _arguments(output))
    assert settings["trust_remote_code"] is False
    return AutoModelForCausalLM.from_pretrained(folder, **settings).eval()


def test_exaone_is_loaded_without_its_code(exaone, llama, tmp_path):
    loaded = load(exaone, tmp_path / "out")
    ids = torch.arange(12).reshape(1, 12)
    with torch.no_grad():
        torch.testing.assert_close(loaded(ids).logits, llama(ids).logits)
    assert loaded.config.model_type == "exaone"


def test_exaone_that_was_trained_is_loaded_again(exaone, tmp_path):
    """What a recipe saves has every tensor that changed, under names that load again."""
    model = load(exaone, tmp_path / "out")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01)
    model.save_pretrained(tmp_path / "saved")
    again = load(str(tmp_path / "saved"), tmp_path / "out")
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value)


@pytest.mark.parametrize(
    "tokens, chosen",
    [
        ({"pad_token": "<own>", "eos_token": "</s>"}, "<own>"),
        (
            {"pad_token": None, "eos_token": "<|eot_id|>", "vocab": ["<|finetune_right_pad_id|>"]},
            "<|finetune_right_pad_id|>",
        ),
        ({"pad_token": None, "eos_token": "<|endoftext|>", "vocab": ["<|endoftext|>"]}, "<|endoftext|>"),
        ({"pad_token": None, "eos_token": "</s>", "bos_token": "<unk>", "vocab": ["<unk>"]}, "</s>"),
    ],
)
def test_padding_token(tokens, chosen):
    class Tokenizer:
        name_or_path, bos_token = "here", None

        def get_vocab(self):
            return {word: i for i, word in enumerate(tokens.get("vocab", []))}

    tokenizer = Tokenizer()
    for name in ("pad_token", "eos_token", "bos_token"):
        setattr(tokenizer, name, tokens.get(name))
    assert pick_padding(tokenizer) == chosen


def test_no_chat_template(tiny_model, release, tmp_path, capsys):
    import shutil

    shutil.copytree(tiny_model, tmp_path / "model")
    (tmp_path / "model" / "chat_template.jinja").unlink()
    assert train("sft", flags(tmp_path / "model", release, tmp_path / "out")) == 1
    assert "no chat template; take an instruction-tuned model, or give one by --chat_template_path" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("method", ["orpo", "sft"])
def test_a_base_model_with_a_template_of_a_file(method, tiny_model, release, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(tiny_model, base)
    template = (base / "chat_template.jinja").rename(tmp_path / "other.jinja")
    arguments = flags(base, release, tmp_path / "out", max_steps=1, chat_template_path=template)
    assert train(method, arguments) == 0
    assert (tmp_path / "out" / "chat_template.jinja").read_text() == template.read_text()
    assert read(tmp_path / "out")["chat_template_path"] == str(template)


@pytest.mark.slow
def test_a_template_of_another_tokenizer(tiny_model, release, tmp_path, capsys):
    """Its tokens are added, and the model grows by them, in instruction tuning alone."""
    base, other = tmp_path / "base", tmp_path / "other"
    shutil.copytree(tiny_model, base)
    (base / "chat_template.jinja").unlink()
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.save_pretrained(tmp_path / "same")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<turn>"]})
    tokenizer.chat_template = "<turn>" + tokenizer.chat_template
    tokenizer.save_pretrained(other)
    assert train("sft", flags(base, release, tmp_path / "sft", max_steps=1, chat_template_path=other)) == 0
    assert weights(tmp_path / "sft")["model.embed_tokens.weight"].shape[0] >= len(tokenizer)
    assert train("dpo", flags(base, release, tmp_path / "dpo", chat_template_path=other)) == 1
    assert "tokens that the model does not know (<turn>); tune it first" in capsys.readouterr().err
    known = flags(base, release, tmp_path / "dpo", max_steps=1, chat_template_path=tmp_path / "same")
    assert train("dpo", known) == 0


def test_a_template_that_is_not_there(tiny_model, release, tmp_path, capsys):
    for path in ("none.jinja", "none"):
        assert train("dpo", flags(tiny_model, release, tmp_path / "out", chat_template_path=path)) == 1
        assert f"--chat_template_path {path}: " in capsys.readouterr().err


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


def test_weights_that_cannot_be_read_are_not_blamed_on_the_settings(tiny_model, release, tmp_path, capsys):
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    for change, said in (
        (lambda file: os.truncate(file, 9000), "model.safetensors: cut short"),
        (lambda file: file.rename(model / "pytorch_model.bin"), "pytorch_model.bin: weights as a pickle"),
        (lambda file: (model / "pytorch_model.bin").unlink(), "no weights here"),
    ):
        change(model / "model.safetensors")
        assert train("dpo", flags(model, release, tmp_path / "out", max_steps=1)) == 1
        assert f"error: --model_name_or_path {model}: {said}" in capsys.readouterr().err


def test_an_encoder_decoder_is_no_base(tiny_model, release, tmp_path, capsys):
    sizes = {"d_model": 8, "d_kv": 4, "d_ff": 8, "num_layers": 1, "num_heads": 2}
    model = shutil.copytree(tiny_model, tmp_path / "model")
    (model / "config.json").unlink()
    T5ForConditionalGeneration(T5Config(vocab_size=400, **sizes)).save_pretrained(model)
    assert train("sft", flags(model, release, tmp_path / "out", max_steps=1)) == 1
    assert "a T5ForConditionalGeneration, an encoder-decoder" in capsys.readouterr().err


def test_an_adapter_is_not_taken_for_a_model(tiny_model, release, tmp_path, capsys):
    lora = ["--use_peft", "--lora_target_modules", "q_proj", "v_proj", "--lora_r", "2"]
    assert train("sft", [*flags(tiny_model, release, tmp_path / "adapter", max_steps=1), *lora]) == 0
    for method in METHODS:
        capsys.readouterr()
        assert train(method, flags(tmp_path / "adapter", release, tmp_path / method, max_steps=1)) == 1
        assert "is a LoRA adapter: merge it" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["adapter", "base"])
def test_the_command_that_merges_an_adapter_gives_a_base(words, tiny_model, release, tmp_path):
    """With the tokenizer of its model where it has none of its own."""
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    tuned = get_peft_model(
        base, LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False, use_dora=True)
    )
    tuned.save_pretrained(tmp_path / "adapter")
    if words == "adapter":
        AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path / "adapter")
    exec(merging(tmp_path / "adapter").split('"')[1])
    merged, expected = tmp_path / "adapter-merged", tuned.merge_and_unload().state_dict()
    for name, weight in AutoModelForCausalLM.from_pretrained(merged).state_dict().items():
        torch.testing.assert_close(weight, expected[name])
    assert (
        AutoTokenizer.from_pretrained(merged).chat_template
        == AutoTokenizer.from_pretrained(tiny_model).chat_template
    )
