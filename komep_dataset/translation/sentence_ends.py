"""How many sentences of a text have an end, and whether it asks, in English and Korean."""

import re

_SENTENCE_END = re.compile(r"(?<![\s\d][A-Z])(?<!^\d)(?<!\s\d)(?<!vs)[.!?。](?=[\s\"')*\]]|$)", re.MULTILINE)


def sentence_ends(text: str) -> int:
    """How many sentences of a text have an end; marks of lists are none."""
    return len(_SENTENCE_END.findall(text.strip()))


ASKS = re.compile(
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
