"""Which sentences of a translation stand for which of its source.

Sentences keep their order, so that one way through both texts is looked for, sentence by sentence (W. Gale and
K. Church, A Program for Aligning Sentences in Bilingual Corpora, Computational Linguistics 19, 1993): by their
lengths, and by what shows in both languages: numbers, words in Latin letters, terms of the glossary, and names
by their sound. The weights are logarithms of how much more often something is so in sentences that translate each
other than in two of other places of a text; they come from news and clinical texts translated by people.
"""

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from komep_dataset.translation.glossary import Glossary, squeeze
from komep_dataset.translation.latin_words import FUNCTION_WORDS
from komep_dataset.translation.numbers import Kind, normal, numbers_of
from komep_dataset.translation.sentence_ends import sentences


@dataclass(frozen=True, slots=True)
class Bead:
    """Sentences that translate each other, as the texts write them; () on one side where the other's have no counterpart.

    `surety`, from 0 to 1: of sentences without a counterpart, the probability of that against their being part of a
    neighbour's; of a pair, how much better it fits than two sentences by chance, the places in the texts aside, as a
    probability (0.5 is as well as by chance).
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    surety: float


# Logarithm of how often so many sentences of the source are so many of the target. (ours, but 1:1 to 1:3)
_KINDS = {
    (1, 1): -0.2, (1, 2): -2.0, (2, 1): -3.5, (1, 3): -4.3, (3, 1): -6.0, (2, 2): -5.0, (1, 0): -2.0, (0, 1): -5.0,
}  # fmt: skip
_WIDTH = 12  # ways that are followed at a time, so that time is linear
# Logarithm of letters in the target for one of the source: mean, and variance, of which a part is shared by the letters.
_RATIO, _SPREAD, _NOISE = -0.75, 0.045, 1.5
_ANY, _ANY_SPREAD = 3.8, 0.3  # logarithm of the letters of any sentence of a target
# What a sentence has -> logarithm of how much more often its translation has it than another, and lacks it. A name
# goes by the number of its consonants.
_WEIGHTS = {
    "number": (2.3, -2.5), "latin": (2.5, -0.35), "term": (3.0, -1.5), "loan": (1.2, -0.04),
    2: (0.6, -0.9), 3: (1.3, -0.9), 4: (1.9, -0.8),
}  # fmt: skip


@lru_cache(maxsize=2)
def aligned(source: str, target: str, glossary: Glossary | None = None) -> list[Bead]:
    """The sentences of two texts in beads, in order; every sentence is in one. Time is linear in the texts.

    Args:
        source: the English text.
        target: the Korean text.
        glossary: its terms, in any of their accepted forms, count as what shows in both.
    """
    return _Alignment(sentences(source), sentences(target), glossary).beads()


class _Alignment:
    """Two lists of sentences and what pairs of them are worth, as logarithms of a probability."""

    def __init__(self, source: Sequence[str], target: Sequence[str], glossary: Glossary | None) -> None:
        self.source, self.target = source, target
        self.letters = [[sum(map(str.isalnum, text)) or 1 for text in side] for side in (source, target)]
        self.anchors = [_anchors(text, glossary) for text in source]
        self.missing = [sum(_WEIGHTS[anchor.kind][1] for anchor in found) for found in self.anchors]
        self.shown = [_Shown.of(text) for text in target]
        self.found: dict[tuple[int, int], dict[int, float]] = {}

    def beads(self) -> list[Bead]:
        beads = []
        steps = self._best_way()
        for place, (i, j, a, b) in enumerate(steps):
            odds = self._odds(steps, place)
            surety = 1 / (1 + math.exp(-max(-50, min(50, odds))))
            beads.append(Bead(tuple(self.source[i : i + a]), tuple(self.target[j : j + b]), surety))
        return beads

    def _best_way(self) -> list[tuple[int, int, int, int]]:
        """(place in the source, in the target, sentences of each) of every bead of the best way through."""
        ends = len(self.source), len(self.target)
        ways: list[dict[int, tuple[float, tuple[int, int]]]] = [{} for _ in range(sum(ends) + 1)]
        ways[0][0] = 0.0, (0, 0)
        for done in range(sum(ends)):
            here = ways[done]
            if len(here) > _WIDTH:
                here = ways[done] = dict(sorted(here.items(), key=lambda way: -way[1][0])[:_WIDTH])
            for i, (worth, _) in here.items():
                j = done - i
                for a, b in _KINDS:
                    if i + a <= ends[0] and j + b <= ends[1]:
                        value = worth + self.worth(i, j, a, b)
                        ahead = ways[done + a + b]
                        if i + a not in ahead or value > ahead[i + a][0]:
                            ahead[i + a] = value, (a, b)
        steps, (i, j) = [], ends
        while i or j:
            a, b = ways[i + j][i][1]
            i, j = i - a, j - b
            steps.append((i, j, a, b))
        return steps[::-1]

    def worth(self, i: int, j: int, a: int, b: int) -> float:
        """Of a bead of `a` sentences of the source from `i` and `b` of the target from `j`."""
        ours, theirs = sum(self.letters[0][i : i + a]), sum(self.letters[1][j : j + b])
        if not a:
            return _KINDS[a, b] + _any(theirs)
        if not b:
            return _KINDS[a, b]
        length = _normal(math.log(theirs / ours) - _RATIO, _SPREAD + _NOISE / ours)
        split = sum(_any(n) for n in self.letters[1][j : j + b - 1])
        return _KINDS.get((a, b), -8.0) + length + split + sum(self._shared(k, j, b) for k in range(i, i + a))

    def _shared(self, i: int, j: int, b: int) -> float:
        """What shows in a sentence of the source and in some of the target, and what does not."""
        if not self.anchors[i]:
            return 0.0
        found: dict[int, float] = {}
        for k in range(j, j + b):
            if (i, k) not in self.found:
                self.found[i, k] = {
                    place: sum(_WEIGHTS[anchor.kind]) - 2 * _WEIGHTS[anchor.kind][1]
                    for place, anchor in enumerate(self.anchors[i])
                    if anchor.shows_in(self.shown[k])
                }
            found |= self.found[i, k]
        return self.missing[i] + sum(found.values())

    def _odds(self, steps: Sequence[tuple[int, int, int, int]], place: int) -> float:
        """Logarithm of the odds of a bead against its best alternative."""
        i, j, a, b = steps[place]
        worth = self.worth(i, j, a, b)
        if a and b:
            return worth - _KINDS[a, b] - sum(_any(n) for n in self.letters[1][j : j + b])
        others = []
        if place and steps[place - 1][2] and steps[place - 1][3]:
            k, m, c, d = steps[place - 1]
            others.append(self.worth(k, m, c + a, d + b) - self.worth(k, m, c, d))
        if place + 1 < len(steps) and steps[place + 1][2] and steps[place + 1][3]:
            k, m, c, d = steps[place + 1]
            others.append(self.worth(i, j, c + a, d + b) - self.worth(k, m, c, d))
        return worth - max(others, default=-8.0)


def _any(letters: int) -> float:
    """Of the length of a sentence that has no counterpart."""
    return _normal(math.log(letters) - _ANY, _ANY_SPREAD)


def _normal(deviation: float, variance: float) -> float:
    """Logarithm of the density of a normal distribution."""
    return -0.5 * (deviation * deviation / variance + math.log(2 * math.pi * variance))


# --- What shows in both languages -----------------------------------------------------------------

_WORD = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏ][A-Za-zÀ-ÖØ-öø-ɏ0-9'’\-]*")


@dataclass(frozen=True, slots=True)
class _Shown:
    """A sentence of the target as anchors are looked for in it."""

    numbers: frozenset[Fraction]
    words: str
    squeezed: str
    sounds: str

    @classmethod
    def of(cls, text: str) -> "_Shown":
        numbers = frozenset(value for n in numbers_of(normal(text)) for value in (n.value, *n.others))
        text = unicodedata.normalize("NFC", text)
        return cls(numbers, text.casefold(), squeeze(text), " " + _AGAIN.sub(r"\1", text.translate(_SOUNDS)))


@dataclass(frozen=True, slots=True)
class _Anchor:
    """Something of a sentence of the source that its translation may show, and the forms that it has there."""

    kind: str | int
    forms: tuple

    def shows_in(self, shown: _Shown) -> bool:
        if self.kind == "number":
            return not shown.numbers.isdisjoint(self.forms)
        if self.kind == "term":
            return any(form in shown.squeezed for form in self.forms)
        word, sound = self.forms
        return word in shown.words or (sound != "" and " " + sound in shown.sounds)


def _anchors(sentence: str, glossary: Glossary | None) -> list[_Anchor]:
    numbers = {n.value: (n.value, *n.others) for n in numbers_of(normal(sentence)) if n.kind is Kind.PLAIN}
    anchors = [_Anchor("number", forms) for forms in numbers.values()]
    for term in glossary.terms_in(sentence) if glossary else ():
        anchors.append(_Anchor("term", tuple(map(squeeze, glossary.accepted(term)))))
    words = {}
    for place, word in enumerate(_WORD.findall(sentence)):
        word = re.sub(r"['’](?:s|m|re|ve|ll|d|t)?$", "", word)
        if (low := word.casefold()) in FUNCTION_WORDS:
            continue
        sound = english_sound(low)
        if sum(map(str.isupper, word)) > 1 or any(map(str.isdigit, word)):
            words[low] = _Anchor("latin", (low, ""))
        elif place and word[:1].isupper() and len(sound) > 1:
            words[low] = _Anchor(min(len(sound), 4), (low, sound))
        elif len(sound) > 3:
            words.setdefault(low, _Anchor("loan", (low, sound)))
    return anchors + list(words.values())


# --- Names by sound -------------------------------------------------------------------------------

_INITIALS = [
    "K",
    "K",
    "N",
    "T",
    "T",
    "L",
    "M",
    "P",
    "P",
    "T",
    "T",
    "",
    "T",
    "T",
    "T",
    "K",
    "T",
    "P",
    "",
]  # in the order of Unicode
_FINALS = [
    "",
    "K",
    "K",
    "K",
    "N",
    "N",
    "N",
    "T",
    "L",
    "L",
    "M",
    "L",
    "L",
    "L",
    "P",
    "L",
    "M",
    "P",
    "P",
    "T",
    "T",
    "N",
    "T",
    "T",
    "K",
    "T",
    "P",
    "",
]


class _Sounds(dict):
    """Code point -> the consonants of a syllable of Hangul, in six classes."""

    def __missing__(self, code: int) -> str:
        place = code - 0xAC00
        if not 0 <= place < 11172:
            return " "
        self[code] = _INITIALS[place // 588] + _FINALS[place % 28]
        return self[code]


_SOUNDS = _Sounds()
_AGAIN = re.compile(r"([KTPMNL])\1+")
_ENGLISH_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"ch(?=[rl])|ck|q|x", "K"), (r"t?s?ch|[sz]h|th|dge?|g(?=eo|i[aoeu]|e$)|ti(?=on|a)|c(?=[eiy])|[dtszj]", "T"), (r"ng(?![aeiou])", "N"),
        (r"gh|r(?![aeiouy])|[aeiouyhw'’\-]", ""), (r"ph|[bpfv]", "P"), (r"[kcg]", "K"), (r"[rl]", "L"), ("n", "N"), ("m", "M"),
    )
)  # fmt: skip


@lru_cache(maxsize=4096)
def english_sound(word: str) -> str:
    """The consonants of an English word as a Korean writes them, in six classes: "Trump", "트럼프": TLMP."""
    word = "".join(c for c in unicodedata.normalize("NFD", word).casefold() if not unicodedata.combining(c))
    for pattern, sound in _ENGLISH_SOUNDS:
        word = pattern.sub(sound, word)
    return _AGAIN.sub(r"\1", word)
