"""The plain-text prompts of models that were tuned on instructions and ship no chat template."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Format:
    """The layout of such a model's prompt.

    `template` holds `{instruction}` once. The text of an answer ends before the first of `ends`, whether the
    server stopped there or not. `extra` are request keys beyond OpenAI's that the format needs. None of these
    texts holds a BOS: where a model has one, the server's tokenizer puts it in front.
    """

    template: str
    ends: tuple[str, ...]
    extra: dict[str, Any] = field(default_factory=dict)


_INTRO = "Below is an instruction that describes a task. Write a response that appropriately completes the request."
FORMATS = {
    # instruct_pipeline.py beside the weights of databricks/dolly-v2-3b: blank lines between the parts, a line
    # break at the end, "### End" closes the answer. That marker is one token of the vocabulary, marked special:
    # vLLM and SGLang leave it out of the text, and so never stop at it, unless they are told not to skip it
    # (vllm-project/vllm#2123).
    "dolly": Format(
        f"{_INTRO}\n\n### Instruction:\n{{instruction}}\n\n### Response:\n",
        ("### End", "<|endoftext|>"),
        {"skip_special_tokens": False},
    ),
    # Model card of mosaicml/mpt-7b-instruct, and llm-foundry: the same words without the blank lines.
    "mpt": Format(f"{_INTRO}\n### Instruction:\n{{instruction}}\n### Response:\n", ("<|endoftext|>",)),
}


def cut_at_end(text: str, format: str | None) -> str:
    """An answer without the marker that closes it in its format, and what a server let follow."""
    ends = FORMATS[format].ends if format else ()
    return text[: min((text.find(end) for end in ends if end in text), default=len(text))]
