"""The field's shapes of a pair, and what is wrong with one turn by turn."""

import json

import pytest

from komep_dataset.preferences.columns import known_as
from komep_dataset.preferences.conversations import conversation
from tests.recipes.tiny_runs import messages  # and recipes/ on the path


def user(text):
    return messages("user", text)[0]


def says(text):
    return messages("assistant", text)[0]


SYSTEM = {"role": "system", "content": "Be brief."}
PLAIN = {"prompt": [user("q")], "chosen": [says("one")], "rejected": [says("two")]}
LONG = {
    "prompt": [SYSTEM, user("q"), says("x"), user("r")],
    "chosen": [says("one")],
    "rejected": [says("two")],
}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"name": "dose"}]}
TOOL = {"role": "tool", "content": "5 mg"}


def whole(side, row=PLAIN):
    return [*row["prompt"], *row[side]]


def both(make):
    return {side: make(side) for side in ("chosen", "rejected")}


def parts(text):
    return [{"type": "text", "text": text[:1]}, {"type": "text", "text": text[1:]}]


def in_parts(turns):
    return [{**turn, "content": parts(turn["content"])} for turn in turns]


def in_sharegpt(messages):
    names = {"user": "human", "assistant": "gpt", "system": "system"}
    return [{"from": names[message["role"]], "value": message["content"]} for message in messages]


def transcript(messages):
    names = {"user": "Human", "assistant": "Assistant"}
    return "".join(f"\n\n{names[message['role']]}: {message['content']}" for message in messages)


TAKEN = {
    "messages": (PLAIN, PLAIN),
    "several turns": (LONG, LONG),
    "an answer with a tool": ({**PLAIN, "chosen": [CALL, TOOL, says("one")]},) * 2,
    "implicit": (both(whole), PLAIN),
    "implicit, several turns": (both(lambda side: whole(side, LONG)), LONG),
    "implicit beside an empty prompt": ({"prompt": [], **both(whole)}, PLAIN),
    "implicit beside None": ({"prompt": None, **both(whole)}, PLAIN),
    "repeated": ({"prompt": PLAIN["prompt"], **both(whole)}, PLAIN),
    "repeated with other blanks": ({**PLAIN, "chosen": [user(" q\n"), says("one")]}, PLAIN),
    "repeated in one": ({**PLAIN, "rejected": whole("rejected")}, PLAIN),
    "repeated, several turns": ({"prompt": LONG["prompt"], **both(lambda side: whole(side, LONG))}, LONG),
    "last turn repeated": ({**LONG, **both(lambda side: [user("r"), *LONG[side]])}, LONG),
    "text and whole conversations": ({"prompt": "q", **both(whole)}, PLAIN),
    "a system message in the answers": (
        {"prompt": "q", **both(lambda side: [SYSTEM, *whole(side)])},
        {**PLAIN, "prompt": [SYSTEM, user("q")]},
    ),
    "text": ({"prompt": "q", "chosen": "one", "rejected": "two"}, PLAIN),
    "text that repeats the question": ({"prompt": "q", "chosen": "q one", "rejected": "q\n two"}, PLAIN),
    "text that one answer begins with": (
        {"prompt": "q", "chosen": "q one", "rejected": "two"},
        {**PLAIN, "chosen": [says("q one")]},
    ),
    "transcripts": (
        both(lambda side: transcript(whole(side, {**LONG, "prompt": LONG["prompt"][1:]}))),
        {**LONG, "prompt": LONG["prompt"][1:]},
    ),
    "one message, no list": ({name: messages[0] for name, messages in PLAIN.items()}, PLAIN),
    "parts": ({name: in_parts(messages) for name, messages in LONG.items()}, LONG),
    "ShareGPT": ({name: in_sharegpt(messages) for name, messages in LONG.items()}, LONG),
    "JSON in text": ({name: json.dumps(messages) for name, messages in LONG.items()}, LONG),
    "Python in text": ({name: repr(messages) for name, messages in LONG.items()}, LONG),
    "ShareGPT as Python in text": ({name: repr(in_sharegpt(turns)) for name, turns in LONG.items()}, LONG),
    "text like Python": ({"prompt": "[{'a': 1}]", "chosen": "one", "rejected": "two"}, {**PLAIN, "prompt": [user("[{'a': 1}]")]}),
    "a system message in a column": (
        {"system": SYSTEM["content"], "prompt": "q", "chosen": "one", "rejected": "two"},
        {**PLAIN, "prompt": [SYSTEM, user("q")]},
    ),
    "a system prompt in a column": ({"system_prompt": [SYSTEM], **PLAIN}, {**PLAIN, "prompt": [SYSTEM, user("q")]}),
    "a system message in both": ({"system": "other", **PLAIN, "prompt": [SYSTEM, user("q")]}, {**PLAIN, "prompt": [SYSTEM, user("q")]}),
    "the last question beside whole conversations": ({**both(lambda side: whole(side, LONG)), "prompt": " r\n"}, LONG),
    "the first question beside them": ({**both(lambda side: whole(side, LONG)), "prompt": "q"}, LONG),
    "with a system message of its own": (
        {**both(lambda side: whole(side, LONG)[1:]), "prompt": [SYSTEM, user("r")]},
        LONG,
    ),
    "a transcript that the answer is to go on with": (
        {"prompt": "\n\nHuman: q\n\nAssistant: x\n\nHuman: r\n\nAssistant:", "chosen": " one", "rejected": " two"},
        {**LONG, "prompt": LONG["prompt"][1:]},
    ),
    "a transcript saved on Windows": ({"prompt": "Human: q\r\n\r\nAssistant:", "chosen": "one", "rejected": "two"}, PLAIN),
    "a transcript of one question": ({"prompt": "Human: q\n\nAssistant: ", "chosen": "one", "rejected": "two"}, PLAIN),
    "messages inside an object": ({**PLAIN, "prompt": {"messages": PLAIN["prompt"], "tools": []}}, PLAIN),
    "None as what the user says": ({**LONG, "prompt": [*LONG["prompt"][:-1], user("None")]},) * 2,
    "a system message of nan": ({"system": "nan", **PLAIN}, PLAIN),
    "a system message of nothing": ({"system": " ", **PLAIN}, PLAIN),
}  # fmt: skip


