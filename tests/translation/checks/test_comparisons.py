"""What stands before or behind a number and says that something is above or below it."""

import pytest

from komep_dataset.translation.checks.comparisons import Side, comparison
from komep_dataset.translation.numbers import normal, numbers_of


@pytest.mark.parametrize(
    ("text", "side", "sure"),
    [
        ("no more than 40 mg", Side.BELOW, True),
        ("at least 40 mg", Side.ABOVE, True),
        ("over 40 mg", Side.ABOVE, False),
        ("40 mg 이상", Side.ABOVE, True),
        ("40 mg를 넘지 않는다", Side.BELOW, True),
        ("최대 40 mg", Side.BELOW, False),
        ("40 mg", None, False),
    ],
)
def test_comparisons(text, side, sure):
    text = normal(text)
    assert comparison(text, numbers_of(text)[0]) == (side, sure)
