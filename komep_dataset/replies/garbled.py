"""Texts that a wrong decoding changed, and texts that say nothing at all.

Proxies read UTF-8 as Latin-1 or Windows-1252 and encode it again, or pass on the escapes of a JSON string, a page or an
address. That is undone where nothing else can have been meant: what comes out is Korean.
"""

import html
import json
import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import unquote

from komep_dataset.replies.patterns import Pattern

ROUNDS = 3  # of wrong decodings, one over the other (ours)
# Pairs of a first byte and a later one that stay after mending: so many, and so large a share of the text (ours).
LEAST_PAIRS, PAIR_SHARE = 3, 0.1
LONGEST_NOTHING = 200  # characters of a text in which a word may stand for none (ours)

# The byte behind a character, by Latin-1 and by Windows-1252, which has signs for most of 0x80 to 0x9F.
_BYTES = {chr(byte): byte for byte in range(0x80, 0x100)}
for _byte in range(0x80, 0xA0):
    with suppress(UnicodeDecodeError):
        _BYTES[bytes([_byte]).decode("cp1252")] = _byte
_LATER = f"[{''.join(sign for sign, byte in _BYTES.items() if byte < 0xC0)}]"
_RUN = rf"(?:[\xc2-\xdf]{_LATER}|[\xe0-\xef]{_LATER}{{2}}|[\xf0-\xf4]{_LATER}{{3}})+"
_PAIR = Pattern(rf"[\xc2\xc3\xea-\xed]{_LATER}")
_KOREAN = Pattern("[가-힣]{2}")
# Forms of a text whose letters were escaped or decoded wrongly, and how a run of them is read.
_WAYS: tuple[tuple[Pattern, Callable[[str], str]], ...] = (
    (Pattern(_RUN), lambda run: bytes(map(_BYTES.__getitem__, run)).decode("utf-8")),
    (Pattern(r'(?:\\u[0-9a-fA-F]{4})+|\\[nrt"]'), lambda run: json.loads(f'"{run}"')),
    (
        Pattern(r"(?:\\x[0-9a-fA-F]{2})+"),
        lambda run: bytes.fromhex(run.replace("\\x", "")).decode("utf-8"),
    ),
    (Pattern(r"(?:&#(?:\d{2,7}|[xX][0-9a-fA-F]{2,6});)+|&(?:amp|lt|gt|quot|nbsp);"), html.unescape),
    (Pattern(r"(?:%[0-9a-fA-F]{2})+"), lambda run: unquote(run, errors="strict")),
)
# What a pattern of polars must find in a text before `mended` changes it, or `is_garbled` says so.
HINT = rf"[\xc2-\xf4]{_LATER}|\\u[0-9a-fA-F]{{4}}|\\x[0-9a-fA-F]{{2}}|&#[0-9xX]|%[0-9a-fA-F]{{2}}%"
_HINT = Pattern(HINT)
# Words that programs write for no text, tokens of templates, and letters without a shape.
_NO_WORD = Pattern(
    r"<[|｜][^<>\n]{1,40}[|｜]>|</?s>|\[object Object\]|\b(?:null|nil|undefined|nan)\b", re.IGNORECASE
)
_SHAPELESS = frozenset("<>|~=+$^`\u115f\u1160\u3164\uffa0\u2800")


def mended(text: str) -> str:
    """A text with its letters as they were meant, where a wrong decoding is certain; else the text itself.

    >>> mended("심장".encode().decode("latin1")), mended(r"\\uc2ec\\uc7a5"), mended("Ménière, naïve")
    ('심장', '심장', 'Ménière, naïve')
    """
    return _mended(text, ROUNDS)


def _mended(text: str, rounds: int) -> str:
    if not rounds or not _HINT.search(text):
        return text
    for pattern, read in _WAYS:
        changed = pattern.sub(lambda run, read=read: _read(run[0], read), text)
        if changed != text:
            deeper = _mended(changed, rounds - 1)
            runs = (run[0] for run in pattern.finditer(text) if len(run[0]) > 5)
            if deeper != changed or any(_KOREAN.search(_read(run, read)) for run in runs):
                return deeper
    return text


def _read(run: str, read: Callable[[str], str]) -> str:
    with suppress(ValueError):
        meant = read(run)
        meant.encode("utf-8")  # a lone surrogate is no text
        return meant
    return run


def is_garbled(text: str) -> bool:
    """Whether a text still has the marks of UTF-8 that was read as Latin-1, and nobody knows what it was."""
    pairs = len(_PAIR.findall(text))
    return pairs >= LEAST_PAIRS and pairs >= PAIR_SHARE * len(text)


def is_blank(text: str) -> bool:
    """Whether a text says nothing: no letter, number or sign stands in it, or only a program's word for none.

    >>> [is_blank(text) for text in ("\\u200b\\ufeff", "…", "&nbsp;", "null", "```\\n```", "7", "None", "✓")]
    [True, True, True, True, True, False, False, False]
    """
    if len(text) > LONGEST_NOTHING and re.search("[0-9A-Za-z가-힣]", text):
        return False
    text = _NO_WORD.sub("", html.unescape(text))
    kinds = (unicodedata.category(char) for char in text if char not in _SHAPELESS)
    return not any(kind[0] in "LN" or kind in ("So", "Sm", "Sc") for kind in kinds)
