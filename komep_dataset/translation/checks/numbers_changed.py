"""Whether a translation carries the numbers of its source: values, units, comparisons, signs, both ways."""

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import compress, pairwise, product

from komep_dataset.replies.patterns import Pattern
from komep_dataset.translation.alignment import aligned, shared_places
from komep_dataset.translation.checks.comparisons import Side, comparison
from komep_dataset.translation.checks.registry import WARN, Check
from komep_dataset.translation.glossary import Glossary
from komep_dataset.translation.numbers import CITATION, LONG_DIGITS, Kind, Number, normal, numbers_of
from komep_dataset.translation.units import CARDINALS, COUNTERS, CURRENCIES, LOOSE_UNITS, OLDEST, units_agree

# --- What has changed

# Names whose digits a translation may write although the source names the thing in words, or the reverse.
_FREE_NAMES = Pattern(
    r"(?<![A-Za-z])(?:HbA1c|A1C|CO2|SpO2|SaO2|PaO2|PaCO2|FiO2|FEV1|O2|H2O|H2|Ca2|Mg2|Na1|B12|T3|T4|D3|"
    r"COVID-?19|SARS-CoV-?2|SGLT-?2|DPP-?4|GLP-?1|CD4|CD8)",
    re.IGNORECASE,
)


def changed_numbers(source: str, target: str, glossary: Glossary | None = None) -> list[str]:
    """What a translation changes about the numbers of its source; [] if nothing.

    A plain number of one text must not have another in its place, nor a quantity go or come, nor a unit; "above" does not
    become "below" or vanish; a minus stays; ranges, scores and lists keep their order. Of sentences that translate
    each other, none has a number of another in the place of its own.
    """
    return [problem for problem, sure in _problems(source, target, glossary).items() if sure]


@lru_cache(maxsize=2)
def _problems(source: str, target: str, glossary: Glossary | None) -> dict[str, bool]:
    """What a translation changes, and whether that is surely a fault."""
    whole = normal(source), normal(target)
    several = sum(n.kind is not Kind.LOOSE for n in numbers_of(whole[0])) > 1
    cites = bool(CITATION.search(whole[0]))
    found = [_changed(*whole), dict.fromkeys(_renumbered(*whole) if several else (), True)]
    pairs = list(_pairs(source, target, glossary)) if several or cites else []
    found += [dict.fromkeys(_cited_anew(*pair), True) for pair in (whole, *pairs) if cites]
    for pair in pairs if several else ():
        found.append(_exchanged(*pair, glossary))
        found.append(_changed(*pair, in_pair=True) if len(pairs) > 1 else {})
    problems: dict[str, bool] = {}
    for problem, sure in (one for some in found for one in some.items()):
        problems[problem] = sure or problems.get(problem, False)
    return problems


def _cited_anew(source: str, target: str) -> Iterator[str]:
    """Sources, [3], that a translation cites in the place of others."""
    cited = (re.findall(r"\d+", " ".join(CITATION.findall(text))) for text in (source, target))
    ours, theirs = map(Counter, cited)
    if (gone := ours - theirs) and (come := theirs - ours):
        yield f"[{min(gone, key=int)}] has become [{min(come, key=int)}]"


def _pairs(source: str, target: str, glossary: Glossary | None) -> Iterator[tuple[str, str]]:
    """Sentences that translate each other; two that are two of the target are, one by one: exchanged numbers join them."""
    for bead in aligned(source, target, glossary):
        if len(bead.source) == len(bead.target):
            yield from zip(map(normal, bead.source), map(normal, bead.target), strict=True)
        elif bead.source and bead.target:
            yield normal("\n".join(bead.source)), normal("\n".join(bead.target))


