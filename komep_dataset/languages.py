"""Which language a text is in, by its script alone: one rule for the stages that ask, and one for the build.

Korean writes particles and endings in Hangul onto every word, foreign names among them ("aspirin의"), so words
are counted and not letters. The threshold is ours: a third leaves room for drug names and units in a Korean
question, and an English question that quotes a Korean word or two stays English.
"""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

KOREAN_WORDS = 3  # a text is Korean when at least one in so many of its words holds Hangul
# Jamo, compatibility jamo, extended jamo A, syllables with extended jamo B, half-width forms.
HANGUL = "[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff\uffa0-\uffdc]"
_HANGUL = re.compile(HANGUL)
_WORD = r"[^\s\x1c-\x1f]"  # Python's idea of white space, for a regex engine with another one

# Families with Korean letters, as matplotlib knows them.
KOREAN_FONTS = (
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "NanumGothic",
    "Nanum Gothic",
    "Apple SD Gothic Neo",
    "Malgun Gothic",
    "Noto Sans CJK JP",  # the same file, which some versions of matplotlib know by its first face alone
    "Noto Serif CJK KR",
    "Baekmuk Gulim",
    "UnDotum",
)


def language_of(text: str) -> str:
    """`ko` or `en`: Korean when at least a third of the words (split at white space) hold a Hangul letter.

    >>> language_of("COPD 환자에서 FEV1/FVC는?"), language_of("What is 감기 in English?")
    ('ko', 'en')
    """
    if not _HANGUL.search(text):
        return "en"
    words = text.split()
    korean = sum(bool(_HANGUL.search(word)) for word in words)
    return "ko" if korean and KOREAN_WORDS * korean >= len(words) else "en"


def is_korean(column: str | pl.Expr) -> pl.Expr:
    """`language_of(text) == "ko"` as an expression over a text column; null where the text is."""
    import polars as pl

    text = pl.col(column) if isinstance(column, str) else column
    korean = text.str.count_matches(f"{_WORD}*{HANGUL}{_WORD}*")
    words = text.str.count_matches(f"{_WORD}+")
    return (korean > 0) & (KOREAN_WORDS * korean >= words)


def is_native() -> pl.Expr:
    """Whether a scored generation was made in Korean: its question is Korean, and both Korean texts are the
    originals themselves, character for character. Never null."""
    import polars as pl

    same = [pl.col(f"{name}_ko").eq_missing(pl.col(name)) for name in ("question", "response")]
    # The language is asked of those questions alone: reading every word of a large release takes longest.
    return is_korean(pl.when(same[0] & same[1]).then(pl.col("question"))).fill_null(False)


def plot_fonts() -> list[str]:
    """Families for the text of a plot: matplotlib's own first, then one with Korean letters if the machine has any."""
    from matplotlib import font_manager

    fonts = font_manager.fontManager
    logging.getLogger(font_manager.__name__).setLevel(logging.ERROR)  # it warns where a family has no bold
    if not {font.name for font in fonts.ttflist} & {*KOREAN_FONTS}:
        # matplotlib keeps its list from run to run: a font that was installed since is not in it.
        for path in set(font_manager.findSystemFonts()) - {font.fname for font in fonts.ttflist}:
            with suppress(OSError, RuntimeError):  # no font that it can read
                fonts.addfont(path)
    known = {font.name for font in fonts.ttflist}
    return ["DejaVu Sans", *[name for name in KOREAN_FONTS if name in known][:1]]
