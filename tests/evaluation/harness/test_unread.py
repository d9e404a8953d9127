"""Why a reply holds no letter, and what is said of it."""

import pytest

from evaluation.harness.backend import HIDDEN, Answer
from evaluation.harness.unread import cause_of, likeliest_cause


@pytest.mark.parametrize(
    ("answer", "thought", "cause"),
    [
        (Answer("<think>so"), True, "thoughts"),
        (Answer("", failure=f"{HIDDEN}: the limit cut the thoughts off"), False, "thoughts"),
        (Answer("", failure="HTTP 403: flagged"), False, "refused"),
        (Answer(" \n"), False, "empty"),
        (Answer("죄송하지만 이 질문에는 답변할 수 없습니다."), False, "declined"),
        (Answer("The patient is ill."), False, "other"),
    ],
)
def test_each_cause(answer, thought, cause):
    assert cause_of(answer, thought=thought) == cause


def test_the_most_frequent_cause_is_said_first_with_its_setting():
    said = likeliest_cause({"refused": 1, "thoughts": 5}, {"max_new_tokens": 64})
    assert said.startswith("the limit goes to thoughts") and "raise --max-new-tokens (64)" in said
    assert said.endswith("take another endpoint or --model (1)")


@pytest.mark.parametrize(
    ("cause", "config", "setting"),
    [
        ("thoughts", {"thoughts": "apart"}, "reasoning parser"),
        ("thoughts", {"thoughts": "harness"}, "--thoughts harness"),
        ("other", {"thoughts": "apart"}, "--prompt cot"),
        ("declined", {"thoughts": "apart"}, "--prompt cot"),
        ("empty", {"thoughts": "apart"}, "--chat-template"),
    ],
)
def test_where_no_limit_was_hit_another_setting_is_named(cause, config, setting):
    config = {"max_new_tokens": 64, "cut_limit": 0, "backend": "openai", "chat_template": True} | config
    said = likeliest_cause({cause: 5}, config)
    assert setting in said and "--max-new-tokens" not in said
