"""Texts that do not answer their question: one that many different questions got (a cache or a mock stands in the model's
place), and one that speaks of the speaker or of the asking, and of nothing that the question and its other answers speak of."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeVar

from komep_dataset.languages import language_of
from komep_dataset.replies.patterns import Pattern
from komep_dataset.scores.splitting import content_of

Key = TypeVar("Key")

# Share of the different questions, and number of them, from which a text is too common; shorter ones ("Yes.") may well
# be the answer to many (ours). From so many on it is taken for no answer; of fewer people are told.
REPEATED_SHARE, LEAST_REPEATS, LEAST_CHARACTERS = 0.2, 3, 12
PROVEN_REPEATS = 10
# Share of a text's content that other answers to its question have, below which it speaks of something else; with less
# content than the second ("None.") nothing tells (ours). Of 1,348 answers by others one is found, of 4,282 right options none.
SHARED, LEAST_CONTENT = 0.2, 3
# Who speaks, who is spoken to (in Korean by the honorific and by the endings of speech), and what is asked and answered;
# what is quoted may be the answer to what one says.
_SPEAKS = Pattern(
    r"\b(?:(?-i:I(?:'\w+)?(?= [a-z]))|(?:we|you)(?:'\w+)?|my|me|our|us|your|(?:question|request|prompt|response|answer|message|conversation|session|"
    r"service|assistant|user|topic)s?|reply|replies|content)\b"
    r"|(?:^|\s)(?:저[는도희의]|제[가게]|우리|나는|[이본] (?:서비스|시스템|대화|주제))|(?:^|[해려와내여어아을]\s?|\s)드[리릴립린려]|[하으보주](?:시(?:길|면|겠|는|나요)|신\s)"
    r"|(?:세요|[네어아해예에게]요|십시오|까요)(?=\W|$)|질문|문의|문항|답변|대답|응답|사용자",
    re.IGNORECASE,
)


def repeated(answers: Iterable[tuple[str, str]], fewest: int = LEAST_REPEATS) -> dict[str, str]:
    """Of one model's (question, text): the texts, blanks collapsed, that too many different questions got, `fewest` at the
    least, and how many."""
    asked: dict[str, set[str]] = defaultdict(set)
    for question, text in answers:
        asked[one_line(text)].add(one_line(question))
    total = len(set().union(*asked.values()))
    least = max(fewest, REPEATED_SHARE * total)
    counts = {text: len(questions) for text, questions in asked.items() if len(text) >= LEAST_CHARACTERS}
    return {
        text: f"the same text for {n:,} of {total:,} questions" for text, n in counts.items() if n >= least
    }


def is_beside(question: str, text: str) -> bool:
    """Whether a text shares no word of content with a question: with repetition, no answer to it."""
    return not content_of(question) & content_of(text)


def beside_subject(answers: Mapping[Key, tuple[str, str]]) -> set[Key]:
    """Of (question, text) by key, those that speak of the speaker or of the asking and share no word of content with the
    question, and hardly one with the other answers to it, where there are any: no list of what people say is needed.

    >>> beside_subject({1: ("Why gout?", "Urate crystals cause gout."), 2: ("Why gout?", "Your session is over, sadly.")})
    {2}
    """
    questions: dict[str, dict[Key, frozenset[str]]] = defaultdict(dict)
    for key, (question, text) in answers.items():
        questions[question][key] = content_of(text)
    found = set()
    for question, content in questions.items():
        asked = content_of(question)
        suspects = {
            key
            for key, own in content.items()
            if len(own) >= LEAST_CONTENT and not own & asked and _speaks(question, answers[key][1])
        }
        for key in suspects:  # two refusals are no witnesses of each other where there is a third answer
            witnesses = content.keys() - suspects or content.keys() - {key}
            said = frozenset().union(*(content[other] for other in witnesses))
            if witnesses and len(content[key] & said) < SHARED * len(content[key]):
                found.add(key)
    return found


def _speaks(question: str, text: str) -> bool:
    """Whether a text speaks of who speaks or asks, in the language of its question: another has no word of it anyhow."""
    quoted = text.lstrip().startswith(('"', "“"))
    said = _SPEAKS.search(text.replace("’", "'"))
    return not quoted and bool(said) and language_of(text) == language_of(question)


def one_line(text: str) -> str:
    """A text with blanks collapsed."""
    return " ".join(text.split())
