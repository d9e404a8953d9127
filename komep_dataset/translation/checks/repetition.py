"""A translation in a loop: a sentence, words or syllables that it repeats and its source does not."""

import re
import unicodedata
from collections import Counter
from itertools import pairwise

from komep_dataset.replies.patterns import Pattern
from komep_dataset.translation.checks.registry import Check
from komep_dataset.translation.sentence_ends import sentence_ends

_SENTENCE = Pattern(r"(?<=[.!?。])\s+|\n+")
_MANY = 30  # longest loop, in words, that is looked for
_RUN = 6  # words that no text says twice by chance (ours)
_FEW_NUMBERS = 6  # that a list of numbers alone may say in a row: "5, 5, 5 mg"
_SYLLABLES = Pattern(r"([가-힣]{2,8}?)\1{3,}|([가-힣])\2{5,}")


def sentences_of(text: str) -> list[str]:
    """Sentences and lines of a text, without what marks a list, long enough to be more than a heading."""
    parts = (re.sub(r"^[\s>#*•\-\d.)(]+", "", part) for part in _SENTENCE.split(text))
    # Without the look behind, it is quadratic.
    ended = (re.sub(r"(?<![\s.*_])[\s.*_]+$", "", part) for part in parts)
    return [" ".join(part.split()) for part in ended if len(part) >= 8]


def repetition(source: str, target: str) -> str:
    """What a translation repeats and its source does not, or "": a sentence, or a loop of words or syllables."""
    fewer = sentence_ends(source) < sentence_ends(target)
    source, target = (unicodedata.normalize("NFC", text).casefold() for text in (source, target))
    parts = sentences_of(target)
    tails = [b for a, b in pairwise(parts) if len(b) >= 10 and a != b and a.endswith(" " + b)]
    if tails and tails[0] not in source:
        return f"again: {tails[0][:60]}"
    most = max(Counter(sentences_of(source)).values(), default=1)
    for sentence, times in Counter(parts).items():
        # A source may say again what ends without a mark.
        if times > most and times > _most_said(source) and (len(sentence) >= 12 or times > most + 2):
            return f"{times} times: {sentence[:60]}"
    twice = [a for a, b in pairwise(parts) if a == b]
    if twice and fewer:
        return f"twice in a row: {twice[0][:60]}"
    looped, words = _longest_loop(target)
    if looped > 2 and looped > _longest_loop(source)[0]:
        return f"{looped} times in a row: {words[:60]}"
    if (match := _SYLLABLES.search(target)) and not _SYLLABLES.search(source):
        return f"in a row: {match[0][:40]}"
    return ""


def _most_said(text: str) -> int:
    words = text.split()
    return max(Counter(zip(*(words[i:] for i in range(_RUN)), strict=False)).values(), default=1)


def _longest_loop(text: str) -> tuple[int, str]:
    """How often in a row the most repeated group of words stands, and the group; linear in the text."""
    words = [w for w in (w.strip(".,;:!?*-|") for w in text.split()) if any(map(str.isalnum, w))]
    best, group = 1, ""
    thrice = max(Counter(words).values(), default=0) > 2  # else no word is there three times
    for period in range(1, min(_MANY, len(words) // 2) + 1) if thrice else ():
        same = 0
        for i in range(period, len(words)):
            same = same + 1 if words[i] == words[i - period] else 0
            if same // period + 1 > best:
                said = " ".join(words[i - period + 1 : i + 1])
                if same >= _FEW_NUMBERS or any(map(str.isalpha, said)):
                    best, group = same // period + 1, said
    return best, group


REPETITION = Check("repetition", repetition, "it repeated itself", order=80, rank=10)
CHECKS = (REPETITION,)
