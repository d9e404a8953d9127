"""Whether a text is Korean: its scripts, and what of it has stayed English although it is no name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from komep_dataset.translation.checks.english_words import (
    COMMON_WORDS,
    FUNCTION_WORDS,
    PLAIN_ENGLISH,
    UNIT_WORDS,
    VERBS,
)

# Share of Hangul among the letters that count. A measured value: see `tests/translation/checks/confusion.py`.
MIN_HANGUL = 0.6
FOREIGN = re.compile(
    "["
    "\u0400-\u052f\u0530-\u058f\u0590-\u05ff\u0600-\u06ff\u0900-\u0dff\u0e00-\u0eff"  # Cyrillic … Thai
    "\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"  # kana, Han
    "]+"
)
_HANGUL = re.compile("[가-힣ㄱ-ㆎᄀ-ᇿ]")
_WORD = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏ][A-Za-zÀ-ÖØ-öø-ɏ0-9'’.\-/+]*")

# Endings of drug names (INN stems), of enzymes, of Latin names and of other words that Korean texts keep in
# Latin letters.
_NAME_ENDING = re.compile(
    r"(?:mab|nib|tinib|pril|prilat|sartan|olol|statin|azole|cillin|mycin|micin|floxacin|cycline|vir|"
    r"vudine|dipine|"
    r"zosin|gliptin|gliflozin|glitazone|tide|parin|xaban|gatran|grel|platin|taxel|rubicin|triptan|"
    r"setron|oxetine|"
    r"pram|azepam|azolam|barbital|caine|curium|curonium|fentanil|phylline|terol|sone|solone|onide|penem|"
    r"cef[a-z]+|"
    r"oxacin|thiazide|semide|lukast|dronate|cept|ase|ine|ol|one|ide|ate|in|um|us|ae|is|ii|ella|ium|"
    r"ococcus|a)$"
)


def letters(text: str) -> str:
    """NFC text; decomposed Hangul becomes syllables."""
    return unicodedata.normalize("NFC", text)


_MARKUP = re.compile(r"https?://[^\s가-힣]+|</?[A-Za-z][^<>\n]{0,80}>|&[a-z]{2,8};|```[a-z]*")
_GLOSS = re.compile(
    r"(?<=[가-힣])\s?[(\[（［][^()\[\]（）［］\n]{1,90}(?:[)\]）］]|$)|[(\[（［][^()\[\]（）［］\n]{1,90}[)\]）］]"
)


def _is_marked(word: str) -> bool:
    """Whether digits or capitals mark a word as an abbreviation or a gene."""
    bare = word.strip(".-'’/+")
    return len(bare) <= 1 or any(c.isdigit() for c in bare) or sum(c.isupper() for c in bare) >= 2


def _is_name(word: str) -> bool:
    """Whether a word in Latin letters may stand in a Korean text: an abbreviation, a unit, a gene, a name."""
    bare = word.strip(".-'’/+")
    if _is_marked(word):
        return True
    if bare.lower() in FUNCTION_WORDS or bare.lower() in COMMON_WORDS:
        return False
    if len(bare) <= 4 and bare.lower() in UNIT_WORDS:
        return True
    if bare[0].isupper():
        return True
    return bool(_NAME_ENDING.search(bare)) and bare.lower() not in COMMON_WORDS


def wrong_script(source: str, target: str) -> str:
    """Why a target is no Korean text, or "" if it is one.

    Han, kana and other scripts count wherever the source does not have them, except Hanja in brackets
    behind a
    Korean word. Drug, gene and unit names in Latin letters do not count against Hangul.
    """
    source, target = letters(source), _MARKUP.sub(" ", letters(target))
    plain = _GLOSS.sub(lambda m: " " if len(FOREIGN.sub("", m[0])) == 2 else m[0], target)
    allowed = set("".join(FOREIGN.findall(source)))
    for match in FOREIGN.finditer(plain):
        if not set(match[0]) <= allowed:
            return f"{match[0][:20]!r} is no Hangul"
    hangul = len(_HANGUL.findall(target))
    latin = _counted(_GLOSS.sub(" ", plain))
    if not hangul and (strange := _strange_words(source, plain)):
        return f"no Hangul, and {strange!r} is not in the source"  # romanised Korean, or another language
    if hangul + latin == 0:
        return ""
    share = hangul / (hangul + latin)
    return f"{share:.0%} of its letters are Hangul" if share < MIN_HANGUL else ""


def _strange_words(source: str, target: str) -> str:
    """Two or more words in small letters that the source does not have, or ""."""
    there = source.lower()
    words = [w.strip(".'-/+") for w in _WORD.findall(target)]
    strange = [
        w for w in words if len(w) >= 4 and w[1:].replace("-", "").islower() and w.lower() not in there
    ]
    return " ".join(strange)[:60] if len(strange) >= 2 else ""


def _counted(text: str) -> int:
    """Latin letters that belong to no name; a run with English function words counts whole."""
    total = 0
    for words in _runs(text):
        if _is_title(words):
            continue
        english = any(w.lower().strip(".'") in FUNCTION_WORDS for w in words)
        total += sum(len(w) for w in words if english or not _is_name(w))
    return total


_BREAK = re.compile(r"[가-힣ㄱ-ㆎ\n|;:()（）\[\]{}]|[.!?](?=\s|$)")


def _runs(text: str) -> Iterator[list[str]]:
    """Runs of words in Latin letters, without Hangul, brackets or the end of a sentence between them."""
    for piece in _BREAK.split(text):
        words = _WORD.findall(piece)
        if words:
            yield words


def leftover(source: str, target: str) -> str:
    """English that a translation has left over, or "".

    A run of words is left over if it reads as English: with a verb or a function word among three words and
    more, or four words of which two are no names. So is a line or a sentence that repeats one of the
    source, unless names make it up.
    """
    source, target = letters(source), _MARKUP.sub(" ", letters(target))
    glosses = [m[0][1:-1] for m in _GLOSS.finditer(target)]
    outside = _GLOSS.sub(" ", target)
    for words in _runs(outside):
        if _reads_as_english(words):
            return " ".join(words)[:120]
    for gloss in glosses:
        words = _WORD.findall(gloss)
        verbs = [w for w in words if w.lower() in VERBS]
        if not _HANGUL.search(gloss) and len(words) >= 5 and verbs and gloss.strip() not in source:
            return gloss[:120]
        if not _HANGUL.search(gloss) and len(words) >= 6 and len(verbs) >= 1:
            return gloss[:120]
    return _english_line(outside) or _plain_words(source, outside)


# An English verb with a Korean ending: "bleed하지 않는다".
_VERBAL = re.compile(r"(?<![A-Za-z가-힣\-])([a-z]{4,})(?=(?:하(?!루|나)|되|시키|했|됐|한다)[가-힣])")


def _plain_words(source: str, outside: str) -> str:
    """Two everyday words of the source that stand in the target outside brackets: "sleep quality를 개선한다"."""
    if not _HANGUL.search(outside):
        return ""
    there = {word.lower().strip(".'-/+") for word in _WORD.findall(source)}
    found = [
        word
        for words in _runs(outside)
        if not _is_title(words)
        for word in words
        if word.lower() in PLAIN_ENGLISH and word[1:].islower() and word.lower() in there
    ]
    verbal = [word for word in _VERBAL.findall(outside) if word in there]
    found += verbal
    enough = len(found) >= 2 or bool(verbal)
    return " … ".join(dict.fromkeys(found))[:120] if enough else ""


def _reads_as_english(words: list[str]) -> bool:
    low = [w.lower().strip(".'") for w in words]
    functions = sum(w in FUNCTION_WORDS and (w != "a" or len(words) > 3) for w in low)
    ordinary = sum(not _is_name(w) for w in words)
    if _is_title(words):
        return len(words) >= 3 and sum(w in COMMON_WORDS for w in low) * 2 > len(words)
    if len(words) >= 3 and functions and ordinary:
        return True
    return (len(words) >= 4 and ordinary >= 2) or (len(words) >= 3 and ordinary >= 3)


def _is_title(words: list[str]) -> bool:
    """Whether a run is written like the title of a journal or an institution."""
    if not 2 <= len(words) <= 8 or {w.lower() for w in words} & VERBS:
        return False
    return all(w[0].isupper() for w in words if w.lower() not in FUNCTION_WORDS) and any(
        w[0].isupper() for w in words
    )


_LIST_MARK = re.compile(r"^[\s>#*•·\-–\d.)(]+")


_LABEL = re.compile(r"([A-Za-z]{4,}(?: [a-z]{3,}){0,3})[*_]{0,2}\s?[:：]")


def _english_line(text: str) -> str:
    """A line without Hangul that consists of ordinary English words, such as a heading."""
    for line in text.splitlines():
        bare = _LIST_MARK.sub("", line)
        words = _WORD.findall(bare)
        if label := _LABEL.match(bare):
            named = [w for w in _WORD.findall(label[1]) if _is_marked(w) or _NAME_ENDING.search(w.lower())]
            if not named:
                return label[1]
        if not words or _HANGUL.search(bare):
            continue
        low = [w.lower().strip(".,") for w in words]
        ordinary = sum(w in COMMON_WORDS or w in FUNCTION_WORDS for w in low)
        names = sum(_is_marked(w) or bool(_NAME_ENDING.search(w.lower())) for w in words)
        if ordinary * 2 >= len(words) or (ordinary and len(words) >= 3 and names * 2 < len(words)):
            return bare.strip()[:120]
    return ""
