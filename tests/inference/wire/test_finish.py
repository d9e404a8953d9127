"""Reasons for which answers end, in the words of many servers."""

import json

import pytest

from komep_dataset.inference.wire.answers import Again, read_reply
from komep_dataset.inference.wire.finish import LENGTH, LONGEST, PASSING, STOP, UNFINISHED, WITHHELD, kind_of

REASONS = {
    STOP: "stop STOP Stop eos eos_token end_turn EndTurn stop_sequence StopSequence stop_token eot_id COMPLETE completed "
    "finished done FINISH_REASON_STOP FinishReason.STOP end_of_text natural_stop stop_word end-of-turn "
    "stop_str finished_normally end_of_sequence <|endoftext|> STOP_TOKEN_REACHED assistant_end",
    LENGTH: "length LENGTH max_tokens MAX_TOKENS maxTokens max_length model_length max_new_tokens max_output_tokens "
    "token_limit model_context_window_exceeded FINISH_REASON_MAX_TOKENS incomplete truncated out_of_tokens stopped_limit "
    "hit_max_tokens token_budget_exhausted MaxTokensReached length_capped output_truncated size_limit",
    WITHHELD: "content_filter SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII refusal sensitive guardrail_intervened "
    "content_filtered ERROR_TOXIC content_policy_violation moderation IMAGE_SAFETY MALFORMED_FUNCTION_CALL jailbreak HATE_SPEECH "
    "violence self-harm copyright PII NSFW dangerous_content risk_control responsible_ai_policy_violation",
    PASSING: "abort aborted error ERROR insufficient_system_resource cancelled network_error timeout internal_error "
    "time_limit server_overloaded preempted load_shedding user_abort client_disconnected connection_reset deadline_exceeded "
    "scheduler_evicted InternalServerError engine_dead service_unavailable",
    UNFINISHED: "tool_calls tool_use function_call pause_turn repetition FINISH_REASON_UNSPECIFIED loop_detected TOOL_CALL "
    "repetitive_output paused",
    "": "null none unknown OTHER whatever 종료 success ok natural LANGUAGE n/a 0",
}


@pytest.mark.parametrize("kind", REASONS)
def test_a_reason_is_known_by_its_words(kind):
    assert {reason: kind_of(reason) for reason in REASONS[kind].split()} == dict.fromkeys(
        REASONS[kind].split(), kind
    )


def judged(reason: object, text: str = "An answer.", tokens: int = 3):
    choice = {"message": {"content": text}, "finish_reason": reason}
    body = {"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": tokens}}
    return read_reply(200, None, json.dumps(body), 4)[0]


@pytest.mark.parametrize(
    "reason", [None, "", "STOP", "what nobody heard of", 3, ["stop"], {"type": "eos"}], ids=str
)
def test_an_answer_is_kept_whatever_word_ended_it(reason):
    assert judged(reason)[:2] == ("An answer.", "stop")


def test_where_the_reason_says_nothing_the_limit_does():
    assert judged("max_tokens").finish_reason == judged("", tokens=4).finish_reason == "length"
    assert judged("OTHER", tokens=4).finish_reason == "length"


@pytest.mark.parametrize("reason", REASONS[UNFINISHED].split())
def test_what_a_model_had_not_ended_is_no_whole_answer(reason):
    assert judged(reason)[:2] == ("An answer.", "length")
    assert judged(reason, "").failure == f"finish_reason {reason!r}, and no text"


def test_what_was_withheld_or_has_no_text_is_no_answer():
    assert "withheld" in judged("SAFETY").failure
    assert judged("OTHER", "").failure == "finish_reason 'OTHER', and no text"
    assert "withheld" in judged("x" * (LONGEST + 1)).failure


@pytest.mark.parametrize("reason", ["abort", "error", "insufficient_system_resource"])
def test_what_was_broken_off_is_asked_again_and_paid_for(reason):
    with pytest.raises(Again, match="broke the answer off") as caught:
        judged(reason)
    assert caught.value.usage.paid_completion == 3