def _changed(source: str, target: str, in_pair: bool = False) -> dict[str, bool]:
    ours, theirs = numbers_of(source), numbers_of(target)
    missing = _absent(ours, theirs, (Kind.PLAIN,))
    extra = _absent([n for n in theirs if not _free(target, n)], ours, (Kind.PLAIN, Kind.NAME))
    told = set(() if missing else _told_dates(source, ours, theirs, extra))
    extra = [n for n in extra if n not in told]
    absent = _absent(ours, theirs, tuple(Kind))
    gone = _fewer(source, ours, theirs) or any(n.value >= 2 or _ONE.match(source, n.start) for n in absent)
    # As many numbers as the source has: one of them, "한 번", is in the place of what is missing.
    come = _fewer(target, theirs, ours) or len(theirs) >= sum(n.kind is not Kind.LOOSE for n in ours)
    units = {n.unit for n in absent} - {""}
    problems = {
        f"{source[n.start : n.end].strip()} is missing": come or _is_quantity(source, n, -1) for n in missing
    } | {
        f"{target[n.start : n.end].strip()} is not in the source": gone
        or n.unit in units
        or _is_quantity(target, n, _LARGE)
        for n in extra
    }
    if in_pair and not (missing and extra):
        problems = {}  # a number may move to the sentence beside, and be said again
    problems |= _units_changed(ours, theirs)
    sure = list(_places_changed(source, target, ours, theirs))
    if in_pair:
        return problems | dict.fromkeys(sure, True)
    both = {n.value for n in ours} & {n.value for n in theirs}
    # The dash of COVID-19 is no minus, nor one that stands apart from such a name.
    in_name = [n.kind is Kind.NAME or _OF_A_NAME.search(source[max(0, n.start - 2) : n.start]) for n in ours]
    named = {n.value for n in compress(ours, in_name)}
    negative, unsure = zip(_negative(source, ours), _negative(target, theirs), strict=True)
    signs = sorted((both - named - {0}).difference(*unsure) & (negative[0] ^ negative[1]))
    sure += _sides_changed(_sides(source, ours), _sides(target, theirs))
    sure += [f"the sign of {_plain(value)} has changed" for value in signs]
    return problems | dict.fromkeys(sure, True)


def _fewer(text: str, numbers: Sequence[Number], others: Sequence[Number]) -> bool:
    """Whether a number of a text, a name's or one in digits too, stands less often in the other text."""
    there = Counter(value for n in others for value in {n.value, *n.others})
    firm = Counter(n.value for n in numbers if n.kind is not Kind.LOOSE or text[n.start].isdigit())
    return any(count > there[value] for value, count in firm.items())


_ONE = Pattern(r"(?:first|one)\b", re.IGNORECASE)
_LARGE = 9  # no number in digits above that is put in without a fault (ours)


def _is_quantity(text: str, number: Number, small: int) -> bool:
    """Whether a number that is missing or added alone, none in the place of another, is a fault: with a unit, or of some size.
    What is counted is as often said in other words: "two hearing aids" are hearing aids, a triphosphate has 3."""
    return number.unit not in _COUNTS or (text[number.start].isdigit() and number.value > small)


# What a translator who knows the day may say by its date.
_RELATIVE_DATE = Pattern(
    r"\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|today|yesterday|tomorrow|tonight|(?:last|this|next|previous) (?:week|month|year))s?\b",
    re.IGNORECASE,
)


def _told_dates(
    source: str, ours: Sequence[Number], theirs: Sequence[Number], extra: Sequence[Number]
) -> list[Number]:
    if not extra or not _RELATIVE_DATE.search(source):
        return []
    gone = {n.unit for n in _absent(ours, theirs, tuple(Kind))}  # a date that is another
    units = {"day", "calendar month", "year"} - gone
    return [n for n in extra if n.unit in units and (n.unit != "year" or n.value > 1000)]


def perhaps_changed(source: str, target: str, glossary: Glossary | None = None) -> str:
    """What may be no fault: dates of a translation for which its source has a weekday, "yesterday" or "last year", numbers of
    what is counted that are left out, put in or named otherwise, measures in another order; or ""."""
    doubts = [problem for problem, sure in _problems(source, target, glossary).items() if not sure]
    source, target = normal(source), normal(target)
    ours, theirs = numbers_of(source), numbers_of(target)
    told = _told_dates(source, ours, theirs, _absent(theirs, ours, (Kind.PLAIN,)))
    doubts += [f"{target[n.start : n.end].strip()} is not in the source" for n in told]
    return "; ".join(doubts[:5])


