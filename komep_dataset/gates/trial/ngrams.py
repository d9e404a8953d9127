"""Texts as hashed n-grams, for contamination and near-duplicates: of words in English, of characters in Korean.

Texts are compared by their NFC form, case-folded, without punctuation. Korean writes particles onto its words, and
copies differ in where they put blanks: its n-grams are of characters, blanks left out. (Morphemes would need an
analyser, and what is found would depend on its version.) Hashes are the same on every machine.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from komep_dataset.system import late

np = late("numpy")

_DROPPED = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
# Particles that stand at the end of a Korean word; what is left has two syllables or more.
_PARTICLE = re.compile(
    "(?<=[가-힣]{2})(?:에서는|에서|에게|에는|으로|이랑|랑|은|는|이|가|을|를|의|에|와|과|도|로)(?= |$)"
)
_WORD_BASE, _GRAM_BASE, _MIX = 1_099_511_628_211, 11_400_714_819_323_198_485, 0xBF58476D1CE4E5B9


@dataclass(frozen=True, slots=True)
class Grams:
    """The n-gram hashes of some texts, one behind the other; those of text i are `hashes[offsets[i]:offsets[i + 1]]`."""

    hashes: np.ndarray  # uint64
    offsets: np.ndarray  # int64, one more than there are texts

    def of(self, index: int) -> np.ndarray:
        return self.hashes[self.offsets[index] : self.offsets[index + 1]]


def normal(text: str, *, any_number: bool = False) -> str:
    """A text as it is compared: NFC, case-folded, words parted by one blank; with `any_number` all numbers are 0.

    >>> normal("Give 2.5 mg, NOW!", any_number=True)
    'give 0 mg now'
    """
    text = unicodedata.normalize("NFC", text).casefold()
    if any_number:
        text = _NUMBER.sub("0", text)
    return _DROPPED.sub(" ", text).strip()


def without_particles(normal_text: str) -> str:
    """Korean words without the particle at their end, by its form alone: the same error on both sides does no harm.

    >>> without_particles("패혈증의 치료는 항생제")
    '패혈증 치료 항생제'
    """
    return _PARTICLE.sub("", normal_text)


def tokens(normal_text: str, language: str) -> list[str]:
    """What the n-grams of a text are made of."""
    return normal_text.split() if language == "en" else list(normal_text.replace(" ", ""))


def grams(normal_texts: Sequence[str], language: str, n: int) -> Grams:
    """The hashes of all n-grams of some texts as `normal` gives them, repeats included: of words in English, of characters without
    blanks in Korean; a text of fewer than n has none."""
    if language == "en":
        counts = [text.count(" ") + 1 if text else 0 for text in normal_texts]
        hashes = _words(" ".join(text for text in normal_texts if text))
    else:
        joined = [text.replace(" ", "") for text in normal_texts]
        counts = [len(text) for text in joined]
        hashes = _codes("".join(joined))
    ends = np.cumsum([0, *counts])
    kept = np.maximum(np.array(counts, np.int64) - n + 1, 0)
    offsets = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
    starts = np.arange(offsets[-1]) - np.repeat(offsets[:-1], kept) + np.repeat(ends[:-1], kept)
    rolled = np.zeros(len(starts), np.uint64)
    for place in range(n):  # arithmetic modulo 2**64
        rolled = rolled * np.uint64(_GRAM_BASE) + hashes[starts + place]
    return Grams(_mixed(rolled), offsets)


def _codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)


def _words(text: str) -> np.ndarray:
    """A hash of each word of a text whose words are parted by one blank."""
    if not text:
        return np.zeros(0, np.uint64)
    codes = _codes(text)
    blanks = np.flatnonzero(codes == 32)
    starts = np.concatenate([[0], blanks + 1])
    place = np.arange(len(codes)) - np.repeat(starts, np.diff(np.append(starts, len(codes))))
    powers = np.cumprod(np.full(int(place.max()) + 1, _WORD_BASE, np.uint64))
    return _mixed(np.add.reduceat(np.where(codes == 32, np.uint64(0), codes * powers[place]), starts))


def _mixed(hashes: np.ndarray) -> np.ndarray:
    """Spread what differs in few bits over all of them."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(_MIX)
    return hashes ^ (hashes >> np.uint64(27))
