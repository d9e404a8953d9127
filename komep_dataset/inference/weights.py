"""Whether the model that transformers loaded is the one that was saved: nothing random in it, nothing left out.

Weights that a checkpoint lacks are filled with random numbers there, and a table in the log is all that says so.
"""

import json
import math
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.progress import tell
from komep_dataset.tables.formats import foreign

SHOWN = 3  # names in a message
OURS = "models/smollm2-135m"  # of README and docs, which a clone does not hold
SECONDS = 5.0  # that the Hub has to say whether it knows a name
# Heads that choose or fill in; what such a checkpoint would write was never trained.
NO_WRITER = re.compile(
    r"(For(Sequence|Token|Image|Audio)Classification|ForQuestionAnswering|ForMultipleChoice|ForMaskedLM|ForPreTraining"
    r"|RewardModel)$"
)


def check_whole(model: Any, found: Mapping[str, Any], named: str) -> list[str]:
    """What of a checkpoint goes unused or looks odd, a line each; nothing for a model that is whole.

    Args:
        model: what `from_pretrained` gave; of weights that are spread over processes, this one's share is looked at.
        found: its `output_loading_info`, with `ignore_mismatched_sizes`, so that those are named here.
        named: how messages call the model.

    Raises:
        KomepError: a kind of model that writes no text; weights that are missing, of another size, NaN or infinite;
            layers that the config does not count.
    """
    architecture = next(iter(getattr(model.config, "architectures", None) or ()), "")
    if NO_WRITER.search(architecture) or not model.can_generate():
        raise KomepError(
            f"{named}: a {architecture or type(model).__name__}, which classifies or fills in and was never trained to "
            "write; take the causal language model (…ForCausalLM) that it was made from"
        )
    weights = dict(model.named_parameters())
    unexpected, missing = sorted(found["unexpected_keys"]), sorted(found["missing_keys"])
    if missing:
        raise KomepError(
            f"{named}: {len(missing)} of {len(weights)} weights are not in its files ({shown(missing)}) and would be "
            f"random numbers{_why_missing(missing, unexpected, architecture)}"
        )
    if mismatched := sorted(found["mismatched_keys"]):
        sizes = (f"{name} is {tuple(saved)}, wanted is {tuple(made)}" for name, saved, made in mismatched)
        raise KomepError(
            f"{named}: {len(mismatched)} of {len(weights)} weights have another size than its config.json says "
            f"({shown(sizes)}); the two are not of one model: fetch or save it again"
        )
    spans = {name: span(weight) for name, weight in weights.items()}
    if broken := [name for name, sides in spans.items() if not all(map(math.isfinite, sides))]:
        dtype = str(model.dtype).removeprefix("torch.")
        raise KomepError(
            f"{named}: {len(broken)} of {len(weights)} weights hold NaN or infinite numbers ({shown(broken)}), read as "
            f"{dtype}; take an earlier checkpoint of its training, or, where it was saved in a wider type, that one"
        )
    ends = [id(part.weight) for part in (model.get_input_embeddings(), model.get_output_embeddings()) if part]
    zero = [name for name, sides in spans.items() if sides == (0, 0) and weights[name].dim() > 1]
    zero = [name for name in zero if not hasattr(weights[name], "ds_tensor")]  # a share may be zero
    if nothing := [name for name in zero if id(weights[name]) in ends]:
        raise KomepError(
            f"{named}: nothing but zeros in {shown(nothing)}; fetch or save it again: a copy that broke off is filled up so"
        )
    known = set(map(_numberless, weights))
    if beyond := [name for name in unexpected if _numberless(name) in known]:
        raise KomepError(
            f"{named}: its files hold layers that its config.json does not count ({shown(beyond)}), so that a part of "
            "the model would be left out; fetch or save it again, or correct num_hidden_layers"
        )
    zero = [name for name in zero if "lora_" not in name]  # adapters begin so
    notes = {"weights in its files that have no place in the model": unexpected}
    notes["weights that are zero throughout"] = zero
    return [f"{named}: {what}: {shown(names)}" for what, names in notes.items() if names]


