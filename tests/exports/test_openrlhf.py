"""By openrlhf/datasets/reward_dataset.py and the flags of openrlhf.cli.train_dpo, 0.11."""

import shlex
from itertools import pairwise

from komep_dataset.exports.openrlhf import FORMAT


def test_a_row_is_three_lists_of_messages():
    prompt = [{"role": "user", "content": "통풍이란?"}]
    assert FORMAT.row(prompt, "요산", "균") == {
        "prompt": prompt,
        "chosen": [{"role": "assistant", "content": "요산"}],
        "rejected": [{"role": "assistant", "content": "균"}],
    }


def test_settings_are_flags_that_a_shell_reads():
    name, text = FORMAT.settings(["train", "test"])
    flags = shlex.split(text, comments=True)
    assert name == "openrlhf.sh" and "--data.apply_chat_template" in flags
    pairs = dict(pairwise(flags))
    assert pairs["--data.dataset"] == "train.jsonl" and pairs["--data.prompt_key"] == "prompt"
    assert pairs["--eval.dataset"] == "test.jsonl" and pairs["--eval.split"] == "train"
    assert "--eval.dataset" not in FORMAT.settings(["train"])[1]
