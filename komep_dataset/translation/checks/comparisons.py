"""Whether a text says of a number that something is above or below it, in English and in Korean; no check by itself."""

import re
from enum import Enum

from komep_dataset.replies.patterns import Pattern
from komep_dataset.translation.numbers import Number


class Side(Enum):
    """Where a comparison points."""

    ABOVE = "above"
    BELOW = "below"


_BEFORE_WINDOW, _AFTER_WINDOW = 44, 30  # characters in which the words of a comparison are looked for

_APART = r"(?:(?! than )[^.;:!?\n\d,()]){0,28}"
_FILL = r"(?:\s(?:or equal to|about|approximately|around|an?|the|roughly|only))*\s*[$]?"
_BEFORE = (
    # Negations first: "no more than" points down.
    (Side.BELOW, rf"(?:(?:no|not(?: be)?) (?:more|greater|higher|older|longer|later|larger) than|"
                 rf"at most|not (?:to )?exceed(?:ing)?|never exceed|cannot exceed|"
                 rf"without exceeding){_FILL}$"),
    (Side.ABOVE, rf"(?:(?:no|not(?: be)?) (?:less|fewer|lower|younger|shorter) than|at least){_FILL}$"),
    (Side.BELOW, rf"(?:<=?|≤){_FILL}$"),
    (Side.ABOVE, rf"(?:>=?|≥){_FILL}$"),
    (Side.ABOVE, rf"\b(?:more|greater|higher|older|longer|larger|heavier|bigger|wider|taller|later|"
                 rf"faster|thicker){_APART} than{_FILL}$"),
    (Side.BELOW, rf"\b(?:less|fewer|lower|younger|shorter|smaller|lighter|narrower|slower|"
                 rf"thinner){_APART} than{_FILL}$"),
    (Side.ABOVE, rf"\b(?:above|exceed(?:s|ing|ed)?|in excess of|surpass(?:es|ed|ing)?){_FILL}$"),
    (Side.BELOW, rf"\b(?:below|beneath|short of){_FILL}$"),
)  # fmt: skip
# These words say other things as well ("over three months"): read, but never demanded.
_SOFT_BEFORE = (
    (Side.ABOVE, rf"\b(?:over|beyond|minimum(?: of)?|from|past|upwards? of){_FILL}$|(?:최소|적어도|"
                 rf"최저)[^\d.]{{0,6}}$"),
    (Side.BELOW, rf"\b(?:under|up to|within|maximum(?: of| dose of| daily dose of)?|max\.?|until|"
                 rf"limit(?:ed)? to|by){_FILL}$|(?:최대|최고|많아야)[^\d.]{{0,8}}$"),
)  # fmt: skip
# What may be left of a unit that the reader of units does not know: "200개/µL 미만", "50 x 10^9/L 미만",
# "20개비를 초과". A counter that no list has must have a particle behind it.
_MORE_UNIT = (
    r"(?:\s?[x×*·]\s?10\^-?\d{1,2})?(?:\s?\([^()\n]{0,30}\))?(?:\s?[가-힣]{1,4}?){0,2}[^.,;\d가-힣]{0,14}"
)
_AFTER = (
    (Side.ABOVE, r"\s*\+(?!\d)|\s*(?:of age |old )?(?:or|and) (?:more|higher|greater|above|older|over|"
                 r"longer|up|upwards?|larger)\b"),
    (Side.BELOW, r"\s*(?:of age |old )?(?:or|and) (?:less|fewer|lower|below|younger|under|shorter|"
                 r"smaller)\b"),
    (Side.BELOW, rf"{_MORE_UNIT}(?:을|를|은|는)?\s?(?:초과하|초과되|넘기|넘|넘어서)(?:지|어서는|어선|면|으면|어)\s?(?:는\s?)?(?:않|"
                 rf"안|못|말)"),
    (Side.BELOW, rf"{_MORE_UNIT}(?:이|가|도)?\s?(?:채\s|안\s?(?:되|된|돼)|(?:지나|경과하|되|넘기)지\s?(?:않|못))"),
    (Side.ABOVE, rf"{_MORE_UNIT}(?:보다|에|을|를)?\s?(?:적지|낮지|작지|밑돌지)\s?않"),
    (Side.ABOVE, rf"{_MORE_UNIT}(?:이상(?!\s?(?:반응|소견|증상|지질|세포|이\s?(?:있|발견|나타)))|초과|(?:을|를|이|가)?\s?(?:넘|"
                 rf"상회|웃도|웃돌|초과))"),
    (Side.BELOW, rf"{_MORE_UNIT}(?:이하|미만|(?:에|을|를)?\s?(?:밑돌|밑도|하회|(?:크게\s|한참\s)?못\s?미[치친칠쳤]|미달)|밑으로|아래)"),
    (Side.ABOVE, rf"{_MORE_UNIT}보다(?:(?![낮작적짧젊어얇]|[가느]리|떨어|감소)[^.;\d]){{0,14}}?(?:높|크|큰|클|커|많|길|긴|오래|무거|위|넓|올라|상승|늦|나이|고령|두꺼|빠르|빨)"),
    (Side.BELOW, rf"{_MORE_UNIT}보다[^.;\d]{{0,14}}?(?:낮|작|적|짧|젊|어린|어리|가벼|아래|좁|떨어|감소|얇|느리|느린)"),
)  # fmt: skip
_SOFT_AFTER = (
    (Side.BELOW, r"\s*(?:이내|안에|까지|내에|내로)"),
    (Side.ABOVE, r"\s*(?:남짓|부터|위로|여(?:\s?[가-힣]|\s))"),
)


def _compiled(rules) -> tuple[tuple[Side, Pattern], ...]:
    return tuple((side, Pattern(rule, re.IGNORECASE)) for side, rule in rules)


_BEFORE, _SOFT_BEFORE = _compiled(_BEFORE), _compiled(_SOFT_BEFORE)
_AFTER, _SOFT_AFTER = _compiled(_AFTER), _compiled(_SOFT_AFTER)


def comparison(text: str, number: Number) -> tuple[Side | None, bool]:
    """What a normalised text says of one of its numbers.

    Returns:
        (side or None, whether the words say surely that). "over three months" is unsure.
    """
    before = text[max(0, number.start - _BEFORE_WINDOW) : number.start]
    after = text[number.end : number.end + _AFTER_WINDOW]
    for rules, sure in (((_BEFORE, _AFTER), True), ((_SOFT_BEFORE, _SOFT_AFTER), False)):
        for side, rule in rules[0]:
            if rule.search(before):
                return side, sure
        for side, rule in rules[1]:
            if rule.match(after):
                return side, sure
    return None, False
