"""axolotl's DPO datasets of the type `chat_template.default`: `messages`, then `chosen` and `rejected` as one message each.

Its loader looks for an answer in what the chat template made of it, and takes the last sign alone where the template has
trimmed it (`axolotl/prompt_strategies/dpo/chat_template.py`): blanks around an answer are left out here.
"""

from collections.abc import Sequence
from typing import Any

from komep_dataset.exports.registry import DATA, Format, Turns

_DATASET = """\
  - path: {path}
    ds_type: json
    split: train  # all of the file
    type: chat_template.default
    field_messages: messages
    field_chosen: chosen
    field_rejected: rejected
    message_property_mappings: {{role: role, content: content}}
    roles: {{system: [system], user: [user], assistant: [assistant]}}
"""


def row(prompt: Turns, chosen: str, rejected: str) -> dict[str, Any]:
    answers = {"chosen": chosen, "rejected": rejected}
    said = {side: {"role": "assistant", "content": text.strip()} for side, text in answers.items()}
    return {"messages": prompt, **said}


def settings(splits: Sequence[str]) -> tuple[str, str]:
    held_out = f"test_datasets:\n{_DATASET.format(path=DATA['test'])}" if "test" in splits else ""
    return (
        "axolotl.yaml",
        "# Into your YAML; paths are relative to where axolotl is started. Pairs longer than sequence_len are dropped.\n"
        f"rl: dpo\ndatasets:\n{_DATASET.format(path=DATA['train'])}{held_out}",
    )


FORMAT = Format("axolotl", "https://docs.axolotl.ai/docs/rlhf.html#chat_template.default", row, settings)