def _free(text: str, number: Number) -> bool:
    begin = max(0, number.start - 9)
    names = _FREE_NAMES.finditer(text[begin : number.end + 2]) if number.kind is Kind.NAME else ()
    return any(name.start() <= number.start - begin < name.end() for name in names)


def _absent(numbers: Sequence[Number], others: Sequence[Number], kinds: tuple[Kind, ...]) -> list[Number]:
    """Numbers of some kinds that the other text has in no form, the first of each value."""
    there = {value for n in others for value in (n.value, *n.others)}
    # The parts of 1/2 are not missing where the other text has a half.
    ratios = [n for n in numbers if n.kind is Kind.LOOSE and n.others and n.value in there]
    covered = {place for ratio in ratios for place in range(ratio.start, ratio.end)}
    missing: dict[Fraction, Number] = {}
    for number in numbers:
        # 6개월 in 1년 6개월 is 18 months; a fraction is not its parts.
        readings = {number.value, *(number.others if number.unit in ("month", "minute", "hour") else ())}
        if number.kind in kinds and there.isdisjoint(readings) and number.start not in covered:
            missing.setdefault(number.value, number)
    return list(missing.values())


def _units_changed(ours: Sequence[Number], theirs: Sequence[Number]) -> dict[str, bool]:
    """Numbers that both texts have, but none of that value counts the same, and whether that is sure: where a unit goes, or
    a measure comes. Things that are counted bear many names."""
    problems = {}
    here, there = _readings(ours), _readings(theirs)
    for numbers, others, fits in ((ours, there, _fits), (theirs, here, lambda n, other: _fits(other, n))):
        firm = {(n.value, n.unit, n.per): n for n in numbers if n.kind is not Kind.LOOSE or _monthly(n)}
        for number in firm.values():
            rivals = others.get(number.value, [])
            if rivals and not any(n.value != number.value or fits(number, n) for n in rivals):
                one, other = (number, rivals[0]) if numbers is ours else (rivals[0], number)
                sure = one.unit not in _COUNTS or (
                    other.unit not in _COUNTS and other.unit not in LOOSE_UNITS
                )
                problems[f"{_show(one)} has become {_show(other)}"] = sure
    # Of two numbers that exchange places each counts what the other did.
    return dict.fromkeys(problems, True) if len(problems) > 1 else problems


_COUNTS = frozenset(
    ("", "thing", "points", "degree", "mark")
)  # what may be said without its unit, or by another word


def _monthly(number: Number) -> bool:
    return number.unit == "calendar month"


def _readings(numbers: Sequence[Number]) -> dict[Fraction, list[Number]]:
    """Value -> the numbers that it may be read from."""
    found: dict[Fraction, list[Number]] = defaultdict(list)
    for number in numbers:
        for value in (number.value, *number.others):
            found[value].append(number)
    return found


def _fits(ours: Number, theirs: Number) -> bool:
    """Whether a number of the source and one of its value in the translation may count the same."""
    if _monthly(theirs):
        return _monthly(ours) or (not ours.unit and ours.kind is Kind.PLAIN and ours.value <= 12)
    if "mark" in (ours.unit, theirs.unit):
        return False
    if (theirs.unit == "age" and theirs.value > OLDEST) or (ours.unit == "age" and theirs.unit == "year"):
        return False
    if Kind.LOOSE in (ours.kind, theirs.kind) or not ours.unit:
        return True
    if theirs.unit:
        if ours.unit in ("points", "times") and theirs.unit in ("thing", "person"):
            return False
        speed = "/hour" in (ours.per, theirs.per)
        per_changed = (speed or (ours.per and theirs.per)) and ours.per != theirs.per
        return units_agree(ours.unit, theirs.unit) and not per_changed
    # "unit" and "degree" have other meanings; one letter may be no unit at all.
    if ours.unit in CURRENCIES.values():
        return False
    return ours.unit in LOOSE_UNITS or ours.unit in ("iu", "degree", "l", "m", "g", "c", "f")


# --- Numbers that stand together

