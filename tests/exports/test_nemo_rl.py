"""By docs/guides/dpo.md of NeMo RL, "Datasets"."""

import yaml

from komep_dataset.exports.nemo_rl import FORMAT


def test_the_lower_rank_is_the_chosen_answer():
    prompt = [{"role": "user", "content": "통풍이란?"}]
    assert FORMAT.row(prompt, "요산", "균") == {
        "context": prompt,
        "completions": [
            {"rank": 0, "completion": [{"role": "assistant", "content": "요산"}]},
            {"rank": 1, "completion": [{"role": "assistant", "content": "균"}]},
        ],
    }


def test_settings_replace_both_datasets_of_the_example():
    name, text = FORMAT.settings(["train", "test"])
    data = yaml.safe_load(text)["data"]
    assert name == "nemo-rl.yaml"
    for key, path in (("train", "train.jsonl"), ("validation", "test.jsonl")):
        assert data[key] == {
            **{"dataset_name": "PreferenceDataset", "data_path": path, "subset": None, "split": "train"}
        }
    assert yaml.safe_load(FORMAT.settings(["train"])[1])["data"]["validation"] is None
