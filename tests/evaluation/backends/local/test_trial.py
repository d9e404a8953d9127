"""How prompts are laid out is settled before the first question, by what the model itself says."""

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    CamembertConfig,
    CpmAntConfig,
    DeepseekV3Config,
    DiffLlamaConfig,
)

from evaluation.backends.local.generation import Generator
from evaluation.backends.local.loading import load_generator
from evaluation.backends.local.trial import settle
from tests.evaluation.backends.local.greedy import LIMIT, plain, twelve_prompts

SIZE = {
    "vocab_size": 400,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "initializer_range": 0.3,
}
SIZE |= {
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
LATENT = {
    "q_lora_rank": 16,
    "kv_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 12,
}
EXPERTS = {
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
    "moe_intermediate_size": 16,
}
# What each keeps or counts otherwise -> what it is left with: shared attention, a copy of the prefix, a batch.
OTHERS = {
    "latent keys and values": (DeepseekV3Config(**SIZE, **LATENT, **EXPERTS), False, True, None),
    "two attentions in one": (DiffLlamaConfig(**SIZE), False, True, None),
    "positions by itself": (CamembertConfig(**SIZE, is_decoder=True, max_position_embeddings=200), False, False, None),
    "no padding": (CpmAntConfig(vocab_size=400, hidden_size=32, num_attention_heads=4, dim_head=8, dim_ff=48,
                                num_hidden_layers=2, init_std=0.3), False, False, 1),
}  # fmt: skip


@pytest.mark.parametrize("kind", OTHERS)
def test_an_architecture_of_its_own_says_what_it_says_alone(kind, make_tokenizer):
    config, share, reuse, largest = OTHERS[kind]
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    prompts, tokenizer = twelve_prompts()[:5], make_tokenizer(bos=True)
    expected = tokenizer.batch_decode(plain(model, prompts), skip_special_tokens=True)
    generator = Generator(model, tokenizer)
    done = settle(generator)
    assert (generator.share_attention, generator.reuse_prefix, generator.largest) == (
        share,
        reuse,
        largest,
    ), done
    assert done
    assert generator.generate(prompts, (), LIMIT, 5) == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_plain_model_gives_nothing_up(dtype, make_llama, make_tokenizer):
    generator = Generator(make_llama().to(dtype), make_tokenizer(bos=True))
    assert settle(generator) == "" and generator.share_attention and generator.largest is None


def test_it_is_said_once(make_tokenizer, tmp_path, capsys):
    AutoModelForCausalLM.from_config(OTHERS["two attentions in one"][0]).save_pretrained(tmp_path)
    make_tokenizer(bos=True).save_pretrained(tmp_path)
    load_generator(str(tmp_path))
    assert capsys.readouterr().err.count("note: ") == 1