def with_adapter(
    model: Any, adapter: str, named: str, revision: str | None = None, *, merged: bool = False
) -> Any:
    """A model with a PEFT adapter over it, put there by PEFT itself: transformers' own loading knows no DoRA.

    Args:
        model: the whole base, which is changed. An adapter that has rows for more tokens makes its tables longer.
        adapter: a folder, or an id on the Hub, of which `revision` is taken.
        named: how messages call the adapter.
        merged: whether it becomes a part of the base's weights, as for saving.

    Raises:
        KomepError: an adapter that adds no weights to layers; weights of it that are missing, that fit no layer of the
            base, of another size, NaN or infinite.
    """
    from peft import PeftConfig, PeftModel, load_peft_weights, set_peft_model_state_dict
    from peft.mapping import PEFT_TYPE_TO_PREFIX_MAPPING

    where = {} if revision is None else {"revision": revision}
    config = PeftConfig.from_pretrained(adapter, **where)
    if config.is_prompt_learning or config.is_adaption_prompt:
        raise KomepError(
            f"{named}: an adapter of type {config.peft_type.value}, which puts learnt tokens before a prompt; those that "
            "change layers (LoRA, DoRA, …) can be taken"
        )
    config.inference_mode = True
    inside = "base_model.model."
    weights = load_peft_weights(adapter, device="cpu", **where)
    weights = {name if name.startswith("base_model.") else inside + name: weights[name] for name in weights}
    _make_room(model, {name.removeprefix(inside): weights[name] for name in weights}, named)
    wrapped = PeftModel(model, config)
    try:
        found = set_peft_model_state_dict(wrapped, weights)
    except RuntimeError as error:
        raise KomepError(
            f"{named}: its weights have another size than its adapter_config.json and its base make of them "
            f"({_first_mismatch(error)}); take the base that it was trained over ({config.base_model_name_or_path})"
        ) from None
    own = (PEFT_TYPE_TO_PREFIX_MAPPING[config.peft_type], "modules_to_save.", "trainable_tokens_")
    missing = [name for name in found.missing_keys if "default" in name and any(part in name for part in own)]
    for names, what in (
        (found.unexpected_keys, "fit no layer of its base as adapter_config.json describes them"),
        (missing, "are not in its files and would be random numbers"),
    ):
        if names:
            plain = sorted(name.removeprefix(inside).replace(".default", "") for name in names)
            raise KomepError(
                f"{named}: {len(names)} of its weights {what} ({shown(plain)}); take the base that it was trained over "
                f"({config.base_model_name_or_path} is named), or save it again"
            )
    whole = wrapped.merge_and_unload() if merged else wrapped.get_base_model()
    check_whole(
        whole.eval(), dict.fromkeys(("missing_keys", "unexpected_keys", "mismatched_keys"), ()), named
    )
    return whole


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds a PEFT adapter, and no whole model."""
    return (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file()


def write_merged(adapter: str, folder: Path) -> None:
    """Write a PEFT adapter's base with the adapter merged into it, and the tokenizer of whichever has one; a folder that is
    there is replaced.

    Raises:
        KomepError: no base that can be loaded whole, or an adapter that does not fit it.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        config = json.loads((Path(adapter) / "adapter_config.json").read_text("utf-8"))
        base = config["base_model_name_or_path"]
        how = {"dtype": "auto", "use_safetensors": True, "output_loading_info": True}
        model, found = AutoModelForCausalLM.from_pretrained(base, ignore_mismatched_sizes=True, **how)
        check_whole(model, found, f"its base {base}")
        model = with_adapter(model, adapter, adapter, merged=True)
        words = AutoTokenizer.from_pretrained(adapter if any(Path(adapter).glob("*token*")) else base)
    except (OSError, ValueError, LookupError, TypeError, ImportError) as error:
        reason = " ".join(str(error).split())[:300]
        raise KomepError(
            f"model {adapter}: a PEFT adapter whose base cannot be loaded ({reason}); correct base_model_name_or_path in "
            "adapter_config.json"
        ) from None
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    words.save_pretrained(folder)