_TIGHT = Pattern(r"\s?(?:-|~|:|&|to)\s?")
_LISTED = Pattern(r"\s?(?:,|/|and|or|, and|과|와|및|또는|내지,?)\s?")
# Who lost 3-0 has lost 0-3 in Korean.
_LOST = Pattern(r"\b(?:los(?:e|t|s|ing)|defeat|beaten|behind|trail|down)")
_NO_HOURS = {"year", "age", "calendar month", "century", "mile", "km", "percent", "person"}
_OF = Pattern(
    r"\s(?:out )?of (?:(?:the|his|her|its|their|our|my|all|[A-Z]\w+['’]s) )?(?:(?:last|past|first|next|final) )?"
)
_AMONG = Pattern(r"[^\d.,;:]{0,12}?\s?(?:중|가운데)(?:에서?|의)?\s?(?:약\s)?")  # "다섯 명 중 네 명"
# What may stand between the months of a range of dates.
_RANGE = Pattern(r"[^.;]{0,12}\b(?:to|and|through|until|till)\b[^.;]{0,12}|[^.;]{0,6}-\s?")
_DATE = Pattern(r"(?:st|nd|rd|th)?[., ]{1,2}(?:the |of )?")

# Whose numbers in brackets are no other measure of the same.
_NO_MEASURES = COUNTERS | {"", "percent", "year"}

Pair = tuple[Fraction, Fraction]


def _solid(text: str, numbers: Sequence[Number]) -> list[Number]:
    return [n for n in numbers if n.kind is Kind.PLAIN or _monthly(n) or text[n.start].isdigit()]


def _tight(text: str, numbers: Sequence[Number]) -> Iterator[Pair]:
    """Two numbers of a range, a score, a time or a date of an English text, in the order of a Korean one."""
    solid, earlier, month = _solid(text, numbers), None, None
    for before, one, other in zip([None, *solid], solid, solid[1:], strict=False):
        units = one.unit, other.unit
        dated = _DATE.fullmatch(text, one.end, other.start)
        this = next((n for n in (one, other, before) if n and _monthly(n)), None)
        if this and this is not month:
            earlier, month = month, this
        # In Korean the year of both dates opens a range, and a month may be said once.
        ranged = earlier and _RANGE.fullmatch(text, earlier.end, month.start)
        if dated and "calendar month" in units:
            rest = other if one is month else one
            said_once = month.value in (rest.value, ranged and earlier.value)
            if rest.unit == "day" and not said_once:
                yield month.value, rest.value
            elif rest.unit == "year" and not ranged:
                yield rest.value, month.value
        elif dated and before is month is not None and units[0] == "day" and 1000 < other.value < 2100:
            if not ranged:
                yield other.value, before.value
        elif "calendar month" in units:
            continue
        elif units == ("foot", "inch") or _TIGHT.fullmatch(text, one.end, other.start):
            if one.unit == other.unit or "to" not in text[one.end : other.start]:
                yield one.value, other.value
        elif text[one.end : other.start].strip() == "(" and _NO_MEASURES.isdisjoint(units):
            yield one.value, other.value  # 40 miles (64 km)
        elif (
            one.value < other.value
            and _OF.fullmatch(text, one.end, other.start)
            and ("" in units or units_agree(*units))
        ):
            yield other.value, one.value


def _listed(text: str, numbers: Sequence[Number]) -> dict[Pair, None]:
    return {
        (one.value, other.value): None for one, other in pairwise(_solid(text, numbers))
        if _LISTED.fullmatch(text, one.end, other.start) and one.value != other.value
    }  # fmt: skip


