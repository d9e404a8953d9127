"""The values of numerals: digits, English number words, native and Sino-Korean numerals."""

from __future__ import annotations

import re
from fractions import Fraction

LONG_DIGITS = 40  # a longer run of digits is no quantity


def digits_value(digits: str) -> Fraction:
    """The value of digits with separators; one too long for a quantity is known by its characters."""
    digits = digits.replace(",", "")
    if len(digits) > LONG_DIGITS:
        return Fraction(int.from_bytes(digits.encode(), "big"))
    return Fraction("0" + digits if digits.startswith(".") else digits)


# --- Korean

SINO = {c: n for n, c in enumerate("영일이삼사오육칠팔구")} | {"공": 0}
SMALL_SCALES = {"십": 10, "백": 100, "천": 1000}
BIG_SCALES = {"만": 10**4, "억": 10**8, "조": 10**12}
NATIVE_ONES = {
    "하나": 1, "한": 1, "둘": 2, "두": 2, "셋": 3, "세": 3, "석": 3, "넷": 4, "네": 4, "넉": 4, "다섯": 5,
    "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9,
}  # fmt: skip
NATIVE_TENS = {
    "열": 10, "스물": 20, "스무": 20, "서른": 30, "마흔": 40, "쉰": 50, "예순": 60, "일흔": 70, "여든": 80,
    "아흔": 90,
}  # fmt: skip
DAYS = {"하루": 1, "이틀": 2, "사흘": 3, "나흘": 4, "닷새": 5, "엿새": 6, "이레": 7, "열흘": 10, "보름": 15}


def sino_value(numeral: str) -> int:
    """The value of a Sino-Korean numeral, digits among it or not: 천이백 = 1200, 3만5천 = 35000."""
    total = part = 0
    digits: int | None = None
    for c in numeral:
        if c in BIG_SCALES:
            total += ((part + (digits or 0)) or 1) * BIG_SCALES[c]
            part, digits = 0, None
        elif c in SMALL_SCALES:
            part += (1 if digits is None else digits) * SMALL_SCALES[c]
            digits = None
        elif c in SINO or c.isdigit():
            digits = (digits or 0) * 10 + (SINO[c] if c in SINO else int(c))
    return total + part + (digits or 0)


# --- English

WORDS = {
    w: n
    for n, w in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
}
TENS_WORDS = {
    w: 10 * n
    for n, w in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
}
SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
ORDINALS = {
    w: n
    for n, w in enumerate(
        [
            "first",
            "second",
            "third",
            "fourth",
            "fifth",
            "sixth",
            "seventh",
            "eighth",
            "ninth",
            "tenth",
            "eleventh",
            "twelfth",
        ],
        1,
    )
}
LOOSE_WORDS = {
    "once": 1, "a": 1, "an": 1, "per": 1, "each": 1, "every": 1, "daily": 1, "weekly": 1, "monthly": 1,
    "yearly": 1, "annual": 1, "annually": 1, "hourly": 1, "nightly": 1, "single": 1, "primary": 1,
    "another": 1,
    "only": 1, "alone": 1, "any": 1, "same": 1, "sole": 1,
    "both": 2, "either": 2, "neither": 2, "couple": 2, "pair": 2, "pairs": 2, "paired": 2, "double": 2,
    "doubles": 2, "doubled": 2, "doubling": 2, "dual": 2, "twin": 2, "twins": 2, "bilateral": 2,
    "secondary": 2,
    "between": 2, "bid": 2, "biphasic": 2, "biannual": 2, "biannually": 2, "biweekly": 2, "bimonthly": 2,
    "former": 2, "latter": 2, "binary": 2, "two-sided": 2, "triple": 3, "tripled": 3, "triples": 3, "tid": 3,
    "tertiary": 3, "trivalent": 3, "triplets": 3, "triad": 3, "trimester": 3, "quadruple": 4, "qid": 4,
    "tetrad": 4,
    "quadrivalent": 4, "tetralogy": 4, "quaternary": 4, "pentad": 5, "quintuple": 5, "dozen": 12,
    "fortnight": 14,
    "january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7, "august": 8,
    "september": 9, "october": 10, "november": 11, "december": 12,
}  # fmt: skip
PLAIN_WORDS = {"twice": 2, "thrice": 3}
DENOMINATORS = {"half": 2, "halves": 2, "quarter": 4, "quarters": 4} | {
    w + s: n for w, n in ORDINALS.items() if n > 2 for s in ("", "s")
}
CARDINALS = WORDS | TENS_WORDS
OF_HALF = {"hour": 30, "day": 12, "year": 6, "dozen": 6}  # half of it in minutes, hours, months, pieces
ROMANS = {
    r: n
    for n, r in enumerate(
        ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV"], 1
    )
}


def cardinal_value(written: str) -> Fraction:
    """The value of an English cardinal: "two hundred and five thousand"."""
    total = part = 0
    for word in re.split(r"[- ]+", written.lower()):
        if word == "hundred":
            part = (part or 1) * 100
        elif word in SCALES:
            total, part = total + (part or 1) * SCALES[word], 0
        elif word not in ("and", "a"):
            part += CARDINALS[word]
    return Fraction(total + part)
