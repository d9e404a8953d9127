"""A translation that is no Korean text, by its scripts."""

import re

from komep_dataset.translation import latin_words as latin
from komep_dataset.translation.checks.registry import Check

# Share of Hangul among the letters that count. A measured value: see `tests/translation/checks/confusion.py`.
MIN_HANGUL = 0.6
FOREIGN = re.compile(
    "["
    "\u0400-\u052f\u0530-\u058f\u0590-\u05ff\u0600-\u06ff\u0900-\u0dff\u0e00-\u0eff"  # Cyrillic … Thai
    "\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"  # kana, Han
    "]+"
)
MIN_BESIDE_NAMES = (
    0.5  # Hangul for a letter of the names that no list knows: "nyquil과 benedryl을 섞는다" (ours)
)
LETTERS_OF_NAMES = 40  # a text of fewer letters may be names alone, and stay without Hangul (ours)


def wrong_script(source: str, target: str) -> str:
    """Why a target is no Korean text, or "" if it is one.

    Han, kana and other scripts count wherever the source does not have them, except Hanja in brackets behind a
    Korean word. Drug, gene and unit names in Latin letters do not count against Hangul.
    """
    source = latin.letters(source).translate(latin.STRAIGHT)
    target = latin.without_names(source, target)
    plain = latin.GLOSS.sub(lambda m: " " if len(FOREIGN.sub("", m[0])) == 2 else m[0], target)
    allowed = set("".join(FOREIGN.findall(source)))
    for match in FOREIGN.finditer(plain):
        if not set(match[0]) <= allowed:
            return f"{match[0][:20]!r} is no Hangul"
    hangul = len(latin.HANGUL.findall(target))
    plain_letters, of_names = _counted(source, latin.GLOSS.sub(" ", plain))
    roman = plain_letters if hangul > MIN_BESIDE_NAMES * of_names else plain_letters + of_names
    if not hangul and (strange := _strange_words(source, plain)):
        return f"no Hangul, and {strange!r} is not in the source"  # romanised Korean, or another language
    share = hangul / (hangul + roman) if hangul + roman else 1
    return f"{share:.0%} of its letters are Hangul" if share < MIN_HANGUL else ""


def _strange_words(source: str, target: str) -> str:
    """Two or more words in small letters that the source does not have, or ""."""
    there = source.lower()
    words = [w.strip(".'-/+") for w in latin.WORD.findall(target)]
    small = [w for w in words if len(w) >= 4 and w[1:].replace("-", "").islower()]
    strange = [w for w in small if w.lower() not in there]
    return " ".join(strange)[:60] if len(strange) >= 2 else ""


def _counted(source: str, text: str) -> tuple[int, int]:
    """Latin letters that belong to no name, and those of words of the source that stand alone and are no everyday ones,
    which are names, too: "ibuprofen은". A run with English function words counts whole."""
    total, names, there = 0, 0, {word.lower() for word in latin.WORD.findall(source)}
    for words in latin.runs(text):
        if not latin.is_title(words):
            english = any(map(latin.is_function, words))
            letters = sum(len(w) for w in words if english or not latin.is_name(w))
            alone = len(words) == 1 and words[0].lower() in there and not latin.is_everyday(words[0].lower())
            total, names = (total, names + letters) if alone else (total + letters, names)
    return total, names


def no_hangul(source: str, target: str) -> str:
    """That a text of some length is left without any Hangul, whatever else it is; "" where `wrong_script` says more."""
    if any("가" <= sign <= "힣" for sign in latin.letters(target)):
        return ""
    few = sum(map(str.isalpha, source)) < LETTERS_OF_NAMES
    return "" if few or wrong_script(source, target) else "it has no Hangul"


_TOLD = "it was not Korean"
CHECKS = (
    Check("not_korean", no_hangul, _TOLD, order=0, rank=40),
    Check("not_korean", wrong_script, _TOLD, order=20, rank=40),
)
