"""Numbers as English and Korean texts write them: digits, number words, Korean numerals, fractions, powers.

One reader serves both languages, so that a text and its translation are read by the same rules. How surely
something is a number differs: "5 mg" is one, "one of the" is none, and "둘" may or may not be said for "both".
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from functools import lru_cache

from komep_dataset.translation.latin_words import NO_NOUNS
from komep_dataset.translation.units import CURRENCIES, TIMES, read_unit

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
NATIVE_ONES = {
    "하나": 1, "한": 1, "둘": 2, "두": 2, "셋": 3, "세": 3, "석": 3, "넷": 4, "네": 4, "넉": 4, "다섯": 5,
    "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9,
}  # fmt: skip
NATIVE_TENS = {
    "열": 10, "스물": 20, "스무": 20, "서른": 30, "마흔": 40, "쉰": 50, "예순": 60, "일흔": 70, "여든": 80,
    "아흔": 90,
}  # fmt: skip
DAYS = {"하루": 1, "이틀": 2, "사흘": 3, "나흘": 4, "닷새": 5, "엿새": 6, "이레": 7, "열흘": 10, "보름": 15}


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


def _count(words: str, first: int = 1, step: int = 1) -> dict[str, int]:
    return {word: first + step * place for place, word in enumerate(words.split())}


WORDS = _count(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen",
    first=0,
)
CARDINALS = WORDS | _count("twenty thirty forty fifty sixty seventy eighty ninety", 20, 10)
SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
ORDINALS = _count("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth")
_BY_VALUE = {
    1: "once a an per each every daily weekly monthly yearly annual annually hourly nightly single "
    "primary another only alone any same sole",
    0: "nil goalless scoreless",
    2: "both either neither couple pair pairs paired double doubles doubled doubling dual twin twins duo "
    "bilateral secondary between bid biphasic biannual biannually biennial biennially biweekly bimonthly former "
    "latter binary two-sided",
    3: "triple tripled triples tid tertiary trivalent triplets triad trimester trio triennial triennially quarterly",
    4: "quadruple qid tetrad quadrivalent tetralogy quaternary quartet semi",
    5: "pentad quintuple quintet",
    10: "decade decades teen teens teenage teenaged teenager teenagers",
    12: "dozen noon midday midnight",
    14: "fortnight",
    100: "century centuries centennial centenary centenarian centenarians",
    200: "bicentennial bicentenary",
}  # fmt: skip
LOOSE_WORDS = {word: value for value, words in _BY_VALUE.items() for word in words.split()}
MONTHS = _count("january february march april may june july august september october november december")
MONTHS |= {name[:3]: month for name, month in MONTHS.items()} | {"sept": 9}
LOOSE_WORDS |= MONTHS | _count(
    "twenties thirties forties fifties sixties seventies eighties nineties", 20, 10
)
PLAIN_WORDS = {"twice": 2, "thrice": 3}
_PARTS = {"half": 2, "halves": 2, "quarter": 4, "quarters": 4}
DENOMINATORS = _PARTS | {w + s: n for w, n in ORDINALS.items() if n > 2 for s in ("", "s")}
PART_WORDS = _PARTS | {"halved": 2, "halving": 2, "midway": 2}
OF_HALF = {"hour": 30, "day": 12, "year": 6, "dozen": 6}  # half of it in minutes, hours, months, pieces
ROMANS = _count("I II III IV V VI VII VIII IX X XI XII XIII XIV")


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


# --- Numbers in a text --------------------------------------------------------------------------


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


_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SUPERSCRIPT = re.compile(r"(?<=\d)([⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_VULGAR = re.compile(r"(?<=\d)(?=[¼½¾⅐-⅞])")
_SIGNS = str.maketrans("⁄≧≦⩾⩽‐‑‒–—―−﹣－∼〜～˜", "/≥≤≥≤---------~~~~")
_THIN = re.compile(r"(?<=\d)[\u2009\u202f\u00a0](?=\d{3}(?!\d))")
_INVISIBLE = re.compile(
    r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2060\ufeff*`]+|</?[A-Za-z]{1,9}>"
)
_CIRCLED = re.compile(r"[①-⑳]")
_SHORT_SCALE = re.compile(r"([$£€]\s?\d[\d.,]{0,12}|\d(?=\s?[bt]n))\s?(k|m|b|mn|bn|tn)\b")
_SHORT_SCALES = {"k": "thousand", "m": "million", "b": "billion", "t": "trillion"}
_DOTTED_CLOCK = re.compile(r"(?<![\d.])(\d{1,2})\.([0-5]\d)(?=\s?[ap]\.?m\b)", re.IGNORECASE)


def normal(text: str) -> str:
    """A text as the reader of numbers sees it: NFKC, one kind of dash, powers as ^, no emphasis marks, 7.55 am as 7:55 am,
    $5bn as $5 billion."""
    text = _CIRCLED.sub(" ", _INVISIBLE.sub("", text))
    text = _SUPERSCRIPT.sub(lambda m: "^" + m[1].translate(_SUPERSCRIPTS), text)
    text = _VULGAR.sub(" ", _THIN.sub("", text))
    text = _DOTTED_CLOCK.sub(r"\1:\2", unicodedata.normalize("NFKC", text).translate(_SIGNS))
    return _SHORT_SCALE.sub(lambda m: f"{m[1]} {_SHORT_SCALES[m[2][0]]}", text)


HALF = Fraction(1, 2)


def _number(
    match: re.Match, value: Fraction | int, kind: Kind = Kind.PLAIN, *others: Fraction | int, unit: str = ""
) -> Number:
    return Number(Fraction(value), kind, *match.span(), unit, others=tuple(map(Fraction, others)))


# --- Korean numerals ------------------------------------------------------------------------------

_ONES = "|".join(sorted(NATIVE_ONES, key=len, reverse=True))
_TENS = "|".join(sorted(NATIVE_TENS, key=len, reverse=True))
_COUNTERS = (
    "가지|번째|번|개월|개|명|차례|달|시간|살|배|째|곳|군데|종류|종|단계|주|잔|알|정|병|해|분|사람|쌍|쪽|모금|"
    "숟가락|스푼|끼|환자|그룹|군|유형|방법|부위|층|자리|마리|컵|캡슐|회|채|그루|권|척|건|나라|팀|경기|골"
)
_NATIVE = re.compile(
    rf"(?<![가-힣\d])(?:(?P<tens>{_TENS})(?:(?P<ones>{_ONES})|\s(?P<apart>{_ONES})(?=\s?(?:{_COUNTERS})))?|"
    rf"(?P<single>{_ONES}))(?P<counter>\s?(?:{_COUNTERS})|(?=\s[가-힣]))?"
)
_SINO_RUN = re.compile(
    rf"(?<![가-힣\d])(?:[영일이삼사오육칠팔구십백천만억조]{{2,16}}|[십백천만억])(?:\s[일이삼사오육칠팔구십백천만억]{{2,16}})?"
    rf"(?=\s?(?:{_COUNTERS}|퍼센트|세|년|일|도)|[^가-힣]|$)"
    rf"|(?<![가-힣\d])[일이삼사오육칠팔구십]\s?(?=개월|주|년|회|퍼센트|밀리그램|시간|도|차|형|기|등급|단계|엽|첨|중|배체|제\s|가\s)"
)
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
# Bounded, so that a long run of digits is not read again from each of its digits.
_FEW_DIGITS = r"(?:\d{1,3}(?:,\d{3}){1,6}(?!\d)|\d{1,15})(?:\.\d{1,15})?"
_SCALES = "십백천만억조"
_SCALED = rf"(?:[{_SCALES}]{{1,3}}(?![성식정추리막자]|분위)|\s[{_SCALES}]{{1,2}}(?:(?![가-힣])|(?=여|명|원|달러|유로|파운드|엔|개|건)))"
_MIXED = re.compile(
    rf"(?<![\d.,]){_FEW_DIGITS}{_SCALED}(?:\s?{_FEW_DIGITS}{_SCALED}|\s[{_SCALES}]{{1,3}}(?![가-힣])){{0,5}}"
    rf"(?:\s?(?:\d{{1,2}},)?\d{{3}}(?![\d.,]|\s?[{_SCALES}%]))?"
)
_ASCENDS = re.compile(r"만[^만]*[억조]|억[^억]*조")
_PORTION = re.compile(
    r"((?<![\d.])[\d.]{1,12}|[일이삼사오육칠팔구십백천만]{1,6})\s?분의\s?([\d.]{1,12}|[일이삼사오육칠팔구십백천]{1,6})"
)


def _mixed(match: re.Match) -> Number:
    """1억 2천만, 350만, 3.5천, 37만 5,000; 4900만 6억 is two numbers."""
    written = match[0]
    if ascends := _ASCENDS.search(written):
        written = written[: ascends.start() + 1]
    return replace(_number(match, sino_value(written)), end=match.start() + len(written))


def _part(written: str) -> Fraction:
    if written[0].isdigit():
        return digits_value(written) if written.count(".") < 2 and written[-1] != "." else Fraction(0)
    return sino_value(written)


def _portion(match: re.Match) -> Number | None:
    """ "3분의 1", a third; also for its parts."""
    under, over = _part(match[1]), _part(match[2])
    return _number(match, over / under, Kind.PLAIN, over, under, over / under * 100) if under else None


_DAY = re.compile(rf"(?<![가-힣])(?:{'|'.join(DAYS)})")
_HALF = re.compile(r"(?<![가-힣])절반|(?<![가-힣])반(?=\s|[으씩알정만])|(?<=\d시\s)반|(?<=\d시)반")
_NO_NUMERAL = re.compile(
    r"두개[내골강저]|(?:석|넉)(?!\s?(?:달|잔|단|장|섬))|세(?:군데|포|균|로|척)|두(?:통|피|부|정)|한(?:약|방|의|국)"
)


def _day(match: re.Match) -> Number:
    value = DAYS[match[0]]
    return _number(match, value, Kind.LOOSE if value in (1, 15) else Kind.PLAIN, unit="day")


_ABOUT = {
    "한두": 1, "두세": 2, "두서너": 2, "서너": 3, "세네": 3, "너덧": 4, "네댓": 4, "네다섯": 4, "대여섯": 5, "예닐곱": 6,
    "일고여덟": 7, "여덟아홉": 8, "하루이틀": 1, "이삼": 2, "삼사": 3, "사오": 4, "오륙": 5, "육칠": 6, "칠팔": 7, "팔구": 8, "사나흘": 3,
}  # fmt: skip
# One of "two or three"; 양국 is the two countries.
_ROUGH = re.compile(
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
    unsure = word or (not counter and (value == 10 or single in ("석", "넉")))
    kind = Kind.LOOSE if counter is None or value == 1 or unsure else Kind.PLAIN
    return Number(Fraction(value), kind, match.start(), match.start() + len(numeral))


# --- English words --------------------------------------------------------------------------------

_CARDINAL = "|".join(sorted(CARDINALS, key=len, reverse=True))
_SCALE = "|".join(SCALES)
_UNDER = "|".join(sorted(DENOMINATORS, key=len, reverse=True))
_GO_ON = rf"(?:[-\ ](?:and\ )?(?:{_CARDINAL}|{_SCALE}))*"
_ENGLISH = re.compile(
    rf"""(?<![A-Za-z])(?:
      (?P<portion>(?P<over>one|two|three|four|five|six|seven|a)[-\ ](?P<under>{_UNDER})(?=[-\ ]of|\b(?!-)))
     |(?<![\d.,])(?P<digits>{_FEW_DIGITS})[-\ ]?(?P<scale>{_SCALE})
     |(?P<cardinal>(?:(?:a|{_CARDINAL})[-\ ])?(?:{_SCALE}){_GO_ON}
       |(?:{_CARDINAL})(?:-(?:{_CARDINAL}))?(?:[-\ ](?:{_SCALE}){_GO_ON})?)(?P<fold>-?fold)?
     |(?P<word>[A-Za-z]+(?:-sided)?)
    )(?![A-Za-z])""",
    re.IGNORECASE | re.VERBOSE,
)


_PARTY = re.compile(r"[- ](?:part(?:y|ies)|person|world)\b")  # of an insurer
_IN_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+ [A-Z][a-z]")  # "the Seven Sisters"


def _english(match: re.Match) -> Number | None:
    if match["portion"]:
        over, under = WORDS.get(match["over"].lower(), 1), DENOMINATORS[match["under"].lower()]
        if match["over"].lower() == "a" and not match["under"].lower().startswith(("hal", "quarter")):
            return _number(match, under, Kind.LOOSE, Fraction(1, under))  # "a third dose" is no third
        value = Fraction(over, under)
        return _number(match, value, Kind.LOOSE if under == 2 else Kind.PLAIN, value * 100, over, under)
    if match["scale"]:
        return _number(match, digits_value(match["digits"]) * SCALES[match["scale"].lower()])
    if match["cardinal"]:
        value = cardinal_value(match["cardinal"])
        alone = (
            value <= 1 or match["cardinal"].lower() in SCALES or _IN_NAME.match(match.string, match.start())
        )
        return _number(match, value, Kind.LOOSE if alone and not match["fold"] else Kind.PLAIN)
    word = match["word"].lower()
    if value := PLAIN_WORDS.get(word):
        return _number(match, value)
    if value := ORDINALS.get(word):
        party = value <= 2 or _PARTY.match(match.string, match.end())
        return _number(match, value, Kind.LOOSE if party else Kind.PLAIN, Fraction(1, value))
    if parts := PART_WORDS.get(word):
        return _number(
            match, Fraction(1, parts), Kind.LOOSE, Fraction(100, parts), Fraction(60, parts), parts
        )
    if (value := LOOSE_WORDS.get(word)) is not None:
        unit = "calendar month" if word in MONTHS else ""
        return _number(match, value, Kind.LOOSE, *([2] if word == "fortnight" else []), unit=unit)
    return None


_OF_SCALE = re.compile(
    rf"(?<![A-Za-z])(?:half|(?P<over>an?|{'|'.join(WORDS)})[- ](?P<under>{_UNDER})) (?:of )?an? (?P<scale>{_SCALE})\b",
    re.IGNORECASE,
)


def _of_scale(match: re.Match) -> Number:
    """Half a million; a quarter of a million."""
    over, under = (
        WORDS.get((match["over"] or "").lower(), 1),
        DENOMINATORS[(match["under"] or "half").lower()],
    )
    return _number(match, Fraction(over * SCALES[match["scale"].lower()], under))


_HALF_OF = re.compile(r"half[-\ ](?:of\ )?(?:an?[-\ ])?(hour|day|year|dozen)\b", re.IGNORECASE)
_AND_A_HALF = re.compile(
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

_NUMBER = re.compile(rf"(?<![\d.])(?:{_DIGITS})")
_POWER = re.compile(
    r"(?<![\d.])10\s?(?:\^|\*\*)\s?\(?(-?\d{1,2})\)?(?!\d)|(?<![\d.])10의\s?(-?\d{1,2})\s?(?:제곱|승)"
)
_SCIENTIFIC = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)[eE]([+-]?\d{1,2})(?![\w.])")
_RATIO = re.compile(r"(?<![\d./,])(\d{1,4}(?:\.\d+)?)\s?/\s?(\d{1,4}(?:\.\d+)?)(?![\d/])")
_LIST_MARK = re.compile(r"(?m)^[ \t>#]*(?:\(?(\d{1,2})[.)]|\[(\d{1,2})\])(?=\s)")
_CITATION = re.compile(r"\[\d{1,3}(?:\s?[,-]\s?\d{1,3})*\]")
_NAMED = re.compile(r"(?:[A-Za-z]|[A-Z][A-Za-z]*-|(?:alpha|beta|gamma|delta|omega|α|β|γ|δ|ω)-)$")
_SUFFIX = re.compile(r"[A-Za-z]+")
_ORDINAL_SUFFIX = frozenset(("st", "nd", "rd", "th", "s", "x"))
_ROMAN = re.compile(
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
    if len(match[1]) > LONG_DIGITS:
        return None
    return _number(match, digits_value(match[1]) * Fraction(10) ** int(match[2]))


def _ratio(match: re.Match) -> Number | None:
    """A fraction beside its parts: "1/2" may be read as a half, "120/80" is two numbers."""
    over, under = digits_value(match[1]), digits_value(match[2])
    return _number(match, over / under, Kind.LOOSE, over / under * 100) if under else None


def _roman(match: re.Match) -> Number:
    kind = Kind.PLAIN if match["before"] or match["after"] else Kind.LOOSE
    return Number(Fraction(ROMANS[match["roman"]]), kind, *match.span("roman"))


# --- All together ---------------------------------------------------------------------------------

# Of two that begin at one place and are equally long, the first is taken.
_READERS: tuple[tuple[re.Pattern, Callable[[re.Match], Number | None]], ...] = (
    (_AND_A_HALF, _and_a_half),
    # Half an hour is 30 minutes as well.
    (_HALF_OF, lambda match: _number(match, HALF, Kind.LOOSE, OF_HALF[match[1].lower()], 50, 2)),
    (_OF_SCALE, _of_scale),
    (_POWER, _power),
    (_SCIENTIFIC, _scientific),
    (_MIXED, _mixed),
    (_ROUGH, _rough),
    (_NATIVE, _native),
    (_DAY, _day),
    (_SINO_RUN, lambda match: _number(match, sino_value(match[0]), Kind.LOOSE)),
    (_HALF, lambda match: _number(match, HALF, Kind.LOOSE, 50, 30)),
    (_PORTION, _portion),
    (_ENGLISH, _english),
    (_NUMBER, _digits),
    (_ROMAN, _roman),
)
# What may stand between two numbers that share one unit: "5 to 10 mg", "5, 10과 20 mg".
_SHARED = re.compile(r"\s*(?:-|~|to|and|or|,|/|±|에서|내지|부터|및|또는|과|와|,\s?(?:and|or|및|또는))\s*")
_KOREAN_BEHIND = re.compile(r"\s?[가-힣]")


@lru_cache(maxsize=4096)  # every sentence is read to align it, and again to compare it
def numbers_of(text: str) -> tuple[Number, ...]:
    """The numbers of a text that `normal` has been through, in order, each with its unit.

    Never raises: what cannot be read as a number is none.
    """
    loose = {m.start(1) if m[1] else m.start(2) for m in _LIST_MARK.finditer(text)}
    loose |= {n.start() + m.start() for m in _CITATION.finditer(text) for n in re.finditer(r"\d+", m[0])}
    found: list[Number] = []
    taken = 0
    spans = [number for pattern, reader in _READERS for number in _read(text, pattern, reader)]
    for number in sorted(spans, key=lambda n: (n.start, -n.end)):
        if number.start < taken:
            continue
        taken = number.end
        mark = replace(number, kind=Kind.LOOSE, unit="mark")
        found.append(mark if number.start in loose else _with_unit(text, number))
    return tuple(
        sorted(
            [*_compounds(text, _shared_units(text, found)), *_read(text, _RATIO, _ratio)],
            key=lambda n: n.start,
        )
    )


def _read(text: str, pattern: re.Pattern, reader: Callable[[re.Match], Number | None]) -> Iterator[Number]:
    return filter(None, map(reader, pattern.finditer(text)))


_MULTIPLES = {"decade": 10, "centur": 100, "dozen": 12, "fortnight": 14}
_MULTIPLE = re.compile(r"[- ](decade|centur|dozen|fortnight)")
_CLOCK = re.compile(
    r"(?::[0-5]\d(?![\d:]))?(?P<sure>\s?[ap]\.?m\b|\so'clock)|:[0-5]\d(?![\d:])", re.IGNORECASE
)
_LARGER = {"hour": 24, "day": 7, "month": 12}
_SMALLER = {"day": 24, "week": 7, "year": 12}
_HOURLY = re.compile(r"mph|(?:per|an|a) hour")
_YEAR_BEFORE = re.compile(r"(?:1[89]|20)\d\d[-/~]$")  # "2017-18"
_NATIVE_STARTS = {numeral[0] for numeral in NATIVE_ONES | NATIVE_TENS} - {"일"}
_ERA = re.compile(r"s\b|년?대")


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
    if unit in ("mile", "km") and (
        before.strip().endswith("시속") or _HOURLY.search(text, number.end, end + 9)
    ):
        per = "/hour"
    kind, value, others = number.kind, number.value, number.others
    if (
        kind is Kind.PLAIN
        and value == 1
        and unit != "calendar month"
        and _KOREAN_BEHIND.match(text, number.end)
    ):
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
_MONTH_BEFORE = re.compile(rf"\b{_MONTH}\.? (?:the )?$", re.IGNORECASE)
_MONTH_BEHIND = re.compile(rf"(?:st|nd|rd|th)? (?:of )?{_MONTH}\b", re.IGNORECASE)
_IN_YEAR = re.compile(
    rf"(?:\b(?:in|since|by|until|during|early|late|year)|{_MONTH}|\b\d\d?,) $", re.IGNORECASE
)
# "day 28", "6-foot-2", "phase 3".
_LABEL = re.compile(
    r"(?:\b(day|week|month|year|hour|minute)s?|\b(?:types?|phases?|stages?|grades?|levels?|tables?|figures?|chapters?|rooms?|no\.|"
    r"numbers?|pages?|versions?|category|class|groups?|steps?|parts?|sections?)|(-foot| feet| foot))[ -]$",
    re.IGNORECASE,
)
_NOUNS = re.compile(r"(?:st|nd|rd|th)?((?:[ -][A-Za-z]+){1,3})")
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
    nouns = _NOUNS.match(text, end)
    counted, ends = "", ("s", "people", "men", "percent")
    if nouns and text.startswith(_ORDINAL_ENDS, max(nouns.start(1), 2) - 2):
        ends = ""  # "the fifth postoperative day"
    for word in nouns[1].replace("-", " ").lower().split() if nouns else ():
        if word in NO_NOUNS or word in CARDINALS:
            break
        surely = len(word) > 2 if not counted else word.endswith(ends)
        if surely and (unit := read_unit(f" {word}", 0)[0]):
            return unit
        counted = "thing"
    if 1700 <= number.value < 2100 and end - start == 4:
        return "" if counted else "year" if _IN_YEAR.search(before) else ""
    return counted


_COMPOUND = re.compile(r",?\s?(?:and\s)?")
_PARTS_OF = {("year", "month"): 12, ("hour", "minute"): 60, ("week", "day"): 7, ("day", "hour"): 24}


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
        if (
            alone
            and following.unit
            and following.kind is not Kind.LOOSE
            and _SHARED.fullmatch(text, this.end, following.start)
        ):
            done[i] = replace(this, unit=following.unit, per=following.per)
    return done
