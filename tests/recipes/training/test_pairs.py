"""Pairs that a recipe trains on: which are left out and why, and columns that change nothing."""

import json
import shutil

import pytest

from tests.recipes.tiny_runs import METHODS, flags, messages, pair, read, train, write_release

pytest.importorskip("trl", reason="needs the extra [train]")

from training.pairs import draw

EXTRA = {
    "input_ids": [1, 2, 3], "messages": [{"role": "user", "content": "?"}], "label": True, "completion": "none",
    "text": "none", "labels": [1], "images": None,
}  # fmt: skip


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


@pytest.mark.parametrize("method", METHODS)
def test_further_columns_change_nothing(method, tiny_model, tmp_path):
    """Those of other datasets, under names that TRL gives a meaning."""
    rows, summaries = [pair(i) for i in range(8)], []
    for name, more in (("plain", {}), ("more", EXTRA)):
        splits = {"train": [row | more for row in rows], "test": [pair(9) | more]}
        release = write_release(tmp_path / name, splits)
        output = tmp_path / f"{name}-out"
        assert train(method, flags(tiny_model, release, output, max_steps=1)) == 0
        summaries.append(read(output))
    first, second = summaries
    assert first["tokens_seen"] == second["tokens_seen"]
    assert first["train_loss"] == pytest.approx(second["train_loss"], abs=1e-6)
    assert first["evaluation"]["after"]["logps_chosen"] == pytest.approx(
        second["evaluation"]["after"]["logps_chosen"], abs=1e-4
    )


@pytest.mark.parametrize("method", METHODS)
def test_without_a_held_out_pair_nothing_is_evaluated(method, tiny_model, release, tmp_path):
    assert train(method, flags(tiny_model, release, tmp_path / "out", max_steps=1, max_test_pairs=0)) == 0
    assert read(tmp_path / "out")["evaluation"] == {"before": None, "after": None}


def test_a_template_that_refuses_a_conversation_is_quoted(tiny_model, tmp_path, capsys):
    """Gemma's has no system role."""
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    template = (model / "chat_template.jinja").read_text("utf-8")
    refusal = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    (model / "chat_template.jinja").write_text(refusal + template, "utf-8")
    row = pair(1)
    row["prompt"] = [{"role": "system", "content": "Be brief."}, *row["prompt"]]
    release = write_release(tmp_path / "release", {"train": [row], "test": [row]})
    assert train("dpo", flags(model, release, tmp_path / "out", max_steps=1)) == 1
    assert "System role not supported" in capsys.readouterr().err


def test_messages_in_parts_are_refused(tiny_model, tmp_path, capsys):
    row = pair(1)
    row["prompt"] = [{"role": "user", "content": [{"type": "text", "text": "?"}]}]
    release = write_release(tmp_path / "release", {"train": [row], "test": [row]})
    assert train("dpo", flags(tiny_model, release, tmp_path / "out", max_steps=1)) == 1
    assert "content" in capsys.readouterr().err


def test_overlong_pairs_are_dropped_and_counted(dpo_run):
    summary = read(dpo_run)
    assert summary["dropped"] == {"overlong": 1}
    assert summary["share_dropped"] == pytest.approx(1 / 30)
    (reject,) = [json.loads(line) for line in (dpo_run / "rejects.jsonl").read_text("utf-8").splitlines()]
    assert reject["key"] == f"{24:016x}" and reject["reason"] == "overlong"
    assert reject["detail"].startswith("train: ") and reject["detail"].endswith("max_length 64")


@pytest.mark.parametrize("splits", [{}, {"test": []}], ids=["no test split", "empty test split"])
def test_without_held_out_pairs(splits, tiny_model, tmp_path):
    folder = write_release(tmp_path / "release", {"train": [pair(i) for i in range(4)], **splits})
    arguments = flags(tiny_model, folder, tmp_path / "out", max_steps=1, eval_strategy="steps", eval_steps=1)
    assert train("dpo", arguments) == 0
    assert read(tmp_path / "out")["evaluation"] == {"before": None, "after": None}


@pytest.mark.parametrize("column", ["prompt", "rejected"])
def test_missing_column_is_named(column, tiny_model, tmp_path, capsys):
    rows = [{key: value for key, value in pair(i).items() if key != column} for i in range(2)]
    from datasets import Dataset

    Dataset.from_list(rows).to_parquet(tmp_path / "train.parquet")
    assert train("dpo", flags(tiny_model, tmp_path, tmp_path / "out", dataset_config="default")) == 1
    assert f"missing columns {column}" in capsys.readouterr().err


def test_columns_must_hold_messages(tiny_model, tmp_path, capsys):
    from datasets import Dataset

    Dataset.from_list([{"prompt": "a", "chosen": "b", "rejected": "c"}]).to_parquet(
        tmp_path / "train.parquet"
    )
    assert train("dpo", flags(tiny_model, tmp_path, tmp_path / "out", dataset_config="default")) == 1
    assert "column prompt must hold messages" in capsys.readouterr().err


def test_draw_is_seeded_and_never_repeats():
    from datasets import Dataset

    rows = Dataset.from_dict({"x": list(range(50))})
    first, again, other = (list(draw(rows, 10, seed)["x"]) for seed in (0, 0, 1))
    assert first == again != other and len(set(first)) == 10
    assert draw(rows, None, 0) is rows and draw(rows, 50, 0) is rows and draw(None, 3, 0) is None
