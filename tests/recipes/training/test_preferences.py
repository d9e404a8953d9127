"""What reaches the trainers: the same tokens for every method, no faulty pairs, a padding that hides nothing."""

import json
import re

import pytest

from tests.recipes.tiny_runs import METHODS, RECIPES, flags, messages, pair, read, train, write_release

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("trl", reason="needs the extra [train]")

from training.base_model import pick_padding  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

TRAINERS = {"dpo": "PairwiseDPOTrainer", "orpo": "PairwiseORPOTrainer", "sft": "PairwiseSFTTrainer"}


@pytest.fixture(scope="module")
def without_padding(tiny_model, tmp_path_factory):
    """The tiny model with a tokenizer that has no padding token, and none to spare but the end of a turn."""
    import shutil

    folder = tmp_path_factory.mktemp("no-pad") / "model"
    shutil.copytree(tiny_model, folder)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        text = (folder / name).read_text("utf-8").replace("<|endoftext|>", "<|unused|>")
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def trainers(without_padding, tmp_path_factory):
    """Method -> trainer after one step on pairs of unlike lengths."""
    from importlib import import_module

    rows = [pair(i, words=3 + 2 * i) for i in range(4)]
    folder = write_release(tmp_path_factory.mktemp("pairs"), {"train": rows, "test": [pair(9)]})
    found = {}
    for method, name in TRAINERS.items():
        recipe = import_module(method)
        original = getattr(recipe, name)

        def keep(method=method, original=original, **settings):
            found[method] = original(**settings)
            return found[method]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(recipe, name, keep)
            output = tmp_path_factory.mktemp(method) / "out"
            assert train(method, flags(without_padding, folder, output, max_steps=1)) == 0
    return found


def test_every_method_sees_the_same_tokens(trainers):
    dpo, orpo, sft = (trainers[method].train_dataset for method in METHODS)
    for i in range(4):
        whole = dpo[i]["prompt_ids"] + dpo[i]["chosen_ids"]
        assert whole == orpo[i]["chosen_input_ids"] == sft[i]["input_ids"]
        assert orpo[i]["chosen_labels"] == sft[i]["labels"]
        assert dpo[i]["prompt_ids"] + dpo[i]["rejected_ids"] == orpo[i]["rejected_input_ids"]
        ends = whole.count(trainers["dpo"].processing_class.convert_tokens_to_ids("<|im_end|>"))
        assert (
            ends == 2
        )  # one for each turn: TRL's own tokens for ORPO have a third after the last line break


def test_the_end_of_a_turn_stays_in_the_loss_where_it_is_the_padding_too(trainers):
    tokenizer = trainers["dpo"].processing_class
    assert tokenizer.pad_token == tokenizer.eos_token == "<|im_end|>"
    end = tokenizer.eos_token_id
    for method, trainer in trainers.items():
        names = {"dpo": ("prompt_ids", "chosen_ids", "rejected_ids"), "sft": ("input_ids", "labels")}
        rows = [
            {key: value for key, value in row.items() if key in names.get(method, row)}
            for row in trainer.train_dataset
        ]
        batch = trainer.data_collator(rows)
        ids = batch["chosen_input_ids"] if method == "orpo" else batch["input_ids"][:4]
        if method == "dpo":
            scored = batch["completion_mask"][:4].bool()
        else:
            scored = (batch["chosen_labels"] if method == "orpo" else batch["labels"]) != -100
        assert ((ids == end) & scored).sum(1).tolist() == [1, 1, 1, 1], method  # the real one, and no padding
        assert (ids == end).sum(1).tolist()[0] > 2, method  # the shortest is padded with it


@pytest.mark.parametrize(
    "tokens, chosen",
    [
        ({"pad_token": "<own>", "eos_token": "</s>"}, "<own>"),
        (
            {"pad_token": None, "eos_token": "<|eot_id|>", "vocab": ["<|finetune_right_pad_id|>"]},
            "<|finetune_right_pad_id|>",
        ),
        ({"pad_token": None, "eos_token": "<|endoftext|>", "vocab": ["<|endoftext|>"]}, "<|endoftext|>"),
        ({"pad_token": None, "eos_token": "</s>", "bos_token": "<unk>", "vocab": ["<unk>"]}, "</s>"),
    ],
)
def test_padding_token(tokens, chosen):
    class Tokenizer:
        name_or_path, bos_token = "here", None

        def get_vocab(self):
            return {word: i for i, word in enumerate(tokens.get("vocab", []))}

    tokenizer = Tokenizer()
    for name in ("pad_token", "eos_token", "bos_token"):
        setattr(tokenizer, name, tokens.get(name))
    assert pick_padding(tokenizer) == chosen


def test_faulty_pairs_are_left_out_with_a_reason(tiny_model, tmp_path, capsys):
    rows = [pair(i) for i in range(6)]
    rows[1]["rejected"] = messages("assistant", " \n")
    rows[3]["rejected"] = [{**rows[3]["chosen"][0], "content": f"  {rows[3]['chosen'][0]['content']}\n"}]
    rows[4]["prompt"] = []
    folder = write_release(tmp_path / "release", {"train": rows})
    assert train("dpo", flags(tiny_model, folder, tmp_path / "out", max_steps=1)) == 0
    said = capsys.readouterr().out
    assert (
        "3 to train on" in said
        and f"2 bad_value (first: {1:016x}), 1 identical_text (first: {3:016x})" in said
    )
    rejects = [
        json.loads(line) for line in (tmp_path / "out" / "rejects.jsonl").read_text("utf-8").splitlines()
    ]
    assert [(row["key"], row["reason"], row["detail"]) for row in rejects] == [
        (f"{1:016x}", "bad_value", "train: rejected is empty"),
        (f"{3:016x}", "identical_text", "train: chosen and rejected are the same text"),
        (f"{4:016x}", "bad_value", "train: prompt is empty"),
    ]
    assert read(tmp_path / "out")["dropped"] == {"bad_value": 2, "identical_text": 1}
    from komep_dataset.schema import Reason

    assert {row["reason"] for row in rejects} <= {reason.value for reason in Reason}


def test_nothing_but_faulty_pairs(tiny_model, tmp_path, capsys):
    rows = [{**pair(0), "rejected": pair(0)["chosen"]}, pair(1, words=90)]
    folder = write_release(tmp_path / "release", {"train": rows})
    assert train("orpo", flags(tiny_model, folder, tmp_path / "out", max_steps=1)) == 1
    assert "none of 2 train pairs can be trained on: 1 identical_text" in capsys.readouterr().err


def test_no_chat_template(tiny_model, release, tmp_path, capsys):
    import shutil

    shutil.copytree(tiny_model, tmp_path / "model")
    (tmp_path / "model" / "chat_template.jinja").unlink()
    assert train("sft", flags(tmp_path / "model", release, tmp_path / "out")) == 1
    assert "no chat template; take an instruction-tuned model" in capsys.readouterr().err


def test_recipes_have_the_same_sections_and_short_mains():
    found = {}
    for method in METHODS:
        text = (RECIPES / f"{method}.py").read_text("utf-8")
        found[method] = re.findall(r"#{20}\n    # (.+)\n    #{20}", text)
        main = text[text.index("\ndef main(") : text.index('\nif __name__ == "__main__"')]
        assert len(main.strip().splitlines()) <= 120, method
    assert found["dpo"] == found["orpo"] == found["sft"]
    assert found["dpo"][0] == "Seed and logging" and found["dpo"][-1] == "Push" and len(found["dpo"]) == 9
