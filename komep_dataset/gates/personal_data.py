"""Personal data and secrets in the texts of a pair: what points at one person, or opens a door.

Medical text is full of numbers (doses, dates, 120/80, EC and NCT numbers), so every kind has a check beyond its
shape, and the rules rather miss than cry wolf:

- resident registration number (Korea): a date of birth, and the check digit. Numbers given out since October 2020
  have none; of those, only the hyphenated ones of people born since then are known by their date alone.
- phone number: Korean mobile, 070 and regional numbers with separators, +82; other countries with `+` and 9 to 15
  digits, or in the North American form. No hotlines (15xx-xxxx, toll-free).
- e-mail address: not of the domains that RFC 2606 keeps for examples.
- IP address: IPv4 of the public internet with one number above 99 and a first one above 7, so that neither an EC
  number nor a section number is one; IPv6 in its long form.
- payment card: length and first digits of a card scheme, grouped as on a card or not at all, and the Luhn digit.
- secrets: `SECRET_KINDS`, as `komep publish` looks for them.
- labelled field of a patient's record: "MRN:", "Patient name:", 등록번호, 환자명. Names without a label are not
  looked for: that needs a model, and errs.

It finds forms, not people: a text without a finding may still tell who somebody is.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator
from datetime import date

from komep_dataset.gates.trial.gate import Found, TextGate, switch_option
from komep_dataset.replies.patterns import Pattern

# Prefixes and lengths as the issuers document them; Python's `re`, RE2 (pyarrow) and Rust's regex (polars) read these.
SECRET_KINDS = {
    "Hugging Face token": r"\bhf_[A-Za-z0-9]{30,}",
    "OpenAI-style key": r"\bsk-[A-Za-z0-9_-]{20,}",
    "AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22,})",
    "Google API key": r"\bAIza[0-9A-Za-z_-]{35}",
    "Slack token": r"\bxox[abprs]-[0-9A-Za-z-]{10,}",
    "private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
}
# Literal pieces of which a text has one if it has any of `SECRET_KINDS`: a fast first look.
_SECRET_HINT = r"hf_|sk-|AKIA|ASIA|gh[pousr]_|github_pat_|AIza|xox[abprs]-|PRIVATE KEY"

# A text without any of these has no finding (checked by a test): one pass over all texts of a release.
HINT = (
    r"@|[0-9](?:[ .()-]{0,2}[0-9]){8}|[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|"
    r"[0-9A-Fa-f]:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]|"
    r"MRN|[Rr]ecord [Nn]|[Pp]atient(?:'s)? [Nn]ame|(?:성명|이름|자명|번호) ?[:：]|" + _SECRET_HINT
)

_EMAIL = Pattern(
    r"(?<![\w.%+-])[A-Za-z0-9][A-Za-z0-9._%+-]*@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24})(?![\w-])", re.A
)
_RESERVED = Pattern(r"(?:^|\.)(?:example(?:\.(?:com|org|net))?|test|invalid|localhost)$", re.I)
_RESIDENT = Pattern(r"(?<![\d.-])(\d{6})([- ]?)([1-8]\d{6})(?![\d-])", re.A)
_MOBILE = Pattern(r"(?<![\d.-])(?:\+82[ -]?\(?0?\)?|0)1[016789][- .]?\d{3,4}[- .]?\d{4}(?![\d-])", re.A)
_REGIONAL = Pattern(
    r"(?<![\d.-])(?:\+82[ -]?|0|\(0)(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70)[-) ]{1,2}\d{3,4}-\d{4}(?![\d-])",
    re.A,
)
_ABROAD = Pattern(r"(?<![\w.+])\+[1-9]\d{0,2}(?:[ .-]?\(\d{1,4}\))?(?:[ .-]?\d{2,4}){2,5}(?![\d%])", re.A)
_AMERICAN = Pattern(r"(?<![\w.+-])(?:\(([2-9]\d{2})\) ?|([2-9]\d{2})-)[2-9]\d{2}-\d{4}(?![\w-])", re.A)
_TOLL_FREE = {"800", "833", "844", "855", "866", "877", "888", "900"}
_IPV4 = Pattern(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(?!\.?\w)", re.A)
_IPV6 = Pattern(r"(?<![\w:])[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){7}(?![\w:])", re.A)
_CARD = Pattern(
    r"(?<![\w.-])(?:\d{4}([ -]?)\d{4}\1\d{4}\1\d{4}|3[47]\d{2}([ -]?)\d{6}\2\d{5})(?![\w-])", re.A
)
_CARD_SCHEME = Pattern(r"4|5[1-5]|2[2-7]|3[47]|35|6(?:011|4|5)|62|9[4]")
_RECORD = Pattern(
    r"\b(?:MRN|[Mm]edical [Rr]ecord [Nn](?:o|umber)\.?)\s*[:#：]\s*[A-Z]{0,3}\d{5,}"
    r"|\b[Pp]atient(?:'s)? [Nn]ame\s*[:：]\s*[A-Z][a-z]+ [A-Z][a-z]+"
    r"|(?:등록|차트|병록|환자)\s?번호\s?[:：]\s?[A-Z]{0,3}\d{5,}"
    r"|환자\s?(?:성명|이름|명)\s?[:：]\s?[가-힣]{2,4}(?![가-힣])"
)
MASKED = "{start}… ({n} characters)"
_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_CENTURIES = {"1": 1900, "2": 1900, "5": 1900, "6": 1900, "3": 2000, "4": 2000, "7": 2000, "8": 2000}
_NO_CHECK_DIGIT = date(2020, 10, 1)


def find_personal_data(text: str) -> Iterator[Found]:
    """Every kind of personal data or secret in a text, masked.

    >>> [str(f.kind) for f in find_personal_data("BP 120/80, call 010-1234-5678")]
    ['phone number']
    """
    phones: list[tuple[int, int]] = []  # where those stand that are known: one may have several forms
    for kind, pattern, holds in _FORMS:
        for match in pattern.finditer(text):
            if kind == _PHONE and any(low < match.end() and match.start() < high for low, high in phones):
                continue
            if holds(match):
                phones += [match.span()] if kind == _PHONE else []
                # Enough of a value to find it, too little to use it.
                yield Found(kind, MASKED.format(start=match[0][:2], n=len(match[0])))


def is_resident_number(digits: str, hyphenated: bool = False) -> bool:
    """Whether 13 digits are a Korean resident (or foreigner) registration number, by date and check digit."""
    try:
        born = date(_CENTURIES[digits[6]] + int(digits[:2]), int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        return False
    if hyphenated and born >= _NO_CHECK_DIGIT:
        return True
    total = sum(w * int(d) for w, d in zip(_WEIGHTS, digits[:12], strict=True))
    check = (13 if digits[6] in "5678" else 11) - total % 11
    return check % 10 == int(digits[12])


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit that payment cards have."""
    doubled = [int(d) * (1 + place % 2) for place, d in enumerate(reversed(digits))]
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def _is_card(match: re.Match) -> bool:
    digits = re.sub(r"\D", "", match[0])
    return bool(_CARD_SCHEME.match(digits)) and luhn(digits)


