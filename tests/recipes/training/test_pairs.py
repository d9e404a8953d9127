"""Pairs that a recipe trains on, in every shape in which people have them, and columns that change nothing."""

import gzip
import json

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.release.build import build
from tests.preferences import sets
from tests.recipes.tiny_runs import METHODS, flags, messages, pair, read, train, write_release

pytest.importorskip("trl", reason="needs the extra [recipes]")

from datasets import Dataset
from training.flags import RecipeArguments
from training.pairs import draw, in_turns, load_preferences, rows_hash
from training.run_record import describe_dataset
from training.unfit import drop_unfit
from transformers import AutoTokenizer

# Under every method, and by default under one: these are runs of seconds.
EACH = ["dpo", *(pytest.param(method, marks=pytest.mark.slow) for method in METHODS if method != "dpo")]
EXTRA = {
    "input_ids": [1, 2, 3], "messages": [{"role": "user", "content": "?"}], "label": True, "completion": "none",
    "text": "none", "labels": [1], "images": None,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("method", EACH)
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


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def text(row):
    return {name: row[name][0]["content"] for name in ("prompt", "chosen", "rejected")}


def repeating(row):
    return {"prompt": row["prompt"], **{side: row["prompt"] + row[side] for side in ("chosen", "rejected")}}


def implicit(row):
    return {side: row["prompt"] + row[side] for side in ("chosen", "rejected")}


def in_parts(row):
    return {
        name: [{"role": m["role"], "content": [{"type": "text", "text": m["content"]}]} for m in row[name]]
        for name in ("prompt", "chosen", "rejected")
    }


SHAPES = {"text": text, "repeating": repeating, "implicit": implicit, "in parts": in_parts}


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "JSONL", "parquet", "csv"])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_in_a_file_becomes_messages(shape, ending, tmp_path):
    rows, file = [SHAPES[shape](pair(i)) for i in range(3)], tmp_path / f"pairs.{ending}"
    if ending == "csv":
        rows = [{k: v if isinstance(v, str) else json.dumps(v) for k, v in row.items()} for row in rows]
    if ending in ("parquet", "csv"):
        getattr(Dataset.from_list(rows), f"to_{ending}")(file)
    else:
        write_jsonl(file, rows)
    if ending.endswith("gz"):
        file.write_bytes(gzip.compress(file.read_bytes()))
    train, test = load_preferences(str(file), "ko", ("train", "test"))
    assert test is None
    assert train.to_list() == [
        {k: v for k, v in pair(i).items() if k in train.column_names} for i in range(3)
    ]


def test_a_dataset_in_our_shape_is_left_as_it_is():
    """By its fingerprint a resumed run knows its data, and the cache its log-probabilities."""
    given = Dataset.from_list([pair(i) for i in range(3)])
    assert in_turns(given)._data == given._data and "fault" not in in_turns(given).column_names


def test_what_else_a_message_holds_stays_in_every_shape():
    call = {"role": "assistant", "content": None, "tool_calls": [{"name": "dose"}]}
    answer = [call, {"role": "tool", "content": "5 mg"}, *messages("assistant", "aspirin")]
    row = pair(0)
    given = Dataset.from_list([{**row, "prompt": row["prompt"][0]["content"], "chosen": answer}])
    (made,) = in_turns(given).to_list()
    assert made["prompt"][0]["content"] == row["prompt"][0]["content"]
    assert made["chosen"][0]["tool_calls"] == call["tool_calls"] and made["chosen"][1]["role"] == "tool"


def test_messages_that_differ_from_row_to_row_in_one_file(tmp_path):
    """Text, parts, whole conversations and a call of a tool, for which `datasets` has no common type but JSON."""
    call = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"function": {"name": "dose", "arguments": {"a": 1}}}],
    }
    with_tool = pair(4)
    with_tool["chosen"] = [call, {"role": "tool", "content": "5 mg"}, *with_tool["chosen"]]
    shaped = [make(pair(i)) for i, make in enumerate(SHAPES.values())]
    train, _ = load_preferences(
        str(write_jsonl(tmp_path / "p.jsonl", [*shaped, with_tool])), None, ("train", "test")
    )
    assert "fault" not in train.column_names and train[4]["chosen"][0]["tool_calls"] == call["tool_calls"]
    for i, row in enumerate(train):
        last = {name: row[name][-1]["content"] for name in ("prompt", "chosen", "rejected")}
        assert last == text(pair(i)), i


