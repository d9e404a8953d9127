"""Where a reply ends."""

import pytest

from evaluation.harness.backend import Stops, cut_at_stops, decoded


def test_cut_at_stops():
    assert cut_at_stops("B\n\nQ: 다음", ("Q:", "\n\n")) == "B"
    assert cut_at_stops("B", (".",)) == "B"
    assert cut_at_stops(". B", (".",)) == ""


STOPS = ("Q:", "</s>", ".", "\n\n")


@pytest.mark.parametrize(
    ("opening", "reply", "left"),
    [
        ("", "<think>\n\n</think>\n\nC\n\nQ: 다음", "<think>\n\n</think>\n\nC"),  # a tuned Qwen3
        ("", "<think>A. 아니.\n\nB", "<think>A. 아니.\n\nB"),  # no end, no stop
        ("<think>\n", "A.\n\n</think>\n\nC. A", "A.\n\n</think>\n\nC"),
        ("<think>\n", "A. B", "A. B"),
        ("", "A. 아니</think>B. C", "A. 아니</think>B"),
        ("", "\n\n<think>A.</think>\n\nC. A", "\n\n<think>A.</think>\n\nC"),
        ("", "B. <think>A</think>C", "B"),
        ("", "[THINK]A.[/THINK]C.", "[THINK]A.[/THINK]C"),
        ("", "<think>A.</think>C <think>B. </think> D. E", "<think>A.</think>C <think>B. </think> D"),
    ],
)
def test_stops_cut_behind_thoughts(opening, reply, left):
    assert Stops(STOPS, opening).cut(reply) == left
    plain = reply.split("Q:")[0].split(".")[0].split("\n\n")[0]
    assert Stops(STOPS, opening, apart=False).cut(reply) == plain  # as the harness does


def test_a_mark_of_one_s_own_ends_thoughts():
    stops = Stops(STOPS, end="##끝")
    assert stops.cut("A. B<think> ##끝\n\nC. A") == "A. B<think> ##끝\n\nC" and stops.cut("A. B") == "A. B"
    assert stops.within_thoughts("A. </think> B") and not stops.within_thoughts("A ##끝")


def test_what_lies_behind_a_thought_is_what_the_harness_reads_with_its_end_token():
    from lm_eval.models.utils import postprocess_generated_text

    from evaluation.kormedmcqa.scoring import said

    for reply in (
        "<think>A. B\n\n</think>\n\nC. A",
        "A.</think>\nB\n\nQ: x",
        "C. A",
        "<think>\n\n</think>\n\nC",
    ):
        theirs = postprocess_generated_text(reply, list(STOPS), "</think>")
        assert said(Stops(STOPS).cut(reply)) == theirs
        assert Stops(STOPS, apart=False).cut(reply) == postprocess_generated_text(reply, list(STOPS), None)


def test_marks_of_thoughts_stay_in_the_text_where_they_are_special_tokens(make_tokenizer):
    tokenizer = make_tokenizer(bos=True)
    tokenizer.add_special_tokens({"extra_special_tokens": ["[THINK]", "[/THINK]"]})
    thought = tokenizer("[THINK]A[/THINK]C</s>", add_special_tokens=False)["input_ids"]
    assert decoded(tokenizer, thought).startswith("[THINK]A[/THINK]C")
    assert decoded(tokenizer, tokenizer("C</s>", add_special_tokens=False)["input_ids"]) == "C"
