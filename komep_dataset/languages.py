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
FOREIGN_WORDS = 8  # words of a text with Hangul from which on it may be foreign: where half are no names
# Jamo, compatibility jamo, extended jamo A, syllables with extended jamo B, half-width forms.
HANGUL = "[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff\uffa0-\uffdc]"
_HANGUL = re.compile(HANGUL)
_WORD = r"[^\s\x1c-\x1f]"  # Python's idea of white space, for a regex engine with another one

# Endings of drug names (INN stems), of enzymes, of Latin names and of other words that Korean texts keep in Latin letters.
NAME_ENDING = (
    r"(?:mab|nib|tinib|pril|prilat|sartan|olol|statin|azole|cillin|mycin|micin|floxacin|cycline|vir|vudine|"
    r"dipine|zosin|gliptin|gliflozin|glitazone|tide|parin|xaban|gatran|grel|platin|taxel|rubicin|triptan|"
    r"setron|oxetine|pram|azepam|azolam|barbital|caine|curium|curonium|fentanil|phylline|terol|sone|solone|"
    r"onide|penem|cef[a-z]+|oxacin|thiazide|semide|lukast|dronate|cept|ase|ine|ol|one|ide|ate|in|um|us|ae|"
    r"is|ii|ella|ium|ococcus|a)"
)
# Small words that stand beside names: units, ways and times of giving a drug, what joins two names (ours).
_BESIDE_NAMES = (
    "mg|mcg|ug|g|kg|ml|l|dl|mol|mmol|meq|iu|mm|cm|nm|hz|pg|ng|fl|sec|min|hr|h|bpm|cc|po|iv|im|sc|qd|bid|tid|qid|prn|"
    "vs|et|al|and|or|of|in|with|per|de|situ|vitro|vivo"
)
# A word in small letters that is neither: an ending counts from five letters on, so that "pain" and "this" are no names.
_NO_NAME = re.compile(
    rf"(?<![\w'’+.-])(?!(?:{_BESIDE_NAMES}|(?=[a-z]{{5}})[a-z-]{{1,40}}{NAME_ENDING})(?![\w'’-]))[a-z]+(?:['’-][a-z]+)*(?!\w|\.\w)"
)
# What no term has: words that hold a sentence together, and small letters that stand alone.
_SENTENCE_WORD = re.compile(
    r"(?<![\w'’+.-])(?:[a-z]|an|[Tt]he|is|are|was|were|be|[Ii]t|[Tt]h(?:is|at|ese|ose|ere|ey)|not|has|have|can|may|should|will|to|for|on|by|at|"
    r"from|as|[Ww]h(?:at|o|y|en|ich)|[Hh]ow)(?![\w'’+.-])"
)
TERM_WORDS = 5  # words that a term of the field may have, which Korean texts keep: "activated partial thromboplastin time"
_SIGNS = ".,;:!?…\"'"
_IN_BRACKETS = re.compile(r"\([^()]*(?:\)|$)")
_OTHER_SCRIPT = re.compile(  # Cyrillic … Thai, kana and Han: five letters of them
    "(?:[\u0400-\u052f\u0530-\u058f\u0590-\u05ff\u0600-\u06ff\u0900-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]\\W*){5}"
)

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


def is_foreign_text(text: str) -> bool:
    """Whether a text is surely not Korean: fewer words hold Hangul than in a Korean one, and it is more than a term, names, numbers
    and abbreviations.

    >>> [is_foreign_text(text) for text in ("Aspirin relieves pain.", "Metformin 500 mg", "ECG", "통증이 있다.")]
    [True, False, False, False]
    """
    if language_of(text) == "ko":
        return False
    if _HANGUL.search(
        text
    ):  # terms, and what stands in brackets behind a Korean one, may outnumber the Korean words
        words = [word.strip(_SIGNS) for word in _IN_BRACKETS.sub(" ", text).split()]
        return 2 * sum(map(bool, map(_NO_NAME.fullmatch, words))) >= max(len(text.split()), FOREIGN_WORDS)
    term = len(text.split()) <= TERM_WORDS and text.rstrip()[-1:] not in (".", "!", "?")
    prose = not (term and not _SENTENCE_WORD.search(text)) and _NO_NAME.search(text)
    return bool(prose or _OTHER_SCRIPT.search(text))


def is_foreign(column: str | pl.Expr) -> pl.Expr:
    """`is_foreign_text` as an expression over a text column; null where the text is."""
    import polars as pl

    text = pl.col(column) if isinstance(column, str) else column
    # Where a quarter of the signs or more are as wide as Hangul is, nothing is counted: most Korean texts are such.
    dense = text.str.contains(HANGUL) & (2 * text.str.len_bytes() >= 3 * text.str.len_chars())
    asked = pl.when(~dense).then(text)
    found = asked.map_elements(is_foreign_text, pl.Boolean, skip_nulls=True)
    return pl.when(dense).then(False).otherwise(found)


def korean_texts(*, names: bool = False) -> list[pl.Expr]:
    """The columns `question_ko` and `response_ko` of scored generations: what is given as that and not blank, else the text
    itself where it is Korean by its script; with `names` also a response that is not foreign to a Korean question, as "ECG"."""
    import polars as pl

    given, own = {}, {}
    for name in ("question", "response"):
        text, korean = pl.col(name), pl.col(f"{name}_ko")
        given[name] = pl.when(korean.str.contains(_WORD)).then(korean)
        # Few: every word is looked at.
        asked = pl.when(given[name].is_null() & text.str.contains(HANGUL)).then(text)
        own[name] = pl.when(is_korean(asked)).then(text)
    if names:
        bare = (
            given["response"].is_null() & own["response"].is_null() & pl.col("response").str.contains(_WORD)
        )
        question = pl.when(bare & pl.col("question").str.contains(HANGUL)).then(pl.col("question"))
        answer = pl.when(is_korean(question)).then(pl.col("response"))
        own["response"] = own["response"].fill_null(pl.when(~is_foreign(answer)).then(answer))
    return [given[name].fill_null(own[name]).alias(f"{name}_ko") for name in given]


def is_native() -> pl.Expr:
    """Whether a scored generation was made in Korean: its question is Korean, its response not foreign, and both Korean texts
    are the originals themselves, character for character. Never null."""
    import polars as pl

    same = [pl.col(f"{name}_ko").eq_missing(pl.col(name)) for name in ("question", "response")]
    # The language is asked of those alone: reading every word of a large release takes longest.
    question, response = (pl.when(same[0] & same[1]).then(pl.col(name)) for name in ("question", "response"))
    return (is_korean(question) & ~is_foreign(response)).fill_null(False)


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
