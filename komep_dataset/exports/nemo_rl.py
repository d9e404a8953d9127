"""NeMo RL's `PreferenceDataset`: `context`, and two `completions` of which the one of the lower rank is preferred."""

from collections.abc import Sequence
from typing import Any

from komep_dataset.exports.registry import DATA, Format, Turns


def row(prompt: Turns, chosen: str, rejected: str) -> dict[str, Any]:
    ranked = [
        {"rank": rank, "completion": [{"role": "assistant", "content": text}]}
        for rank, text in enumerate((chosen, rejected))
    ]
    return {"context": prompt, "completions": ranked}


def settings(splits: Sequence[str]) -> tuple[str, str]:
    def dataset(split: str) -> str:
        return f"    dataset_name: PreferenceDataset\n    data_path: {DATA[split]}\n    subset: null\n    split: train\n"

    held_out = f"  validation:\n{dataset('test')}" if "test" in splits else "  validation: null\n"
    return (
        "nemo-rl.yaml",
        "# In the place of train and validation of examples/configs/dpo.yaml; a file has the split `train` alone. Pairs longer\n"
        "# than max_input_seq_length are masked out.\n"
        f"data:\n  train:\n{dataset('train')}{held_out}",
    )


FORMAT = Format(
    "nemo-rl", "https://github.com/NVIDIA-NeMo/RL/blob/main/docs/guides/dpo.md#datasets", row, settings
)
