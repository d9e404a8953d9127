"""Models from a folder: adapters too, and what is none or not safe is refused with the reason."""

import shutil

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

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


@pytest.fixture
def without_a_layer(tiny_model, tmp_path):
    """A copy of the model whose file lacks the second layer."""
    folder = tmp_path / "torn"
    shutil.copytree(tiny_model, folder)
    weights = load_file(folder / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if ".layers.1." not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_a_model_that_is_not_whole_is_refused(without_a_layer):
    with pytest.raises(KomepError, match=f"--model {without_a_layer}: 9 of 21 weights are not in its files"):
        load_generator(str(without_a_layer))


def adapter(folder, base, change=dict):
    """A LoRA adapter that names a base; its tensors are changed before they are written."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    config = LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), config).save_pretrained(folder)
    file = folder / "adapter_model.safetensors"
    save_file(change(load_file(file)), file, metadata={"format": "pt"})
    return folder


def test_an_adapter_without_a_tokenizer_takes_that_of_its_base(tiny_model, tmp_path):
    bare = load_generator(str(adapter(tmp_path / "adapter", tiny_model)))
    assert bare.tokenizer.get_vocab() == load_generator(str(tiny_model)).tokenizer.get_vocab()


def test_an_adapter_over_a_model_that_is_not_whole_is_refused(without_a_layer, tmp_path):
    with pytest.raises(KomepError, match=f"--model {without_a_layer}: 9 of 21"):
        load_generator(str(adapter(tmp_path / "adapter", without_a_layer)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda tensors: {k: v for k, v in tensors.items() if "layers.1" not in k},
            "2 of .* weights are not in",
        ),
        (lambda tensors: {k: v * torch.nan for k, v in tensors.items()}, "4 of 25 weights hold NaN"),
    ],
)
def test_an_adapter_that_is_not_whole_is_refused(change, said, tiny_model, tmp_path):
    with pytest.raises(KomepError, match=f"--model {tmp_path / 'adapter'}: {said}"):
        load_generator(str(adapter(tmp_path / "adapter", tiny_model, change)))


def test_gguf_is_told_what_to_do(tmp_path):
    (tmp_path / "model.Q4.gguf").write_bytes(b"GGUF")
    for given in (tmp_path, tmp_path / "model.Q4.gguf"):
        with pytest.raises(KomepError, match=r"gguf_file='model.Q4.gguf'.*llama-server.*--backend openai"):
            load_generator(str(given))


@pytest.mark.parametrize("kind", ["Qwen2VLConfig", "Qwen2_5_VLConfig", "T5Config"])
def test_a_model_without_a_causal_text_model_is_told_what_to_do(kind, tmp_path):
    getattr(transformers, kind)().save_pretrained(tmp_path)
    with pytest.raises(KomepError, match=f"{kind}, for which .*--backend openai"):
        load_generator(str(tmp_path))


def test_settings_that_generate_refuses_are_told_before_the_first_question(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path / "model")
    (tmp_path / "model" / "generation_config.json").write_text('{"eos_token_id": [2, "x"]}')
    with pytest.raises(KomepError, match=f"--model {tmp_path / 'model'}: writes nothing"):
        load_generator(str(tmp_path / "model"))


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
    with pytest.raises(KomepError, match=f"--model {tmp_path}: model.safetensors: cut short"):
        load_generator(str(tmp_path))


def test_pickled_weights_are_refused(tiny_model, tmp_path):
    """Weights that can run code when they are loaded; safetensors only."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((tiny_model / name).read_bytes())
    with pytest.raises(
        KomepError, match=r"pytorch_model\.bin: weights as a pickle.*safetensors alone.*save_pretrained"
    ):
        load_generator(str(tmp_path))


def test_a_model_too_large_for_the_card_is_not_called_a_missing_one(tiny_model, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 112.00 MiB")

    monkeypatch.setattr("evaluation.backends.local.loading.AutoModelForCausalLM.from_pretrained", full)
    with pytest.raises(KomepError, match="does not fit into the memory of cpu; take a smaller one"):
        load_generator(str(tiny_model))
