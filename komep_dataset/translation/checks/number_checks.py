"""Whether a translation carries the numbers of its source: values, units, comparisons, signs, both ways."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from fractions import Fraction

from komep_dataset.translation.checks.comparisons import Side, comparison
from komep_dataset.translation.checks.korean_numbers import Kind, Number, normal, numbers_of
from komep_dataset.translation.checks.measures import TIMES, units_agree
from komep_dataset.translation.checks.numerals import LONG_DIGITS

# Names whose digits a translation may write although the source names the thing in words, or the reverse.
_FREE_NAMES = re.compile(
    r"(?<![A-Za-z])(?:HbA1c|A1C|CO2|SpO2|SaO2|PaO2|PaCO2|FiO2|FEV1|O2|H2O|H2|Ca2|Mg2|Na1|B12|T3|T4|D3|"
    r"COVID-?19|SARS-CoV-?2|SGLT-?2|DPP-?4|GLP-?1|CD4|CD8)",
    re.IGNORECASE,
)


def changed_numbers(source: str, target: str) -> list[str]:
    """What a translation changes about the numbers of its source; [] if nothing.

    Every plain number of one text must stand in the other, in digits or in words; a number with a unit
    keeps it;
    "above" does not become "below" or vanish; a minus stays.
    """
    texts = normal(source), normal(target)
    ours, theirs = numbers_of(texts[0]), numbers_of(texts[1])
    missing = _absent(ours, theirs, (Kind.PLAIN,))
    extra = _absent([n for n in theirs if not _free(texts[1], n)], ours, (Kind.PLAIN, Kind.NAME))
    found = [f"{texts[0][n.start : n.end].strip()} is missing" for n in missing]
    found += [f"{texts[1][n.start : n.end].strip()} is not in the source" for n in extra]
    return (
        found
        + _units_changed(ours, theirs)
        + _sides_changed(texts, (ours, theirs))
        + _signs(texts, ours, theirs)
    )


def _free(text: str, number: Number) -> bool:
    if number.kind is not Kind.NAME:
        return False
    around = text[max(0, number.start - 9) : number.end + 2]
    return any(
        m.start() + max(0, number.start - 9) <= number.start < m.end() + max(0, number.start - 9)
        for m in _FREE_NAMES.finditer(around)
    )


def _absent(numbers: Sequence[Number], others: Sequence[Number], kinds: tuple[Kind, ...]) -> list[Number]:
    """Numbers of some kinds that the other text has in no form, the first of each value."""
    there = {value for n in others for value in (n.value, *n.others)}
    # The parts of 1/2 are not missing where the other text has a half.
    ratios = [n for n in numbers if n.kind is Kind.LOOSE and n.others and n.value in there]
    covered = {place for ratio in ratios for place in range(ratio.start, ratio.end)}
    missing: dict[Fraction, Number] = {}
    for number in numbers:
        if number.kind in kinds and number.value not in there and number.start not in covered:
            missing.setdefault(number.value, number)
    return list(missing.values())


def _by_value(numbers: Sequence[Number]) -> dict[Fraction, list[Number]]:
    """Numbers by value, those with the same unit and kind once."""
    groups: dict[Fraction, dict[tuple, Number]] = defaultdict(dict)
    for number in numbers:
        groups[number.value].setdefault((number.unit, number.per, number.kind), number)
    return {value: list(distinct.values()) for value, distinct in groups.items()}


def _units_changed(ours: Sequence[Number], theirs: Sequence[Number]) -> list[str]:
    """Numbers that both texts have, but with other units."""
    found = []
    there = _by_value(theirs)
    for value, numbers in _by_value(ours).items():
        if value not in there:
            continue
        units = {n.unit for n in there[value] if n.unit or n.kind is not Kind.LOOSE}
        for number in numbers:
            if problem := _unit_problem(number, there[value], units):
                found.append(problem)
                break
    return found


def _unit_problem(number: Number, others: Sequence[Number], units: set[str]) -> str:
    if not number.unit or any(units_agree(number.unit, unit) for unit in units):
        same = [n for n in others if n.unit == number.unit]
        if number.per and same and all(n.per and n.per != number.per for n in same):
            return f"{_show(number)} has become {_show(same[0])}"
        return ""
    known = units - {""}
    if not units:
        return ""
    if number.unit in TIMES and ("" in units or number.kind is Kind.LOOSE or number.unit == "times"):
        return ""
    if number.kind is Kind.LOOSE or (number.unit in TIMES and known & {"times", "tablet", "points"}):
        return ""
    if number.unit in ("iu", "degree", "l", "m", "g", "c", "f") and not known:
        return ""  # "unit" and "degree" have other meanings; one letter may be no unit at all
    return f"{_show(number)} has become {_show(others[0])}"


def _show(number: Number) -> str:
    return f"{_plain(number.value)} {number.unit or 'without a unit'}{number.per}"


def _sides_changed(texts: tuple[str, str], numbers: tuple[Sequence[Number], Sequence[Number]]) -> list[str]:
    """Numbers whose comparison points the other way, or is lost."""
    ours, theirs = (_sides(text, ns) for text, ns in zip(texts, numbers, strict=True))
    found = []
    for value, here in ours.items():
        there = theirs.get(value)
        if there is None:
            continue
        for side, opposite in ((Side.ABOVE, Side.BELOW), (Side.BELOW, Side.ABOVE)):
            if here[side] > there[side] and there[opposite] > here[opposite]:
                found.append(f"{side.value} {_plain(value)} has become {opposite.value}")
            elif here[side, "sure"] and not there[side] and not there[opposite]:
                found.append(f"{side.value} {_plain(value)} has lost its comparison")
    return found


def _plain(value: Fraction) -> str:
    if value > 10**LONG_DIGITS:
        return "a long number"
    return str(value) if value.denominator in (1, 3, 7) else f"{float(value):g}"


def _sides(text: str, numbers: Sequence[Number]) -> dict[Fraction, Counter]:
    """Value -> how often it is said to be above or below; (side, "sure") counts what surely compares."""
    found: dict[Fraction, Counter] = defaultdict(Counter)
    for number in numbers:
        side, sure = comparison(text, number)
        count = found[number.value]
        if side:
            count[side] += 1
            if sure and number.kind is Kind.PLAIN:
                count[side, "sure"] += 1
    return found


_MINUS = re.compile(
    r"(?:^|[^\w\s)\]%°-]|(?<=[^\d%])\s)-\s?$|영하\s?(?:섭씨\s?)?$|마이너스\s?$|\bminus\s$", re.IGNORECASE
)


def _signs(texts: tuple[str, str], ours: Sequence[Number], theirs: Sequence[Number]) -> list[str]:
    """Negative numbers that have lost their minus, or the reverse."""
    here, there = (_negative(text, ns) for text, ns in zip(texts, (ours, theirs), strict=True))
    both = {n.value for n in ours} & {n.value for n in theirs}
    return [f"the sign of {_plain(v)} has changed" for v in sorted(both & (here ^ there))]


def _negative(text: str, numbers: Sequence[Number]) -> set[Fraction]:
    """Values written with a minus; a dash that opens a line is none."""
    found = set()
    for number in numbers:
        before = text[max(0, number.start - 8) : number.start]
        opens_line = before.rsplit("\n", 1)[-1].strip() in ("-", "") and (number.start < 8 or "\n" in before)
        if number.kind is Kind.PLAIN and not opens_line and _MINUS.search(before):
            found.add(number.value)
    return found
