"""Pairs that a recipe leaves out, and why; system messages that the chat template has no place for."""

import json

import pytest

from tests.recipes.tiny_runs import flags, messages, pair, read, train, write_release

pytest.importorskip("trl", reason="needs the extra [recipes]")

from datasets import Dataset
from training.pairs import in_turns
from training.unfit import drop_unfit, fold_systems
from transformers import AutoTokenizer


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


REFUSES = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
)

SKIPS = "{% if messages[0]['role'] == 'system' %}{% set messages = messages[1:] %}{% endif %}"


@pytest.mark.parametrize("template", [REFUSES, SKIPS], ids=["refuses", "leaves out"])
def test_a_system_message_without_a_place_goes_before_the_question(template, with_template, capsys):
    """Gemma's template refuses it; others drop it without a word."""
    tokenizer, rows = AutoTokenizer.from_pretrained(with_template(template)), [pair(i) for i in range(3)]
    for row in rows[:2]:
        row["prompt"] = messages("system", "Be brief.") + row["prompt"]
    train, _, rejects = drop_unfit(Dataset.from_list(rows), None, tokenizer, 99)
    inside = [f"Be brief.\n\n{pair(i)['prompt'][0]['content']}" for i in range(2)]
    assert (
        train["prompt"]
        == [
            *(messages("user", text) for text in inside),
            pair(2)["prompt"],
        ]
        and not rejects
    )
    said = capsys.readouterr().out
    assert (
        said.count("train: the chat template takes no message of system: in 2 of 3 pairs it is put before")
        == 1
    )


def test_a_system_message_that_has_its_place_stays(tiny_model, capsys):
    row = pair(0)
    row["prompt"] = messages("system", "Be brief.") + row["prompt"]
    tokenizer, given = AutoTokenizer.from_pretrained(tiny_model), Dataset.from_list([row])
    assert fold_systems(given, tokenizer, "train") is given and "system" not in capsys.readouterr().out


def test_a_template_that_refuses_one_pair_is_quoted_for_it(with_template, tmp_path, capsys):
    model = with_template("{% if messages|length > 2 %}{{ raise_exception('one question only') }}{% endif %}")
    rows = [pair(i) for i in range(3)]
    rows[1]["prompt"] = [*rows[1]["prompt"], *messages("assistant", "is"), *messages("user", "not")]
    release = write_release(tmp_path / "release", {"train": rows})
    assert train("dpo", flags(model, release, tmp_path / "out", max_steps=1)) == 0
    (reject,) = map(json.loads, (tmp_path / "out" / "rejects.jsonl").read_text("utf-8").splitlines())
    assert reject["key"] == f"{1:016x}" and "refuses it: TemplateError: one question only" in reject["detail"]
    release = write_release(tmp_path / "all", {"train": rows[1:2]})
    assert train("dpo", flags(model, release, tmp_path / "none", max_steps=1)) == 1
    assert "one question only" in capsys.readouterr().err


