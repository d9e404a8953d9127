"""A model of a known shape with random weights: as fast and as large as the real one, and it knows nothing.

    python -m benchmarks.random_model --shape llama-8b --tokenizer models/smollm2-135m --output models/random-llama-8b

For speed and memory alone, where the real weights are not at hand. The weights are made on the first GPU if there is
one and saved in bfloat16 as safetensors; the tokenizer is copied, and may have fewer tokens than the shape has rows
for them. Nothing that such a model says means anything.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import torch
import typer

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import check_folder, check_writable

LLAMA_3_1_8B = {  # of the published config.json; the rotary scaling of long texts is left out
    "vocab_size": 128_256,
    "hidden_size": 4096,
    "intermediate_size": 14_336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 8192,
    "rope_theta": 500_000.0,
}
LLAMA_3_2_1B = LLAMA_3_1_8B | {
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "head_dim": 64,
    "tie_word_embeddings": True,
}
SHAPES = {
    "llama-8b": LLAMA_3_1_8B,
    "llama-1b": LLAMA_3_2_1B,
    "llama-8b-4-layers": LLAMA_3_1_8B | {"num_hidden_layers": 4},
    "tiny": LLAMA_3_1_8B | {"vocab_size": 49_152, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
                            "num_attention_heads": 4, "num_key_value_heads": 2},
}  # fmt: skip


def write_random_model(shape: str, tokenizer: Path, output: Path, seed: int = 0) -> int:
    """Write a folder that `from_pretrained` loads; the number of parameters.

    Raises:
        KeyError: there is no such shape.
        ValueError: the tokenizer has more tokens than the shape has rows for them.
    """
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    words = AutoTokenizer.from_pretrained(tokenizer)
    sizes = SHAPES[shape]
    if len(words) > sizes["vocab_size"]:
        raise ValueError(f"{tokenizer}: {len(words)} tokens, and {shape} has {sizes['vocab_size']} rows")
    ends = {"bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id}
    config = LlamaConfig(**sizes, **ends, pad_token_id=words.pad_token_id, dtype="bfloat16")
    torch.manual_seed(seed)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = LlamaForCausalLM._from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(output, max_shard_size="4GB")
    words.save_pretrained(output)
    return model.num_parameters()


def main(
    output: Annotated[Path, typer.Option(help="Folder for the model.")],
    shape: Annotated[str, typer.Option(help=f"One of {', '.join(SHAPES)}.")] = "llama-8b",
    tokenizer: Annotated[Path, typer.Option(help="Folder with a tokenizer.")] = Path("models/smollm2-135m"),
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Write the model."""
    if shape not in SHAPES:
        sys.exit(f"--shape {shape}: one of {', '.join(SHAPES)}")
    try:
        place = check_folder(output, lambda _: False, "empty folder")
        check_writable(place)
    except KomepError as error:
        sys.exit(f"error: {error}")
    count = write_random_model(shape, tokenizer, place, seed)
    print(f"{output}: {count / 1e9:.2f}e9 parameters, random, of the shape {shape}")


if __name__ == "__main__":
    typer.run(main)
