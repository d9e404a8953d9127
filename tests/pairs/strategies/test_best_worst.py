"""Best against worst; `tests/pairs/test_rules.py` holds it, and every other rule, against plain Python."""

from tests.pairs.answers import answers, pairs


def test_the_best_meets_the_worst_and_the_middle_is_in_no_pair():
    frame = answers({"a": "tttf", "b": "ttff", "c": "ffff"}, {"a": "t"})
    assert pairs(frame) == [("a", "c")]
