"""Where a letter, a digit or an option's name is a choice, and which sign stands for it."""

import re
from re import _constants as code
from re import _parser as parser

import pytest

from evaluation.kormedmcqa import choices, rules
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
        marked("2") == sign("B", firm=False)
        and marked("2번") == sign("B")
        and letter_of(several([sign("A"), sign("B")])) == ""
    )
    assert letters_of(marked("A, B와 D")) == "ABD" and letters_of(sign("C")) == "C"
    assert several([sign("B", firm=False), sign("B")]) == sign("B")


@pytest.mark.parametrize("formula", ["C(4, 2) = 6", "\\sqrt{3}", "\\frac{1}{h}", "B(1, 3)"])
def test_a_formula_has_no_firm_choice(formula):
    assert not any("\ue000" <= one <= "\ue005" for one in marked(normal_form(formula)))


@pytest.mark.parametrize(
    ("reply", "form"),
    [
        ("**정답:** Ｂ", "정답: B"), ("> ## 정답: `B`", "## 정답: B"), ("$\\boxed{\\text{1/400}}$", "정답: 1/400"),
        ("정답은 **E: 200** 입니다", "정답은 E: 200 입니다"), ("**E: 200** 입니다", "E: 200 입니다"), ("<b>B</b><br>끝", "B\n끝"), ("D\\n\\n끝", "D\n끝"), ("A\ue003B", "A B"),
    ],
)  # fmt: skip
def test_the_normal_form(reply, form):
    assert normal_form(reply) == form


def test_of_a_long_reply_both_ends_are_read():
    text = normal_form("정답은 B이다. " + "가 " * 500_000 + "끝")
    assert text.startswith("정답은 B이다.") and text.endswith("끝") and len(text) <= 16_001


@pytest.mark.parametrize(
    ("reply", "stated"),
    [
        ('{"why": "A or C", "answer": "B"}', "정답: B"),
        ('{"answer": "B", "why": "not A", "others": [{"option": "C"}]}', "정답: B"),
        ('{"answer_letter": "B", "answer_text": "수액"}', "정답: B"),
        ('{"first_answer": "A", "final_answer": "C"}', "정답: C"),
        ('답:\n```json\n{"정답": 2,\n"이유": "A는 금기"}\n```', "정답: 2"),
        ('{"answer": "2 mg"}', "(answer: 2 mg)"),
        ("정답: B", "정답: B"),
    ],
)
def test_the_answer_of_json_stands_last(reply, stated):
    assert normal_form(reply).rpartition("\n")[2] == stated


@pytest.mark.parametrize(
    ("reply", "verdicts"),
    [
        ("A ❌ B ✅ C ❌", "XOX"),
        ("❌ A ✅ B ❌ C", "XOX"),
        ("☐ A ☑ B ☐ C", "XOX"),
        ("[ ] A [x] B [ ] C", "XOX"),
        ("○ A ● B ○ C", "XOX"),
        ("A ✕\nB ○\n\nC ✕", "XOX"),
        ("| A | ✗ | 빈맥 |\n| B | ✓ | 서맥 |\n| C | ✗ | 발열 |", "XOX"),
        ("A(×) B(○) C(×)", "XOX"),
        ("A ✅ B ✅ C ❌", "OOX"),
    ],
)
def test_ticked_options_have_a_verdict_each(reply, verdicts):
    lines = normal_form(reply).split("\n")
    assert [(line[0], line[-2]) for line in lines] == list(zip("ABC", verdicts, strict=True))


def test_an_option_of_json_has_its_verdict():
    reply = '[{"no": 1, "correct": false}, {"no": 2, "why": "x", "correct": true}]'
    assert "1. (false)\n" in normal_form(reply) and "2. (true)\n" in normal_form(reply)


@pytest.mark.parametrize("reply", ["2 × 3 × 4", "A형 ❌ B형 ❌", "A ✗", "{A}", "[" * 30])
def test_what_ticks_no_option_has_no_verdict(reply):
    assert "(O)" not in normal_form(reply) and "(X)" not in normal_form(reply)


def test_an_arrow_behind_an_option_is_a_field():
    assert "정답: B" in normal_form("A. 위염\nB. 장염 ← 정답\nC. 천식")
    for reply in ("B. 장염 ← 오답", "B. 장염 → 정답이 아님", "정답 → B", "A → 정답은 C"):
        assert "정답: " not in normal_form(reply)


def test_of_marks_on_one_sign_thirty_are_read():
    assert len(normal_form("a" + "\u0301\u0316" * 500)) < 40


def begins(parsed) -> set[str]:
    """What a parsed pattern may begin with, as single letters; "" where it may be empty."""
    found: set[str] = set()
    for kind, value in parsed:
        if kind in (code.AT, code.ASSERT, code.ASSERT_NOT):
            continue
        if kind is code.LITERAL:
            new = {chr(value)}
        elif kind is code.IN:
            new = {
                chr(n)
                for k, v in value
                for n in (range(v[0], v[1] + 1) if k is code.RANGE else [{code.LITERAL: v}[k]])
            }
        elif kind is code.BRANCH:
            new = set().union(*map(begins, value[1]))
        elif kind is code.SUBPATTERN:
            new = begins(value[3])
        else:
            new = begins(value[2]) | ({""} if value[0] == 0 else set())  # of a repeat
        found |= new - {""}
        if "" not in new:
            return found
    return found | {""}


BEGUN = {name: one for module in (choices, rules) for name, one in vars(module).items()
         if isinstance(one, re.Pattern) and one.pattern.startswith("(?=[")}  # fmt: skip


@pytest.mark.parametrize("name", BEGUN)
def test_letters_that_a_pattern_begins_with_are_those_of_its_alternatives(name):
    """One that is missing there would switch its alternative off."""
    letters, alternatives = BEGUN[name].pattern.removeprefix("(?=[").split("])(?:", 1)
    let_through = re.compile(f"[{letters}]", re.IGNORECASE)
    assert len(BEGUN) == 5
    assert [one for one in begins(parser.parse(f"(?:{alternatives}")) if not let_through.fullmatch(one)] == []
