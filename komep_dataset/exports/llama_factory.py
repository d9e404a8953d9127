"""LLaMA-Factory's preference datasets in ShareGPT's shape, which `dataset_info.json` names and describes."""

import json
from collections.abc import Sequence
from typing import Any

from komep_dataset.exports.registry import DATA, Format, Turns

SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}


def row(prompt: Turns, chosen: str, rejected: str) -> dict[str, Any]:
    turns = [{"from": SPEAKERS[turn["role"]], "value": turn["content"]} for turn in prompt]
    answers = {"chosen": chosen, "rejected": rejected}
    return {
        "conversations": turns,
        **{side: {"from": "gpt", "value": text} for side, text in answers.items()},
    }


def described(splits: Sequence[str]) -> dict[str, str]:
    columns = {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"}
    info = {
        f"komep_{split}": {
            "file_name": DATA[split],
            "formatting": "sharegpt",
            "ranking": True,
            "columns": columns,
        }
        for split in splits
    }
    return {"dataset_info.json": json.dumps(info, indent=2) + "\n"}


def settings(splits: Sequence[str]) -> tuple[str, str]:
    held_out = "eval_dataset: komep_test\n" if "test" in splits else ""
    return (
        "llama-factory.yaml",
        "# Into your YAML; dataset_dir is the folder of dataset_info.json. Pairs longer than cutoff_len are cut.\n"
        f"stage: dpo\npref_loss: sigmoid\ndataset_dir: .\ndataset: komep_train\n{held_out}",
    )


FORMAT = Format(
    "llama-factory",
    "https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md#preference-dataset-1",
    row, settings, described,
)  # fmt: skip
