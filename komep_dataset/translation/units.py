"""What numbers count, as English and Korean texts write it: units of measurement and of time, money, people, things.

Each unit has one canonical name. What stands behind a number, or beside it, is read by the same rules in both languages.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from pathlib import Path

import yaml

from komep_dataset.replies.patterns import Pattern
from komep_dataset.translation.latin_words import NO_NOUNS

NUMERALS = yaml.safe_load(Path(__file__).with_name("numerals.yaml").read_text("utf-8"))


class Kind(Enum):
    """How surely a piece of text is a number that a translation has to carry."""

    PLAIN = "plain"  # a number: it must be in the other text
    NAME = "name"  # part of a name ("IL-6"): may be translated away, but must not come from nowhere
    LOOSE = "loose"  # may stand for a number ("once", "둘"): may answer one, is never demanded


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text, with its canonical unit ("" = none) and where it stands in the normalised text."""

    value: Fraction
    kind: Kind
    start: int
    end: int  # behind the unit
    unit: str = ""
    per: str = ""  # "/dl" in "mg/dL"
    others: tuple[Fraction, ...] = ()  # what else it may be read as: 1/2 is also 50 (percent)


# --- Units ---

CURRENCIES = {"$": "dollar", "£": "pound", "€": "euro", "¥": "yen", "₩": "won"}
TIMES = {
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
    "age",
    "times",
    "tablet",
    "bpm",
    "points",
}
# Other words may stand for these, or nothing.
LOOSE_UNITS = TIMES.union(CURRENCIES.values(), ("clock", "century", "calendar month", "percentage point"))
LOOSE_UNITS |= {"person", "thing", "mile", "foot", "yard"}
# What is counted one by one.
COUNTERS = frozenset(("person", "times", "tablet", "bpm", "points", "thing", "degree"))
# "5 C" may be a letter; "5 도" may be any degree. These agree with each other.
DEGREES = frozenset(("c", "f", "degree"))
_YEARS = frozenset(("year", "age"))
_PERCENT = frozenset(("percent", "percentage point", "points"))

_SPELLINGS = ((unit, one) for unit, spellings in NUMERALS["units"].items() for one in spellings.split())
_CANONICAL = {spelling.replace("-", " "): unit for unit, spelling in _SPELLINGS}
_LONGEST_FIRST = sorted(_CANONICAL, key=len, reverse=True)
_LATIN = "|".join(re.escape(s).replace(r"\ ", " ?") for s in _LONGEST_FIRST if not "가" <= s[0] <= "힣")
_HANGUL = [s for s in _LONGEST_FIRST if "가" <= s[0] <= "힣"]
_ONE_LETTER = {"m", "s", "h", "U", "l", "g", "L"}


# Syllables with which one of these is another word: 3분기, 6주기, 2분자, 5시즌.
_OTHER_WORD = r"(?![산식기자절획류대트즌리험양회준적막상속패승]|부(?!터))"
# 프로그램, 프로토콜 and 프로게스테론 are no percent, 그램음성 no gram.
_LONG_OTHER = r"(?!(?<=프로)[가게그락모바브스세젝테토틴펜포필]|(?<=그램)\s?(?:음성|양성|염색))"
# A Korean unit of one syllable that stands apart from its number is a unit only where no other word goes on
# from it: "2 주요 증상" is no two weeks.
_KOREAN_TAIL = r"(?=[^가-힣]|[간동마후전내이에의은는을를당째까로]|차례|부터|$)"
_LONG_HANGUL = "|".join(s for s in _HANGUL if len(s) > 1)
_SHORT_HANGUL = "|".join(s for s in _HANGUL if len(s) == 1)
_UNIT = Pattern(
    rf"(?P<latin>[ -]?(?:{_LATIN})(?![A-Za-z]|\.[A-Z]\.)"
    rf"(?P<per>(?:/(?:[A-Za-zμµ]+\d?|1\.73 ?m\^?2|분|시간|일|주|초|회|리터|데시리터|밀리리터))*))"
    rf"|(?P<hangul> ?(?:{_LONG_HANGUL}){_LONG_OTHER}|(?:{_SHORT_HANGUL}){_OTHER_WORD}| (?:{_SHORT_HANGUL}){_KOREAN_TAIL})"
)
_LOWER = {spelling.casefold(): unit for spelling, unit in _CANONICAL.items()}


def read_unit(text: str, at: int) -> tuple[str, str, int]:
    """The unit that stands at a place of a normalised text.

    Returns:
        (canonical unit or "", what it is per, such as "/dl", or "", end of the unit)
    """
    match = _UNIT.match(text, at)
    if not match:
        return "", "", at
    if match["hangul"]:
        return _CANONICAL[match["hangul"].strip()], "", match.end()
    written = match["latin"].removesuffix(match["per"]).strip(" -")
    if written in _ONE_LETTER and (match["latin"].startswith("-") or match["latin"] == "s"):
        return "", "", at  # "5-s" names something, "1980s" is a decade
    unit = _CANONICAL.get(written) or _LOWER.get(" ".join(written.casefold().split()), "")
    # "/min" and "/분" are one; names that are no units stay as they are.
    parts = [part.strip() for part in match["per"].split("/")[1:]]
    per = (
        _CANONICAL.get(part) or _LOWER.get(part.casefold(), part.casefold().replace(" ", ""))
        for part in parts
    )
    return unit, "".join(f"/{name}" for name in per), match.end()


