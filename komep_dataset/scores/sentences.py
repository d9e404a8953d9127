"""Sentences of Korean text, by kiwipiepy: where one ends although no mark says so, and where one is cut off."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any

from komep_dataset.errors import require

_CLOSING = ("SSC", "SSO", "SS")  # quotes and brackets; an opening one at the very end belongs to no sentence
_FINAL_MARKS = ("SF", "SE")  # . ! ? and …
# Last syllables of an ending that closes a sentence without a mark. 어 and 지 close one in speech too, but a
# sentence that was cut after a verb's stem ends in them just as often.
_FINAL_SYLLABLES = "다요까죠오라"
_FINAL_M = "\u11b7"  # ㅁ below a syllable: the note style of 음, 함, 됨, 임


@cache
def _kiwi():
    """The analyser; two seconds and 300 MB, so it is loaded for the first text that needs it."""
    require("llm", "kiwipiepy")
    from kiwipiepy import Kiwi

    return Kiwi(num_workers=1)


def drop_fragment(text: str) -> str:
    """A Korean text without its last sentence if that one is unfinished; empty if no sentence is finished.

    A line that has an end is finished. So is a sentence that ends in a mark, or in 다, 요, 까, 죠, 오, 라 or a
    nominal ending (음, 함, …) that kiwipiepy takes for a final ending; a bracket that is never closed keeps its
    sentence open. Raises `KomepError` where kiwipiepy is missing.
    """
    lines, line_end, last = text.rpartition("\n")
    sentences = _sentences(last)
    if not sentences or _is_finished(sentences[-1]):
        return text.rstrip()
    kept = last[: sentences[-1].start].rstrip().rstrip("([{<“‘「『").rstrip()
    return (lines + line_end + kept).rstrip()


def count(text: str) -> int:
    """Sentences of a Korean text. Raises `KomepError` where kiwipiepy is missing."""
    return sum(len(_sentences(line)) for line in text.splitlines())


def _sentences(line: str) -> list[Any]:
    return _kiwi().split_into_sents(line, return_tokens=True) if line.strip() else []


def _is_finished(sentence: Any) -> bool:
    tokens = [token for token in sentence.tokens if token.tag not in _CLOSING]
    if not tokens or tokens[-1].tag in _FINAL_MARKS:
        return bool(tokens)
    last = tokens[-1]
    syllable = unicodedata.normalize("NFC", sentence.text.rstrip("\"'”’)]} "))[-1:]
    final_m = unicodedata.normalize("NFD", syllable).endswith(_FINAL_M)
    return last.tag == "EF" and (syllable in _FINAL_SYLLABLES or final_m)
