"""Models and tokenizers from a folder or the Hub: safetensors only, and no code out of a repository."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import find_adapter_config_file
from transformers.utils import logging as transformers_logging

from evaluation.backends.local.generation import Generator
from komep_dataset.errors import KomepError
from komep_dataset.inference.weights import check_whole, gguf_advice, weights_fault, without_text_model
from komep_dataset.system import keep_freed_memory

SERVE = "--backend openai --endpoint http://127.0.0.1:8000/v1"
UNLOADABLE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ImportError,
    RuntimeError,
    SafetensorError,
)


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
    base = base_of(model)
    try:
        loaded, found = AutoModelForCausalLM.from_pretrained(base or model, **how)
        unused = check_whole(loaded, found, f"--model {base or model}")
        if base is not None:
            unused += check_whole(loaded, loaded.load_adapter(model).to_dict(), f"--model {model}")
    except torch.OutOfMemoryError:
        raise KomepError(
            f"--model {model}: does not fit into the memory of {device}; take a smaller one, or --dtype bfloat16"
        ) from None
    except UNLOADABLE as error:
        raise unloadable(model, error) from None
    own = base is None or any(Path(model).glob("*token*")) or not Path(model).is_dir()
    generator = Generator(loaded.to(device).eval(), load_tokenizer(model if own else base), reuse_prefix)
    try:
        generator.answer(
            [[generator.pad_id]], (), (), 1
        )  # whatever its config says of ends and penalties is tried here
    except UNLOADABLE as error:
        raise KomepError(
            f"--model {model}: writes nothing ({type(error).__name__}: {error!s:.300})"
        ) from None
    if generator.overruled:
        asked = ", ".join(f"{name} {value}" for name, value in generator.overruled.items())
        unused.append(
            f"--model {model}: one greedy reply a prompt, whatever its generation_config.json says ({asked:.300})"
        )
    if os.environ.get("RANK", "0") == "0":
        for note in unused:
            print(f"note: {note}", file=sys.stderr)
    return generator


def base_of(model: str) -> str | None:
    """The model that a LoRA adapter goes over; None where there is no adapter, or one within a model."""
    try:
        config = find_adapter_config_file(model)
        if config is None or (Path(model) / "config.json").is_file():
            return None
        return json.loads(Path(config).read_text("utf-8"))["base_model_name_or_path"]
    except UNLOADABLE as error:
        raise unloadable(model, error) from None


def check_model_folder(model: str) -> None:
    """Raise `KomepError` for a folder that holds no whole model; a name that is no folder may be an id on the Hub."""
    path = Path(model)
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


def load_tokenizer(model: str) -> Any:
    """A model's tokenizer, without code from its repository; raises `KomepError` where there is none."""
    try:
        return AutoTokenizer.from_pretrained(model, trust_remote_code=False)
    except UNLOADABLE as error:
        raise unloadable(model, error) from None


def unloadable(model: str, error: Exception) -> KomepError:
    """The error for a model that cannot be loaded, with the reason in one line."""
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    if kind := without_text_model(error):
        return KomepError(
            f"--model {model}: {kind}. Serve it (vllm serve {model}) and take {SERVE}, or take the text model of its family"
        )
    return KomepError(
        f"--model {model}: neither a model folder nor an id on the Hub that can be loaded ({reason})"
    )
