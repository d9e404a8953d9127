"""Numbers as English and Korean texts write them."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from komep_dataset.translation.numbers import Kind, normal, numbers_of, sino_value

WIDE = str.maketrans("0123456789.,%", "０１２３４５６７８９．，％")


def plain(text):
    return [(number.value, number.unit) for number in numbers_of(normal(text)) if number.kind is Kind.PLAIN]


def korean_numeral(n):
    """An independent writer of Sino-Korean numerals, up to 99,999,999."""
    text = ""
    for scale, name in ((10**4, "만"), (1, "")):
        group, part = n // scale % 10**4, ""
        for power, unit in ((1000, "천"), (100, "백"), (10, "십"), (1, "")):
            digit = group // power % 10
            if digit:
                part += ("" if digit == 1 and unit else "영일이삼사오육칠팔구"[digit]) + unit
        text += ("" if part == "일" and name else part) + name if part else ""
    return text


@given(st.integers(1, 99_999_999))
@settings(max_examples=150, deadline=None)
def test_korean_numerals_come_back(n):
    assert sino_value(korean_numeral(n)) == n
    assert n in [number.value for number in numbers_of(f"모두 {korean_numeral(n)} 명이다")] or n < 10
    if n >= 10**4 and n % 10**4 == 0:
        assert plain(f"{n // 10**4:,}만 명") == [(n, "person")]


@given(st.decimals(0, 10**9, places=3), st.sampled_from(["mg", "mL", "mmHg", "%", "µg", "kg"]))
@settings(max_examples=150, deadline=None)
def test_digits_come_back(number, unit):
    value = Fraction(number)
    name = {"mL": "ml", "mmHg": "mmhg", "%": "percent", "µg": "mcg"}.get(unit, unit)
    for written in (f"{number:f}", f"{number:,f}", f"{number:,f}".translate(WIDE)):
        for text in (f"It is {written} {unit}.", f"양은 {written}{unit}이다."):
            assert plain(text) == [(value, name)]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("fourteen long days", [(14, "day")]),
        ("on the sixth postnatal day", [(6, "day")]),
        ("nine other goals", [(9, "thing")]),
        ("per 1,000 mid-year population", [(1000, "thing")]),
        ("in 1987", [(1987, "year")]),
        ("1987 of them", [(1987, "")]),
        ("Aug. 9", [(9, "day")]),
        ("9 August", [(9, "day")]),
        ("at 9 tonight", [(9, "")]),
        ("$9", [(9, "dollar")]),
        ("5-foot-9", [(5, "foot"), (9, "inch")]),
        ("9 p.m.", [(9, "clock")]),
        ("at 9:20", [(9, ""), (20, "")]),
        ("at 9:20 p.m.", [(9, "clock"), (20, "")]),
        ("9시 20분", [(9, "clock"), (20, "minute")]),
        ("다섯 분", [(5, "person")]),
        ("5분자, 3분기, 6주기, 4시즌", [(5, ""), (3, ""), (6, ""), (4, "")]),
        ("8월에 8개월", [(8, "calendar month"), (8, "month")]),
        ("4900만 6억", [(49_000_000, ""), (6, "")]),
        ("14세기에 14세 소년", [(14, "century"), (14, "age")]),
    ],
)
def test_what_a_number_counts(text, numbers):
    assert plain(text) == numbers


def test_a_name_is_no_quantity():
    assert plain("IL-6, CD4, BRCA1, 5-HT3 and vitamin B12") == []
    assert plain("1. first item\n2) next item\nas shown before [3, 4]") == []
    assert plain("십이지장, 만성, 천식, 이상 소견, 두개골, 석회화") == []
