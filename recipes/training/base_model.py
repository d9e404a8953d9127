"""The model that a recipe starts from: how it is loaded, and a tokenizer that can pad and speak in turns."""

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase, TrainingArguments
from trl import ModelConfig

from komep_dataset.errors import KomepError
from komep_dataset.inference.weights import gguf_advice, weights_fault
from training.errors import explained, said_by

# Tokens that families keep for padding or never use in a conversation, in the order in which they are tried.
PADDING = ("<|finetune_right_pad_id|>", "<|pad|>", "<pad>", "[PAD]", "<|endoftext|>", "<unk>")


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
        raise KomepError(
            f"{model} is a LoRA adapter: merge it into its model first (peft's merge_and_unload)"
        )
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
