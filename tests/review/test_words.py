"""What people write into cells."""

import pytest

from komep_dataset.review.words import marks, yes_or_no


@pytest.mark.parametrize(
    ("cell", "n", "said"),
    [
        ("OX?O", 4, {0: True, 1: False, 2: None, 3: True}),
        ("o x o", 3, {0: True, 1: False, 2: True}),
        ("1:true 3:unsure", 3, {0: True, 2: None}),
        ("1. 참, 2. 거짓", 3, {0: True, 1: False}),
        ("1) 예\n2) 아니오", 2, {0: True, 1: False}),
        ("1번 O; 2번 X", 4, {0: True, 1: False}),
        ("TRUE FALSE cannot say", 3, {0: True, 1: False, 2: None}),
        ("Y n Y", 3, {0: True, 1: False, 2: True}),
        ("✔️ ✗", 2, {0: True, 1: False}),
        ("", 3, {}),
    ],
)
def test_marks(cell, n, said):
    assert marks(cell, n) == said


@pytest.mark.parametrize(
    ("cell", "message"),
    [("OX", "2 marks for 3"), ("O", "1 mark for 3"), ("4:O", "not those of 3"), ("1:O 1:X", "each once"), ("11011", "none of"), ("mostly true", "none of")],
)  # fmt: skip
def test_marks_of_which_it_is_not_clear_whose_they_are(cell, message):
    with pytest.raises(ValueError, match=message):
        marks(cell, 3)


def test_yes_and_no():
    assert [yes_or_no(cell) for cell in ("O", "예", "Y", " TRUE ", "✔️", "Ｘ", "아니오.", "")] == [
        True
    ] * 5 + [False] * 2 + [None]
    assert [yes_or_no(cell) for cell in ("맞음", "적절", "correct", "틀림", "부적절")] == [True] * 3 + [
        False
    ] * 2
