"""Loops of sentences, words and syllables."""

import pytest

from komep_dataset.translation.checks.repetition import repetition, sentences_of

SOURCE = "Aspirin inhibits platelets. It is a drug."
GOOD = "아스피린은 혈소판을 억제한다. 그것은 약이다."


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (GOOD, ""),
        (f"{GOOD} 아스피린은 혈소판을 억제한다.", "2 times: 아스피린은 혈소판을 억제한다"),
        (GOOD + " 그리고 또" * 5, "5 times in a row: 그리고 또"),
        (GOOD + " 하하하하하하하", "in a row: 하하하하하하하"),
    ],
)
def test_loops(target, said):
    assert repetition(SOURCE, target) == said


def test_what_the_source_repeats_may_be_repeated():
    assert repetition("Wait and see. " * 4, "기다리면서 지켜본다. " * 4) == ""
    headline = "The new ward for burns opens in the old hall"
    korean = "화상 환자를 위한 새 병동이 옛 강당에 문을 연다."
    assert (
        repetition(f"{headline} Its beds are new. {headline}.", f"{korean} 침상은 새것이다, 모두. {korean}")
        == ""
    )


def test_sentences_are_those_of_some_length_without_the_marks_of_a_list():
    assert sentences_of("- 첫째 문장은 이렇다.\n2. 둘째 문장은 저렇다.\n짧다.") == [
        "첫째 문장은 이렇다",
        "둘째 문장은 저렇다",
    ]


def test_doses_of_one_unit_in_a_row_are_no_loop():
    source = "It comes in 100 mg (for children), 200 mg, 400 mg, 600 mg, and 800 mg."
    assert repetition("They were 5, 5 and 5 mg.", "5, 5, 5 mg이었다.") == ""
    assert repetition(source, "100 mg(소아용), 200 mg, 400 mg, 600 mg, 800 mg로 나온다.") == ""
    assert repetition(source, "100 mg 100 mg 100 mg 100 mg 100 mg 100 mg 100 mg로 나온다.")
