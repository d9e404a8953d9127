"""Every ordered pair."""

from tests.pairs.answers import answers, pairs


def test_every_two_answers_with_different_scores_pair_once():
    frame = answers({"a": "tttf", "b": "ttff", "c": "ffff", "d": "tttf"})
    assert pairs(frame, pairs="all") == [("a", "b"), ("a", "c"), ("b", "c"), ("d", "b"), ("d", "c")]
