"""OpenRLHF's preference datasets: `prompt`, `chosen` and `rejected` as messages, named by `--data.*_key`."""

from collections.abc import Sequence
from typing import Any

from komep_dataset.exports.registry import DATA, Format, Turns


def row(prompt: Turns, chosen: str, rejected: str) -> dict[str, Any]:
    answers = {"chosen": chosen, "rejected": rejected}
    return {
        "prompt": prompt,
        **{side: [{"role": "assistant", "content": text}] for side, text in answers.items()},
    }


def settings(splits: Sequence[str]) -> tuple[str, str]:
    # A file has the split `train` alone, and the default of --eval.split is another.
    held_out = f" \\\n  --eval.dataset {DATA['test']} --eval.split train" if "test" in splits else ""
    return (
        "openrlhf.sh",
        "# Behind `deepspeed --module openrlhf.cli.train_dpo`, with your flags. What is longer than --data.max_len (by default\n"
        "# 512 tokens) is cut; --data.apply_chat_template takes the model's.\n"
        f"  --data.dataset {DATA['train']} --data.dataset_split train \\\n  --data.apply_chat_template \\\n"
        f"  --data.prompt_key prompt --data.chosen_key chosen --data.rejected_key rejected{held_out}\n",
    )


FORMAT = Format(
    "openrlhf", "https://openrlhf.readthedocs.io/en/latest/non_rl.html#direct-preference-optimization-dpo", row, settings
)  # fmt: skip