def units_agree(one: str, other: str) -> bool:
    """Whether two canonical units may be the same: degrees without a scale agree with both scales, counters with each other."""
    both = {one, other}
    return one == other or any(
        both <= kin for kin in (COUNTERS, _PERCENT, DEGREES, _YEARS) if both != {"c", "f"}
    )


# --- What a number counts ---


def count_words(words: str, first: int = 1, step: int = 1) -> dict[str, int]:
    return {word: first + step * place for place, word in enumerate(words.split())}


_TO_NINETEEN = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
WORDS = {"zero": 0} | count_words(_TO_NINETEEN)
CARDINALS = WORDS | count_words("twenty thirty forty fifty sixty seventy eighty ninety", 20, 10)
MONTHS = count_words("january february march april may june july august september october november december")
MONTHS |= {name[:3]: month for name, month in MONTHS.items()} | {"sept": 9}
NATIVE_ONES, NATIVE_TENS = NUMERALS["native_ones"], NUMERALS["native_tens"]
# What may stand between two numbers that share one unit: "5 to 10 mg", "5, 10과 20 mg".
_SHARED = Pattern(r"\s*(?:-|~|to|and|or|,|/|±|에서|내지|부터|및|또는|과|와|,\s?(?:and|or|및|또는))\s*")
_KOREAN_BEHIND = Pattern(r"\s?[가-힣]")


def with_units(text: str, numbers: Sequence[Number]) -> list[Number]:
    """The numbers of a normalised text, each with what it counts and what else it may be read as."""
    return list(_compounds(text, _shared_units(text, [_with_unit(text, number) for number in numbers])))


_MULTIPLES = {"decade": 10, "centur": 100, "dozen": 12, "fortnight": 14}
_MULTIPLE = Pattern(r"[- ](decade|centur|dozen|fortnight)")
_CLOCK = Pattern(r"(?::[0-5]\d(?![\d:]))?(?P<sure>\s?[ap]\.?m\b|\so'clock)|:[0-5]\d(?![\d:])", re.IGNORECASE)
_LARGER = {"hour": 24, "day": 7, "month": 12}
_SMALLER = {"day": 24, "week": 7, "year": 12, "age": 12}
_HOURLY = Pattern(r"mph|(?:per|an|a) hour")
_YEAR_BEFORE = Pattern(r"(?:1[89]|20)\d\d[-/~]$")  # "2017-18"
_NATIVE_STARTS = {numeral[0] for numeral in NATIVE_ONES | NATIVE_TENS} - {"일"}
_ERA = Pattern(r"s\b|년?대")


def _with_unit(text: str, number: Number) -> Number:
    """The number with the unit behind it; "1일" and "1회" may stand for "daily" and "once".

    What else it may be: two decades 20, the '80s 1980, 19 o'clock 7.
    """
    if number.unit:
        return replace(number, others=(*number.others, *_resized(number.value, number.unit)))
    unit, per, end = read_unit(text, number.end)
    before = text[max(0, number.start - 6) : number.start]
    if unit in ("", "degree"):
        unit = "f" if "화씨" in before else "c" if "섭씨" in before else unit
    far = unit in ("mile", "km")
    if far and (before.strip().endswith("시속") or _HOURLY.search(text, number.end, end + 9)):
        per = "/hour"
    kind, value, others = number.kind, number.value, number.others
    single = kind is Kind.PLAIN and value == 1 and unit != "calendar month"
    if single and _KOREAN_BEHIND.match(text, number.end):
        kind = Kind.LOOSE if unit in TIMES or _KOREAN_BEHIND.match(text, end) else kind
    if multiple := _MULTIPLE.match(text, number.end):
        kind, others = Kind.LOOSE, (*others, value * _MULTIPLES[multiple[1]])
    elif (value % 10 == 0 and _ERA.match(text, number.end)) or (value < 100 and _YEAR_BEFORE.search(before)):
        others = (*others, value % 100, value % 100 + 1900, value % 100 + 2000)
    elif not unit and (clock := _CLOCK.match(text, number.end)):
        unit = "clock" if clock["sure"] and not before.endswith(":") else ""
        others = (*others, value + 12, value - 12)
    elif unit in ("", "person") and kind is not Kind.NAME and not before.endswith(":"):
        unit = CURRENCIES.get(before.strip()[-1:]) or _counted(text, number, unit)
    elif unit == "minute" and text[number.start] in _NATIVE_STARTS:
        unit = "person"
    elif unit == "times" and text.startswith("째", end):
        unit = ""
    if unit == "clock":
        others = (*others, value + 12, value - 12)
    others = (*others, *_resized(value, unit))
    return replace(number, unit=unit, per=per, end=end, kind=kind, others=others)


