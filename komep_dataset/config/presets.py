"""Ready-made responders: `preset: NAME` in pipeline.yaml fills in what is known of a model; the file wins.

Five models answer in the paper: Dolly-v2-3B, MPT-7B, GPT-4o, Qwen-2-7B and Llama-3-8B. Which checkpoints these
were, base or tuned on instructions, and which snapshot of GPT-4o, is not known: for the last three open ones
there is an entry for either. That an exam question goes to the tuned one first is our choice.

A sixth model is one entry more. Sampling values are DAHL's (arXiv 2411.09255): temperature 0.6, top_p 0.9 and
256 new tokens for open models; temperature 0.6 and no token limit for GPT models.
"""

from dataclasses import dataclass
from typing import Any

from komep_dataset.config.yaml_records import nearest

OPEN_PROTOCOLS = ("chat", "dahl-hf", "dahl-gpt")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a model.

    `model` is the name on the Hub or at the provider; `protocol` the one it is asked by unless the file says
    otherwise, `protocols` all that it can be asked by; `format` a name of `prompts.formats.FORMATS`, for a model that
    is asked by `chat` and has no chat template: its prompt is rendered here and goes to `/completions`.
    """

    model: str
    protocol: str = "chat"
    protocols: tuple[str, ...] = OPEN_PROTOCOLS
    format: str | None = None
    temperature: float = 0.6
    top_p: float = 0.9
    max_new_tokens: int | None = 256

    def values(self, protocol: str) -> dict[str, Any]:
        """The keys of pipeline.yaml that the entry fills in; a format goes with the protocol `chat` alone."""
        filled = {key: getattr(self, key) for key in ("model", "temperature", "top_p", "max_new_tokens")}
        return filled | {"format": self.format if protocol == "chat" else None}


ENTRIES = {
    "dolly-v2-3b": Entry("databricks/dolly-v2-3b", protocols=("chat", "dahl-hf"), format="dolly"),
    "mpt-7b-instruct": Entry("mosaicml/mpt-7b-instruct", protocols=("chat", "dahl-hf"), format="mpt"),
    "mpt-7b": Entry("mosaicml/mpt-7b", "dahl-hf", ("dahl-hf",)),
    # DAHL names no top_p for GPT models: 1.0 is the API's own default.
    "gpt-4o": Entry("gpt-4o", protocols=("chat", "dahl-gpt"), top_p=1.0, max_new_tokens=None),
    # Its chat template puts "You are a helpful assistant." in front where there is no system prompt; no BOS.
    "qwen2-7b-instruct": Entry("Qwen/Qwen2-7B-Instruct"),
    "qwen2-7b": Entry("Qwen/Qwen2-7B", "dahl-hf", ("dahl-hf",)),
    # Template and tokenizer both know the BOS: a server that renders the one must not add the other's.
    "llama-3-8b-instruct": Entry("meta-llama/Meta-Llama-3-8B-Instruct"),
    "llama-3-8b": Entry("meta-llama/Meta-Llama-3-8B", "dahl-hf", ("dahl-hf",)),
}


def fill_in(raw: dict[str, Any]) -> dict[str, Any]:
    """The keys of a responder with those of its preset under them; unchanged where it names none.

    Raises:
        ValueError: (key, what is wrong) if there is no such preset, or it cannot be asked by the protocol.
    """
    name = raw.get("preset")
    if name is None:
        return raw
    if not isinstance(name, str):
        raise ValueError("preset", f"expected the name of a preset, got {name!r}")
    if name not in ENTRIES:
        meant = nearest(name.casefold(), ENTRIES)
        raise ValueError("preset", f"no preset {name!r}; {meant} (all: {', '.join(ENTRIES)})")
    entry = ENTRIES[name]
    protocol = raw.get("protocol", entry.protocol)
    if protocol in OPEN_PROTOCOLS and protocol not in entry.protocols:
        raise ValueError("protocol", f"{name} is asked by {' or '.join(entry.protocols)}, not {protocol}")
    return {"name": name, "protocol": protocol} | entry.values(protocol) | raw
