"""Where the sentences of a text end, in English and in Korean, and whether it asks."""

import re
from collections.abc import Iterator
from itertools import pairwise

from komep_dataset.replies.patterns import Pattern
from komep_dataset.translation.latin_words import ABBREVIATIONS_AFTER, ABBREVIATIONS_BEFORE, FUNCTION_WORDS

_CLOSERS = "\"'”’»)\\]」』〉》*_`"
_MARK = Pattern(
    rf"([.!?。？！]+)[{_CLOSERS}]*(?=\s|$)|(?<=[다요까죠])\.(?=[가-힣])(?!고|라|며|는)", re.MULTILINE
)
_WORD_BEFORE = Pattern(r"[^\s(\[{\"'“‘「『<>*_]*$")
_NEXT = Pattern(r"[^\S\n]*[\"'“‘(\[「『<*_]*(\w[\w']*)?")


def _ends(text: str) -> Iterator[int]:
    """Places behind the marks that end a sentence, and behind the quotes and brackets that close with it."""
    return (match.end() for match in _MARK.finditer(text) if _is_end(text, match))


def _is_end(text: str, match: re.Match) -> bool:
    after = _NEXT.match(text, match.end())[1] or ""
    if not match[1]:
        return True  # "했다.그러나"
    if match[1] != "." and not match[1].startswith(".."):
        return not after[:1].islower()
    before = text[max(0, match.start() - 32) : match.start()]
    word = _WORD_BEFORE.search(before)[0]
    ahead = before[: len(before) - len(word)].rstrip(" \t>#*_-([")
    if (not ahead or ahead[-1] in "\n.!?:") and (word.isdigit() or len(word) == 1) and after:
        return False  # marks of a list ("1.", "가."), dates ("2019. 5. 3.")
    if match[1] != ".":
        return bool(word) and (word[-1] in "다요까죠" or after[:1].isupper() or not after)
    if not after or "가" <= word[-1:] <= "힣":
        return True
    low = word.lower()
    if after[0].islower() or (word.isdigit() and after[0].isdigit()):
        return False
    if ABBREVIATIONS_BEFORE & {low, low.removesuffix("s")}:
        return False
    letter = (len(word) == 1 and word.isalpha()) or ("." in word and not word[-1].isdigit())
    return not (letter or low in ABBREVIATIONS_AFTER) or after.lower() in FUNCTION_WORDS


def sentence_ends(text: str) -> int:
    """How many sentences of a text have an end; marks of lists and abbreviations are none."""
    return len(list(_ends(text.strip())))


def sentences(text: str) -> list[str]:
    """The sentences of a text, and its lines where they end without a mark, in order and stripped."""
    cuts = [0, *_ends(text), len(text)]
    parts = (part.strip() for a, b in pairwise(cuts) for part in text[a:b].split("\n"))
    return [part for part in parts if any(map(str.isalnum, part))]


ASKS = Pattern(
    r"[?？]|(?:까|까요|가요|나요|는가|은가|인가|한가|던가|는지|은지|인지|니|느냐|냐|을까|ㄹ까)\s*[.\"'”’)]*\s*$|"
    r"(?:시오|하라|쓰라|고르라|보라|무엇|기술할 것|설명할 것|할 것|것은|것)\s*[.:]?\s*$|"
    r"(?:(?:고르|쓰|말하|답하|설명하|서술하|기술하|선택하|찾|비교하|나열하|열거하|정의하|요약하|제시하)(?:십시오|세요)|"
    r"(?:알려|말(?:씀)?해|설명해|답해|골라|적어|정의해|비교해|요약해|나열해|들어|논의해|가르쳐|추천해)\s?"
    r"(?:주|보)(?:세요|십시오|시겠어요|실래요))\s*[.:]?\s*$",
    re.MULTILINE,
)


def is_question(source: str) -> bool:
    """Whether an English text is one question and nothing after it."""
    text = source.strip().rstrip("\"')*_ ")
    return text.endswith("?") and len(text) < 2000
