"""Words around a translation, unless the source has them."""

import pytest

from komep_dataset.translation.checks.preamble import doubtful, preamble
from komep_dataset.translation.checks.registry import all_checks

SOURCE = "Aspirin inhibits platelets."
GOOD = "아스피린은 혈소판을 억제한다."


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (GOOD, ""),
        (f"물론입니다. {GOOD}", "물론입니다."),
        (f"Answer: {GOOD}", "Answer:"),
        (f"안녕하세요. {GOOD}", "안녕하세요"),
        (f"```\n{GOOD}\n```", "```"),
        (f"{GOOD} 궁금한 점이 있으면 물어보세요.", "궁금한 점"),
        (f"{GOOD}\n참고: 아스피린은 약이다.", "아스피린"),
        (f"{GOOD}\n\n이는 매우 중요하다.", "아스피린"),
        ("죄송합니다. 번역할 수 없습니다.", ""),  # a refusal has nothing to stand around
    ],
)
def test_what_stands_around_a_translation(target, said):
    assert preamble(SOURCE, target).startswith(said) and bool(preamble(SOURCE, target)) == bool(said)


def test_what_the_source_says_itself_is_none():
    assert preamble("Of course, aspirin inhibits platelets.", f"물론입니다. {GOOD}") == ""
    assert preamble("The word was translated.", "그 낱말은 번역되었다.") == ""


LONG = "Aspirin inhibits the aggregation of platelets in most adults with coronary disease."
KOREAN = "아스피린은 관상동맥질환이 있는 대부분의 성인에서 혈소판의 응집을 억제한다."


@pytest.mark.parametrize(
    ("said", "sure"),
    [
        (f"한글판 -> {KOREAN}", True),
        (f"[초벌] {KOREAN}", True),
        (f"{KOREAN} 위장에 부담이 적은 편이에요.", True),  # in another style
        (f"{KOREAN} 위장에 부담을 주는 일은 드문 편이다.", True),
        (f"{KOREAN.replace('한다.', '하며,')} 그 정도는 사람에 따라 다르다.", False),  # may be part of it
        (KOREAN, False),
        ("아스피린은 혈소판의 응집을 억제한다. 대부분의 관상동맥질환 성인에서 그렇다.", False),
    ],
)  # fmt: skip
def test_one_sentence_more_is_a_note_whatever_it_says(said, sure):
    assert bool(preamble(LONG, said)) is sure


def test_what_may_be_a_note_warns():
    split = "아스피린은 관상동맥질환이 있는 성인에게 쓴다. 혈소판을 억제한다."
    assert not preamble(LONG, split) and not doubtful(LONG, KOREAN)
    assert [check.severity for check in all_checks() if check.name == "preamble"] == ["reject", "warn"]
