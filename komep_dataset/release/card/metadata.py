"""What the Hub wants to know of a dataset: keys of its card, with values from the Hub's lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# github.com/huggingface/hub-docs, datasetcard.md: size classes by rows.
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
LARGER = "1M<n<10M"
# Terms of what the ready-made responders write, as their makers publish them; they go with the model's name.
OUTPUT_TERMS = {
    "dolly-v2-3b": "MIT (the model's licence)",
    "mpt-7b": "Apache-2.0 (the model's licence)",
    "mpt-7b-instruct": "Apache-2.0 (the model's licence)",
    "gpt-4o": "OpenAI's terms of use, which restrict training models that compete",
    "qwen2-7b": "Apache-2.0 (the model's licence)",
    "qwen2-7b-instruct": "Apache-2.0 (the model's licence)",
    "llama-3-8b": "Meta Llama 3 Community License, which restricts training others on its output",
    "llama-3-8b-instruct": "Meta Llama 3 Community License, which restricts training others on its output",
}
_OF_THE_SAMPLE = "Apache-2.0: written for the KoMeP project, no model's output"
_UNKNOWN = "not recorded here"


def hub_metadata(rows: Mapping[str, Mapping[str, int]], is_sample: bool) -> dict[str, Any]:
    """Licence, size, languages and makers of a release as the Hub names them.

    Args:
        rows: config -> split -> rows; the first config is the default one.
        is_sample: whether it was built from the sample alone.
    """
    total = sum(next(iter(rows.values()), {}).values())
    size = next((name for limit, name in SIZES if total < limit), LARGER)
    licence = (
        {"license": "apache-2.0"}
        if is_sample
        else {"license": "other", "license_name": "terms-of-its-sources"}
    )
    return {
        **licence,
        "language": [c for c in ("ko", "en") if c in rows] or ["en"],
        "multilinguality": ["translation" if {"ko", "en"} <= rows.keys() else "monolingual"],
        "size_categories": [size],
        "source_datasets": ["original"],
        "annotations_creators": ["other" if is_sample else "machine-generated"],
        "language_creators": ["other"] if is_sample else ["found", "machine-generated"],
        "task_categories": ["text-generation"],
        "tags": ["medical", "preference", "dpo", "orpo", "korean", "dahl"],
    }


def output_terms(models: Mapping[str, Any], is_sample: bool) -> dict[str, str]:
    """Responder -> the terms of its answers; by its name where it is a ready-made one, else not known."""
    return {
        name: _OF_THE_SAMPLE if is_sample else OUTPUT_TERMS.get(name.casefold(), _UNKNOWN) for name in models
    }