@pytest.mark.parametrize(("given", "made"), TAKEN.values(), ids=TAKEN)
def test_a_shape_that_is_taken(given, made):
    assert conversation(given) == (made, None)


UNFIT = {
    "rejected by user": ({**PLAIN, "rejected": [user("two")]}, "rejected: a turn of user where"),
    "chosen by system": ({**PLAIN, "chosen": [SYSTEM]}, "chosen: a turn of system where"),
    "user behind the answer": ({**PLAIN, "chosen": [says("one"), user("thanks")]}, "chosen: a turn of user"),
    "user between answers": ({**PLAIN, "chosen": [says("1"), user("?"), says("2")]}, "chosen: a turn of user"),
    "ends with a tool": ({**PLAIN, "chosen": [CALL, TOOL]}, "chosen: a turn of tool"),
    "another question": ({**PLAIN, **both(lambda side: [user("other"), *PLAIN[side]])}, "chosen: a turn of user"),
    "questions that differ": (
        both(lambda side: [user(f"q of {side}"), *PLAIN[side]]),
        "begin with different turns",
    ),
    "a system message in one": (
        {"prompt": "q", "chosen": [SYSTEM, *whole("chosen")], "rejected": "two"},
        "different prompts",
    ),
    "parting early": (both(lambda side: [user("q"), says(side), user("r"), says(side)]), "chosen: a turn of user"),
    "prompt ends with an answer": ({**PLAIN, "prompt": [user("q"), says("x")]}, "ends with a turn of assistant"),
    "a system message alone": ({**PLAIN, "prompt": [SYSTEM]}, "ends with a turn of system"),
    "unknown role": ({**PLAIN, "chosen": [{"role": "doctor", "content": "one"}]}, "chosen: role 'doctor' is none of"),
    "no role": ({**PLAIN, "chosen": [{"content": "one"}]}, "role None"),
    "a picture": (
        {**PLAIN, "prompt": [{"role": "user", "content": [{"type": "image"}, *parts("q")]}]},
        "prompt: content in parts of type image",
    ),
    "parting early beside a question": (
        {"prompt": "q", **both(lambda side: [user("q"), says(side), user("r"), says(side)])},
        "chosen: a turn of user",
    ),
    "a question that neither asks": ({**both(lambda side: whole(side, LONG)), "prompt": "s"}, "chosen: a turn of system"),
    "two system messages": (
        {**both(lambda side: whole(side, LONG)), "prompt": [{**SYSTEM, "content": "Be long."}, user("r")]},
        "chosen: a turn of system",
    ),
    "nan": ({**PLAIN, "rejected": " nan"}, "rejected: is 'nan', which is written where a text is missing"),
    "an error of a spreadsheet": ({**PLAIN, "chosen": "#N/A"}, "chosen: is '#N/A'"),
    "None as text": ({**PLAIN, "prompt": "None"}, "prompt: is 'None'"),
    "tools inside a prompt": (
        {**PLAIN, "prompt": {"messages": PLAIN["prompt"], "tools": [{"type": "function"}]}},
        "prompt: tools inside a prompt",
    ),
    "numbers": ({**PLAIN, "prompt": 3}, "prompt: neither text nor messages: 3"),
    "content that is no text": ({**PLAIN, "chosen": [{"role": "assistant", "content": 7}]}, "must be text, and is 7"),
    "torn JSON": ({**PLAIN, "chosen": '[{"role": "assistant", "con'}, "neither JSON nor Python"),
    "torn Python": ({**PLAIN, "chosen": "[{'role': 'assistant', 'con"}, "neither JSON nor Python"),
    "an array of numpy": ({**PLAIN, "prompt": "[{'role': 'user', 'content': 'q'}\n {'role': 'user', 'content': 'r'}]"}, "json.dumps"),
    "a system column of numbers": ({**PLAIN, "system": 3}, "system: neither text nor messages"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "said"), UNFIT.values(), ids=UNFIT)
