"""Numbers as English and Korean texts write them: digits, number words, Korean numerals, fractions, powers.

One reader serves both languages, so that a text and its translation are read by the same rules. How surely
something is a number differs: "5 mg" is one, "one of the" is none, and "둘" may or may not be said for "both".
"""

import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

from komep_dataset.replies.patterns import Pattern
from komep_dataset.translation.latin_words import HANGUL
from komep_dataset.translation.units import (
    CARDINALS,
    MONTHS,
    NATIVE_ONES,
    NATIVE_TENS,
    NUMERALS,
    WORDS,
    Kind,
    Number,
    count_words,
    read_unit,
    with_units,
)  # fmt: skip

# --- Values of numerals ---------------------------------------------------------------------------

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
DAYS = NUMERALS["days"]


def sino_value(numeral: str) -> Fraction:
    """The value of a Sino-Korean numeral, digits among it or not: 천이백 = 1200, 3만5천 = 35000, 1억 4천 2백만."""
    total = part = Fraction(0)
    digits: Fraction | None = None
    for sign in re.findall(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[가-힣]", numeral):
        if sign in BIG_SCALES:
            total += ((part + (digits or 0)) or 1) * BIG_SCALES[sign]
            part, digits = Fraction(0), None
        elif sign in SMALL_SCALES:
            part += (1 if digits is None else digits) * SMALL_SCALES[sign]
            digits = None
        else:
            digits = (digits or 0) * 10 + SINO[sign] if sign in SINO else digits_value(sign)
    return total + part + (digits or 0)


# --- English


SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
ORDINALS = count_words("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth")
ORDINALS |= {re.sub("y$", "ie", word) + "th": n for word, n in CARDINALS.items() if n > 12}
LOOSE_WORDS = {word: value for value, words in NUMERALS["loose"].items() for word in words.split()}
LOOSE_WORDS |= MONTHS | {re.sub("y$", "ies", ten): n for ten, n in CARDINALS.items() if n > 19}
PLAIN_WORDS = {"twice": 2, "thrice": 3}
_PARTS = {"half": 2, "halves": 2, "quarter": 4, "quarters": 4}
DENOMINATORS = _PARTS | {w + s: n for w, n in ORDINALS.items() if n > 2 for s in ("", "s")}
PART_WORDS = _PARTS | {"halved": 2, "halving": 2, "midway": 2}
OF_HALF = {"hour": 30, "day": 12, "year": 6, "dozen": 6}  # half of it in minutes, hours, months, pieces
ROMANS = count_words("I II III IV V VI VII VIII IX X XI XII XIII XIV")


def cardinal_value(written: str) -> Fraction:
    """The value of an English cardinal: "two hundred and five thousand"."""
    total = part = 0
    for word in re.split(r"[- ]+", written.lower()):
        if word == "hundred":
            part = (part or 1) * 100
        elif word in SCALES:
            total, part = total + (part or 1) * SCALES[word], 0
        elif word not in ("and", "a"):
            part += CARDINALS.get(word) or ORDINALS.get(word, 0)
    return Fraction(total + part)


# --- Numbers in a text --------------------------------------------------------------------------

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SUPERSCRIPT = Pattern(r"(?<=\d)([⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_VULGAR = Pattern(r"(?<=\d)(?=[¼½¾⅐-⅞])")
_SIGNS = str.maketrans("⁄≧≦⩾⩽‐‑‒–—―−﹣－∼〜～˜", "/≥≤≥≤---------~~~~")
_THIN = Pattern(r"(?<=\d)[\u2009\u202f\u00a0](?=\d{3}(?!\d))")
_INVISIBLE = Pattern(
    r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2060\ufeff*`]+|</?[A-Za-z]{1,9}>"
)
_CIRCLED = Pattern(r"[①-⑳]")
_SHORT_SCALE = Pattern(
    r"([$£€]\s?\d[\d.,]{0,12}|\d(?=\s?[bt]n|m (?:people|users|viewers|euros|dollars|pounds)))\s?(k|m|b|mn|bn|tn)\b"
)
_SHORT_SCALES = {"k": "thousand", "m": "million", "b": "billion", "t": "trillion"}
_WHOLE_HOUR = Pattern(r"(?<![\d:])\d{1,2}:00(?![\d:])")
_DOTTED_CLOCK = Pattern(
    r"(?<![\d.])(\d{1,2})\.([0-5]\d)(?=\s?[ap]\.?m\b)|(?<=오[전후]\s)(\d{1,2})\.([0-5]\d)(?![\d%.])",
    re.IGNORECASE,
)


def normal(text: str) -> str:
    """A text as the reader of numbers sees it: NFKC, one kind of dash, powers as ^, no emphasis marks, 7.55 am as 7:55 am,
    $5bn as $5 billion."""
    text = _CIRCLED.sub(" ", _INVISIBLE.sub("", html.unescape(text)))
    text = _SUPERSCRIPT.sub(lambda m: "^" + m[1].translate(_SUPERSCRIPTS), text)
    text = _VULGAR.sub(" ", _THIN.sub("", text))
    text = _DOTTED_CLOCK.sub(
        lambda m: f"{m[1] or m[3]}:{m[2] or m[4]}", unicodedata.normalize("NFKC", text).translate(_SIGNS)
    )
    return _SHORT_SCALE.sub(lambda m: f"{m[1]} {_SHORT_SCALES[m[2][0]]}", text)


HALF = Fraction(1, 2)


def _number(
    match: re.Match, value: Fraction | int, kind: Kind = Kind.PLAIN, *others: Fraction | int, unit: str = ""
) -> Number:
    return Number(Fraction(value), kind, *match.span(), unit, others=tuple(map(Fraction, others)))


# --- Korean numerals ------------------------------------------------------------------------------

_ONES = "|".join(sorted(NATIVE_ONES, key=len, reverse=True))
_TENS = "|".join(sorted(NATIVE_TENS, key=len, reverse=True))
_COUNTERS = NUMERALS["counters"].replace(" ", "|")
_NATIVE = Pattern(
    rf"(?<![가-힣\d])(?:(?P<tens>{_TENS})(?:(?P<ones>{_ONES})|\s(?P<apart>{_ONES})(?=\s?(?:{_COUNTERS})))?|"
    rf"(?P<single>{_ONES}))(?P<counter>\s?(?:{_COUNTERS})(?![호력])|(?=\s[가-힣]))?"
)
_SINO_RUN = Pattern(
    rf"(?<![가-힣\d])(?:[영일이삼사오육칠팔구십백천만억조]{{2,16}}|[십백천만억])(?:\s[일이삼사오육칠팔구십백천만억]{{2,16}})?"
    rf"(?=여?\s?(?:{_COUNTERS}|퍼센트|세|년|일|도)|[^가-힣]|$)"
    rf"|(?<![가-힣\d])[일이삼사오육칠팔구십]\s?(?=개월|주|년|회|퍼센트|밀리그램|시간|도|차|형|기|등급|단계|엽|첨|중|배체|점|피트|인치|마일|미터|킬로|제\s|가\s)"
)
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
# Bounded, so that a long run of digits is not read again from each of its digits.
_FEW_DIGITS = r"(?:\d{1,3}(?:,\d{3}){1,6}(?!\d)|\d{1,15})(?:\.\d{1,15})?"
_SCALES = "십백천만억조"
_SCALED = rf"(?:[{_SCALES}]{{1,3}}(?![성식정추리막자]|분위)|\s[{_SCALES}]{{1,2}}(?:(?![가-힣])|(?=여|명|원|달러|유로|파운드|엔|개|건)))"
_MIXED = Pattern(
    rf"(?<![\d.,A-Za-z])(?!(?<=제)\d+조|(?<=제\s)\d+조){_FEW_DIGITS}{_SCALED}(?:\s?{_FEW_DIGITS}{_SCALED}|\s[{_SCALES}]{{1,3}}(?![가-힣])){{0,5}}"
    rf"(?:(?:\s?(?:\d{{1,2}},)?\d{{3}}(?!\.\d)|\d{{1,4}}(?:\.\d{{1,4}})?)(?![\d,]|\s?[{_SCALES}%]))?"
)
_ONLY = Pattern(r"(\d+(?:\.\d+)?)\s?만")
_ASCENDS = Pattern(r"만[^만]*[억조]|억[^억]*조")
_PORTION = Pattern(
    r"((?<![\d.])[\d.]{1,12}|[일이삼사오육칠팔구십백천만]{1,6})\s?분의\s?([\d.]{1,12}|[일이삼사오육칠팔구십백천]{1,6})"
)


def _mixed(match: re.Match) -> Number:
    """1억 2천만, 350만, 3.5천, 37만 5,000; 4900만 6억 is two numbers; 2만 may be 2 alone."""
    written = match[0]
    if ascends := _ASCENDS.search(written):
        written = written[: ascends.start() + 1]
    number = _number(match, sino_value(written))
    only = _ONLY.fullmatch(match[0])
    if only and not read_unit(match.string, match.end())[0]:
        number = _number(match, number.value, Kind.LOOSE, digits_value(only[1]))
    return replace(number, end=match.start() + len(written))


def _part(written: str) -> Fraction:
    if written[0].isdigit():
        return digits_value(written) if written.count(".") < 2 and written[-1] != "." else Fraction(0)
    return sino_value(written)


def _portion(match: re.Match) -> Number | None:
    """ "3분의 1", a third; also for its parts."""
    under, over = _part(match[1]), _part(match[2])
    return _number(match, over / under, Kind.PLAIN, over, under, over / under * 100) if under else None


_DAY = Pattern(rf"(?<![가-힣])(?:{'|'.join(DAYS)})")
_HALF = Pattern(r"(?<![가-힣])절반|(?<![가-힣])반(?=\s|[으씩알정만])|(?<=\d시\s)반|(?<=\d시)반")
_NO_NUMERAL = Pattern(
    r"두개[내골강저]|두\s?번\s?다시|둘\s(?:수|것|때|예정|계획|필요)|(?:석|넉)(?!\s?(?:달|잔|단|장|섬))|세(?:군데|포|균|로|척)|두(?:통|피|부|정)|한(?:약|방|의|국)"
)


def _day(match: re.Match) -> Number:
    value = DAYS[match[0]]
    return _number(match, value, Kind.LOOSE if value in (1, 15) else Kind.PLAIN, unit="day")


_ABOUT = NUMERALS["about"]
# One of "two or three"; 양국 is the two countries.
_ROUGH = Pattern(
    rf"(?<![가-힣])(?:(?P<about>{'|'.join(sorted(_ABOUT, key=len, reverse=True))})(?=\s?[가-힣]|$)|"
    r"양(?=[국측쪽당팀자]|\s[가-힣])|쌍|남북)"
)


def _rough(match: re.Match) -> Number:
    value = _ABOUT.get(match["about"], 2)
    return _number(match, value, Kind.LOOSE, *([value + 1] if match["about"] else []))


def _native(match: re.Match) -> Number | None:
    """A native numeral; "한" is no more than "a", "열" alone is a fever, and 열정, 세정 and 세종 are words."""
    tens, single, counter = match.group("tens", "single", "counter")
    if _NO_NUMERAL.match(match.string, match.start()):
        return None
    ones = match["ones"] or match["apart"]
    value = NATIVE_TENS.get(tens, 0) + NATIVE_ONES.get(ones or single, 0)
    numeral = match[0].removesuffix(counter or "")
    word = len(numeral) == 1 and counter and len(counter) == 1 and counter not in "번명달개살"
    # "두 발" for feet: what English says by a plural may be two.
    unsure = word or (not counter and (value == 10 or single in ("석", "넉", "두", "네")))
    kind = Kind.LOOSE if counter is None or value == 1 or unsure else Kind.PLAIN
    return Number(Fraction(value), kind, match.start(), match.start() + len(numeral))


# --- English words --------------------------------------------------------------------------------

_CARDINAL = "|".join(sorted(CARDINALS, key=len, reverse=True))
# "thirty-second" may be half a minute.
_TENTHS, _NTH = "(?:twen|thir|for|fif|six|seven|eigh|nine)ty", "first|third|(?:four|fif|six|seven|eigh|nin)th"
_SCALE, _HOURS = "|".join(SCALES), "|".join(list(WORDS)[1:13])
_UNDER = "|".join(sorted(DENOMINATORS, key=len, reverse=True))
_GO_ON = rf"(?:[-\ ](?:and\ )?(?:{_CARDINAL}|{_SCALE}))*"
_ENGLISH = Pattern(
    rf"""(?<![A-Za-z])(?=[A-Za-z0-9])(?:
      (?P<portion>(?P<over>one|two|three|four|five|six|seven|a)[-\ ](?P<under>{_UNDER})(?=[-\ ]of|\b(?!-)))
     |(?<![\d.,])(?P<digits>{_FEW_DIGITS})[-\ ]?(?P<scale>{_SCALE})
     |(?P<cardinal>(?:(?:a|{_CARDINAL})[-\ ])?(?:{_SCALE}){_GO_ON}
       |(?P<hour>(?:{_HOURS})-(?:fifteen|thirty|forty-five))(?!-)
       |(?:{_TENTHS})-(?:{_NTH})|(?:{_CARDINAL})(?:-(?:{_CARDINAL}))?(?:[-\ ](?:{_SCALE}){_GO_ON})?)(?P<fold>-?fold)?
     |(?P<word>[A-Za-z]+(?:-sided)?)
    )(?![A-Za-z])""",
    re.IGNORECASE | re.VERBOSE,
)


# "It may help", "to march", "May cause drowsiness.", but "in march 2015", "12 May was".
_NO_MONTH = Pattern(r"m\w+\b(?!\.? \d)|(?<![^.!?:;\n*-] )May (?!of |or |and |to |in |at |by )[a-z]")
_PARTY = Pattern(r"[- ](?:part(?:y|ies)|person|world)\b")  # of an insurer
_IN_NAME = Pattern(r"(?<=[a-z,] )[A-Z][a-z]+ [A-Z][a-z]")  # "the Seven Sisters"


def _english(match: re.Match) -> Number | None:
    if match["portion"]:
        over, under = WORDS.get(match["over"].lower(), 1), DENOMINATORS[match["under"].lower()]
        if match["over"].lower() == "a" and match["under"].lower() not in _PARTS:
            return _number(match, under, Kind.LOOSE, Fraction(1, under))  # "a third dose" is no third
        value = Fraction(over, under)
        return _number(match, value, Kind.LOOSE if under == 2 else Kind.PLAIN, value * 100, over, under)
    if match["scale"]:
        return _number(match, digits_value(match["digits"]) * SCALES[match["scale"].lower()])
    if match["hour"]:
        hour, _, minute = match["hour"].lower().partition("-")
        return _number(match, WORDS[hour], Kind.PLAIN, cardinal_value(minute))
    if match["cardinal"]:
        value = cardinal_value(match["cardinal"])
        alone = value <= 1 or match["cardinal"].lower() in SCALES
        alone = not match["fold"] and (alone or _IN_NAME.match(match.string, match.start()))
        several = [2] if value == 1 and match.string.endswith("ore than ", 0, match.start()) else []
        return _number(match, value, Kind.LOOSE if alone else Kind.PLAIN, *several)
    word = match["word"].lower()
    if value := PLAIN_WORDS.get(word):
        return _number(match, value)
    if value := ORDINALS.get(word):
        party = value <= 2 or _PARTY.match(match.string, match.end())
        return _number(match, value, Kind.LOOSE if party else Kind.PLAIN, Fraction(1, value))
    if parts := PART_WORDS.get(word):
        value, percent, minutes = (Fraction(whole, parts) for whole in (1, 100, 60))
        return _number(match, value, Kind.LOOSE, percent, minutes, parts, 2 * parts)
    if word in ("may", "march") and _NO_MONTH.match(match.string, match.start()):
        return None
    if (value := LOOSE_WORDS.get(word)) is not None:
        unit = "calendar month" if word in MONTHS else ""
        more = value == 1 and match.string.endswith("ore than ", 0, match.start())
        return _number(match, value, Kind.LOOSE, *([2] if more or word == "fortnight" else []), unit=unit)
    return None


_OF_SCALE = Pattern(
    rf"(?<![A-Za-z])(?=[a-z])(?:half|(?P<over>an?|{'|'.join(WORDS)})[- ](?P<under>{_UNDER})) (?:of )?an? (?P<scale>{_SCALE})\b",
    re.IGNORECASE,
)


def _of_scale(match: re.Match) -> Number:
    """Half a million; a quarter of a million."""
    over = WORDS.get((match["over"] or "").lower(), 1) * SCALES[match["scale"].lower()]
    return _number(match, Fraction(over, DENOMINATORS[(match["under"] or "half").lower()]))


_HALF_OF = Pattern(r"half[-\ ](?:of\ )?(?:an?[-\ ])?(hour|day|year|dozen)\b", re.IGNORECASE)
_AND_A_HALF = Pattern(
    rf"(?<![\w.,])(?:an?\ (?P<one>hour|day|week|month|year)\ and\ a\ half\b|(?P<whole>\d{{1,3}}|{'|'.join(WORDS)}|{_ONES})"
    r"(?:(?:\ |-)and(?:\ |-)(?:a|one)(?:\ |-)half\b|\s?(?P<unit>시간|년|개월|달|주|일|정|알|배|살|세)\s?반(?![응복면점대감경려지창전도])))",
    re.IGNORECASE,
)


def _and_a_half(match: re.Match) -> Number:
    """ "Four and a half years", "4년 반" are 4.5 years."""
    if match["one"]:
        return _number(match, 1 + HALF, Kind.PLAIN, 1, unit=match["one"].lower())
    whole = match["whole"].lower()
    value = Fraction(whole if whole.isdigit() else (WORDS | NATIVE_ONES)[whole])
    unit = read_unit(match.string, match.start("unit"))[0] if match["unit"] else ""
    return _number(match, value + HALF, Kind.PLAIN, value, HALF, unit=unit)


# --- Digits ---------------------------------------------------------------------------------------

_NUMBER = Pattern(rf"(?<![\d.])(?:{_DIGITS})")
_POWER = Pattern(
    r"(?<![\d.])10\s?(?:\^|\*\*)\s?\(?(-?\d{1,2})\)?(?!\d)|(?<![\d.])10의\s?(-?\d{1,2})\s?(?:제곱|승)"
)
_SCIENTIFIC = Pattern(r"(?<![\w.])(\d+(?:\.\d+)?)[eE]([+-]?\d{1,2})(?![\w.])")
_RATIO = Pattern(r"(?<![\d./,])(\d{1,4}(?:\.\d+)?)\s?/\s?(\d{1,4}(?:\.\d+)?)(?![\d/])")
_LIST_MARK = Pattern(r"(?m)^[ \t>#]*(?:\(?(\d{1,2})[.)]|\[(\d{1,2})\])(?=\s)")
CITATION = Pattern(r"\[\d{1,3}(?:\s?[,-]\s?\d{1,3})*\]")
_NAMED = Pattern(
    r"(?:[A-Za-z]|[Cc]oronavirus [Dd]isease |[A-Z][A-Za-z]*-|(?:alpha|beta|gamma|delta|omega|α|β|γ|δ|ω)-)$"
)
_SUFFIX = Pattern(r"[A-Za-z]+")
_ORDINAL_SUFFIX = frozenset(("st", "nd", "rd", "th", "s", "x"))
_ROMAN = Pattern(
    r"(?<![A-Za-z0-9])(?P<before>(?:types?|stages?|grades?|class|phases?|factors?|nerves?|angiotensin|"
    r"collagen|level)\s|제\s?)?"
    r"(?P<roman>XI{1,3}|XIV|IX|IV|VI{0,3}|I{1,3}|X)(?P<letter>[abAB])?(?![A-Za-z0-9])"
    r"(?P<after>\s?(?:형|기|등급|단계|인자|도|급|뇌신경|상))?"
)


def _digits(match: re.Match) -> Number:
    text, (start, end) = match.string, match.span()
    before, after = text[max(0, start - 24) : start], _SUFFIX.match(text, end)
    named = bool(_NAMED.search(before)) and not re.search(r"(?<![A-Za-z])[qx]$", before)
    if not named and not read_unit(text, end)[0]:
        hyphen = re.match(r"-[A-Z]{2}", text[end : end + 3])  # 5-HT
        suffix = after and after[0].lower() not in _ORDINAL_SUFFIX and not text.startswith(("am", "pm"), end)
        named = bool(hyphen or suffix)
    return _number(match, digits_value(match[0]), Kind.NAME if named else Kind.PLAIN)


def _power(match: re.Match) -> Number:
    power = int(match[1] or match[2])
    return _number(match, Fraction(10) ** power, Kind.PLAIN, 10, abs(power))


def _scientific(match: re.Match) -> Number | None:
    fits = len(match[1]) <= LONG_DIGITS
    return _number(match, digits_value(match[1]) * Fraction(10) ** int(match[2])) if fits else None


def _ratio(match: re.Match) -> Number | None:
    """A fraction beside its parts: "1/2" may be read as a half, "120/80" is two numbers."""
    over, under = digits_value(match[1]), digits_value(match[2])
    return _number(match, over / under, Kind.LOOSE, over / under * 100) if under else None


def _roman(match: re.Match) -> Number:
    kind = Kind.PLAIN if match["before"] or match["after"] else Kind.LOOSE
    return Number(Fraction(ROMANS[match["roman"]]), kind, *match.span("roman"))


# --- All together ---------------------------------------------------------------------------------

# Of two that begin at one place and are equally long, the first is taken.
_READERS: tuple[tuple[Pattern, Callable[[re.Match], Number | None]], ...] = (
    (_AND_A_HALF, _and_a_half),
    # Half an hour is 30 minutes as well.
    (_HALF_OF, lambda match: _number(match, HALF, Kind.LOOSE, OF_HALF[match[1].lower()], 50, 2)),
    (_OF_SCALE, _of_scale),
    (_POWER, _power),
    (_SCIENTIFIC, _scientific),
    (_ENGLISH, _english),
    (_NUMBER, _digits),
    (_ROMAN, _roman),
)
_KOREAN_READERS = (
    (_MIXED, _mixed),
    (_ROUGH, _rough),
    (_NATIVE, _native),
    (_DAY, _day),
    (_SINO_RUN, lambda match: _number(match, sino_value(match[0]), Kind.LOOSE)),
    (_HALF, lambda match: _number(match, HALF, Kind.LOOSE, 50, 30)),
    (_PORTION, _portion),
)


@lru_cache(maxsize=4096)  # a sentence is read for several comparisons
def numbers_of(text: str) -> tuple[Number, ...]:
    """The numbers of a text that `normal` has been through, in order, each with its unit.

    Never raises: what cannot be read as a number is none.
    """
    loose = {m.start(1) if m[1] else m.start(2) for m in _LIST_MARK.finditer(text)}
    loose |= {m.end() - 2 for m in _WHOLE_HOUR.finditer(text)}  # 04:00, 4시
    loose |= {n.start() + m.start() for m in CITATION.finditer(text) for n in re.finditer(r"\d+", m[0])}
    found, taken = [], 0
    readers = (*_READERS, *_KOREAN_READERS) if HANGUL.search(text) else _READERS
    spans = [number for pattern, reader in readers for number in _read(text, pattern, reader)]
    for number in sorted(spans, key=lambda n: (n.start, -n.end)):
        if number.start >= taken:
            taken, is_mark = number.end, number.start in loose
            found.append(replace(number, kind=Kind.LOOSE, unit="mark") if is_mark else number)
    numbers = [*with_units(text, found), *_read(text, _RATIO, _ratio)]
    return tuple(sorted(numbers, key=lambda n: n.start))


def _read(text: str, pattern: Pattern, reader: Callable[[re.Match], Number | None]) -> Iterator[Number]:
    return filter(None, map(reader, pattern.finditer(text)))
