"""A tiny Llama that writes what a test tells it, under the chat template of a real model."""

from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import torch

# What it writes: a thought with a full stop, letters and a blank line in it, then an answer.
THOUGHT = ("정답: A", " 일까.", "\n\n다시 보면", " B.")
ANSWER = ("정답: C",)


def template(name: str) -> str:
    """The chat template of a model family, as TRL ships it; TRL itself is not imported."""
    package = Path(find_spec("trl").origin).parent
    return (package / "chat_templates" / f"{name}.jinja").read_text("utf-8")


def thinker(folder: Path, tokenizer, name: str = "qwen3", thought: tuple[str, ...] = THOUGHT) -> Path:
    """A model that thinks and answers C, under the template of Qwen3 or of DeepSeek-R1; without thinking it answers C."""
    opened = ("<think>",) if name == "qwen3" else ()
    tokenizer.add_tokens(["\n\n"])
    return scripted_model(
        folder, tokenizer, (*opened, *thought, "</think>", "\n\n", *ANSWER), template(name), "\n"
    )


def scripted_model(folder: Path, tokenizer, words: tuple[str, ...], chat_template: str, begin: str) -> Path:
    """Save a model whose next token depends on the last one alone: after `begin` come the words in their order.

    Each word is a token of its own, and comes once. The rest of the model is a Llama's: attention and layers are there
    and add next to nothing.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer.add_tokens([word for word in (*words, begin) if len(tokenizer.tokenize(word)) > 1])
    tokenizer.chat_template = chat_template
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=8192,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(config).eval()
    ids = [*tokenizer.convert_tokens_to_ids([tokenizer.tokenize(word)[-1] for word in (begin, *words)]), 2]
    with torch.no_grad():
        model.model.layers[0].self_attn.o_proj.weight.mul_(1e-6)
        model.model.layers[0].mlp.down_proj.weight.mul_(1e-6)
        table = model.model.embed_tokens.weight
        table.normal_()
        model.lm_head.weight.zero_()
        for now, then in pairwise(ids):
            model.lm_head.weight[then] += table[now] / table[now].norm()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