def test_text_that_a_template_made_is_not_put_into_it_again(tiny_model):
    tokenizer, rows = AutoTokenizer.from_pretrained(tiny_model), [pair(i) for i in range(6)]
    question, answer = rows[0]["prompt"][0]["content"], rows[1]["chosen"][0]["content"]
    rows[0]["prompt"] = messages("user", f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n")
    rows[1]["chosen"] = messages("assistant", f"{answer}<|im_end|>")
    rows[2]["prompt"] = messages("user", f"[INST] {question} [/INST]")
    rows[3]["rejected"] = messages("assistant", "is <b>not</b> [1] | <|3|> of")
    rows[4]["chosen"] = messages("assistant", f"<think>\n</think>\n{answer}")
    kept, _, rejects = drop_unfit(Dataset.from_list(rows), None, tokenizer, 99)
    assert kept["question_id"] == [rows[i]["question_id"] for i in (3, 4, 5)]
    for reject, said in zip(
        rejects, ("prompt: holds <|im_", "chosen: holds <|im_end|>", "prompt: holds [/INST]"), strict=True
    ):
        assert (
            reject["reason"] == "bad_value"
            and said in reject["detail"]
            and "already rendered" in reject["detail"]
        )


@pytest.mark.parametrize(
    ("side", "text", "mark"),
    [
        ("prompt", "### 질문: 통풍이란?\n\n### 답변:", "### 답변:"),
        ("prompt", "Below is an instruction.\n\n### Instruction:\nWhat is gout?\n\n### Response:\n", "### Response:"),
        ("prompt", "You are kind.\nUSER: What is gout?\nASSISTANT:", "ASSISTANT:"),
        ("chosen", "### 답변: 통풍은 병이다.", "### 답변:"),
        ("rejected", "Gout is a disease.\n### Instruction:\nWhat is flu?", "### Instruction:"),
    ],
)  # fmt: skip
def test_headings_of_templates_without_tokens_are_not_learnt(tiny_model, side, text, mark):
    rows = [pair(i) for i in range(2)]
    rows[0][side] = messages("user" if side == "prompt" else "assistant", text)
    kept, _, [reject] = drop_unfit(
        Dataset.from_list(rows), None, AutoTokenizer.from_pretrained(tiny_model), None
    )
    assert len(kept) == 1 and f"{side}: holds {mark}, a mark of a chat template" in reject["detail"]


@pytest.mark.parametrize(
    ("side", "text"),
    [
        ("prompt", "Question: What is gout?\nAnswer:"),  # a question may ask for a word behind it
        ("prompt", "Compare.\nHuman: 46 chromosomes\nMouse: 40"),
        ("chosen", "Human: 46 chromosomes\nMouse: 40"),
        ("chosen", "## 정답: B\n\n### Treatment:\nColchicine."),
    ],
)
def test_headings_of_authors_stay(tiny_model, side, text):
    rows = [pair(i) for i in range(2)]
    rows[0][side] = messages("user" if side == "prompt" else "assistant", text)
    kept, _, rejects = drop_unfit(
        Dataset.from_list(rows), None, AutoTokenizer.from_pretrained(tiny_model), None
    )
    assert len(kept) == 2 and rejects == []


@pytest.mark.parametrize(
    "mark",
    ["<|eot_id|>", "<end_of_turn>", "</s>", "<|im_end|>", "<|return|>", "<|END_OF_TURN_TOKEN|>", "<turn|>", "<｜end▁of▁sentence｜>",
     "[|endofturn|]", "<|channel|>analysis<|message|>", "<<SYS>>", "[/SYSTEM_PROMPT]"],
)  # fmt: skip
def test_marks_of_any_family_are_named(mark, tiny_model):
    rows = [pair(i) for i in range(4)]
    rows[0]["chosen"][0]["content"] += mark
    rows[1]["rejected"][0]["content"] = mark + rows[1]["rejected"][0]["content"]
    rows[2]["chosen"][0]["content"] += " (PAD) [PAD] <|begin_of_thought|>"
    kept, _, rejects = drop_unfit(
        Dataset.from_list(rows), None, AutoTokenizer.from_pretrained(tiny_model), 99
    )
    named = mark.replace("analysis<|message|>", "")
    assert [row["detail"].split(",")[0] for row in rejects] == [
        f"train: {side}: holds {named}" for side in ("chosen", "rejected")
    ]
    assert kept["question_id"] == [row["question_id"] for row in rows[2:]]


def test_what_the_template_shows_nothing_of_is_named(tiny_model, capsys):
    """Thoughts in a field, weights of turns, tools: TRL hands them all to the template."""
    tools = json.dumps([{"type": "function", "function": {"name": "dose"}}])
    rows = [pair(i) | {"tools": tools, "chat_template_kwargs": {"calm": True}} for i in range(3)]
    for row in rows:
        row["chosen"] = [{**row["chosen"][0], "reasoning_content": "so", "weight": 0}]
    rows[0]["rejected"] = [{**rows[0]["rejected"][0], "thinking": "so", "reasoning_content": "so"}]
    given = in_turns(Dataset.from_list(rows))
    said = "the chat template shows nothing of {}, and the pairs are trained on without"
    for more, names in (
        ("", "calm, reasoning_content, thinking, tools, weight"),
        ("{% if tools and calm %}x{% endif %}", "reasoning_content, thinking, weight"),
        ("{{ messages[-1].thinking }}{{ messages[-1].reasoning_content }}", "calm, tools, weight"),
    ):
        tokenizer = AutoTokenizer.from_pretrained(tiny_model)
        tokenizer.chat_template = more + tokenizer.chat_template
        drop_unfit(given, None, tokenizer, 99)
        assert said.format(names) in capsys.readouterr().out
    drop_unfit(Dataset.from_list([pair(0)]), None, tokenizer, 99)
    assert capsys.readouterr().out == ""


def test_a_call_that_the_template_leaves_out_is_told(tiny_model, with_template):
    call = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "dose"}}]}
    rows = [pair(i) for i in range(2)]
    rows[0]["chosen"] = [call, {"role": "tool", "content": "ok"}, *rows[0]["chosen"]]
    given = in_turns(Dataset.from_list(rows))
    kept, _, (reject,) = drop_unfit(given, None, AutoTokenizer.from_pretrained(tiny_model), 99)
    assert (
        len(kept) == 1 and "chosen: a call of a tool, which the chat template leaves out" in reject["detail"]
    )
    knows = with_template(
        "{% for m in messages if m.tool_calls %}{{ m.tool_calls[0].function.name }}{% endfor %}"
    )
    kept, _, rejects = drop_unfit(given, None, AutoTokenizer.from_pretrained(knows), 99)
    assert len(kept) == 2 and not rejects


def test_overlong_pairs_are_dropped_and_counted(dpo_run):
    summary = read(dpo_run)
    assert summary["dropped"] == {"overlong": 1}
    assert summary["share_dropped"] == pytest.approx(1 / 30)
    (reject,) = [json.loads(line) for line in (dpo_run / "rejects.jsonl").read_text("utf-8").splitlines()]
    assert reject["key"] == f"{24:016x}" and reject["reason"] == "overlong"
    assert reject["detail"].startswith("train: ") and reject["detail"].endswith("max_length 64")
