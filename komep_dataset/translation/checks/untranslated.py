"""English that a translation has left over although it is no name."""

from dataclasses import replace
from functools import lru_cache

from komep_dataset.replies.patterns import Pattern
from komep_dataset.translation import latin_words as latin
from komep_dataset.translation.alignment import aligned
from komep_dataset.translation.checks.registry import WARN, Check
from komep_dataset.translation.glossary import Glossary

# An English verb with a Korean ending: "bleed하지 않는다".
_VERBAL = Pattern(r"(?<![A-Za-z가-힣\-])([a-z]{4,})(?=(?:하(?!루|나)|되|시키|했|됐|한다)[가-힣])")
_LIST_MARK = Pattern(r"^[\s>#*•·\-–\d.)(]+")
_LABEL = Pattern(r"([A-Za-z]{4,}(?: [a-z]{3,}){0,3})[*_]{0,2}\s?[:：]")


# Hangul for a letter of the source from which on a sentence is whole, and English for one up to which that stands beside
# its Korean: of the sentences of a handbook whose translators kept the English term behind the Korean one, and of texts
# half of which were left in English (docs/translation_checks.md).
_WHOLE, _BESIDE = 0.3, 0.25


def in_its_place(source: str, target: str, glossary: Glossary | None = None) -> str:
    """English that stands where its Korean should, or ""."""
    found = leftover(source, target)
    return found if found and not _is_beside(source, target, glossary) else ""


def beside_its_korean(source: str, target: str, glossary: Glossary | None = None) -> str:
    """English in sentences that are whole without it, as an original that is not in brackets is; or ""."""
    found = leftover(source, target)
    return found if found and _is_beside(source, target, glossary) else ""


def _is_beside(source: str, target: str, glossary: Glossary | None) -> bool:
    beads = (bead for bead in aligned(source, target, glossary) if bead.target)
    pairs = [("\n".join(bead.source), "\n".join(bead.target)) for bead in beads]
    pairs = [pair for pair in pairs if leftover(*pair)] or [(source, target)]
    # A verb says something that its Korean may not: "do not exceed".
    says = any(word in latin.VERBS for pair in pairs for word in leftover(*pair).lower().split())
    return not says and all(map(_is_whole, *zip(*pairs, strict=True)))


def _is_whole(source: str, target: str) -> bool:
    outside = latin.GLOSS.sub(" ", latin.without_names(source, target))
    english = sum(len(word) for words in latin.runs(outside) for word in words)
    ours, korean = (sum(map(str.isalpha, text)) for text in (source, "".join(latin.HANGUL.findall(target))))
    return korean >= _WHOLE * ours and english <= _BESIDE * ours


@lru_cache(maxsize=8)
def leftover(source: str, target: str) -> str:
    """English that a translation has left over, or ""; of a blank one, that it is blank.

    A run of words is left over if it reads as English: with a verb or a function word among three words and
    more, or four words of which two are no names. So is a line or a sentence that repeats one of the
    source, unless names make it up.
    """
    if not target.strip():
        return "the translation is blank" if source.strip() else ""
    source = latin.letters(source).translate(latin.STRAIGHT)
    target = latin.without_names(source, target)
    outside = latin.GLOSS.sub(" ", target)
    for words in latin.runs(outside):
        if _reads_as_english(words):
            return " ".join(words)[:120]
    for gloss in (match[0][1:-1] for match in latin.GLOSS.finditer(target)):
        words = latin.WORD.findall(gloss)
        verbs = [w for w in words if w.lower() in latin.VERBS]
        long = len(words) >= 6 or (len(words) == 5 and gloss.strip() not in source)
        if verbs and long and not latin.HANGUL.search(gloss):
            return gloss[:120]
    return _english_line(outside) or _plain_words(source, outside)


def _plain_words(source: str, outside: str) -> str:
    """Two everyday words of the source that stand in the target outside brackets: "sleep quality를 개선한다"."""
    if not latin.HANGUL.search(outside):
        return ""
    there = {word.lower().strip(".'-/+") for word in latin.WORD.findall(source)}
    plain = latin.PLAIN_ENGLISH & there
    words = (word for words in latin.runs(outside) if not latin.is_title(words) for word in words)
    found = [word for word in words if word.lower() in plain and word[1:].islower()]
    verbal = [word for word in _VERBAL.findall(outside) if word in there]
    return " … ".join(dict.fromkeys(found + verbal))[:120] if verbal or len(found) >= 2 else ""


def _reads_as_english(words: list[str]) -> bool:
    low = [w.lower().strip(".'") for w in words]
    functions = sum(latin.is_function(w) and (w.lower() != "a" or len(words) > 3) for w in words)
    ordinary = sum(not latin.is_name(w) for w in words)
    if latin.is_title(words):
        return len(words) >= 3 and sum(w in latin.COMMON_WORDS for w in low) * 2 > len(words)
    enough = ordinary >= 3 or (functions and ordinary) or (len(words) >= 4 and ordinary >= 2)
    return len(words) >= 3 and bool(enough)


def _english_line(text: str) -> str:
    """A line without Hangul that consists of ordinary English words, such as a heading."""
    for line in text.splitlines():
        bare = _LIST_MARK.sub("", line)
        words = latin.WORD.findall(bare)
        if (label := _LABEL.match(bare)) and not _names(latin.WORD.findall(label[1])):
            return label[1]
        if not words or latin.HANGUL.search(bare):
            continue
        low = [w.lower().strip(".,") for w in words]
        ordinary = sum(w in latin.COMMON_WORDS for w in low) + sum(map(latin.is_function, words))
        if ordinary * 2 >= len(words) or (ordinary and len(words) >= 3 and _names(words) * 2 < len(words)):
            return bare.strip()[:120]
    return ""


def _names(words: list[str]) -> int:
    return sum(latin.is_marked(w) or bool(latin.NAME_ENDING.search(w.lower())) for w in words)


_TOLD = "it left English untranslated"
UNTRANSLATED = Check(
    "untranslated", in_its_place, _TOLD, order=10, rank=50, of_nothing=True, uses_glossary=True
)
CHECKS = (
    UNTRANSLATED,
    replace(UNTRANSLATED, find=beside_its_korean, order=11, severity=WARN, of_nothing=False),
)
