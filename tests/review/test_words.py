"""What people write into cells."""

import pytest

from komep_dataset.review.words import better, marks, yes_or_no


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (("A", "a", " Ａ ", "A.", "a better", "A is better", "Answer A", "A가 나음", "답변 A가 더 좋음", "A쪽이 더 낫다", "A 우세", "A>B", "prefer A", "A is more accurate", "A가 맞음", "(A)"), "A"),
        (("B", "b better", "B가 낫다", "답 B", "B wins", "A < B", "B가 조금 더 나음", "B가 더 사실에 가까움"), "B"),
        (("same", "Tie", "equal", "=", "A=B", "같음", "둘 다 비슷함", "차이 없음", "동점", "A와 B 같음", "neither"), "same"),
        (("unsure", "?", "모름", "잘 모르겠음", "판단 불가", "cannot say", "can’t say", "판단 어려움", "not certain"), "unsure"),
        (("", "  "), None),
    ],
)  # fmt: skip
def test_which_is_better(cells, said):
    assert [better(cell) for cell in cells] == [said] * len(cells)


@pytest.mark.parametrize(
    "cell",
    [
        "C",
        "AB",
        "A B",
        "not A",
        "A is worse",
        "A가 나쁨",
        "A 낫지 않음",
        "A is not better",
        "B보다 A가 나음",
        "같지 않음",
        "1",
        "O",
        "yes",
        "both A",
    ],
)
def test_what_does_not_say_which_is_better_is_no_answer(cell):
    with pytest.raises(ValueError, match="none of A, B, same, unsure"):
        better(cell)


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