@pytest.mark.slow
@pytest.mark.parametrize("method", EACH)
def test_pairs_that_repeat_their_prompt_are_trained_with_it_once(method, tiny_model, tmp_path):
    """And one whose rejected answer the user speaks not at all."""
    rows = [pair(i) for i in range(5)]
    given = [{**row, **repeating(row)} for row in rows]
    given[4]["rejected"] = messages("user", "aspirin")
    release = write_release(tmp_path / "release", {"train": rows[:4]})
    file = write_jsonl(tmp_path / "pairs.jsonl", given)
    summaries = []
    for name in (release, file):
        output = tmp_path / f"out of {name.name}"
        assert train(method, flags(tiny_model, name, output, max_steps=1)) == 0
        summaries.append(read(output))
    first, second = summaries
    assert first["tokens_seen"] == second["tokens_seen"]
    assert first["train_loss"] == pytest.approx(second["train_loss"], abs=1e-6)
    assert second["dataset"]["config"] is None
    (reject,) = map(json.loads, (output / "rejects.jsonl").read_text("utf-8").splitlines())
    assert (reject["key"], reject["reason"]) == (f"{4:016x}", "bad_value")
    assert reject["detail"] == "train: rejected: a turn of user where the assistant answers"


def test_a_file_that_is_torn_or_of_another_kind_is_named(tiny_model, tmp_path, capsys):
    file = write_jsonl(tmp_path / "pairs.jsonl", [pair(0), pair(1)])
    file.write_text(file.read_text("utf-8")[:-40], "utf-8")
    assert train("sft", flags(tiny_model, file, tmp_path / "out", max_steps=1)) == 1
    assert f"{file}:2: not JSON" in capsys.readouterr().err
    (tmp_path / "empty.jsonl").touch()
    assert train("sft", flags(tiny_model, tmp_path / "empty.jsonl", tmp_path / "out")) == 1
    assert "empty.jsonl: is empty" in capsys.readouterr().err
    assert train("sft", flags(tiny_model, file.rename(tmp_path / "pairs.txt"), tmp_path / "out")) == 1
    assert "must end in one of .jsonl" in capsys.readouterr().err


@pytest.mark.parametrize("separator", ",;\t|")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
def test_a_csv_as_spreadsheets_save_it(encoding, separator, tmp_path):
    rows = [text(pair(i)) for i in range(4)]
    lines = [separator.join(rows[0]), *(separator.join(row.values()) for row in rows)]
    file = tmp_path / "pairs.csv"
    file.write_bytes("\r\n".join(lines).encode(encoding))
    made, again = (load_preferences(str(file), "ko", ("train", "test"))[0] for _ in range(2))
    assert made.to_list() == [{k: v for k, v in pair(i).items() if k in made.column_names} for i in range(4)]
    assert made._fingerprint == again._fingerprint  # a resumed run knows its data by it


def test_a_csv_with_further_columns_and_what_is_wrong_with_one(tiny_model, tmp_path, capsys):
    rows = [
        {
            "question_id": f"{i:016x}",
            "tools": ("", "nan", "None")[i],
            "chat_template_kwargs": "",
            **text(pair(i)),
        }
        for i in range(3)
    ]
    file = tmp_path / "pairs.tsv"
    file.write_text("\n".join("\t".join(row) for row in (rows[0], *(row.values() for row in rows))), "utf-8")
    made, test = load_preferences(str(file), None, ("train", "test"))
    assert made["question_id"] == [row["question_id"] for row in rows] and test is None
    with pytest.raises(KomepError, match="no split 'held'"):
        load_preferences(str(file), None, ("train", "held"))
    file.write_text(file.read_text("utf-8") + "\nx\ty\n", "utf-8")
    with pytest.raises(KomepError, match=r"pairs\.tsv:5: 2 fields, the header has 6"):
        load_preferences(str(file), None, ("train", "test"))
    file.write_text("prompt\tchosen\trejected\n", "utf-8")
    with pytest.raises(KomepError, match="no rows"):
        load_preferences(str(file), None, ("train", "test"))


