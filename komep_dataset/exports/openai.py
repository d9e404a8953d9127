"""OpenAI's preference fine-tuning: `input`, `preferred_output` and `non_preferred_output`, of one turn."""

from collections.abc import Sequence
from typing import Any

from komep_dataset.exports.registry import DATA, Format, Turns


def row(prompt: Turns, chosen: str, rejected: str) -> dict[str, Any]:
    answers = {"preferred_output": chosen, "non_preferred_output": rejected}
    return {
        "input": {"messages": prompt},
        **{name: [{"role": "assistant", "content": text}] for name, text in answers.items()},
    }


def settings(splits: Sequence[str]) -> tuple[str, str]:
    held_out = f'    validation_file=upload("{DATA["test"]}"),\n' if "test" in splits else ""
    return (
        "openai_job.py",
        f'''\
# The key is OPENAI_API_KEY; what is uploaded leaves this machine, and the job is paid for.
from openai import OpenAI

client = OpenAI()


def upload(name):
    with open(name, "rb") as file:
        return client.files.create(file=file, purpose="fine-tune").id


job = client.fine_tuning.jobs.create(
    model="gpt-4.1-mini-2025-04-14",
    training_file=upload("{DATA["train"]}"),
{held_out}    method={{"type": "dpo", "dpo": {{"hyperparameters": {{"beta": "auto"}}}}}},
)
print(job.id)
''',
    )


FORMAT = Format(
    "openai", "https://developers.openai.com/api/docs/guides/direct-preference-optimization", row, settings
)
