"""Tiny random models of every architecture that transformers has: our replies against lm-evaluation-harness's own.

    python -m benchmarks.architectures
    python -m benchmarks.architectures gemma2 mistral deepseek_v3

Each is built of its own config class with small sizes and a window of 16 tokens where it has one, saved, and asked the
sample's first questions after worked examples, so that what the prompts share is many windows long. A line an
architecture: how the shared part is kept (one copy for a batch, a copy a row, not at all), and of how many questions the
replies, character by character, are those of the harness with and without it. Replies of random weights mean nothing
else. What cannot be built so is named at the end, with the reason.

On transformers 5.24 with lm-evaluation-harness 0.4.13, four or six questions each, by OMP_NUM_THREADS=1: 166 of 196 equal
with and without the shared part, none unequal. The harness takes ten for encoder-decoders (bart, bigbird_pegasus,
blenderbot, blenderbot-small, marian, mbart, mvp, pegasus, plbart, prophetnet). Not built: blt, git and phi4_multimodal,
dots3_note and its text (too large by these sizes); cohere_compass_text, dbrx, gemma4_assistant,
gemma4_unified_assistant, inkling2_text, inkling2_loop_text, musicgen, musicgen_melody and reformer (configs that these
sizes do not fit); emu3 and mllama (their text config has no causal model). xlnet has no length for the harness; dory,
whisper and xlstm fail in transformers' own forward pass.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from tokenizers.processors import TemplateProcessing
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, AutoTokenizer
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
)
from transformers.utils import logging

from benchmarks.evaluation_speed import STYLE, harness_pass, one_subject
from evaluation.backends.local.generation import Generator
from evaluation.backends.local.loading import load_generator
from evaluation.harness.prompts import PromptEncoder, subject_prompts

WINDOW = 16
SECONDS = 240  # for one architecture
MOST = 20_000_000  # parameters, most of them the tokenizer's words
# Sizes by the names that configs give them; a config takes those that it knows.
SIZES = {
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "embed_dim", "dim"), 32),
    **dict.fromkeys(
        ("intermediate_size", "ffn_dim", "n_inner", "d_ff", "ffn_hidden_size", "moe_intermediate_size"), 48
    ),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), 4),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads"), 4),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads"), 2),
    **dict.fromkeys(
        ("sliding_window", "attention_window_size", "window_size", "sliding_window_size"), WINDOW
    ),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"), 4096),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok", "moe_k", "moe_topk"), 2),
    **{"head_dim": 8, "rotary_dim": 8, "initializer_range": 0.3, "first_k_dense_replace": 1},
    **{"q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 12},
    **{"n_group": 1, "topk_group": 1, "n_shared_experts": 1, "shared_expert_intermediate_size": 48},
    **{"use_sliding_window": True, "max_window_layers": 2, "query_pre_attn_scalar": 8, "is_decoder": True},
    **{"vocab_size_per_layer_input": 400, "hidden_size_per_layer_input": 8, "num_kv_shared_layers": 2},
    **dict.fromkeys(
        ("input_embedding_size", "output_embedding_size", "linear_head_dim", "mamba_dt_rank"), 16
    ),
    **{"mamba_n_heads": 8, "mamba_d_head": 8, "linear_num_heads": 4, "attn_layer_period": 2},
    "attn_layer_offset": 1,
}
_MIXED, _HYBRID = ["linear_attention", "full_attention"] * 2, ["linear_attention", "hybrid"] * 2
_GEMMA4 = {"layer_types": ["sliding_attention", "full_attention"] * 2, "vocab_size_per_layer_input": 49_152}
_QWEN4 = {"indexer_n_heads": 2, "indexer_kv_heads": 1, "indexer_head_dim": 8, "indexer_budget": 64}
_QWEN4 |= {"indexer_compress_ratio": 4, "layer_types": ["linear_attention", "indexed_attention"] * 2}
OWN: dict[str, dict[str, Any]] = {  # what one architecture needs besides
    **{"gemma4": _GEMMA4, "gemma4_text": _GEMMA4, "gemma4_unified": _GEMMA4, "gemma4_unified_text": _GEMMA4},
    **{"qwen4_exp": _QWEN4, "qwen4_exp_text": _QWEN4, "kimi_linear": {"layer_types": _MIXED}},
    "bailing_hybrid": {"layer_types": _MIXED, "layer_group_size": 2},
    "bamba": {"attn_layer_indices": [1, 3]},
    "falcon_h1": {"mamba_d_ssm": 64},
    "gpt_neo": {"attention_types": [[["global", "local"], 2]]},
    "granitemoehybrid": {"layer_types": _MIXED},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2},
    "mamba2": {"head_dim": 16, "n_groups": 1},
    "xmod": {"default_language": "en_XX"},
    "zamba": {"layers_block_type": _HYBRID},
    "zamba2": {"layers_block_type": _HYBRID, "n_mamba_heads": 4, "mamba_headdim": 16},
    "zaya": {"num_experts_per_tok": 1},
}


def tiny_config(kind: str, tokenizer: Any) -> Any:
    """The config of an architecture with small sizes, and its tokens those of a tokenizer."""
    known = CONFIG_MAPPING[kind]()
    text = known.get_text_config()
    fields = text.to_dict()
    names = {
        name: value
        for name, value in SIZES.items()
        if (name in fields or name in type(text).attribute_map)
        and not isinstance(getattr(type(text), name, None), property)
    }
    names |= {"vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id, "pad_token_id": 0}
    names |= {"bos_token_id": tokenizer.bos_token_id} | OWN.get(kind, {})
    if "kv_lora_rank" in names:  # latent attention: keys are one, every head has its own part of them
        names["num_key_value_heads"] = names["num_attention_heads"]
    return type(text)(**names)


def with_bos(folder: Path) -> Any:
    """A tokenizer that puts a BOS, as most models' do; where it puts none, the harness leaves one out for Gemma, too."""
    words = AutoTokenizer.from_pretrained(folder)
    first = (words.bos_token, words.bos_token_id)
    words.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{first[0]} $A", special_tokens=[first]
    )
    return words


