"""Whether a translation keeps the numbers of its source."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from komep_dataset.translation.checks.numbers_changed import changed_numbers


@pytest.mark.parametrize(
    ("english", "korean"),
    [
        ("Take it twice daily.", "하루 두 번 복용한다."),
        ("Take it twice daily.", "1일 2회 복용한다."),
        ("for three months", "3개월 동안"),
        ("for three months", "석 달 동안"),
        ("for three months", "세 달 동안"),
        ("in 1,000 people", "천 명에서"),
        ("10 million people", "천만 명"),
        ("10 million people", "1,000만 명"),
        ("5–10 mg", "5~10 mg"),
        ("5 to 10 mg", "5에서 10mg"),
        ("5-10 mg", "５～１０ｍｇ"),
        (">= 140 mmHg", "140 mmHg 이상"),
        ("less than 5%", "5% 미만"),
        ("no more than 4 g", "4 g을 넘지 않게"),
        ("50 mcg", "50 µg"),
        ("50 μg", "50마이크로그램"),
        ("the second dose", "두 번째 투여"),
        ("10^9/L", "10⁹/L"),
        ("one half tablet", "반 알"),
        ("1/2 tablet", "절반"),
        ("two-thirds of them", "그중 3분의 2"),
        ("one of the causes", "원인 중 하나"),
        ("type 2", "제2형"),
        ("type II", "2형"),
        ("chromosome 21", "21번 염색체"),
        ("in the 1990s", "1990년대에"),
        ("102°F", "화씨 102도"),
        ("38.5 °C", "섭씨 38.5도"),
        ("at −20 °C", "영하 20도에서"),
        ("1.2 billion", "12억"),
        ("twenty-five patients", "환자 스물다섯 명"),
        ("IL-6 and HbA1c", "인터루킨-6과 당화혈색소"),
        ("May 3, 2020", "2020년 5월 3일"),
    ],
)
def test_the_same_number_in_two_languages(english, korean):
    assert changed_numbers(english, korean) == []


@pytest.mark.parametrize(
    ("english", "korean", "problem"),
    [
        ("Give 5 mg.", "5 g을 투여한다.", "5 mg has become 5 g"),
        ("Give 5 mg.", "50 mg을 투여한다.", "5 mg is missing"),
        ("Give 5 mg.", "투여한다.", "5 mg is missing"),
        ("Give it.", "5 mg을 투여한다.", "5 mg is not in the source"),
        ("above 140 mmHg", "140 mmHg 미만", "above 140 has become below"),
        ("below 90 mmHg", "90 mmHg보다 높으면", "below 90 has become above"),
        ("above 140 mmHg", "140 mmHg", "above 140 has lost its comparison"),
        ("at −20 °C", "20 °C에서", "the sign of 20 has changed"),
        ("once daily", "하루 세 번", "세 번 is not in the source"),
        ("IL-6", "IL-8", "8 is not in the source"),
        ("100 mg/dL", "100 mg/L", "100 mg/dl has become 100 mg/l"),
        ("10 million people", "백만 명", "10 million is missing"),
        ("two-thirds", "3분의 1", "two-thirds is missing"),
        ("for 3 weeks", "3일 동안", "3 week has become 3 day"),
    ],
)
def test_a_changed_number_is_found(english, korean, problem):
    assert problem in changed_numbers(english, korean)


@given(st.integers(0, 10**8), st.integers(0, 8), st.integers(1, 9), st.booleans())
@settings(max_examples=200, deadline=None)
def test_one_altered_digit_is_always_caught(number, place, step, grouped):
    digits = str(number)
    place %= len(digits)
    altered = int(digits[:place] + str((int(digits[place]) + step) % 10) + digits[place + 1 :])
    form = "{:,}" if grouped else "{}"
    source, target = f"The dose is {form} mg.", f"용량은 {form} mg이다."
    assert changed_numbers(source.format(number), target.format(number)) == []
    assert changed_numbers(source.format(number), target.format(altered)) != []
