"""Which sentences of a translation stand for which of its source.

Sentences keep their order, so that one way through both texts is looked for, sentence by sentence (W. Gale and
K. Church, A Program for Aligning Sentences in Bilingual Corpora, Computational Linguistics 19, 1993): by their
lengths, and by what shows in both languages: numbers, words in Latin letters, terms of the glossary, everyday words,
and names by their sound. The weights are logarithms of how much more often something is so in sentences that translate each
other than in two of other places of a text; they come from news and clinical texts translated by people.
"""

import math
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from komep_dataset.replies.patterns import Pattern
from komep_dataset.translation.glossary import Glossary, squeeze
from komep_dataset.translation.latin_words import FUNCTION_WORDS
from komep_dataset.translation.sentence_ends import sentences


@dataclass(frozen=True, slots=True)
class Bead:
    """Sentences that translate each other, as the texts write them, the target in NFC; () on one side where the other's have no counterpart.

    `surety`, from 0 to 1: of sentences without a counterpart, the probability of that against the best reading in which
    every sentence of their text has one; of a pair, how much better it fits than two sentences by chance, the places in the texts aside, as a
    probability (0.5 is as well as by chance).
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    surety: float


_Step = tuple[int, int, int, int]  # a bead: its place in the source and in the target, sentences of each
# Logarithm of how often so many sentences of the source are so many of the target; ours, so that a lost one is found.
_KINDS = {
    (1, 1): -0.2, (1, 2): -2.5, (2, 1): -3.5, (1, 3): -4.3, (3, 1): -6.0, (2, 2): -5.0, (1, 0): -0.5, (0, 1): -5.0,
}  # fmt: skip
# Ways that are followed at a time, so that time is linear, and how much worse than the best.
_WIDTH, _WORSE = 6, 12.0
# Logarithm of letters in the target for one of the source: mean, and variance, of which a part is shared by the letters.
_RATIO, _SPREAD, _NOISE = -0.75, 0.045, 1.5
_ANY, _ANY_SPREAD = 3.8, 0.3  # logarithm of the letters of any sentence of a target
# What a sentence has -> logarithm of how much more often its translation has it than another, and lacks it, times 0.8,
# since what goes together counts more than once. A name goes by the number of its consonants.
_WEIGHTS = {
    "number": (2.4, -1.8), "latin": (2.0, -0.9), "term": (2.2, -1.2), "word": (1.7, -1.15), "short": (0.95, -0.9),
    "loan": (1.0, -0.04), 2: (0.5, -1.0), 3: (1.15, -1.1), 4: (1.55, -0.7),
}  # fmt: skip
_COMMON = ("word", "short", "loan")  # what a translation may well say by other words


def aligned(source: str, target: str, glossary: Glossary | None = None) -> list[Bead]:
    """The sentences of an English text and a Korean one in beads, in order; every sentence is in one. Terms of the glossary, in
    any of their accepted forms, count as what shows in both. Time is linear in the texts."""
    return _Alignment(source, target, glossary).beads


def beside(source: str, target: str, glossary: Glossary | None = None) -> tuple[float, float]:
    """Logarithms of the odds that the first, and the last, sentence of a target says what its source does not, against its
    being a part of what its neighbour translates; -99 where a sentence of the source is left for it, and of the only one."""
    return _Alignment(source, target, glossary).beside()


def likeness(source: str, target: str, glossary: Glossary | None = None) -> float:
    """Logarithm of how much likelier what shows of the source's numbers, Latin words, terms and names, and the lengths, is in
    a translation than in another text; 0 where much of that is there."""
    return _Alignment(source, target, glossary).likeness()


@lru_cache(maxsize=2)
class _Alignment:
    """The sentences of two texts and what pairs of them are worth, as logarithms of a probability."""

    def __init__(self, source: str, target: str, glossary: Glossary | None) -> None:
        self.source = [_Source.of(text, glossary) for text in sentences(source)]
        self.target = [_Target.of(text) for text in sentences(unicodedata.normalize("NFC", target))]
        self.shown: dict[tuple[int, int], dict[int, float]] = {}
        self.worths: dict[_Step, float] = {}
        self.best, self.steps = self._best_way(_KINDS)

    @cached_property
    def beads(self) -> list[Bead]:
        # How much worse the best way is on which every sentence of the source, or of the target, has a counterpart.
        lacking = {(a, b) for _, _, a, b in self.steps if not (a and b)}
        worse = {
            one: self.best - self._best_way([kind for kind in _KINDS if kind != one])[0] for one in lacking
        }
        beads = []
        for i, j, a, b in self.steps:
            ours, theirs = self.source[i : i + a], self.target[j : j + b]
            odds = worse.get((a, b))
            if odds is None:
                odds = self._worth(i, j, a, b) - _KINDS[a, b] - sum(sentence.alone for sentence in theirs)
            surety = 1 / (1 + math.exp(-max(-50, min(50, odds))))
            beads.append(Bead(tuple(s.text for s in ours), tuple(s.text for s in theirs), surety))
        return beads

    def beside(self) -> tuple[float, float]:
        if len(self.target) < 2:
            return -99.0, -99.0
        return self._beside(*self.steps[:2], end=0), self._beside(*self.steps[:-3:-1], end=-1)

    def _beside(self, step: _Step, near: _Step = (0, 0, 1, 1), *, end: int) -> float:
        i, j, a, b = step
        if not a and near[3]:
            return self.best - self._best_way([kind for kind in _KINDS if kind != (0, 1)])[0] - _KINDS[0, 1]
        if b < 2:
            return -99.0
        said = self.target[j : j + b][end]
        return self._worth(i, j if end else j + 1, a, b - 1) + said.alone - self._worth(i, j, a, b)

    def likeness(self) -> float:
        if not self.source or not self.target:
            return 0.0
        letters, theirs = (sum(sentence.letters for sentence in side) for side in (self.source, self.target))
        deviation = math.log(theirs / letters) - _RATIO
        worth, lacking = -min(2.0, deviation * deviation / 2 / (_SPREAD + _NOISE / letters)), 0.0
        for i, j, a, b in self.steps:
            for sentence in self.source[i : i + a]:
                shown = {place for other in self.target[j : j + b] for place in other.shows(sentence.signs)}
                for place, (kind, _) in enumerate(sentence.signs):
                    if kind not in _COMMON:
                        worth += _WEIGHTS[kind][place not in shown]
                        lacking += _WEIGHTS[kind][1]
        return worth if worth < 0.7 * lacking else 0.0

    def _best_way(self, kinds: Collection[tuple[int, int]]) -> tuple[float, list[_Step]]:
        """What the best way through is worth, and its beads."""
        ends = len(self.source), len(self.target)
        ways: list[dict[int, tuple[float, tuple[int, int]]]] = [{} for _ in range(sum(ends) + 1)]
        ways[0][0] = 0.0, (0, 0)
        for done in range(sum(ends)):
            here = sorted(ways[done].items(), key=lambda way: -way[1][0])[:_WIDTH]
            for i, (worth, _) in here:
                if worth < here[0][1][0] - _WORSE:
                    break
                for a, b in kinds:
                    if i + a <= ends[0] and done - i + b <= ends[1]:
                        value = worth + self._worth(i, done - i, a, b)
                        ahead = ways[done + a + b]
                        if i + a not in ahead or value > ahead[i + a][0]:
                            ahead[i + a] = value, (a, b)
        if not ways[-1]:
            return -math.inf, []
        steps, (i, j) = [], ends
        while i or j:
            a, b = ways[i + j][i][1]
            i, j = i - a, j - b
            steps.append((i, j, a, b))
        return ways[-1][ends[0]][0], steps[::-1]

    def _worth(self, i: int, j: int, a: int, b: int) -> float:
        """Of a bead of `a` sentences of the source from `i` and `b` of the target from `j`."""
        if (i, j, a, b) not in self.worths:
            ours, theirs = self.source[i : i + a], self.target[j : j + b]
            worth = _KINDS[a, b] + sum(sentence.alone for sentence in (theirs[1:] if ours else theirs))
            if ours and theirs:
                letters = sum(sentence.letters for sentence in ours)
                ratio = math.log(sum(sentence.letters for sentence in theirs) / letters)
                worth += _normal(ratio - _RATIO, _SPREAD + _NOISE / letters)
                worth += sum(self._signs(k, j, b) for k in range(i, i + a))
            self.worths[i, j, a, b] = worth
        return self.worths[i, j, a, b]

    def _signs(self, i: int, j: int, b: int) -> float:
        """Of what a sentence of the source has and some of the target show, or not."""
        shown: dict[int, float] = {}
        for k in range(j, j + b):
            if (i, k) not in self.shown:
                self.shown[i, k] = self.target[k].shows(self.source[i].signs)
            shown |= self.shown[i, k]
        return self.source[i].lacking + sum(shown.values())


def _normal(deviation: float, variance: float) -> float:
    """Logarithm of the density of a normal distribution."""
    return -0.5 * (deviation * deviation / variance + math.log(2 * math.pi * variance))


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text)) or 1


# --- What shows in both languages -----------------------------------------------------------------

_DIGITS = Pattern(
    r"(?<=제)\d+(?=조)|\d+(?:[.,]\d+)*(?![\d.,]|\s(?:hundred|thousand|[mbtr]+illion)|\s?[만억조천])"
)
_WORD = Pattern(r"[A-Za-zÀ-ÖØ-öø-ɏ][A-Za-zÀ-ÖØ-öø-ɏ0-9'’\-]*(?:\.[A-Za-z](?=\.))?")
_HANGUL_WORD = Pattern("[가-힣]+")
_CLITIC = Pattern(r"['’](?:s|m|re|ve|ll|d|t)?$")
_LINES = Path(__file__).with_name("everyday_words.tsv").read_text("utf-8").splitlines()
_EVERYDAY = {word: tuple(stems.split("|")) for word, _, stems in (line.partition("\t") for line in _LINES)}
_ENDINGS = (
    ("s", ""), ("es", ""), ("ed", ""), ("ed", "e"), ("d", ""), ("ing", ""), ("ing", "e"), ("ies", "y"), ("ied", "y"),
)  # fmt: skip


@lru_cache(maxsize=4096)
def _everyday(word: str) -> str:
    """The form of an everyday English word that the list has, or ""."""
    forms = (word, *(word.removesuffix(end) + new for end, new in _ENDINGS if word.endswith(end)))
    return next((form for form in forms if form in _EVERYDAY), "")


@dataclass(frozen=True, slots=True)
class _Source:
    """A sentence of a source and what its translation may show of it: (kind, the forms of which it may have one)."""

    text: str
    letters: int
    signs: list[tuple[str | int, tuple[str, ...]]]
    lacking: float  # what it is worth that a target shows none of them

    @classmethod
    def of(cls, text: str, glossary: Glossary | None) -> "_Source":
        signs: dict = {number: ("number", (f" {number} ",)) for number in _numbers(text)}
        for term in glossary.terms_in(text) if glossary else ():
            signs[term] = "term", tuple(map(squeeze, glossary.accepted(term)))
        for place, word in enumerate(_WORD.findall(text)):
            word = _CLITIC.sub("", word)
            low = word.casefold()
            form = _everyday(low)
            if form and (form == low or word == low or not place):
                signs[form] = "short" if min(map(len, _EVERYDAY[form])) < 2 else "word", _EVERYDAY[form]
            elif low not in FUNCTION_WORDS:
                sound = english_sound(low)
                if sum(map(str.isupper, word)) > 1 or any(map(str.isdigit, word)):
                    signs[low] = "latin", (low,)
                elif place and word != low and len(sound) > 1:
                    signs[low] = min(len(sound), 4), (low, f" {sound}")
                elif len(sound) > 3:
                    signs.setdefault(low, ("loan", (low, f" {sound}")))
        lacking = sum(_WEIGHTS[kind][1] for kind, _ in signs.values())
        return cls(text, _letters(text), list(signs.values()), lacking)


@dataclass(frozen=True, slots=True)
class _Target:
    """A sentence of a target and what it can show, by the kind of sign."""

    text: str
    letters: int
    has: dict[str | int, str]
    alone: float  # what its length is worth by itself

    @classmethod
    def of(cls, text: str) -> "_Target":
        low, letters = text.casefold(), _letters(text)
        sounds = low + " " + _AGAIN.sub(r"\1", low.translate(_SOUNDS))
        has = dict.fromkeys(("word", "short", "latin"), low) | dict.fromkeys((2, 3, 4, "loan"), sounds)
        has |= {"number": f" {'  '.join(_numbers(low))} ", "term": squeeze(low)}
        return cls(text, letters, has, _normal(math.log(letters) - _ANY, _ANY_SPREAD))

    def shows(self, signs: Sequence[tuple[str | int, tuple[str, ...]]]) -> dict[int, float]:
        """Place of a sign that it shows -> how much more that is worth than not to show it."""
        return {
            place: _WEIGHTS[kind][0] - _WEIGHTS[kind][1]
            for place, (kind, forms) in enumerate(signs)
            if any(form in self.has[kind] for form in forms)
        }


def _numbers(text: str) -> list[str]:
    return [number.replace(",", "") for number in _DIGITS.findall(text)]


def shared_places(source: str, target: str, glossary: Glossary | None) -> list[tuple[int, int]]:
    """Where names, everyday words and terms stand that each of two sentences shows once, in the order of the source."""
    low, theirs = source.casefold(), target.casefold()
    sounds = {m.start(): _AGAIN.sub(r"\1", m[0].translate(_SOUNDS)) for m in _HANGUL_WORD.finditer(target)}
    terms = glossary.terms_in(source) if glossary else ()
    found = {term: _finds(theirs, glossary.accepted(term)) for term in terms}
    for word in map(str.casefold, _WORD.findall(source)):
        if word in found or word in FUNCTION_WORDS or len(word) < 3:
            continue
        if form := _everyday(word):
            found[word] = _finds(theirs, _EVERYDAY[form])
        else:
            sound = english_sound(word)
            named = {at for at, other in sounds.items() if len(sound) > 1 and other.startswith(sound)}
            found[word] = _finds(theirs, [word]) or named
    once = {term.casefold(): min(at) for term, at in found.items() if len(at) == 1}
    return sorted((low.index(word), at) for word, at in once.items() if low.count(word) == 1)


def _finds(text: str, forms: Sequence[str]) -> set[int]:
    return {m.start() for form in forms for m in re.finditer(re.escape(form.casefold()), text)}


# --- Names by sound -------------------------------------------------------------------------------

_INITIALS, _FINALS = "KKNTTLMPPTT-TTTKTP-", "-KKKNNNTLLMLLLPLMPPTTNTTKTP-"  # in the order of Unicode


class _Sounds(dict):
    """Code point -> the consonants of a syllable of Hangul, in six classes."""

    def __missing__(self, code: int) -> str:
        place = code - 0xAC00
        if not 0 <= place < 11172:
            return " "
        self[code] = (_INITIALS[place // 588] + _FINALS[place % 28]).replace("-", "")
        return self[code]


_SOUNDS = _Sounds()
_AGAIN = Pattern(r"([KTPMNL])\1+")
_ENGLISH_SOUNDS = tuple(
    (Pattern(pattern), sound)
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
