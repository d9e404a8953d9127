"""A translation that is cut, far too short or far too long."""

import bisect
import re
import unicodedata

from komep_dataset.translation.checks.registry import Check
from komep_dataset.translation.sentence_ends import ASKS, is_question, sentence_ends

# Letters of the target for one of the source, as `sizes` counts them, by length of the source. The bounds
# come from good pairs, by the rule that `python -m tests.translation.checks.confusion --bounds` states and prints.
LENGTHS = (40, 80, 160, 400)  # upper ends of all bins but the last, letters of the source
LOWEST_FEWER = (0.35, 0.3, 0.3, 0.32, 0.33)  # where the target has fewer sentences
LOWEST = (0.24, 0.23, 0.24, 0.27, 0.29)
HIGHEST = (1.05, 0.77, 0.67, 0.58, 0.56)
SHORTEST = 12  # below that a ratio says nothing
_KEPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.,/%]*")
_NO_LETTER = re.compile(r"[\W_]+")
_GLOSS = re.compile(r"(?<=[가-힣])\s?\([^()가-힣\n]{1,90}\)")
_ENDED = re.compile(
    r"[.!?。…:;)\]\"'”’」』}*_`|%>~]\s*$|(?:(?<!보)다|요|까|음|함|임|됨|시오|[하시마려]라|죠|것|때문|등)\s*$"
)
_PARTICLE = re.compile(
    r"[가-힣](?:은|는|을|를|와|과|에서|에게|으로|하여|하고|하며|이며|되어|되고|되며|지만|므로|면서|거나|의)\s*$"
)
_DOTS = re.compile(
    r"(?:…|\.{3,}|이하\s?생략|\(생략\)|\(중략\)|\[생략\]|\[truncated\]|\(continued\)|\(계속\))\s*[)\]]?\s*$"
)
_ITEM = re.compile(r"(?m)^[ \t]*(?:[-*•·]|\d{1,2}[.)])\s+\S")


def sizes(source: str, target: str) -> tuple[int, int]:
    """Letters and digits of both texts that were to be translated, after NFC.

    Not counted: words and numbers that both texts write alike, and English in brackets behind a
    Korean word, which a translator adds for the reader.
    """
    source, target = (unicodedata.normalize("NFC", text) for text in (source, target))
    alike = set(_KEPT.findall(source)) & set(_KEPT.findall(target))
    target = _GLOSS.sub("", target)
    ours, theirs = (
        len(_NO_LETTER.sub("", _KEPT.sub(lambda m: "" if m[0] in alike else m[0], text)))
        for text in (source, target)
    )
    return ours, theirs


def length_bin(characters: int) -> int:
    """Index of the bin of `LENGTHS` into which a source falls."""
    return bisect.bisect_left(LENGTHS, characters)


def truncation(source: str, target: str) -> str:
    """Why a translation seems cut (or far too long), or "".

    Its length against the source's, an unfinished end where the source has ended, an open bracket, dots in
    place of the rest, fewer items of a list, fewer paragraphs.
    """
    source, target = source.strip(), unicodedata.normalize("NFC", target).strip()
    return _bad_length(source, target) or _unfinished(source, target) or _fewer_parts(source, target)


def _bad_length(source: str, target: str) -> str:
    ours, theirs = sizes(source, target)
    if ours < SHORTEST:
        return ""
    ratio, place = theirs / ours, length_bin(ours)
    lowest = LOWEST_FEWER[place] if sentence_ends(target) < sentence_ends(source) else LOWEST[place]
    if lowest <= ratio <= HIGHEST[place]:
        return ""
    return f"{theirs} letters for {ours}: {ratio:.2f} is outside {lowest} to {HIGHEST[place]}"


def _unfinished(source: str, target: str) -> str:
    end = target[-30:]
    if _DOTS.search(end) and not _DOTS.search(source[-30:]):
        return f"it ends in {end[-12:]!r}"
    ended = bool(re.search(r"[.!?][\"')\]*_`]*$", source))
    if ended and not _ENDED.search(end):
        return f"its last sentence is unfinished: {end!r}"
    if _PARTICLE.search(end) and (ended or len(source) > 60) and not source.endswith((":", ",")):
        return f"it ends in a particle: {end!r}"
    for left, right in ("()", "[]"):
        if source.count(left) == source.count(right) and target.rfind(left) > target.rfind(right):
            return f"a bracket stays open: {target[target.rfind(left) :][:30]!r}"
    return ""


def _fewer_parts(source: str, target: str) -> str:
    ours, theirs = len(_ITEM.findall(source)), len(_ITEM.findall(target))
    if theirs < ours:
        return f"{theirs} items of a list instead of {ours}"
    paragraphs = [sum(bool(p.strip()) for p in text.split("\n")) for text in (source, target)]
    if paragraphs[1] < paragraphs[0] * 0.7:
        return f"{paragraphs[1]} lines instead of {paragraphs[0]}"
    sentences = [sentence_ends(text) for text in (source, target)]
    if sentences[0] >= 3 and sentences[1] <= sentences[0] * 0.5:
        return f"{sentences[1]} sentences instead of {sentences[0]}"
    if is_question(source) and sentences[1] < sentences[0] and not ASKS.search(target):
        return "the question at the end is missing"
    return ""


TRUNCATED = Check("truncated", truncation, "it broke off, or left something out", order=60, rank=60)
CHECKS = (TRUNCATED,)
