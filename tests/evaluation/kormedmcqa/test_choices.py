"""Where a letter, a digit or an option's name is a choice."""

import pytest

from evaluation.kormedmcqa.choices import choice_at, normal_form


@pytest.mark.parametrize(
    ("text", "position", "letter"),
    [
        ("정답은 B이다", 4, "B"),
        ("B형", 0, None),
        ("2번", 0, "B"),
        ("2일", 0, None),
        ("a biopsy", 0, None),
        ("(3)", 0, "C"),
    ],
)
def test_choice_at(text, position, letter):
    choice = choice_at(normal_form(text), position)
    assert (choice and choice.letter) == letter
