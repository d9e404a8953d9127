"""A translation that is cut, lacks a sentence, is far too short or far too long."""

import bisect
import re
import unicodedata
from dataclasses import replace
from itertools import pairwise

from komep_dataset.replies.patterns import Pattern
from komep_dataset.translation.alignment import aligned
from komep_dataset.translation.checks.registry import WARN, Check
from komep_dataset.translation.glossary import Glossary
from komep_dataset.translation.latin_words import FUNCTION_WORDS, VERBS
from komep_dataset.translation.sentence_ends import ASKS, is_question, sentences

# Letters of the target for one of the source, as `sizes` counts them, by length of the source. The bounds come from
# good pairs, by people too, by the rule that `python -m tests.translation.checks.confusion --bounds` states and prints.
LENGTHS = (20, 40, 80, 160, 400)  # upper ends of all bins but the last, letters of the source
LOWEST = (0.1, 0.12, 0.16, 0.15, 0.2, 0.21)
HIGHEST = (1.95, 1.09, 0.88, 0.87, 0.75, 0.86)
SHORTEST = 12  # below that a ratio says nothing
# How sure it is that a sentence has no counterpart, where a translation is refused and where it is warned of.
LOST, PERHAPS_LOST = 0.8, 0.5
SHORT_LOST, SHORT = 0.95, 40  # of a sentence of few letters, which goes into another
_WARNS = Pattern(
    r"\b(?:not|never|no|stop|avoid|without|only|must)\b|n['’]t\b", re.IGNORECASE
)  # short, and not to be lost
A_SENTENCE = 8  # letters that a sentence must have to be missed
_KEPT = Pattern(r"[A-Za-z0-9][A-Za-z0-9.,/%]*")
_NO_LETTER = Pattern(r"[\W_]+")
ORIGINAL = Pattern(
    r"(?<=[가-힣])\s?[(\[（](?=[^()\[\]가-힣\n]{0,90}[A-Za-z]{2})[^()\[\]가-힣\n]{1,180}[)\]）]"
)
_CLOSERS = " \t)]}\"'”’」』*_`|>~"
_NOTE = Pattern(r"(?<=[.!?。])\s*[(\[][^()\[\]]*[)\]]$")  # "있다.(ko)"
_ENDED = Pattern(r"[.!?。…:;%]$|(?:(?<!보)다|요|까|(?<!다)음|함|임|됨|시오|[하시마려]라|죠|것|때문|등)$")
TERSE = 0.22  # letters for one of the source, below which a text that ends in a noun is cut rather than a definition
# A particle, a verb before a noun or a clause, an adverb: no Korean sentence or definition ends with them.
_GOES_ON = Pattern(
    r"[가-힣](?:은|는|을|를|에|에서|에게|으로|하여|하고|하며|이며|되어|되고|되며|지만|므로|면서|거나|도록|려고|려는|와|(?<=다)고|기위해|하기|되기|보다|부터|"
    r"까지|처럼|아니라|[해아어라파와워여려]서|(?<![나집])들이|(?<![회주동강합결논정문편호상하건질협항심유창고저거])의|(?<![제권기무])한|된|될|던|(?<![경도회진항])로|(?<!역)할|적인|로운|스러운)\s*$|"
    r"(?:^|\s)(?:및|또는|그리고|위한|위해|대해|통해|향해|따라|따른|있는|없는|같은|다른|모든|여러|더|또|매우|가장|훨씬|약|그|다음|동안)\s*$|[을를]\s[가-힣]\s*$"
)
# One phrase that says what something is, and names nobody.
_DEFINES = Pattern(r"(?:The|An?|To|Any|Each) [^A-Z.!?]+[.]?")
_HEADLINE = Pattern("[혀쳐켜려여워와돼해져서꿔둬춰내]$")  # "의사회, 지침 바꿔"
_LIST, _LISTED = Pattern(r"[다요죠]\s?[:;][^:;.\n]*$"), Pattern(r",\s*(?:(?:and|or)\s)?|\s(?:and|or)\s")
_ITEM = Pattern(r"\s*(?:[-*•·]|\d{1,2}[.)])\s?\S")  # an item of a list may be a noun
_KOREAN_LISTED = Pattern(r",(?:\s그리고)?|\s(?:및|그리고)\s|[가-힣][와과]\s")
_LAST_NAME = Pattern(r"([A-Za-z][\w./:-]*\w)\W*$")
_TOLD_BEFORE = Pattern(r"[다요죠]\s?[:：]\s[^.\n]*(?:\.[^.\s]+)*$")  # "다음에서 볼 수 있다: https://…"
_UNTIL = Pattern(r"(?:까지|부터)\s*$")  # where no verb is: "30일 이전까지"
_FINITE = (VERBS | {"ve", "re", "ll"}) - {"be", "been", "it", "this", "these", "those", "there", "not"}
# Of a subject that has a name: "Mr Lee walked to the clinic." Past tenses that are no participles, and "ed" before no agent.
_ACTED = Pattern(
    r"(?<=[a-z,] )(?-i:[A-Z])[\w.]+,? (?:[a-z]+ly )?(?:said|told|took|gave|went|came|saw|began|became|knew|wrote|spoke|grew|fell|drew|ran|broke|chose|"
    r"rose|wore|made|sent|got|had|[a-z]{2,}ed(?! by| in ))\b"
)
_NAMES = Pattern(r"(?<=[^.!?] )(?:May|Will)\b")  # no verbs within a sentence
_ASKED = frozenset(("how", "what", "whether", "why", "where", "who", "when"))
_BEFORE_NOUN = frozenset(
    ("a", "an", "the", "of", "or", "and", "in", "to", "for", "with", "by", "on", "its", "their", "family")
)
_RELATIVE = frozenset(("that", "which", "who", "whose", "where", "when", "while", "if", "because", "as"))
_DOTS = Pattern(
    r"(?:…|\.{3,}|이하\s?생략|\(생략\)|\(중략\)|\[생략\]|\[truncated\]|\(continued\)|\(계속\))\s*[)\]]?\s*$"
)