def test_a_row_that_is_left_out(given, said):
    made, fault = conversation(given)
    assert said in fault and made == {"prompt": [], "chosen": [], "rejected": []}


@pytest.mark.parametrize(
    ("columns", "known"),
    [
        (
            ("system", "question", "chosen", "rejected"),
            ("question", "chosen", "rejected"),
        ),  # Intel's Orca pairs
        (
            ("instruction", "chosen_response", "rejected_response", "chosen_rating"),  # Argilla's
            ("instruction", "chosen_response", "rejected_response"),
        ),
        (
            ("input", "preferred_output", "non_preferred_output"),  # OpenAI's
            ("input", "preferred_output", "non_preferred_output"),
        ),
        (("conversations", "chosen", "rejected"), ("conversations", "chosen", "rejected")),  # LLaMA-Factory's
        (("Prompt", "Chosen", "REJECTED"), ("Prompt", "Chosen", "REJECTED")),
        (("instruction", "input", "chosen", "rejected"), (None, "chosen", "rejected")),
        (("prompt", "question", "answers"), ("prompt", None, None)),
    ],
)
def test_columns_under_other_names(columns, known):
    assert tuple(known_as(name, columns) for name in ("prompt", "chosen", "rejected")) == known


def test_all_faults_of_a_row_are_told_at_once():
    row = {"prompt": 3, "chosen": [user("x")], "rejected": [{"role": "nurse", "content": ""}]}
    assert conversation(row)[1].count("; ") == 1
    _, fault = conversation({"prompt": [says("x")], "chosen": [user("x")], "rejected": [user("y")]})
    assert [part.split(":")[0] for part in fault.split("; ")] == ["prompt", "chosen", "rejected"]


def test_an_empty_text_stays_one():
    assert conversation({**PLAIN, "rejected": None}) == ({**PLAIN, "rejected": []}, None)
