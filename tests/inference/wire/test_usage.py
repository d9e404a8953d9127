"""What a call is paid for, whatever an endpoint says of it."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from komep_dataset.inference.wire.usage import BYTES_A_TOKEN, MOST_TOKENS, read_usage
from tests.inference.asking import no_wait as no_wait

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
        ({"reasoning_tokens": 700}, 750),
        ({"output_tokens_details": {"reasoning_tokens": 700}}, 750),
        ({"details": {"completion": {"thinkingTokens": 700}}}, 750),
        ({"thoughts_token_count": 700}, 750),
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


@pytest.mark.parametrize(
    "told",
    [
        {"input_tokens": 100, "output_tokens": 5000},
        {"prompt_tokens": "100", "completion_tokens": "5000"},
        {"prompt_tokens": 100.0, "completion_tokens": 5000.0},
        {"prompt_tokens": 100, "completion_tokens": None, "total_tokens": 5100},
        {"total_tokens": 5100},
    ],
)
def test_a_count_in_other_clothes_is_paid_for_and_said(told):
    usage = read_usage(told, 300, 600)
    assert (usage.paid_prompt, usage.paid_completion, usage.completion) == (100, 5000, None) and usage.doubt


@pytest.mark.parametrize(
    ("told", "stated"),
    [
        ({"cost": 5.0}, 5.0),
        ({"cost": "5"}, 5.0),
        ({"estimated_cost": 5}, 5.0),
        ({"cost": {"request_cost": 2.0, "output_tokens_cost": 3.0, "total_cost": 5.0}}, 5.0),
        ({"cost": {"input": 2.0, "output": 3.0}}, 5.0),
        ({"cost": 0, "cost_details": {"upstream_inference_cost": 5.0, "upstream_inference_prompt_cost": 3.0}}, 5.0),
        ({"cost_in_usd_ticks": 50_000_000_000}, 5.0),
        ({"cost": None, "price": True, "total_cost": "free", "costs": [1]}, 0.0),
        ({"cost": -5.0, "total_cost": math.nan, "costs": math.inf, "price": 10**400, "a cost": {"x": {"y": None}}}, 0.0),
    ],
)  # fmt: skip
def test_a_cost_that_is_stated_is_read(told, stated):
    assert read_usage(TOLD | told, 300, 150).stated == pytest.approx(stated)


def test_a_long_lie_is_cut():
    assert len(read_usage({"prompt_tokens": 10**400, "completion_tokens": "x" * 1000}, 3, 3).doubt) < 80


anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)


anything |= st.lists(anything, max_size=3) | st.dictionaries(
    st.sampled_from(["reasoning_tokens", "x"]), anything
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
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


@pytest.mark.parametrize(
    ("told", "prompt", "completion"),
    [
        ({"prompt_tokens": 40, "completion_tokens": 20, "cache_creation_input_tokens": 400_000}, 400_040, 20),
        ({"prompt_tokens": 4_000, "completion_tokens": 20, "cache_read_input_tokens": 3_000}, 4_000, 20),
        ({"promptTokens": 50, "completionTokens": 100_000, "totalTokens": 100_050}, 50, 100_000),
        ({"inputTokens": 50, "outputTokens": 20, "cacheWriteInputTokens": 900}, 950, 20),
        ({"promptTokenCount": 50, "candidatesTokenCount": 20, "thoughtsTokenCount": 70, "totalTokenCount": 140}, 50, 90),
        ({"prompt_eval_count": 50, "eval_count": 300}, 50, 300),
    ],
)  # fmt: skip
def test_counts_are_read_in_any_spelling(told, prompt, completion):
    usage = read_usage(told, 60, 60)
    assert (usage.paid_prompt, usage.paid_completion) == (prompt, completion)
