"""The model that a recipe starts from: how it is loaded, a tokenizer that can pad and speak in turns, and what its chat
template makes of a pair."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import AutoTokenizer, PreTrainedTokenizerBase, TrainingArguments
from trl import ModelConfig

from komep_dataset.errors import KomepError, explained, said_by
from komep_dataset.inference.weights import gguf_advice, no_folder, weights_fault

# Tokens that families keep for padding or never use in a conversation, in the order in which they are tried.
PADDING = ("<|finetune_right_pad_id|>", "<|pad|>", "<pad>", "[PAD]", "<|endoftext|>", "<unk>")
TOOLS, SETTINGS = "tools", "chat_template_kwargs"  # columns of pairs that TRL hands to the chat template
CALLS = ("tool_calls", "function_call")  # of a message
REASONING = (
    "reasoning_content",
    "thinking",
    "reasoning",
)  # of a message, one of which transformers takes for another
SIDES = ("chosen", "rejected")
TRIED = 200  # conversations in which the template is asked for a setting, before it is said to show nothing of it (ours)


def model_settings(model_args: ModelConfig, args: TrainingArguments) -> dict[str, Any]:
    """Keyword arguments of `from_pretrained`; what the user gave as `model_init_kwargs` goes over them."""
    return {
        "revision": model_args.model_revision,
        "attn_implementation": model_args.attn_implementation,
        "dtype": model_args.dtype,
        "trust_remote_code": args.trust_remote_code,
        "use_safetensors": True,  # a pickle can run code when it is opened
        **(args.model_init_kwargs or {}),
    }


def pick_padding(tokenizer: PreTrainedTokenizerBase) -> str:
    """The token to pad with: the tokenizer's own, else a known spare one, else the end-of-sequence token.

    The trainers of these recipes mask by length and never by the id of the padding token, so that the last choice
    keeps the end of a completion in the loss. It is the last choice all the same, since whoever trains the saved
    model later may mask by id, and then it never learns to stop.

    Raises:
        KomepError: the tokenizer has neither a spare token nor one that ends a sequence.
    """
    if tokenizer.pad_token is not None:
        return tokenizer.pad_token
    known = tokenizer.get_vocab()
    used = {tokenizer.eos_token, tokenizer.bos_token}
    spare = next((token for token in PADDING if token in known and token not in used), tokenizer.eos_token)
    if spare is None:
        raise KomepError(f"{tokenizer.name_or_path}: no token to pad with and none that ends a sequence")
    return spare


def take_template(tokenizer: PreTrainedTokenizerBase, path: str, may_grow: bool) -> None:
    """Give a tokenizer the chat template of a file or of another tokenizer.

    `may_grow`: whether the trainer adds the tokens that the other one knows, and rows for them to the model, as TRL's for
    instruction tuning does.

    Raises:
        KomepError: there is none, or its turns are made of tokens that the model was never given.
    """
    if path.endswith((".jinja", ".j2")):
        try:
            tokenizer.chat_template = Path(path).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise KomepError(f"--chat_template_path {path}: cannot be read ({said_by(error)})") from error
        return
    if lost := no_folder(path):
        raise KomepError(f"--chat_template_path {path}: {lost}")
    with explained(f"--chat_template_path {path}: neither a file of Jinja (.jinja, .j2) nor a tokenizer"):
        other = AutoTokenizer.from_pretrained(path)
    if other.chat_template is None:
        raise KomepError(f"--chat_template_path {path}: that tokenizer has no chat template")
    template = str(other.chat_template)
    known = tokenizer.get_vocab()
    new = [t for t in map(str, other.added_tokens_decoder.values()) if t in template and t not in known]
    if new and not may_grow:
        raise KomepError(
            f"--chat_template_path {path}: its turns are made of tokens that the model does not know ({', '.join(new)}); "
            "tune it first with recipes/sft.py, which adds them"
        )
    tokenizer.chat_template = other.chat_template


def merging(adapter: Path) -> str:
    """The command that merges an adapter into its base, with the tokenizer of whichever has one."""
    try:
        base = json.loads((adapter / "adapter_config.json").read_text("utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, LookupError, TypeError):
        base = None
    base = base or "BASE"
    words, merged = adapter if any(adapter.glob("tokenizer*")) else base, f"{adapter}-merged"
    return (
        'python -c "from peft import PeftModel as P; from transformers import AutoModelForCausalLM as M, AutoTokenizer as T; '
        f"P.from_pretrained(M.from_pretrained('{base}'), '{adapter}').merge_and_unload().save_pretrained('{merged}'); "
        f"T.from_pretrained('{words}').save_pretrained('{merged}')\""
    )


def load_tokenizer(
    model_args: ModelConfig, args: TrainingArguments, template: str | None = None
) -> PreTrainedTokenizerBase:
    """The tokenizer of the base model, with a chat template and a padding token.

    `template`: a file of Jinja, or a folder or repository whose tokenizer has the chat template to take.

    Raises:
        KomepError: no model is named, it cannot be read, or its tokenizer cannot be trained with.
    """
    model = model_args.model_name_or_path
    if model is None:
        raise KomepError("--model_name_or_path is missing", exit_code=2)
    if (Path(model) / "adapter_config.json").is_file() and not (Path(model) / "config.json").is_file():
        raise KomepError(f"{model} is a LoRA adapter: merge it into its model first: {merging(Path(model))}")
    if lost := no_folder(model):
        raise KomepError(f"--model_name_or_path {model}: {lost}")
    if advice := gguf_advice(model):
        raise KomepError(advice)
    if Path(model).is_dir() and not (fault := weights_fault(Path(model))):
        fault = "" if any(Path(model).glob("*.safetensors")) else "no weights here (model.safetensors)"
    if Path(model).is_dir() and fault:
        raise KomepError(f"--model_name_or_path {model}: {fault}")
    found = "cannot be read" if Path(model).is_dir() else "is no folder here, and cannot be fetched"
    with explained(f"model {model!r} {found}"):
        tokenizer = AutoTokenizer.from_pretrained(
            model, revision=model_args.model_revision, trust_remote_code=args.trust_remote_code
        )
    if template is not None:
        take_template(tokenizer, template, may_grow=hasattr(args, "chat_template_path"))
    if tokenizer.chat_template is None:
        raise KomepError(
            f"{model}: no chat template; take an instruction-tuned model, or give one by --chat_template_path"
        )
    with explained(f"{model}: its chat template cannot be used"):
        if not tokenizer.apply_chat_template([{"role": "user", "content": "?"}])["input_ids"]:
            raise ValueError("it makes nothing of a message")
    tokenizer.pad_token = pick_padding(tokenizer)
    return tokenizer


def takes(tokenizer: PreTrainedTokenizerBase, role: str) -> bool:
    """Whether a chat template renders a first message of a role; some refuse it, others leave it out."""
    messages = [{"role": role, "content": "rendered"}, {"role": "user", "content": "?"}]
    try:
        return "rendered" in tokenizer.apply_chat_template(messages, tokenize=False)
    except Exception:  # whatever a template raises
        return False


def cut(prompt: list[int], conversation: list[int]) -> int:
    """Where the answer starts in a tokenised conversation: where it parts from its tokenised prompt, as in TRL."""
    differs = (i for i, (a, b) in enumerate(zip(prompt, conversation, strict=False)) if a != b)
    return next(differs, min(len(prompt), len(conversation)))


def template_settings(row: dict) -> dict[str, Any]:
    """Keyword arguments of a row for the chat template, as TRL hands them over."""
    tools = row.get(TOOLS)
    return {TOOLS: json.loads(tools) if isinstance(tools, str) else tools, **(row.get(SETTINGS) or {})}


def render(row: dict, messages: list[dict], tokenizer: PreTrainedTokenizerBase, **settings: Any) -> list[int]:
    """Token ids of messages of a row under the tokenizer's chat template."""
    return tokenizer.apply_chat_template(messages, **template_settings(row), **settings)["input_ids"]


