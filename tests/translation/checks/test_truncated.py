"""The bounds of length, which come from good pairs, and what is unfinished within them."""

import pytest

from komep_dataset.translation.checks import truncated
from tests.translation.checks import confusion


def test_the_length_bounds_are_those_of_the_rule():
    table = confusion.bounds()
    print("\n" + confusion.render_bounds())
    assert [row[2] for row in table] == list(truncated.LOWEST)
    assert [row[3] for row in table] == list(truncated.LOWEST_FEWER)
    assert [row[4] for row in table] == list(truncated.HIGHEST)


SOURCE = "Aspirin inhibits platelets (thrombocytes). It is a drug. It is given by mouth."
GOOD = "아스피린은 혈소판(트롬보사이트)을 억제한다. 그것은 약이다. 입으로 투여한다."


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (GOOD, ""),
        ("약.", "1 letters for"),
        (GOOD[:-4] + "을", "its last sentence is unfinished"),
        (GOOD[:-1] + "...", "it ends in"),
        (GOOD.replace(")", ""), "a bracket stays open"),
        (GOOD.replace("다. ", "고, "), "1 sentences instead of 3"),
    ],
)
def test_what_is_cut(target, said):
    assert truncated.truncation(SOURCE, target).startswith(said)
    assert bool(truncated.truncation(SOURCE, target)) == bool(said)


def test_lists_and_lines_and_the_question_at_the_end():
    listed = "Signs:\n- fever of some days\n- cough at night"
    assert (
        truncated.truncation(listed, "징후:\n- 며칠 동안의 열과 밤의 기침")
        == "1 items of a list instead of 2"
    )
    asked = "A man has had fever for two days. What is the cause?"
    assert (
        truncated.truncation(asked, "한 남자가 지난 이틀 동안 계속 열이 났다고 한다.")
        == "the question at the end is missing"
    )
