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


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("Check a list of (sub)acute signs.", "(아)급성 징후의 목록을 확인한다."),
        ("To read the chart remotely (over the network), log in.", "(망을 거쳐) 멀리서 차트를 읽으려면 로그인한다."),
        ("Note that aspirin inhibits platelets.", f"주의: {GOOD}"),
        ("Be careful: a fall may follow.", "주의: 넘어질 수 있다."),
        ("The list holds only early (ex, fever) signs.", "이 목록은 초기 징후(예: 발열)만 담는다."),
        ("The second part of the long-running series Anatomy of the Ward is called Volume III: Bones.",
         "병동의 해부학 제III권: 뼈가 그 긴 연재의 둘째 편이다."),
    ],
)  # fmt: skip
def test_a_label_or_bracket_that_the_source_has_somewhere_is_none(source, target):
    assert preamble(source, target) == ""


@pytest.mark.parametrize("mark", ["(번역)", "참고:", "[번역문]"])
def test_a_label_beside_the_brackets_and_colons_of_the_source_is_one(mark):
    source = "Aspirin (a drug) inhibits platelets, which do this: they clot."
    korean = "아스피린(약)은 혈소판을 억제하는데, 혈소판은 다음을 한다: 응고한다."
    assert preamble(source, korean) == "" and preamble(source, f"{mark} {korean}") == mark


LONG = "Aspirin inhibits the aggregation of platelets in most adults with coronary disease."
KOREAN = "아스피린은 관상동맥질환이 있는 대부분의 성인에서 혈소판의 응집을 억제한다."


@pytest.mark.parametrize(
    ("said", "sure"),
    [
        (f"한글판 -> {KOREAN}", True),
        (f"[초벌] {KOREAN}", True),
        (f"{KOREAN} 위장에 부담이 적은 편이에요.", None),
        (f"{KOREAN} 위장에 부담을 주는 일은 드문 편이다.", None),
        (f"{KOREAN} 위장에 부담을 주는 일은 매우 드문 편으로 알려져 있으며 용량이 적을수록 그렇다.", True),
        (f"{KOREAN.replace('한다.', '하며,')} 그 정도는 사람에 따라 다르다.", False),  # may be part of it
        (KOREAN, False),
        ("아스피린은 혈소판의 응집을 억제한다. 대부분의 관상동맥질환 성인에서 그렇다.", False),
    ],
)  # fmt: skip
def test_one_sentence_more_is_a_note_whatever_it_says(said, sure):
    assert bool(preamble(LONG, said)) is bool(sure)
    assert bool(doubtful(LONG, said)) or sure is not None


def test_a_clause_that_became_a_sentence_in_another_style_is_none():
    source = "The trust opened its first centre for burns in Daegu, where seven of the ten surgeons of the land work."
    target = (
        "그 재단은 대구에 첫 화상 센터를 열었습니다. 현재 전국의 외과의 10명 중에 7명이 그 센터에서 일한다."
    )
    assert not preamble(source, target)


def test_what_may_be_a_note_warns():
    split = "아스피린은 관상동맥질환이 있는 성인에게 쓴다. 혈소판을 억제한다."
    assert not preamble(LONG, split) and not doubtful(LONG, KOREAN)
    assert [check.severity for check in all_checks() if check.name == "preamble"] == ["reject", "warn"]
