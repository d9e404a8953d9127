"""Models from a folder: adapters too, and what is none or not safe is refused with the reason."""

import json
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


def adapter(folder, base, change=dict, config=None, **given):
    """A PEFT adapter that names a base; its tensors, or its config, are changed before they are written."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    given = {"r": 2, "target_modules": ["q_proj"], "init_lora_weights": False} | given
    adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config or LoraConfig(**given))
    adapted.save_pretrained(folder)
    file = folder / "adapter_model.safetensors"
    save_file(change(load_file(file)), file, metadata={"format": "pt"})
    return folder if change is not dict else (folder, adapted)


def written(folder, **changes):
    """The same adapter with other entries in its config."""
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return folder


@pytest.mark.parametrize(
    "given",
    [
        {"use_dora": True, "target_modules": ["q_proj", "down_proj"]},
        {"use_rslora": True, "lora_alpha": 32, "rank_pattern": {"q_proj": 4}},
        {"modules_to_save": ["lm_head", "embed_tokens"]},
        {"trainable_token_indices": {"embed_tokens": [5, 7]}},
        {"layers_to_transform": [1]},
    ],
    ids=lambda given: next(iter(given)),
)
def test_an_adapter_gives_what_its_merged_model_gives(given, tiny_model, tmp_path):
    prompts = twelve_prompts()
    folder, adapted = adapter(tmp_path / "adapter", tiny_model, **given)
    tokens = range(3, 13)
    (alone,) = load_generator(str(folder)).answer(prompts[:1], (), (), LIMIT, tokens)
    merged = adapted.merge_and_unload()
    with torch.inference_mode():
        expected = merged(torch.tensor(prompts[:1])).logits[0, -1].log_softmax(-1)[3:13]
    torch.testing.assert_close(torch.tensor(alone.logprobs), expected, atol=1e-4, rtol=1e-4)
    replies = load_generator(str(tiny_model)).tokenizer.batch_decode(
        plain(merged, prompts[:3]), skip_special_tokens=True
    )
    assert load_generator(str(folder)).generate(prompts[:3], (), LIMIT, 3) == replies


def test_an_adapter_with_words_of_its_own_makes_room_for_them(tiny_model, tmp_path, make_tokenizer):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    base.resize_token_embeddings(405)
    adapted = get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj"]))
    adapted.save_pretrained(tmp_path, save_embedding_layers=True)
    words = make_tokenizer(bos=True)
    words.add_tokens([f"<{n}>" for n in range(5)])
    words.save_pretrained(tmp_path)
    generator = load_generator(str(tmp_path))
    assert generator.vocabulary == 405
    for name in ("get_input_embeddings", "get_output_embeddings"):
        assert torch.equal(getattr(generator.model, name)().weight, getattr(adapted, name)().weight)


def test_an_adapter_without_a_tokenizer_takes_that_of_its_base(tiny_model, tmp_path):
    bare = load_generator(str(adapter(tmp_path / "adapter", tiny_model)[0]))
    assert bare.tokenizer.get_vocab() == load_generator(str(tiny_model)).tokenizer.get_vocab()


def test_an_adapter_over_a_model_that_is_not_whole_is_refused(without_a_layer, tmp_path):
    with pytest.raises(KomepError, match=f"--model {without_a_layer}: 9 of 21"):
        load_generator(str(adapter(tmp_path / "adapter", without_a_layer)[0]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda tensors: {k: v for k, v in tensors.items() if "layers.1" not in k},
            "2 of .* weights are not in",
        ),
        (lambda tensors: {k: v * torch.nan for k, v in tensors.items()}, "4 of 25 weights hold NaN"),
        (lambda tensors: {}, "4 of its weights are not in"),
        (
            lambda tensors: {k.replace("model.layers", "transformer.h"): v for k, v in tensors.items()},
            r"4 of its weights fit no layer of its base .*\(transformer\.h\.0\.self_attn\.q_proj\.lora_A\.weight",
        ),
        (
            lambda tensors: (
                tensors
                | {k.replace("layers.1", "layers.7"): v.clone() for k, v in tensors.items() if ".1." in k}
            ),
            "2 of its weights fit no layer",
        ),
        (
            lambda tensors: {k: torch.cat([v, v]) for k, v in tensors.items()},
            "its weights have another size .*lora_A",
        ),
    ],
)
def test_an_adapter_that_is_not_whole_is_refused(change, said, tiny_model, tmp_path):
    with pytest.raises(KomepError, match=f"--model {tmp_path / 'adapter'}: {said}"):
        load_generator(str(adapter(tmp_path / "adapter", tiny_model, change)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"use_dora": True}, "2 of its weights are not in .*lora_magnitude_vector"),
        ({"layers_to_transform": [0]}, "2 of its weights fit no layer"),
        ({"target_modules": ["query_key_value"]}, "Target modules .* not found"),
        ({"r": 8}, r"lora_A\.weight is \(\[2, 32\]\), wanted is \(\[8, 32\]\)"),
    ],
)
def test_an_adapter_that_its_config_does_not_describe_is_refused(changes, said, tiny_model, tmp_path):
    folder = written(adapter(tmp_path / "adapter", tiny_model)[0], **changes)
    with pytest.raises(KomepError, match=f"--model {folder}: .*{said}"):
        load_generator(str(folder))


def test_adapters_of_other_kinds(tiny_model, tmp_path):
    """Those that change layers are taken; learnt tokens before a prompt are no part of the model."""
    from peft import PromptTuningConfig, VeraConfig

    prompts = twelve_prompts()[:3]
    vera = VeraConfig(r=4, target_modules=["q_proj"], init_weights=False)
    folder, adapted = adapter(tmp_path / "vera", tiny_model, config=vera)
    generator = load_generator(str(folder))
    expected = generator.tokenizer.batch_decode(plain(adapted, prompts), skip_special_tokens=True)
    assert generator.generate(prompts, (), LIMIT, 3) == expected
    tokens = PromptTuningConfig(num_virtual_tokens=4, task_type="CAUSAL_LM")
    folder, _ = adapter(tmp_path / "prompt", tiny_model, config=tokens)
    with pytest.raises(KomepError, match="type PROMPT_TUNING, which puts learnt tokens before a prompt"):
        load_generator(str(folder))


def test_shards_sampling_defaults_and_a_missing_padding_token_change_nothing(tiny_model, tmp_path, capsys):
    prompts, source = twelve_prompts(), load_generator(str(tiny_model))
    folder = tmp_path / "model"
    source.model.save_pretrained(folder, max_shard_size="20KB")
    source.tokenizer.pad_token = None
    source.tokenizer.save_pretrained(folder)
    (folder / "generation_config.json").write_text(
        '{"do_sample": true, "temperature": 0.6, "eos_token_id": [2, 7]}'
    )
    config = json.loads((folder / "config.json").read_text()) | {"pad_token_id": None}
    (folder / "config.json").write_text(json.dumps(config))
    generator = load_generator(str(folder))
    assert len(list(folder.glob("*.safetensors"))) > 3 and generator.tokenizer.pad_token_id is None
    source.model.generation_config.eos_token_id = [2, 7]
    assert generator.generate(prompts, (), LIMIT, 5) == source.generate(prompts, (), LIMIT, 5)
    assert capsys.readouterr().err.count("(do_sample True, temperature 0.6)") == 1


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
