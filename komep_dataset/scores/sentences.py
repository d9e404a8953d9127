"""Where a sentence ends, and what is left of a text without one that was cut off.

Korean is read by kiwipiepy, which sees an end although no mark says so; English by its marks.
"""

import re
import unicodedata
from typing import Any

from komep_dataset.evidence.words import kiwi
from komep_dataset.languages import language_of

# A sentence ends at its mark and closing quotes or brackets, before white space or the end, or with a line.
_SENTENCE_END = re.compile(r"[.!?。…][\"'”’)\]]*(?=\s|$)|\n")
_CLOSING = ("SSC", "SSO", "SS")  # quotes and brackets; an opening one at the very end belongs to no sentence
_FINAL_MARKS = ("SF", "SE")  # . ! ? and …
# Last syllables of an ending that closes a sentence without a mark. 어 and 지 close one in speech too, but a
# sentence that was cut after a verb's stem ends in them just as often.
_FINAL_SYLLABLES = "다요까죠오라"
_FINAL_M = "\u11b7"  # ㅁ below a syllable: the note style of 음, 함, 됨, 임


def drop_fragment(text: str) -> str:
    """A text without its last sentence if that one is unfinished; empty if no sentence is finished.

    A Korean line that has an end is finished. So is a sentence that ends in a mark, or in 다, 요, 까, 죠, 오, 라 or a
    nominal ending (음, 함, …) that kiwipiepy takes for a final ending; a bracket that is never closed keeps its
    sentence open. Raises `KomepError` for Korean where kiwipiepy is missing.
    """
    if language_of(text) != "ko":
        ends = [match.end() for match in _SENTENCE_END.finditer(text)]
        return text[: ends[-1]].rstrip() if ends else ""
    lines, line_end, last = text.rpartition("\n")
    sentences = _sentences(last)
    if not sentences or _is_finished(sentences[-1]):
        return text.rstrip()
    # kiwipiepy takes the end of 낮춘다. for a list mark (가. 나. 다.) where numbers before it look like marks.
    glued = [t.end for t in sentences[-1].tokens if t.tag == "SB" and last[: t.start][-1:].isalpha()]
    kept = last[: max(glued, default=sentences[-1].start)].rstrip().rstrip("([{<“‘「『").rstrip()
    return (lines + line_end + kept).rstrip()


def count_sentences(text: str) -> int:
    """Sentences of a text, at least one. Raises `KomepError` for Korean where kiwipiepy is missing."""
    if language_of(text) == "ko":
        return max(1, sum(len(_sentences(line)) for line in text.splitlines()))
    return max(1, len(_SENTENCE_END.findall(text)))


def _sentences(line: str) -> list[Any]:
    return kiwi().split_into_sents(line, return_tokens=True) if line.strip() else []


def _is_finished(sentence: Any) -> bool:
    tokens = [token for token in sentence.tokens if token.tag not in _CLOSING]
    if not tokens or tokens[-1].tag in _FINAL_MARKS:
        return bool(tokens)
    last = tokens[-1]
    syllable = unicodedata.normalize("NFC", sentence.text.rstrip("\"'”’)]} "))[-1:]
    final_m = unicodedata.normalize("NFD", syllable).endswith(_FINAL_M)
    return last.tag == "EF" and (syllable in _FINAL_SYLLABLES or final_m)
