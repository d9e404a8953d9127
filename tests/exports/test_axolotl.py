"""By https://docs.axolotl.ai/docs/rlhf.html#chat_template.default"""

import yaml

from komep_dataset.exports.axolotl import FORMAT

PROMPT = [{"role": "user", "content": "통풍이란?"}]


def test_a_row_has_messages_and_one_message_a_side_without_blanks_around():
    assert FORMAT.row(PROMPT, "\n요산 ", " 바이러스\n") == {
        "messages": PROMPT,
        "chosen": {"role": "assistant", "content": "요산"},
        "rejected": {"role": "assistant", "content": "바이러스"},
    }


def test_settings_name_the_type_and_its_fields():
    name, text = FORMAT.settings(["train", "test"])
    found = yaml.safe_load(text)
    assert name == "axolotl.yaml" and found["rl"] == "dpo"
    for key, path in (("datasets", "train.jsonl"), ("test_datasets", "test.jsonl")):
        (one,) = found[key]
        assert one["path"] == path and one["type"] == "chat_template.default" and one["split"] == "train"
        assert {one["field_messages"], one["field_chosen"], one["field_rejected"]} == {
            "messages",
            "chosen",
            "rejected",
        }
    assert "test_datasets" not in yaml.safe_load(FORMAT.settings(["train"])[1])