def _places_changed(
    source: str, target: str, ours: Sequence[Number], theirs: Sequence[Number]
) -> Iterator[str]:
    """Numbers of ranges, scores, dates and lists that stand in another order, or apart."""
    solid = _solid(target, theirs)
    beside = {
        pair for one, other in pairwise(solid)
        for pair in product((one.value, *one.others), (other.value, *other.others))
    }  # fmt: skip
    close = {(one.value, other.value) for one, other in pairwise(solid) if other.start - one.end < 5}
    there = {n.value for n in solid}
    here, listed = _listed(source, ours), _listed(target, theirs)
    for pair in dict.fromkeys(_tight(source, ours)):
        flipped = pair[::-1] in close and ("/" in target or _LOST.search(source))
        if there.issuperset(pair) and any(pair) and pair not in beside and not flipped:
            yield f"{' and '.join(map(_plain, pair))} stand in another order or apart"
    for pair in here:
        if pair[::-1] in listed and pair not in listed and pair[::-1] not in here:
            yield f"{' and '.join(map(_plain, pair))} have changed places"
    for one, other in pairwise(theirs):
        if (
            one.value < other.value
            and one.unit == other.unit != ""
            and _AMONG.fullmatch(target, one.end, other.start)
        ):
            yield f"{_plain(other.value)} cannot be of {_plain(one.value)}"
    for n in theirs:
        if n.unit in _NO_HOURS and target.endswith(("오전 ", "오후 "), 0, n.start):
            yield f"{target[n.start : n.end]} is no time of the day"


_NEIGHBOURS, _NEAR = 3, 30  # numbers that may exchange places with one, characters beside a number
_PORTION = Pattern("중(?![가-힣])|중에|가운데|분의")  # one of four; 중증 is severe


def _exchanged(source: str, target: str, glossary: Glossary | None) -> dict[str, bool]:
    """Numbers of one unit that stand in another order; surely a fault where the names and words around them stand in the
    source's, and a doubt where they are measures."""
    problems = {}
    once = [_once(text, numbers_of(text)) for text in (source, target)]
    both = [(n, once[1][value]) for value, n in once[0].items() if value in once[1]]
    turned = [
        (one, other) for i, one in enumerate(both) for other in both[i + 1 : i + 1 + _NEIGHBOURS]
        if one[1].start > other[1].start and one[0].unit == other[0].unit not in ("", "thing") and one[1].unit == other[1].unit
        and not _PORTION.search(target, other[1].end, one[1].start)
    ]  # fmt: skip
    marks = shared_places(source, target, glossary) if turned else []
    for one, other in turned:
        # In a text without sentences no number is compared with all that stands in it.
        near = [
            places for places in marks[bisect_left(marks, (one[0].start - _NEAR,)) : bisect_left(marks, (other[0].start + _NEAR,))]
            if other[1].start - _NEAR < places[1] < one[1].start + _NEAR
        ]  # fmt: skip
        kept = _kept(near, one, other)
        if kept or one[0].unit not in LOOSE_UNITS | COUNTERS | {"percent"}:
            problems[f"{_show(one[0])} and {_show(other[0])} have changed places"] = kept
    return problems


def _renumbered(source: str, target: str) -> Iterator[str]:
    """Names that have taken the number of another."""
    ours, theirs = _of_names(source), _of_names(target)
    here, there = ({n.value for n in numbers_of(text)} for text in (source, target))
    for name, values in ours.items():
        # A name that stands there with other numbers, too, has not changed its own.
        gone = values - theirs[name]
        for other in sorted(set(theirs[name] - values) & here) if gone and {*values} <= there else ():
            yield f"{_plain(min(gone))} of {name} has become {_plain(other)}"


def _kept(near: Sequence[tuple[int, int]], one: tuple[Number, Number], other: tuple[Number, Number]) -> bool:
    """Whether all names and words around two numbers, and one between them, keep their order."""
    between = any(one[0].start < a < other[0].start for a, _ in near)
    between = between and any(other[1].start < b < one[1].start for _, b in near)
    return between and len(near) > 1 and all(a[1] < b[1] for a, b in pairwise(near))


_NAME_BEFORE = Pattern(
    r"([A-Za-z][A-Za-z0-9+#]*)(?:[ -]?|(?:은|는|이|가|의|을|를)? ?(?:수치는? |농도는? |값은? )?[<>=≤≥:]? ?|"
    r" (?:(?:levels? )?(?:is|was|of|below|above|under|over|version)|[<>=≤≥]) ?)$"
)


def _of_names(text: str) -> dict[str, Counter[Fraction]]:
    """Name in Latin letters -> the numbers behind it and how often: HTML 4.0, LDL 70, IL-6 and IL-1, HbA1c was 7.1%, the CRC
    is zero."""
    found: dict[str, Counter[Fraction]] = defaultdict(Counter)
    written = (
        n for n in numbers_of(text) if text[n.start].isdigit() or text[n.start : n.end].lower() in CARDINALS
    )
    for number in written:
        if name := _NAME_BEFORE.search(text, max(0, number.start - 40), number.start):
            found[name[1].casefold()][number.value] += 1
    return found


