"""Reading a letter out of a generation as the KorMedMCQA paper and lm-evaluation-harness do it.

Plain functions without dependencies. The defects of the paper's cascade are part of the protocol and kept: it
misses the prompt's own full-width colon, reads nothing from "B입니다", and reads A from "needs a biopsy".
`robust.py` beside this file is the reading of our own that mends them.
"""

from __future__ import annotations

import re
import string

LETTERS = "ABCDE"

# Appendix B of arXiv 2403.01469, as the task `kormedmcqa` 3.0 of lm-evaluation-harness has it.
CASCADE = (
    re.compile(r"정답[:\s]*([ABCDE])", re.IGNORECASE),
    re.compile(r"정답은\s*([ABCDE])\s*입니다", re.IGNORECASE),
    re.compile(r"\b([ABCDE])\.", re.IGNORECASE),
    re.compile(r"\b([ABCDE])\b", re.IGNORECASE),
)
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def extract_paper(generation: str) -> str:
    """The letter by the paper's cascade: the last match of the first pattern that matches, or ""."""
    for pattern in CASCADE:
        found = pattern.findall(generation)
        if found:
            return found[-1].upper()
    return ""


def exact_match(generation: str, answer: str) -> bool:
    """Whether the raw generation is the gold letter and nothing else.

    This is what lm-evaluation-harness measured before its version 3.0 of the task: blanks, line breaks, ASCII
    punctuation and case are ignored.
    """
    return _plain(generation) == _plain(answer)


def _plain(text: str) -> str:
    return text.replace(" ", "").replace("\n", "").lower().translate(_NO_PUNCTUATION)


def gold_letter(reference: object) -> str:
    """A reference as a letter: 1 to 5, "1" to "5" or a letter A to E.

    Raises `ValueError` for anything else.
    """
    text = str(reference).strip().upper()
    if len(text) == 1 and text in LETTERS:
        return text
    if len(text) == 1 and text in "12345":
        return LETTERS[int(text) - 1]
    raise ValueError(f"a reference is a letter A to E or a number 1 to 5, not {reference!r}")
