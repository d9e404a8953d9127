"""Models and tokenizers from a folder or the Hub: safetensors only, and no code out of a repository."""

import sys
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from evaluation.backends.local.generation import Generator
from komep_dataset.errors import KomepError
from komep_dataset.system import keep_freed_memory

UNLOADABLE = (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError)


def load_generator(
    model: str, dtype: str = "auto", *, reuse_prefix: bool = True, device: torch.device | None = None
) -> Generator:
    """Load a model and its tokenizer: safetensors only, no code from the model's repository.

    Args:
        model: a folder with a model or a LoRA adapter, or an id on the Hub.
        dtype: name of a torch dtype, or `auto`: float32 on a CPU, the checkpoint's own on a GPU.
        reuse_prefix: whether the common prefix of prompts is computed once.
        device: where it goes; None for the first GPU, or the CPU.

    Raises:
        KomepError: there is no such model, or it cannot be loaded.
    """
    check_model_folder(model)
    if not sys.stderr.isatty():
        transformers_logging.disable_progress_bar()
    device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        keep_freed_memory()
    wanted = "float32" if dtype == "auto" and device.type == "cpu" else dtype
    placed = {} if device.type == "cpu" else {"device_map": {"": device}}  # never whole in the host's memory
    try:
        loaded = AutoModelForCausalLM.from_pretrained(
            model, dtype=wanted, use_safetensors=True, trust_remote_code=False, **placed
        )
    except torch.OutOfMemoryError:
        raise KomepError(
            f"--model {model}: does not fit into the memory of {device}; take a smaller one, or --dtype bfloat16"
        ) from None
    except UNLOADABLE as error:
        raise unloadable(model, error) from None
    return Generator(loaded.to(device).eval(), load_tokenizer(model), reuse_prefix)


def check_model_folder(model: str) -> None:
    """Raise `KomepError` for a folder that holds no model; a name that is no folder may be an id on the Hub."""
    path = Path(model)
    if path.exists() and not any((path / name).is_file() for name in ("config.json", "adapter_config.json")):
        raise KomepError(
            f"--model {model}: no model here; a folder with config.json or adapter_config.json is needed"
        )


def load_tokenizer(model: str) -> Any:
    """A model's tokenizer, without code from its repository; raises `KomepError` where there is none."""
    try:
        return AutoTokenizer.from_pretrained(model, trust_remote_code=False)
    except UNLOADABLE as error:
        raise unloadable(model, error) from None


def unloadable(model: str, error: Exception) -> KomepError:
    """The error for a model that cannot be loaded, with the reason in one line."""
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    return KomepError(
        f"--model {model}: neither a model folder nor an id on the Hub that can be loaded ({reason})"
    )
