"""A key that an endpoint echoes is masked in every text that is kept or shown, plain and escaped."""

from __future__ import annotations

import re
from collections.abc import Callable

MASK = "***"


def masker(secret: str | None) -> Callable[[str], str]:
    """A function that masks a key in a text, each of its characters plain or in any of the usual escapes.

    Known are JSON's and JavaScript's (also of JSON within JSON, and of octal digits), those of addresses, and those
    of HTML; what is escaped twice or thrice is found too. Repeats have limits, so that no text
    takes longer than its length.
    """
    if not secret:
        return str
    pattern = re.compile("".join(map(_written, secret)))
    return lambda text: pattern.sub(MASK, text)


def _written(character: str) -> str:
    """A pattern of the ways to write a printable ASCII character."""
    code = ord(character)
    both = f"(?i:{code:02x})"
    ways = (
        re.escape(character),
        rf"\\\\{{0,7}}(?:{re.escape(character)}|u(?:00{both}|\{{0{{0,4}}{both}\}})|x{both}|0{{0,2}}{code:o})",
        rf"%(?:25){{0,3}}{both}",
        rf"&(?:(?i:amp);){{0,3}}#(?:0{{0,5}}{code};?|(?i:x)0{{0,5}}{both};?)",
    )
    return f"(?:{'|'.join(ways)})"