def _make_room(model: Any, weights: Mapping[str, Any], named: str) -> None:
    """Lengthen a base's tables of tokens to those that came with an adapter, trained with words of its own."""
    tables = {
        f"{name}.weight": part.weight
        for name, part in model.named_modules()
        if part in (model.get_input_embeddings(), model.get_output_embeddings())
    }
    rows = {len(weights[name]) for name, table in tables.items() if name in weights}
    if len(rows) == 1 and rows != {len(table) for table in tables.values()}:
        if not (tables.keys() <= weights.keys() or model.config.tie_word_embeddings):
            raise KomepError(
                f"{named}: it has words of its own, and rows for them in one of two tables; save it again"
            )
        model.resize_token_embeddings(rows.pop(), mean_resizing=False)


def _first_mismatch(error: Exception) -> str:
    size = r"(\(?\[[\d, ]*\]\)?)"
    if found := re.search(rf"size mismatch for (\S+): .*?{size}.*?{size}", str(error), re.DOTALL):
        return f"{found[1].replace('.default', '')} is {found[2]}, wanted is {found[3]}"
    return str(error)[:200]


def no_folder(name: str, kind: str = "model", ask: bool = True) -> str | None:
    """What is wrong with a name that means a folder here, which is not there; None if it is there, or an id on the Hub.

    An id is at most two words with a slash between. The Hub (`kind`: model or dataset) is asked for it, which is told, and once,
    without the tries that a download makes: where the first word is a folder here, or nearly, a path is meant as likely. Without
    `ask` what may be an id is taken for one.
    """
    from huggingface_hub import HfApi, constants, try_to_load_from_cache

    if Path(name).exists():
        return None
    if name.rstrip("/") == OURS:
        return "no such folder; `make quickstart`, or python recipes/smollm2-135m/export.py --output models/smollm2-135m, puts it there"
    near = nearest_folder(Path(name))
    if re.fullmatch(r"\w[\w.-]*(/[\w.-]+)?", name):
        # A release that `komep install` put into the cache has one word; a folder of its own in there, whatever it is.
        if (
            not ask
            or (kind == "dataset" and "/" not in name)
            or (near == Path() and constants.HF_HUB_OFFLINE)  # where the library says so itself, at once
            or isinstance(try_to_load_from_cache(name, "config.json"), str)
        ):
            return None
        if not constants.HF_HUB_OFFLINE and os.environ.get("RANK", "0") == "0":
            tell(f"note: {name}: no such folder here; the Hub is asked for the {kind} of that name")
        try:
            getattr(HfApi(), f"{kind}_info")(name, timeout=SECONDS)
            return None
        except Exception as error:  # offline, unreachable, none of this name
            if near == Path():
                return f"no such folder, and the Hub gives no {kind} of that name ({' '.join(str(error).split()):.200})"
    there = sorted(path.name for path in near.iterdir() if path.is_dir() and not path.name.startswith("."))
    if near.anchor and near == Path(near.anchor):  # nothing of the path is there
        return "no such folder"
    if len(near.parts) == len(Path(name).parts):
        return f"no such folder; the nearest is {near}"
    return f"no such folder; {near} is there, with {', '.join(there[:5]) or 'no folder'}{', …' * (len(there) > 5)}"


def nearest_folder(path: Path) -> Path:
    """The folder whose path is nearest to one that is not there, part by part, as far as there is one that is alike."""
    found = Path()
    for part in path.parts:
        if not (found / part).is_dir():
            names = [one.name for one in found.iterdir() if one.is_dir()] if os.access(found, os.R_OK) else []
            alike = get_close_matches(part, names, n=1)
            if not alike:
                break
            part = alike[0]
        found /= part
    return found


