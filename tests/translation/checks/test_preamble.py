"""Words around a translation, unless the source has them."""

import pytest

from komep_dataset.translation.checks.preamble import preamble

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
