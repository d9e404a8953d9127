"""Models and tokenizers from a folder or the Hub: safetensors only, and no code out of a repository."""

import os
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from evaluation.backends.local.generation import Generator
from evaluation.backends.local.source import SERVE, UNLOADABLE, find_source, unloadable
from evaluation.backends.local.trial import settle
from komep_dataset.errors import KomepError, require
from komep_dataset.inference.weights import check_whole, gguf_advice, no_folder, weights_fault, with_adapter
from komep_dataset.system import keep_freed_memory


def load_generator(
    model: str,
    dtype: str = "auto",
    *,
    revision: str | None = None,
    reuse_prefix: bool = True,
    device: torch.device | None = None,
) -> Generator:
    """Load a model and its tokenizer: safetensors only, no code from the model's repository.

    Args:
        model: a folder with a model or a LoRA adapter, or an id on the Hub.
        dtype: name of a torch dtype, or `auto`: float32 on a CPU, the checkpoint's own on a GPU.
        revision: branch, tag or commit on the Hub.
        reuse_prefix: whether the common prefix of prompts is computed once.
        device: where it goes; None for the first GPU, or the CPU.

    Raises:
        KomepError: there is no such model, it cannot be loaded, or it is not whole.
    """
    check_model_folder(model)
    if not sys.stderr.isatty():
        transformers_logging.disable_progress_bar()
    device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        keep_freed_memory()
    wanted = "float32" if dtype == "auto" and device.type == "cpu" else dtype
    placed = {} if device.type == "cpu" else {"device_map": {"": device}}  # never whole in the host's memory
    how = {"dtype": wanted, "use_safetensors": True, "trust_remote_code": False, **placed}
    how |= {"output_loading_info": True, "ignore_mismatched_sizes": True}
    source = find_source(model, revision)
    whole = source.base or source
    check_model_folder(whole.name)
    try:
        loaded, found = AutoModelForCausalLM.from_pretrained(
            whole.name, revision=whole.commit or "main", **how
        )
        unused = check_whole(loaded, found, f"--model {whole.name}")
        if source.base is not None:
            require("evaluation", "peft")
            loaded = with_adapter(loaded, model, f"--model {model}", source.commit)
    except torch.OutOfMemoryError:
        raise KomepError(
            f"--model {model}: does not fit into the memory of {device}; take a smaller one, or --dtype bfloat16"
        ) from None
    except UNLOADABLE as error:
        raise unloadable(f"--model {model}", error) from None
    own = source.base is None or any(Path(model).glob("*token*")) or not Path(model).is_dir()
    words = source if own else source.base
    generator = Generator(
        loaded.to(device).eval(), load_tokenizer(words.name, words.commit), reuse_prefix, source=source
    )
    try:
        given_up = settle(generator)  # whatever its config says of ends and penalties is tried here, too
    except UNLOADABLE as error:
        raise KomepError(
            f"--model {model}: writes nothing ({type(error).__name__}: {error!s:.300})"
        ) from None
    if generator.overruled:
        asked = ", ".join(f"{name} {value}" for name, value in generator.overruled.items())
        unused.append(
            f"--model {model}: one greedy reply a prompt, whatever its generation_config.json says ({asked:.300})"
        )
    if given_up:
        unused.append(
            f"--model {model}: {given_up}: laid out otherwise, its architecture gives other numbers"
        )
    if os.environ.get("RANK", "0") == "0":
        for note in unused:
            print(f"note: {note}", file=sys.stderr)
    return generator


def check_model_folder(model: str) -> None:
    """Raise `KomepError` for a folder that holds no whole model; a name that is no folder may be an id on the Hub."""
    path = Path(model)
    if lost := no_folder(model):
        raise KomepError(f"--model {model}: {lost}")
    if not path.exists():
        return
    if any((path / name).is_file() for name in ("config.json", "adapter_config.json")):
        if fault := weights_fault(path):
            raise KomepError(f"--model {model}: {fault}")
        return
    if advice := gguf_advice(model):
        raise KomepError(f"--model {advice}; or serve it (llama-server -m FILE --port 8000) and take {SERVE}")
    raise KomepError(
        f"--model {model}: no model here; a folder with config.json or adapter_config.json is needed"
    )


def load_tokenizer(model: str, commit: str | None = None) -> Any:
    """A model's tokenizer, without code from its repository; raises `KomepError` where there is none."""
    try:
        return AutoTokenizer.from_pretrained(model, revision=commit or "main", trust_remote_code=False)
    except UNLOADABLE as error:
        raise unloadable(f"--model {model}", error) from None
