"""Words in Latin letters in a Korean text: the names that may stay, and the English that may not."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import yaml

from komep_dataset import languages
from komep_dataset.replies.patterns import Pattern

_WORDS = yaml.safe_load(Path(__file__).with_name("english_words.yaml").read_text("utf-8"))
FUNCTION_WORDS, VERBS, UNIT_WORDS, COMMON_WORDS, PLAIN_ENGLISH, *_MORE = (
    frozenset(words.split()) for words in _WORDS.values()
)
ABBREVIATIONS_BEFORE, ABBREVIATIONS_AFTER, _NO_NOUNS = _MORE
NO_NOUNS = FUNCTION_WORDS - {"other", "another"} | _NO_NOUNS  # behind a number
_NO_NAMES = FUNCTION_WORDS | COMMON_WORDS

HANGUL = Pattern("[가-힣ㄱ-ㆎᄀ-ᇿ]")
WORD = Pattern(r"[A-Za-zÀ-ÖØ-öø-ɏ][A-Za-zÀ-ÖØ-öø-ɏ0-9'’.\-/+]*")
NAME_ENDING = Pattern(f"{languages.NAME_ENDING}$")
MARKUP = Pattern(
    r"https?://[^\s가-힣]+|[A-Za-z][\w.]*_[A-Za-z0-9_.]+|</?[A-Za-z][^<>\n]{0,80}>|&[a-z]{2,8};|```[a-z]*"
)
GLOSS = Pattern(
    r"(?<=[가-힣])\s?[(\[（［][^()\[\]（）［］\n]{1,90}(?:[)\]）］]|$)|[(\[（［][^()\[\]（）［］\n]{1,90}[)\]）］]"
)
_BREAK = Pattern(r"[가-힣ㄱ-ㆎ\n|;:()（）\[\]{}]|[.!?](?=\s|$)")


def letters(text: str) -> str:
    """NFC text; decomposed Hangul becomes syllables."""
    return unicodedata.normalize("NFC", text)


def is_marked(word: str) -> bool:
    """Whether digits or capitals mark a word as an abbreviation or a gene."""
    bare = word.strip(".-'’/+")
    return len(bare) <= 1 or any(c.isdigit() for c in bare) or sum(c.isupper() for c in bare) >= 2


def is_name(word: str) -> bool:
    """Whether a word in Latin letters may stand in a Korean text: an abbreviation, a unit, a gene, a name."""
    if is_marked(word):
        return True
    bare = word.strip(".-'’/+")
    if (low := bare.lower()) in _NO_NAMES:
        return False
    return bare[0].isupper() or (len(bare) <= 4 and low in UNIT_WORDS) or bool(NAME_ENDING.search(bare))


def is_everyday(word: str) -> bool:
    """Whether a word in small letters is one of the lists of English ones."""
    return word in _NO_NAMES or word in VERBS or word in PLAIN_ENGLISH


def is_function(word: str) -> bool:
    """Whether a word holds an English sentence together; "WHO" is a name."""
    return word.lower().strip(".'") in FUNCTION_WORDS and not (word.isupper() and len(word) > 1)


def is_title(words: list[str]) -> bool:
    """Whether a run is written like the title of a journal or an institution."""
    if not 2 <= len(words) <= 8 or {w.lower() for w in words} & VERBS:
        return False
    small = [word for word in words if not word[0].isupper()]
    return len(small) < len(words) and all(word.lower() in FUNCTION_WORDS for word in small)


_QUOTED = Pattern(r"\"((?:[\w.\-']{1,40},? ){0,11}[\w.\-]+)\"|'((?:[\w.\-]{1,40},? ){0,11}[\w.\-]+)'")
_TWO_WORDS = Pattern(r"\b[A-Z][a-z]{3,30} [a-z]{3,33}\b")
# A species within a sentence, by the ends of Latin words: "and Salmonella typhi", no "Pulmonary embolism".
_SPECIES = Pattern(r"(?<=[a-z,(*] )\**[A-Z][a-z]{3,30} [a-z]{2,30}(?:us|a|um|is|i|ae|ans|ens)\b")


def without_names(source: str, target: str) -> str:
    """A target without addresses, tags and identifiers, without the words that it quotes as names, as its source does or
    writes them in capitals: the song 'I Love it', and without species of the source: Salmonella typhi."""

    def kept(quoted: re.Match) -> str:
        said = quoted[1] or quoted[2]
        words = said.split()
        short = len(words) < 5 and (quoted[0] in source or any(map(str.isupper, said[1:])))
        title = all(word[0].isupper() or word in FUNCTION_WORDS for word in words)
        return " " if (short or title) and said in source else quoted[0]

    species = {found.strip("*") for found in _SPECIES.findall(source)}
    target = _QUOTED.sub(kept, MARKUP.sub(" ", letters(target)).translate(STRAIGHT))
    return _TWO_WORDS.sub(lambda two: " " if two[0] in species else two[0], target)


STRAIGHT = str.maketrans("‘’“”", "''\"\"")


def runs(text: str) -> Iterator[list[str]]:
    """Runs of words in Latin letters, without Hangul, brackets or the end of a sentence between them."""
    return filter(None, map(WORD.findall, _BREAK.split(text)))
