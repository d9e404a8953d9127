"""The table of rules: its examples, the page made from it, and the time that patterns take."""

import re
from functools import partial
from pathlib import Path

import pytest

from evaluation.kormedmcqa.choices import letter_of, marked, normal_form
from evaluation.kormedmcqa.robust import extract_robust
from evaluation.kormedmcqa.rules import CLAUSE, PIECES, table
from komep_dataset.replies.thoughts import answer_of
from tests.growth import grows_with_its_size

CARD = Path(__file__).parents[3] / "evaluation/kormedmcqa/README.md"


@pytest.mark.parametrize("rule", CLAUSE + PIECES, ids=lambda rule: rule.name)
def test_a_rule_takes_its_example_and_not_its_counter_example(rule):
    assert extract_robust(rule.example) == rule.letter
    assert extract_robust(rule.counter) == ""
    if rule.pattern:
        found = rule.pattern.search(marked(normal_form(rule.example)))
        assert letter_of(found[found.lastindex]) == rule.letter


def test_the_page_has_the_table():
    assert (
        re.search(r"<!-- rules -->\n(.*?)<!-- /rules -->", CARD.read_text("utf-8"), re.DOTALL)[1] == table()
    )


LOOPS = ("정답은 ", "A는 ", "( ", "(", "the answer is ", "B 또는 ", "아니, ", "\n", ".", "A, ", "A 아니고 ", "B로 생각했지만 ", "?\n", " : ", "→ ",
         "다시 보니 ", "그러나 C가 맞다 ", "A(X), ", "A(", "A=", "(1) 위염 ", "_", "비타민 K와 ", "if the patient ", "많은 학생이 ", "A를 고르면 ",
         " ", "\u3000", "가", "각", "あ", "漢", "ก้", "אָ", "عَ", "क्षि", "ß", "\u0301\u0316", "ﷺ", "①", "\ue000", "😀", "{", "\\boxed{", "**", "**A: ", '", "a": ', "<",
         "- ", "1. ", "A: x\n", "</think>", "wait, ", "A가 가장 ", "보기A", "A A ", "A ❌ ", "❌ A ", "A ❌\n", "[x] A ", "☐", "[", "[[", '{"a":[', '[{"a":1},', "A → ", "A <- ",
         "열이면 ", "만약 A라면 B, ", "1순위: A ", "\n\n\t", "첫 번째 ", "the closest option is:\n", "the closest value to ", "\\frac{1}{2}", "질문 1: ",
         "A는 옳다 ", "나머지는 ", "all the options are correct except ", "since it is not, ", "A not ", "A만 빼고 다 ", '{"id":"A",', '{"answer": "', '"_',
         "A 오답 ", "A → 정답 ", "A → 정답\n", "A ❌ ☐ ", "❌", "☐ ✅ A, ", "A는 가나다 ")  # fmt: skip


def extract(piece: str, length: int) -> None:
    extract_robust(piece * (length // len(piece)) + "x", ["헤파린", "인슐린", "와파린", "아스피린", "디곡신"])


@pytest.mark.slow
@pytest.mark.parametrize("piece", LOOPS)
def test_long_text_takes_linear_time(piece):
    """What a looping model writes, in many scripts: of 320,000 characters 64,000 are brought into normal form, 16,000 are read."""
    assert grows_with_its_size(partial(extract, piece), 2_000)
    for work, size in ((normal_form, 8_000), (answer_of, 40_000)):
        assert grows_with_its_size(lambda n, work=work: work(piece * (n // len(piece)) + "x"), size), work


SOME = ["A를 고르면 ", " ", "\u0301\u0316", "\\boxed{", "A ❌ ", "A <- ", "\n\t", "열이면 "]


@pytest.mark.slow
@pytest.mark.parametrize("piece", SOME)
def test_no_other_step_of_reading_a_long_text_takes_more(piece):
    assert grows_with_its_size(partial(extract, piece), 40_000)


@pytest.mark.parametrize("piece", SOME)
def test_the_ends_of_a_long_text_take_no_quadratic_time(piece):
    assert grows_with_its_size(partial(extract, piece), 4_000)