def _is_public(match: re.Match) -> bool:
    parts = match[1].split(".")
    numbers = [int(part) for part in parts]
    plausible = 7 < numbers[0] < 224 and 99 < max(numbers) < 256
    padded = any(len(part) > 1 and part[0] == "0" for part in parts)
    return plausible and not padded and ipaddress.ip_address(match[1]).is_global


def _always(match: re.Match) -> bool:
    return True


# What is looked for, in this order: kind, shape, and what a match must be besides.
_PHONE = "phone number"
_FORMS: tuple[tuple[str, Pattern, Callable[[re.Match], bool]], ...] = (
    ("e-mail address", _EMAIL, lambda m: not _RESERVED.search(m[1])),
    ("resident registration number", _RESIDENT, lambda m: is_resident_number(m[1] + m[3], m[2] == "-")),
    ("payment card number", _CARD, _is_card),
    (_PHONE, _MOBILE, _always),
    (_PHONE, _REGIONAL, _always),
    (_PHONE, _ABROAD, lambda m: 9 <= sum(c.isdigit() for c in m[0]) <= 15),
    (_PHONE, _AMERICAN, lambda m: (m[1] or m[2]) not in _TOLL_FREE),
    ("IP address", _IPV4, _is_public),
    ("IP address", _IPV6, lambda m: ipaddress.ip_address(m[0]).is_global),
    ("field of a patient's record", _RECORD, _always),
    *((kind, Pattern(pattern), _always) for kind, pattern in SECRET_KINDS.items()),
)


GATE = TextGate(
    name="personal_data",
    reason="personal_data",
    order=20,
    options=(
        switch_option(
            "personal_data",
            "report",
            "Look for personal data and secrets in texts: phone numbers, addresses, resident numbers, keys.",
        ),
    ),
    hint=HINT,
    find=find_personal_data,
    sought=("personal data", "by their form"),
)