def lost_call(row: dict, tokenizer: PreTrainedTokenizerBase) -> str:
    """Which answer calls a tool under a chat template that leaves calls out; "" where none does."""
    for side in SIDES:
        turns = row["prompt"] + row[side]
        bare = [{key: value for key, value in turn.items() if key not in CALLS} for turn in turns]
        called = any(turn.get(key) for turn in turns for key in CALLS)
        if called and render(row, turns, tokenizer) == render(row, bare, tokenizer):
            return (
                f"{side}: a call of a tool, which the chat template leaves out; take a model that knows tools"
            )
    return ""


def unshown(dataset: Dataset, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Settings of the chat template, and what messages hold beside their text, of which it shows nothing in these pairs."""
    tried, shown = Counter(), set()
    for row in dataset:
        given = {name: value for name, value in template_settings(row).items() if value}
        for side in SIDES:
            turns = row["prompt"] + row[side]
            held = {key for turn in turns for key, value in turn.items() if value not in (None, "", [], {})}
            for name in {*given, *held} - {"role", "content", *CALLS} - shown:
                tried[name] += 1
                if tried[name] > TRIED:
                    continue
                same = REASONING if name in REASONING else (name,)
                bare = [{key: value for key, value in turn.items() if key not in same} for turn in turns]
                less = {key: value for key, value in given.items() if key != name}
                try:
                    made = {
                        tokenizer.apply_chat_template(said, tokenize=False, **settings)
                        for said, settings in ((turns, given), (bare, less))
                    }
                except Exception:  # whatever a template raises: it looks at it
                    made = {}
                if len(made) != 1:
                    shown.add(name)
    return sorted({*tried} - shown)


def turn_marks(tokenizer: PreTrainedTokenizerBase) -> set[str]:
    """The special tokens that a chat template writes around messages, and that no text holds."""
    messages = [{"role": role, "content": role} for role in ("user", "assistant")]
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False)
    except Exception:  # whatever a template raises
        text = ""
    marks = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    return {mark for mark in marks if mark in text and re.search(r"[^\w\s]", mark)}