def test_columns_under_other_names_are_taken_and_said(tmp_path, capsys):
    names = {"prompt": "question", "chosen": "chosen_response", "rejected": "rejected_response"}
    rows = [
        {**{names[name]: value for name, value in text(pair(i)).items()}, "messages": "x"} for i in range(3)
    ]
    file = write_jsonl(
        tmp_path / "p.jsonl", [{k: v for k, v in row.items() if k != "messages"} for row in rows]
    )
    made, _ = load_preferences(str(file), None, ("train", "test"))
    assert made.to_list() == [{k: v for k, v in pair(i).items() if k in made.column_names} for i in range(3)]
    said = capsys.readouterr().out
    assert all(f"train: column {old} is taken as {new}" in said for new, old in names.items())
    with pytest.raises(KomepError, match="missing columns prompt") as told:
        load_preferences(str(write_jsonl(file, rows)), None, ("train", "test"))
    code = str(told.value).split("in Python: ")[1].split("; then")[0]
    for new, old in names.items():
        code = code.replace(f'"{new}": row["…"]', f'"{new}": row["{old}"]')
    exec(code.replace("pairs.jsonl", str(tmp_path / "pairs.jsonl")), {})
    again, _ = load_preferences(str(tmp_path / "pairs.jsonl"), None, ("train", "test"))
    assert again.to_list() == made.to_list()


@pytest.mark.parametrize("shape", sets.SHAPES)
def test_a_set_of_others_is_read_as_the_audit_reads_it(shape, tmp_path, capsys):
    train, test = load_preferences(str(sets.write(tmp_path / "set.jsonl", shape)), None, ("train", "test"))
    sides = ("prompt", "chosen", "rejected")
    assert [tuple(row[side][-1]["content"] for side in sides) for row in train] == sets.PAIRS and test is None
    assert all(len(row[side]) == 1 for row in train for side in sides) and {*sides} == {*train.column_names}
    said = "the best and the worst of" in capsys.readouterr().out
    assert said == (shape in ("NeMo RL", "Nectar", "UltraFeedback"))


@pytest.mark.slow
def test_an_export_is_trained_on_with_its_held_out_pairs(tiny_model, tmp_path, capsys):
    (tmp_path / "set").mkdir()
    for name, some in (("train", sets.PAIRS[:6]), ("test", sets.PAIRS[6:8])):
        sets.write(tmp_path / "set" / f"{name}.jsonl", "NeMo RL", some)
    assert (
        train("dpo", flags(tiny_model, tmp_path / "set", tmp_path / "out", max_steps=1, max_length=512)) == 0
    )
    assert "6 to train on, 2 held out; none left out" in capsys.readouterr().out


def test_completions_without_a_preference_are_left_out_with_the_reason(tiny_model, tmp_path):
    rows = [sets.SHAPES["NeMo RL"](*pair) for pair in sets.PAIRS[:3]]
    rows[1]["completions"][0]["rank"] = 0
    (tmp_path / "set.jsonl").write_text("\n".join(map(json.dumps, rows)))
    train, _ = load_preferences(str(tmp_path / "set.jsonl"), None, ("train", "test"))
    kept, _, rejects = drop_unfit(train, None, AutoTokenizer.from_pretrained(tiny_model), None)
    assert len(kept) == 2 and "every completion has the rank 0: none is preferred" in rejects[0]["detail"]


def test_whole_conversations_need_no_prompt_of_another_name(tmp_path, capsys):
    rows = [{**implicit(pair(i)), "messages": implicit(pair(i))["chosen"], "question": "?"} for i in range(2)]
    made, _ = load_preferences(str(write_jsonl(tmp_path / "p.jsonl", rows)), None, ("train", "test"))
    assert made[0]["prompt"] == pair(0)["prompt"] and capsys.readouterr().out == ""


def test_one_split_as_datasets_saves_it(tmp_path):
    given = Dataset.from_list([text(pair(i)) for i in range(3)])
    given.save_to_disk(tmp_path / "saved")
    made, test = load_preferences(str(tmp_path / "saved"), "ko", ("train", "test"))
    assert len(made) == 3 and test is None


def test_a_split_that_could_be_held_out_is_named(tmp_path, capsys):
    for split in ("train", "dev"):
        write_jsonl(tmp_path / f"{split}.jsonl", [pair(i) for i in range(4)])
    _, test = load_preferences(str(tmp_path), None, ("train", "test"))
    assert (
        test is None
        and "no split 'test', so nothing is held out; it has validation" in capsys.readouterr().out
    )
    assert len(load_preferences(str(tmp_path), None, ("train", "validation"))[1]) == 4


