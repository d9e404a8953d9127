"""The bounds of length, which come from good pairs, and what is unfinished within them."""

from komep_dataset.translation.checks import truncated
from tests.translation.checks import confusion


def test_the_length_bounds_are_those_of_the_rule():
    table = confusion.bounds()
    print("\n" + confusion.render_bounds())
    assert [row[2] for row in table] == list(truncated.LOWEST)
    assert [row[3] for row in table] == list(truncated.LOWEST_FEWER)
    assert [row[4] for row in table] == list(truncated.HIGHEST)
