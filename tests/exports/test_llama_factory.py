"""By data/README.md of LLaMA-Factory, "Sharegpt Format", "Preference Dataset"."""

import json

import yaml

from komep_dataset.exports.llama_factory import FORMAT


def test_a_row_is_a_conversation_and_two_messages():
    prompt = [{"role": "system", "content": "s"}, {"role": "user", "content": "통풍이란?"}]
    assert FORMAT.row(prompt, "요산", "균") == {
        "conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "통풍이란?"}],
        "chosen": {"from": "gpt", "value": "요산"},
        "rejected": {"from": "gpt", "value": "균"},
    }


def test_settings_name_datasets_that_the_description_has():
    for splits in (["train"], ["train", "test"]):
        info = json.loads(FORMAT.beside(splits)["dataset_info.json"])
        name, text = FORMAT.settings(splits)
        own = yaml.safe_load(text)
        assert name == "llama-factory.yaml" and own["stage"] == "dpo"
        assert [own["dataset"], *([own["eval_dataset"]] if "eval_dataset" in own else [])] == list(info)
        for split, one in zip(splits, info.values(), strict=True):
            assert (
                one["ranking"] is True
                and one["formatting"] == "sharegpt"
                and one["file_name"] == f"{split}.jsonl"
            )
            assert one["columns"] == {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"}