def _resized(value: Fraction, unit: str) -> Iterator[Fraction]:
    """48 hours are two days."""
    if unit in _SMALLER:
        yield value * _SMALLER[unit]
    if unit in _LARGER and value % _LARGER[unit] == 0:
        yield value / _LARGER[unit]


_MONTH = rf"(?:{'|'.join(sorted(MONTHS, key=len, reverse=True))})"
_MONTH_BEFORE = Pattern(rf"\b{_MONTH}\.? (?:the )?$", re.IGNORECASE)
_MONTH_BEHIND = Pattern(rf"(?:st|nd|rd|th)? (?:of )?{_MONTH}\b", re.IGNORECASE)
_IN_YEAR = Pattern(rf"(?:\b(?:in|since|by|until|during|early|late|year)|{_MONTH}|\b\d\d?,) $", re.IGNORECASE)
# "day 28", "6-foot-2", "phase 3".
_LABEL = Pattern(
    r"(?:\b(day|week|month|year|hour|minute)s?|\b(?:types?|phases?|stages?|grades?|levels?|tables?|figures?|chapters?|rooms?|no\.|"
    r"numbers?|pages?|versions?|category|class|groups?|steps?|parts?|sections?)|(-foot| feet| foot))[ -]$",
    re.IGNORECASE,
)
OLDEST = 130  # years that nobody lives
_AGED, _NAMED_BEFORE = Pattern(r"\b(?:aged|age) $"), Pattern(r"[A-Z][a-z]+(?:, | \()$")  # "Kim, 42, said"
_NOUNS = Pattern(r"(?:st|nd|rd|th)?((?:[ -][A-Za-z]+){1,3})")
_PLURAL = Pattern(r"(?<![suio])s$")
_ORDINAL_ENDS = ("st", "nd", "rd", "th")


def _counted(text: str, number: Number, unit: str) -> str:
    """What an English number counts by the words beside it: a unit, the day of a date, a year, a thing or, unknown, ""."""
    start, end = number.start, number.end
    before = text[max(0, start - 14) : start]
    if number.value <= 31 and (_MONTH_BEFORE.search(before) or _MONTH_BEHIND.match(text, end)):
        return "day"
    if label := _LABEL.search(before):
        return read_unit(f" {label[1]}", 0)[0] if label[1] else "inch" if label[2] else ""
    if unit:
        return unit
    if 1 < number.value < OLDEST and (
        _AGED.search(before) or (text[end : end + 1] in (",", ")") and _NAMED_BEFORE.search(before))
    ):
        return "age"
    nouns = _NOUNS.match(text, end)
    counted, last, ends = "", "", ("s", "people", "men", "percent")
    if nouns and text.startswith(_ORDINAL_ENDS, max(nouns.start(1), 2) - 2):
        ends = ""  # "the fifth postoperative day"
    for word in nouns[1].replace("-", " ").lower().split() if nouns else ():
        if word in NO_NOUNS or word in CARDINALS:
            break
        if counted and _PLURAL.search(last):
            break  # "12 volunteers hours after"
        surely = len(word) > 2 if not counted else word.endswith(ends)
        if surely and (unit := read_unit(f" {word}", 0)[0]):
            return unit
        counted, last = "thing", word
    if 1700 <= number.value < 2100 and end - start == 4:
        named = _IN_YEAR.search(before) or text[start - 1 : end + 1] == f"({text[start:end]})"
        return "year" if named and not counted else ""
    return counted


_COMPOUND = Pattern(r",?\s?(?:and\s)?")
_PARTS_OF = {
    ("year", "month"): 12,
    ("age", "month"): 12,
    ("hour", "minute"): 60,
    ("week", "day"): 7,
    ("day", "hour"): 24,
}


def _compounds(text: str, numbers: list[Number]) -> Iterator[Number]:
    """The numbers; 1년 6개월 may be 18 months, and a year and a half."""
    for before, this, after in zip([None, *numbers], numbers, [*numbers[1:], None], strict=False):
        for one, other in ((before, this), (this, after)):
            many = one and other and _PARTS_OF.get((one.unit, other.unit))
            if many and _COMPOUND.fullmatch(text, one.end, other.start):
                total = one.value * many + other.value
                this = replace(this, others=(*this.others, total, total / many))
        yield this


def _shared_units(text: str, numbers: list[Number]) -> list[Number]:
    """Numbers of a list or a range take the unit of the last one."""
    done = list(numbers)
    for i in range(len(done) - 2, -1, -1):
        this, following = done[i], done[i + 1]
        in_ratio = text[max(0, this.start - 2) : this.start].strip().endswith(":")  # 1:1000, 0.3 mL
        alone = not this.unit and not in_ratio
        shares = following.unit and following.kind is not Kind.LOOSE
        if alone and shares and _SHARED.fullmatch(text, this.end, following.start):
            done[i] = replace(this, unit=following.unit, per=following.per)
    return done
