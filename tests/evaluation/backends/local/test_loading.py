"""Models from a folder: adapters too, and what is none or not safe is refused with the reason."""

import pytest
import torch

from evaluation.backends.local.loading import load_generator
from komep_dataset.errors import KomepError
from tests.evaluation.backends.local.greedy import LIMIT, plain, twelve_prompts


def test_load_generator(tiny_model):
    generator = load_generator(str(tiny_model))
    assert generator.model.dtype == (
        torch.float32 if generator.device.type == "cpu" else generator.model.dtype
    )
    assert load_generator(str(tiny_model), "bfloat16").model.dtype == torch.bfloat16
    assert generator.window == 4096


def test_load_generator_takes_a_lora_adapter(tiny_model, tmp_path, make_tokenizer):
    prompts = twelve_prompts()
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    torch.manual_seed(0)
    adapted = get_peft_model(
        base, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    )
    adapted.save_pretrained(tmp_path)
    make_tokenizer(bos=True).save_pretrained(tmp_path)
    expected = make_tokenizer(bos=True).batch_decode(plain(adapted, prompts), skip_special_tokens=True)
    replies = load_generator(str(tmp_path)).generate(prompts, (), LIMIT, 4)
    assert replies == expected
    assert replies != load_generator(str(tiny_model)).generate(prompts, (), LIMIT, 4)


@pytest.mark.parametrize("content", [None, {}, {"config.json": "{}"}, {"config.json": "not json"}])
def test_what_is_no_model_is_refused(tmp_path, content):
    folder = tmp_path / "model"
    if content is not None:
        folder.mkdir()
        for name, text in content.items():
            (folder / name).write_text(text)
    with pytest.raises(KomepError, match=f"--model {folder}"):
        load_generator(str(folder))


def test_a_file_of_weights_that_was_cut_short_is_refused(tiny_model, tmp_path):
    for file in tiny_model.iterdir():
        content = file.read_bytes()
        (tmp_path / file.name).write_bytes(content[:2000] if file.suffix == ".safetensors" else content)
    with pytest.raises(KomepError, match=f"--model {tmp_path}"):
        load_generator(str(tmp_path))


def test_pickled_weights_are_refused(tiny_model, tmp_path):
    """Weights that can run code when they are loaded; safetensors only."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((tiny_model / name).read_bytes())
    with pytest.raises(KomepError, match="safetensors"):
        load_generator(str(tmp_path))


def test_a_model_too_large_for_the_card_is_not_called_a_missing_one(tiny_model, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 112.00 MiB")

    monkeypatch.setattr("evaluation.backends.local.loading.AutoModelForCausalLM.from_pretrained", full)
    with pytest.raises(KomepError, match="does not fit into the memory of cpu; take a smaller one"):
        load_generator(str(tiny_model))
