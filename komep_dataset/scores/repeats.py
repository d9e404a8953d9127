"""A text that answers many different questions answers hardly any of them: a cache or a mock stands in the model's place."""

from collections import defaultdict
from collections.abc import Iterable

from komep_dataset.scores.splitting import content_of

# Share of the different questions, and number of them, from which a text is too common; shorter ones ("Yes.") may well
# be the answer to many (ours). From so many on it is taken for no answer; of fewer people are told.
REPEATED_SHARE, LEAST_REPEATS, LEAST_CHARACTERS = 0.2, 3, 12
PROVEN_REPEATS = 10


def repeated(answers: Iterable[tuple[str, str]], fewest: int = LEAST_REPEATS) -> dict[str, str]:
    """Of one model's (question, text): the texts, blanks collapsed, that too many different questions got, `fewest` at the
    least, and how many."""
    asked: dict[str, set[str]] = defaultdict(set)
    for question, text in answers:
        asked[one_line(text)].add(one_line(question))
    total = len(set().union(*asked.values()))
    least = max(fewest, REPEATED_SHARE * total)
    return {
        text: f"the same text for {len(questions):,} of {total:,} questions"
        for text, questions in asked.items()
        if len(text) >= LEAST_CHARACTERS and len(questions) >= least
    }


def is_beside(question: str, text: str) -> bool:
    """Whether a text shares no word of content with a question: with repetition, no answer to it."""
    return not content_of(question) & content_of(text)


def one_line(text: str) -> str:
    """A text with blanks collapsed."""
    return " ".join(text.split())