def _once(text: str, numbers: Sequence[Number]) -> dict[Fraction, Number]:
    plain = _solid(text, numbers)
    count = Counter(n.value for n in plain)
    return {n.value: n for n in plain if count[n.value] == 1}


def _show(number: Number) -> str:
    return f"{_plain(number.value)} {number.unit or 'without a unit'}{number.per}"


def _sides_changed(ours: Mapping[Fraction, Counter], theirs: Mapping[Fraction, Counter]) -> Iterator[str]:
    """Numbers whose comparison points the other way, or is lost."""
    for value in (value for value in ours if value in theirs):
        here, there = ours[value], theirs[value]
        for side, opposite in ((Side.ABOVE, Side.BELOW), (Side.BELOW, Side.ABOVE)):
            sure = here[side, "sure"] or there[opposite, "sure"]
            if sure and here[side] > there[side] and there[opposite] > here[opposite]:
                yield f"{side.value} {_plain(value)} has become {opposite.value}"
            elif here[side, "sure"] and not there[side] and not there[opposite]:
                yield f"{side.value} {_plain(value)} has lost its comparison"


def _plain(value: Fraction) -> str:
    if value > 10**LONG_DIGITS:
        return "a long number"
    return str(value) if value.denominator in (1, 3, 7) else f"{float(value):g}"


def _sides(text: str, numbers: Sequence[Number]) -> dict[Fraction, Counter]:
    """Value -> how often it is said to be above or below; (side, "sure") counts what surely compares."""
    found: dict[Fraction, Counter] = defaultdict(Counter)
    side, behind = None, len(text)
    for number in reversed(numbers):
        if (under := _UNDER.match(text, number.end)) and number.value < int(under[1]):
            continue  # of "more than 1/10", which is a number itself
        said = comparison(text, number)
        if ratio := "/" in text[number.start : number.end]:
            own = said  # and its parts have theirs: 140/90
        else:
            # "5, 6 또는 7 미만", "2-3일을 초과"
            listed = side and any(one.fullmatch(text, number.end, behind) for one in (_LISTED, _TIGHT))
            own, behind = ((side, False) if listed and not said[0] else said), number.start
            side = own[0]
        count = found[number.value]
        if own[0]:
            count[own[0]] += 1
            count[own[0], "sure"] += own[1] and (number.kind is Kind.PLAIN or ratio)
    return found


_UNDER = Pattern(r"\s?/\s?(\d{1,4})(?![\d.])")
_OF_A_NAME = Pattern("[A-Za-z]-$")
_MINUS = Pattern(
    r"(?:^|[^\w\s)\]%°-])-\s?$|(?<=[^\d%])\s-$|영하\s?(?:섭씨\s?)?$|마이너스\s?$|\bminus\s$", re.IGNORECASE
)


def _negative(text: str, numbers: Sequence[Number]) -> tuple[set[Fraction], set[Fraction]]:
    """Values written with a minus, and those behind a dash that opens a line: a minus, or the mark of a list."""
    negative, unsure = set(), set()
    for number in numbers:
        if number.kind is Kind.PLAIN or text[number.start].isdigit():  # "-1을", too
            before = text[max(0, number.start - 8) : number.start]
            opens_line = before.rsplit("\n", 1)[-1].strip() == "-" and (number.start < 8 or "\n" in before)
            if opens_line or _MINUS.search(before):
                (unsure if opens_line else negative).add(number.value)
    return negative, unsure


def _find(source: str, target: str, glossary: Glossary) -> str:
    return "; ".join(changed_numbers(source, target, glossary)[:5])


_TOLD = "it did not keep the numbers"
CHECKS = (
    Check("numbers_changed", _find, _TOLD, order=30, rank=70, uses_glossary=True),
    Check("numbers_changed", perhaps_changed, _TOLD, order=31, rank=70, uses_glossary=True, severity=WARN),
)