def gguf_advice(model: str) -> str | None:
    """What to do with a file or folder of GGUF; None for anything else, and for a folder that has a config.json too."""
    path = Path(model)
    if (path / "config.json").is_file():
        return None
    file = path if path.suffix.lower() == ".gguf" else next(iter(sorted(path.glob("*.gguf"))), None)
    return file and (
        f"{model}: GGUF, a format of llama.cpp; write it as safetensors once, with transformers: AutoModelForCausalLM and "
        f"AutoTokenizer .from_pretrained({str(file.parent)!r}, gguf_file={file.name!r}), each .save_pretrained(FOLDER)"
    )


def weights_fault(folder: Path, kind: str = "AutoModelForCausalLM") -> str | None:
    """What is wrong with the files of weights in a folder that there is, by their names, sizes and headers; None if nothing.

    `kind`: class of transformers that would convert them.
    """
    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    names = [name for name in (whole.name, "adapter_model.safetensors") if (folder / name).exists()][:1]
    if not whole.exists() and index.is_file():
        try:
            names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return f"{index.name}: no index of weights; fetch it again"
    if lost := [name for name in names if not (folder / name).is_file()]:
        return f"{shown(lost)}: missing ({len(lost)} of {len(names)} files of weights); fetch or save it again, whole"
    if not names and (folder / "config.json").is_file() and not any(folder.glob("*.safetensors")):
        others = (p.name for end in ("bin", "pt", "pth", "ckpt") for p in sorted(folder.glob(f"*.{end}")))
        if pickled := [name for name in others if "model" in name or name.startswith("consolidated")]:
            return (
                f"{shown(pickled)}: weights as a pickle, which can run code when it is opened; safetensors alone are read. "
                'Where you trust the file, in an environment without secrets, write them so once: python -c "from '
                f"transformers import {kind} as M; M.from_pretrained('{folder}').save_pretrained('{folder}')\""
            )
    faults = ((name, _tensors_fault(folder / name)) for name in names)
    return next((f"{name}: {fault}" for name, fault in faults if fault), None)


def _tensors_fault(path: Path) -> str:
    """What is wrong with a file of safetensors, whose header tells its length; "" where nothing is."""
    from safetensors import SafetensorError, safe_open

    try:
        with path.open("rb") as file:
            if what := foreign(file.read(512)):
                return what
        with safe_open(path, framework="np"):
            return ""
    except (OSError, SafetensorError) as error:
        return f"cut short, or no safetensors ({error}); fetch or save it again"


def without_text_model(error: Exception) -> str | None:
    """The config class of a model that `AutoModelForCausalLM` does not know, by what it says; None for another error."""
    found = re.match(r"Unrecognized configuration class .*?(\w+)'> for this kind of AutoModel", str(error))
    told = "for which transformers has no causal language model, as for vision-language models"
    return found and f"{found[1]}, {told}"


def span(weight: Any) -> tuple[float, float]:
    """The smallest and the largest number of a tensor, NaN if one is; (1, 1) for codes, and for what lies elsewhere."""
    held = getattr(weight, "ds_tensor", weight).detach()  # under ZeRO-3 the tensor itself is empty
    if held.is_meta or not held.numel() or not held.is_floating_point() or held.element_size() < 2:
        return 1.0, 1.0
    low, high = held.aminmax()
    return low.item(), high.item()


def shown(names: Iterable[str]) -> str:
    """The first of some names."""
    names = list(names)
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")


def _why_missing(missing: list[str], unexpected: list[str], architecture: str) -> str:
    """The rest of a message about missing weights: what the files hold in their place, and what to do."""
    pairs = ((name, key) for name in missing for key in unexpected)
    for name, other in (p for p in pairs if p[1].endswith(f".{p[0]}") or p[0].endswith(f".{p[1]}")):
        more, less = (other, name) if len(other) > len(name) else (name, other)
        how = "behind" if more is other else "without"
        return (
            f"; its files have them {how} {more.removesuffix(less)!r}, as a wrapper of the model saves them: save the "
            "model inside, or rename them"
        )
    saved_as = f"; it was saved as {architecture}" if architecture else ""
    return f"{saved_as}; fetch or save it again, whole and with its language-model head"


def _numberless(name: str) -> str:
    return re.sub(r"\d+", "N", name)