def sizes(source: str, target: str) -> tuple[int, int]:
    """Letters and digits of both texts that were to be translated, after NFC.

    Not counted: words and numbers that both texts write alike, and the original in brackets behind a Korean word, which
    a translator adds for the reader.
    """
    source, target = (unicodedata.normalize("NFC", text) for text in (source, target))
    target = ORIGINAL.sub("", target)
    alike = set(_KEPT.findall(source)) & set(_KEPT.findall(target))
    own = (_KEPT.sub(lambda m: "" if m[0] in alike else m[0], text) for text in (source, target))
    ours, theirs = (len(_NO_LETTER.sub("", text)) for text in own)
    return ours, theirs


def length_bin(characters: int) -> int:
    """Index of the bin of `LENGTHS` into which a source falls."""
    return bisect.bisect_left(LENGTHS, characters)


def truncation(source: str, target: str, glossary: Glossary | None = None) -> str:
    """Why a translation seems cut (or far too long), or "".

    Its length against the source's, an unfinished end where the source has ended, an open bracket, dots in
    place of the rest, a sentence or line of the source without a counterpart.
    """
    ours, theirs = source.strip(), unicodedata.normalize("NFC", target).strip()
    return _bad_length(ours, theirs) or _unfinished(ours, theirs) or _lost(source, target, glossary, LOST)


def perhaps_cut(source: str, target: str, glossary: Glossary | None = None) -> str:
    """An end that may be none, or a sentence of the source that may have no counterpart; or ""."""
    end = unicodedata.normalize("NFC", target).strip()
    ours = source.strip()
    return (
        _bad_length(ours, end, sure=False)
        or _unfinished(ours, end, sure=False)
        or _lost(source, target, glossary, PERHAPS_LOST)
    )


def _lost(source: str, target: str, glossary: Glossary | None, surety: float) -> str:
    beads = aligned(source, target, glossary)
    for place, bead in enumerate(beads):
        replaced = any(not other.source for other in beads[max(0, place - 1) : place + 2])
        lost = "" if bead.target or replaced else bead.source[0]
        letters = sum(map(str.isalpha, lost))
        # A question of which the translation asks nothing is surely lost.
        asked = is_question(lost) and not ASKS.search(target)
        least = (
            SHORT_LOST if surety > PERHAPS_LOST and letters < SHORT and not _WARNS.search(lost) else surety
        )
        if letters >= A_SENTENCE and bead.surety >= (PERHAPS_LOST if asked else least):
            return f"nothing stands for {lost[:80]!r}"
    return ""