def test_which_of_two_system_messages_wins_is_said(tmp_path, capsys):
    rows = [{"system": "Be brief.", **pair(i)} for i in range(3)]
    said = []
    for own in (0, 1, 3):
        for row in rows[:own]:
            row["prompt"] = messages("system", "Be long.") + row["prompt"][-1:]
        load_preferences(str(write_jsonl(tmp_path / "p.jsonl", rows)), None, ("train", "test"))
        said += capsys.readouterr().out.splitlines()
    assert said == [
        "train: column system is used as the system message",
        "train: column system is used as the system message; 1 of 3 pairs have another one, which stays",
        "train: column system is not used; 3 of 3 pairs have another one, which stays",
    ]


def test_a_system_message_in_a_column_is_used_and_said_once(tmp_path, capsys):
    rows = [{"system": "Be brief." if i else None, **text(pair(i))} for i in range(3)]
    train, _ = load_preferences(str(write_jsonl(tmp_path / "p.jsonl", rows)), None, ("train", "test"))
    assert capsys.readouterr().out.count("column system is used as the system message") == 1
    assert [len(prompt) for prompt in train["prompt"]] == [1, 2, 2]
    assert train[1]["prompt"][0] == {"role": "system", "content": "Be brief."}
    assert train.column_names == ["prompt", "chosen", "rejected"]


def test_pictures_are_refused_by_name(tmp_path):
    file = write_jsonl(tmp_path / "p.jsonl", [{**pair(i), "images": ["a.png"] * i} for i in range(3)])
    with pytest.raises(KomepError, match="column images: text alone"):
        load_preferences(str(file), None, ("train", "test"))


def test_the_first_of_several_configs_that_a_release_has(tmp_path, capsys):
    """The recipe for the CPU says `en,ko`: a release of Korean rows has no `en`."""
    build([], tmp_path / "both")
    rows = [
        {"question": "열은 왜 나는가?", "category": "c", "model": m, "response": f"{m}라고 답한다.", "units": [{"text": "t", "verdict": v}]}
        for m, v in (("가", "true"), ("나", "false"))
    ]  # fmt: skip
    native = write_jsonl(tmp_path / "native.jsonl", rows)
    build([native], tmp_path / "native")
    train, _ = load_preferences(str(tmp_path / "both"), "en,ko", ("train", "test"))
    assert train.info.config_name == "en" and "no config" not in capsys.readouterr().out
    given = RecipeArguments(dataset_name=str(tmp_path / "native"), dataset_config="en, ko")
    train, _ = load_preferences(given.dataset_name, given.dataset_config, ("train", "test"))
    assert "no config 'en'; 'ko' is taken" in capsys.readouterr().out
    assert describe_dataset(given, train)["config"] == "ko"


