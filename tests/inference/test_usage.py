"""What an endpoint says that it counted: believed, or counted from the text, and what is hidden is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from komep_dataset.inference.answers import BYTES_A_TOKEN, MOST_TOKENS, read_usage

TOLD = {"prompt_tokens": 100, "completion_tokens": 50}


@pytest.mark.parametrize(
    ("more", "paid"),
    [
        ({}, 50),
        ({"total_tokens": 150}, 50),
        ({"total_tokens": 1000}, 900),
        ({"total_tokens": 10}, 50),
        ({"total_tokens": 10**400}, 50),
        (
            {"completion_tokens_details": {"reasoning_tokens": 40}},
            50,
        ),  # part of completion_tokens, as OpenAI has it
        ({"completion_tokens_details": {"reasoning_tokens": 700}}, 750),
        ({"completion_tokens_details": {"reasoning_tokens": -700}}, 50),
        ({"completion_tokens_details": [700]}, 50),
        ({"completion_tokens_details": {"reasoning_tokens": 700}, "total_tokens": 2000}, 1900),
    ],
)
def test_hidden_reasoning_is_paid_for(more, paid):
    usage = read_usage(TOLD | more, 300, 150)
    assert (usage.prompt, usage.completion, usage.doubt) == (100, 50, "")
    assert (usage.paid_prompt, usage.paid_completion) == (100, paid)


@pytest.mark.parametrize(
    ("told", "paid", "doubt"),
    [
        (None, (100, 200), "no prompt_tokens"),
        ([1, 2], (100, 200), "no prompt_tokens"),
        ({"prompt_tokens": 100}, (100, 200), "no completion_tokens"),
        (TOLD | {"completion_tokens": None}, (100, 200), "completion_tokens None"),
        (TOLD | {"prompt_tokens": -1}, (100, 50), "prompt_tokens -1"),
        (TOLD | {"prompt_tokens": 10**9 + 1}, (100, 50), "prompt_tokens is no count (int)"),
        (TOLD | {"prompt_tokens": 100.0}, (100, 50), "prompt_tokens 100.0"),
        (TOLD | {"prompt_tokens": True}, (100, 50), "prompt_tokens True"),
        (TOLD | {"prompt_tokens": {"a": 1}}, (100, 50), "prompt_tokens is no count (dict)"),
        (TOLD | {"prompt_tokens": 10}, (100, 50), "prompt_tokens 10"),  # 300 bytes are more than 10 tokens
        (TOLD | {"completion_tokens": 0}, (100, 200), "completion_tokens 0"),
        (
            {"prompt_tokens": -1, "completion_tokens_details": {"reasoning_tokens": 5}},
            (100, 205),
            "prompt_tokens -1",
        ),
    ],
)
def test_a_count_that_cannot_be_believed_is_counted_from_the_text(told, paid, doubt):
    usage = read_usage(told, 300, 600)
    assert (usage.paid_prompt, usage.paid_completion) == paid
    assert usage.doubt == doubt


def test_a_long_lie_is_cut():
    assert len(read_usage({"prompt_tokens": 10**400, "completion_tokens": "x" * 1000}, 3, 3).doubt) < 80


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
)  # fmt: skip


@given(
    st.fixed_dictionaries(
        {}, optional={name: anything for name in ("prompt_tokens", "completion_tokens", "total_tokens", "completion_tokens_details")}
    ),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
)  # fmt: skip
def test_no_usage_makes_a_call_cheaper_than_its_text_can_be(told, sent, received):
    usage = read_usage(told, sent, received)
    for paid, size in ((usage.paid_prompt, sent), (usage.paid_completion, received)):
        assert size / 16 <= paid <= 2 * MOST_TOKENS
        assert type(paid) is int
    for count in (usage.prompt, usage.completion):
        assert count is None or 0 <= count <= MOST_TOKENS
    assert BYTES_A_TOKEN * usage.paid_prompt >= sent or usage.prompt is not None


def test_a_count_that_is_not_believed_is_still_kept_as_it_was_told():
    usage = read_usage({"prompt_tokens": 7, "completion_tokens": 5}, 300, 150)
    assert (usage.prompt, usage.completion) == (7, 5) and (usage.paid_prompt, usage.paid_completion) == (
        100,
        50,
    )