def _bad_length(source: str, target: str, sure: bool = True) -> str:
    ours, theirs = sizes(source, target)
    if ours < SHORTEST:
        return ""
    ratio, place = theirs / ours, length_bin(ours)
    # An original that stands beside its Korean is one of the words that both texts have.
    high = theirs / sum(map(str.isalnum, unicodedata.normalize("NFC", source)))
    # A short definition may be one word, "전자주소."
    terse = (
        sure
        and ratio < LOWEST[place]
        and ours <= LENGTHS[2]
        and _DEFINES.fullmatch(source)
        and target[-1:] in ".)"
    )
    if (LOWEST[place] <= ratio and min(ratio, high) <= HIGHEST[place]) or terse:
        return ""
    return f"{theirs} letters for {ours}: {ratio:.2f} is outside {LOWEST[place]} to {HIGHEST[place]}"


def _unfinished(source: str, target: str, sure: bool = True) -> str:
    end = target[-30:]
    if _DOTS.search(end) and not _DOTS.search(source[-30:]):
        return f"it ends in {end[-12:]!r}"
    closed = (end[-1:] in ")]" and source.rstrip(".")[-1:] in ")]") or _is_whole_list(source, target)
    names = [_LAST_NAME.search(text[-80:]) for text in (source, target)]
    closed = closed or (all(names) and names[0][1] == names[1][1] and _TOLD_BEFORE.search(target[-120:]))
    closed = closed or all(_ITEM.match(text.rpartition("\n")[2]) for text in (source, target))
    ended = bool(re.search(r"[.!?][\"')\]*_`]*$", source))
    if ended and not closed and not _ENDED.search(_NOTE.sub("", end).rstrip(_CLOSERS)):
        ours, theirs = sizes(source, target)
        long = ours > LENGTHS[2 if sure and _DEFINES.fullmatch(source) else 1]
        terse = long and theirs < TERSE * ours
        says = _says(source, target) and not (sure and _HEADLINE.search(end))
        goes_on = _GOES_ON.search(end) and (says or not _UNTIL.search(end))
        if goes_on or says or terse or end[-1:] == ",":
            return f"its last sentence is unfinished: {end!r}"
    theirs_too = source.endswith((":", ",")) or source.rpartition(" ")[2].lower() in FUNCTION_WORDS
    theirs_too = theirs_too or (_UNTIL.search(end) and not _says(source, target))
    if (_GOES_ON.search(end) or end[-1:] == ",") and len(source) > 60 and not theirs_too:
        return f"it ends in a particle: {end!r}"
    for left, right in ("()", "[]"):
        if source.count(left) == source.count(right) and target.rfind(left) > target.rfind(right):
            return f"a bracket stays open: {target[target.rfind(left) :][:30]!r}"
    return ""


def _is_whole_list(source: str, target: str) -> bool:
    """Whether a target ends in a list behind a colon, of as many things as its source: "다음을 담는다: 가, 나, 다"."""
    listed = _LIST.search(target)
    last = "".join(sentences(source)[-1:]).rpartition(":")[2]
    return bool(listed) and len(_KOREAN_LISTED.findall(listed[0])) >= len(_LISTED.findall(last)) > 0


def _says(source: str, target: str) -> bool:
    """Whether a sentence that ends in a noun is cut: it is none where a definition is a mere noun in English, too."""
    if "다." in target or _ACTED.search(source):
        return True
    last = _NAMES.sub("", "".join(sentences(source)[-1:]))
    words = re.split(r"[\s'’]+", last.lower().replace("n't", " not"))
    if (words[0] in VERBS and words[:2] != ["used", "to"]) or "but" in words:
        return True
    # A clause within: "how it is shown" is no sentence.
    within = words[0] in _ASKED and not source.endswith("?")
    for before, word in pairwise(["the", *words]):
        if word in _RELATIVE:
            within = True
        elif not within and word.rstrip(",") in _FINITE and before not in _BEFORE_NOUN:
            return True
        elif word.endswith((",", "-")):
            within = False
    return False


_TOLD = "it broke off, or left something out"
TRUNCATED = Check("truncated", truncation, _TOLD, order=60, rank=60, uses_glossary=True)
CHECKS = (TRUNCATED, replace(TRUNCATED, find=perhaps_cut, order=61, severity=WARN))