def test_the_only_config_there_is_is_taken_and_said_once(tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    for split in ("train", "test"):
        write_jsonl(tmp_path / "folder" / f"{split}.jsonl", [pair(i) for i in range(4)])
    train, test = load_preferences(str(tmp_path / "folder"), "ko", ("train", "test"))
    assert capsys.readouterr().out.count("no config 'ko'; the only one there is is taken, 'default'") == 1
    assert len(train) == len(test) == 4
    given = RecipeArguments(dataset_name=str(tmp_path / "folder"))
    assert describe_dataset(given, train)["config"] == "default"


@pytest.mark.slow
@pytest.mark.parametrize("method", EACH)
def test_columns_for_the_chat_template_are_used(method, with_template, tmp_path):
    """A token for the tools and one for the settings before each conversation, in the held-out pairs too."""
    model = with_template(
        "{% if tools %}<|endoftext|>{% endif %}{% if mood == 'calm' %}<|endoftext|>{% endif %}"
    )
    more = {
        "tools": json.dumps([{"type": "function", "function": {"name": "dose"}}]),
        "chat_template_kwargs": {"mood": "calm"},
    }
    summaries = []
    for name, columns in (("plain", {}), ("more", more)):
        (tmp_path / name).mkdir()
        for split in ("train", "test"):
            write_jsonl(tmp_path / name / f"{split}.jsonl", [pair(i) | columns for i in range(8)])
        assert train(method, flags(model, tmp_path / name, tmp_path / f"{name}-out", max_steps=1)) == 0
        summaries.append(read(tmp_path / f"{name}-out"))
    plain, used = summaries
    conversations = 8 if method == "sft" else 16
    assert used["tokens_seen"] == plain["tokens_seen"] + 2 * conversations
    for side in ("logps_chosen", "logps_rejected"):
        assert used["evaluation"]["after"][side] != plain["evaluation"]["after"][side]


def test_settings_of_the_template_that_are_no_object(tiny_model, tmp_path, capsys):
    file = write_jsonl(tmp_path / "pairs.jsonl", [pair(0) | {"chat_template_kwargs": "calm"}])
    assert train("sft", flags(tiny_model, file, tmp_path / "out", max_steps=1)) == 1
    assert "column chat_template_kwargs must hold objects, and is string" in capsys.readouterr().err


@pytest.mark.parametrize("splits", [{}, {"test": []}], ids=["no test split", "empty test split"])
def test_without_held_out_pairs(splits, tiny_model, tmp_path):
    folder = write_release(tmp_path / "release", {"train": [pair(i) for i in range(4)], **splits})
    arguments = flags(tiny_model, folder, tmp_path / "out", max_steps=1, eval_strategy="steps", eval_steps=1)
    assert train("dpo", arguments) == 0
    assert read(tmp_path / "out")["evaluation"] == {"before": None, "after": None}


@pytest.mark.parametrize("column", ["prompt", "rejected"])
def test_missing_column_is_named(column, tiny_model, tmp_path, capsys):
    rows = [{key: value for key, value in pair(i).items() if key != column} for i in range(2)]
    Dataset.from_list(rows).to_parquet(tmp_path / "train.parquet")
    assert train("dpo", flags(tiny_model, tmp_path, tmp_path / "out", dataset_config="default")) == 1
    assert f"missing columns {column}" in capsys.readouterr().err


def test_draw_is_seeded_and_never_repeats():
    rows = Dataset.from_dict({"x": list(range(50))})
    first, again, other = (list(draw(rows, 10, seed)["x"]) for seed in (0, 0, 1))
    assert first == again != other and len(set(first)) == 10
    assert draw(rows, None, 0) is rows and draw(rows, 50, 0) is rows and draw(None, 3, 0) is None


def test_the_hash_of_rows_is_that_of_what_they_hold():
    rows = [{"prompt": "a", "n": at} for at in range(1200)]
    one, other = Dataset.from_list(rows), Dataset.from_list([rows[0]])
    assert rows_hash(one) == rows_hash(Dataset.from_list(rows).select(range(1200))) != rows_hash(other)


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_columns_of_other_names_are_mapped(tmp_path, ending, capsys):
    rows = [{"질문": f"통풍이란 {i}?", "좋은답": f"병이다. {i}", "나쁜답": f"균이다. {i}"} for i in range(3)]
    file = tmp_path / f"theirs.{ending}"
    if ending == "csv":
        lines = [";".join(rows[0]), *(";".join(row.values()) for row in rows)]
        file.write_bytes("\r\n".join(lines).encode("cp949"))
    else:
        write_jsonl(file, rows)
    given = ["질문=prompt", "좋은답=chosen", "나쁜답=rejected"]
    train, _ = load_preferences(str(file), None, ("train", "test"), given)
    assert train[2]["prompt"] == [{"role": "user", "content": "통풍이란 2?"}]
    assert train[2]["chosen"] == [{"role": "assistant", "content": "병이다. 2"}]
    one, _ = load_preferences(str(file), None, ("train", "test"), [*given[1:], "prompt==통풍이란?"])
    assert {row["prompt"][0]["content"] for row in one} == {"통풍이란?"}
    both = [*given, "문제=prompt"]  # of which a table has one
    assert load_preferences(str(file), None, ("train", "test"), both)[0].num_rows == 3
    assert "way round" not in capsys.readouterr().out
    load_preferences(str(file), None, ("train", "test"), ["질문=chosen", "좋은답=prompt", "나쁜답=rejected"])
    assert '"질문" is a word for the question, and is read as chosen' in capsys.readouterr().out
    with pytest.raises(KomepError, match="--map 답=chosen: there is no column '답' to be read as that"):
        load_preferences(str(file), None, ("train", "test"), ["답=chosen"])
