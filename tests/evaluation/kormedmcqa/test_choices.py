"""Where a letter, a digit or an option's name is a choice, and which sign stands for it."""

import pytest

from evaluation.kormedmcqa.choices import letter_of, letters_of, marked, normal_form, several, sign


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("정답은 B이다", "B"), ("2번", "B"), ("(3)", "C"), ("보기 4", "D"), ("Option E", "E"), ("②", "B"), ("B번 보기", "B"),
        ("정답은 B(수액)로", "B"), ("2번(B)", "B"), ("B형", ""), ("2일", ""), ("a biopsy", ""), ("비타민 C", ""), ("f(1)의 값", ""),
        ("점 A", ""), ("A = 3x", ""), ("질문 4번", ""), ("B/C유", ""), ("E. coli", ""), ("B 또는 C", "*"), ("A, B와 D", "*"),
        ("정답은 B, A는 금기", "BA"), ("D와 E, E가 맞다", "*E"), ("B(O)", "B"), ("B_1", ""), ("B_{mix}", ""),
        ("ln(2)", ""), ("용기 A", ""), ("B(하루 2회, 식후)", "B"),
    ],
)  # fmt: skip
def test_what_is_a_choice(text, signs):
    found = [one for one in marked(normal_form(text)) if "\ue000" <= one <= "\ue02f"]
    assert "".join(letter_of(one) or "*" for one in found) == signs


def test_a_bare_digit_is_told_from_a_numbered_one():
    assert (
        marked("2") == sign("B", firm=False) and marked("2번") == sign("B") and letter_of(several("AB")) == ""
    )
    assert letters_of(marked("A, B와 D")) == "ABD" and letters_of(sign("C")) == "C"


@pytest.mark.parametrize("formula", ["C(4, 2) = 6", "\\sqrt{3}", "\\frac{1}{h}", "B(1, 3)"])
def test_a_formula_has_no_firm_choice(formula):
    assert not any("\ue000" <= one <= "\ue005" for one in marked(normal_form(formula)))


@pytest.mark.parametrize(
    ("reply", "form"),
    [
        ("**정답:** Ｂ", "정답: B"), ("> ## 정답: `B`", "## 정답: B"), ("$\\boxed{\\text{1/400}}$", "정답: 1/400"), ('{"why": "x", "answer": "B"}', "정답: B"),
        ("정답은 **E: 200** 입니다", "정답은 E 입니다"), ("**E: 200** 입니다", "E: 200 입니다"), ("<b>B</b><br>끝", "B\n끝"), ("D\\n\\n끝", "D\n끝"), ("A\ue003B", "A B"),
    ],
)  # fmt: skip
def test_the_normal_form(reply, form):
    assert normal_form(reply) == form


def test_of_a_long_reply_both_ends_are_read():
    text = normal_form("정답은 B이다. " + "가 " * 500_000 + "끝")
    assert text.startswith("정답은 B이다.") and text.endswith("끝") and len(text) <= 16_001
