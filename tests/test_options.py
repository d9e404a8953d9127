"""What an option of a build is: the values that it allows, and the words for those that it does not."""

import pytest

from komep_dataset.options import Option, Range


@pytest.mark.parametrize(
    ("range", "value", "inside"),
    [
        (Range(0.0, 1.0), 0.0, True),
        (Range(0.0, 1.0), 1, True),
        (Range(0.0, 1.0), -0.1, False),
        (Range(0.0, 1.0), float("nan"), False),
        (Range(0.0, 1.0, above=True), 0.0, False),
        (Range(0.0, 1.0, above=True), 1e-9, True),
        (Range(0.0, 1.0, above=True), 1.1, False),
    ],
)
def test_a_range_has_its_ends_or_all_but_the_lower_one(range, value, inside):
    assert (value in range) == inside


def test_an_option_says_what_it_wants():
    margin = Option("min_margin", float, 0.0, "", range=Range(0.0, 1.0))
    share = Option("cap", float, None, "", range=Range(0.0, 1.0, above=True))
    rule = Option("pairs", str, "all", "", choices=("best-worst", "all"))
    assert (margin.flag, margin.wanted) == ("--min-margin", "give a number from 0 to 1")
    assert margin.range.problem(2.0) == "2.0 is not from 0 to 1"
    assert share.wanted == "give a number above 0, at most 1"
    assert share.range.problem(0.0) == "0.0 is not above 0 and at most 1"
    assert rule.wanted == "give one of best-worst, all"
    assert rule.allows("all") and not rule.allows("some") and not rule.allows([])
    assert Option("flag", bool, False, "").allows(True)
