"""What may be shown and kept of a text from outside: no key, plain or escaped, and no control characters."""

import re
from collections.abc import Callable

SHOWN = 300  # characters of an error body that a message shows
MASK = "***"
_CONTROLS = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]+")
Hide = Callable[[str], str]


def shown(text: str, hide: Hide) -> str:
    """The beginning of a text from outside, for a message: one line, without control characters or the key."""
    # Hidden before it is cut, so that no part of a key is left at the cut.
    return _CONTROLS.sub(" ", hide(clean(text))[: 4 * SHOWN]).strip()[:SHOWN]


def named(error: Exception, hide: Hide, *, whole: bool = False) -> str:
    """An error by its kind and, where it is one of a connection or `whole`, its words. What aiohttp says of an answer quotes a
    part of it, in which a part of the key may stand."""
    said = f": {shown(str(error), hide)}" if whole or isinstance(error, OSError) else ""
    return f"{type(error).__name__}{said}"


def clean(text: str) -> str:
    """Lone surrogates, which JSON can carry and UTF-8 cannot, become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def masker(secret: str | None) -> Hide:
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