def build(kind: str, tokenizer: Any, folder: Path) -> None:
    """Save a tiny random model with a tokenizer."""
    config = tiny_config(kind, tokenizer)
    if config.model_type in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES:
        raise ValueError("the harness takes it for an encoder-decoder, whose decoder alone has other replies")
    with torch.device("meta"):
        size = sum(p.numel() for p in AutoModelForCausalLM.from_config(config).parameters())
    if size > MOST:
        raise ValueError(f"{size:,} parameters by these sizes")
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def ours(generator: Generator, subject: Any, limit: int) -> list[str]:
    """Our replies, in batches of three."""
    encode = PromptEncoder(generator.tokenizer, generator.model.config.model_type)
    prompts = subject_prompts(STYLE, subject, encode, len(subject.fewshot), None)
    return generator.generate([p.token_ids for p in prompts], STYLE.stops, limit, batch_size=3)


def compare(kind: str, tokenizer: Any, subject: Any, limit: int, folder: Path) -> dict[str, Any]:
    """What is printed of one architecture."""
    build(kind, tokenizer, folder)
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    words = AutoTokenizer.from_pretrained(folder)  # some architectures cut words by rules of their own
    theirs = harness_pass(plain, words, subject, folder, limit, 1, False)[0]
    found = {}
    for reuse in (True, False):
        generator = load_generator(str(folder), "float32", reuse_prefix=reuse)
        mine = ours(generator, subject, limit)
        found[reuse] = sum(a == b for a, b in zip(mine, theirs, strict=True))
        if reuse:
            kept = (
                "one copy"
                if generator.share_attention
                else "a copy a row"
                if generator.reuse_prefix
                else "no"
            )
    return {"kept": kept, "with": found[True], "without": found[False], "distinct": len(set(theirs))}


def _late(*_: Any) -> None:
    raise TimeoutError(f"not done after {SECONDS} s")


def main(
    kinds: Annotated[
        list[str] | None, typer.Argument(help="Architectures, as config.json names them. [default: all]")
    ] = None,
    questions: Annotated[int, typer.Option()] = 4,
    max_new_tokens: Annotated[int, typer.Option()] = 8,
    tokenizer: Annotated[Path, typer.Option(help="Folder with a tokenizer.")] = Path("models/smollm2-135m"),
) -> None:
    """Compare all, and print a table."""
    logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _late)
    words = with_bos(tokenizer)
    subject = one_subject(questions, shots=1)
    print(
        f"{'architecture':<24}{'shared part':<16}{'equal with':>12}{'without':>12}{'different replies':>20}"
    )
    unbuilt = {}
    for kind in kinds or MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        try:
            signal.alarm(SECONDS)
            with tempfile.TemporaryDirectory() as folder:
                row = compare(kind, words, subject, max_new_tokens, Path(folder))
        except Exception as error:
            unbuilt[kind] = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
            if kinds:
                traceback.print_exc()
            continue
        finally:
            signal.alarm(0)
        shares = (f"{row[name]}/{questions}" for name in ("with", "without"))
        print(
            f"{kind:<24}{row['kept']:<16}{''.join(f'{s:>12}' for s in shares)}{row['distinct']:>20}",
            flush=True,
        )
    for kind, why in unbuilt.items():
        print(f"not built: {kind}: {why}", file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
