"""What a judge is shown besides a unit: texts with their source, long ones in pieces."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from komep_dataset.languages import language_of
from komep_dataset.replies.patterns import Pattern

# Characters of a piece (ours): some 350 tokens of English. Korean says as much in half of them.
LONGEST = {"en": 1500, "ko": 750}
# A text is cut between paragraphs, sentences or words, whichever comes last.
_ENDS = (Pattern(r"\n\s*\n"), Pattern(r"[.!?。…][\"'”’)\]]*\s|\n"), Pattern(r"\s"))


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of text with its source. `id` is unique among the passages of a unit and in a corpus; `title` and `url`
    may be empty; `language` is `en` or `ko`."""

    id: str
    title: str
    text: str
    url: str
    language: str


FIELDS = tuple(one.name for one in fields(Passage))


def pieces(text: str, longest: int) -> Iterator[str]:
    """A text in pieces of at most so many characters, without blanks around them; together they are all of it."""
    start = 0
    while start < len(text):
        end = start + longest
        if end < len(text):
            window, least = text[start:end], longest // 2  # a piece is at least half as long as it may be
            found = (max((m.end() for m in ends.finditer(window, least)), default=0) for ends in _ENDS)
            end = start + (next(filter(None, found), 0) or longest)
        if piece := text[start:end].strip():
            yield piece
        start = end


def cut(passage: Passage) -> list[Passage]:
    """A passage, or its pieces, whose ids are numbered: `id#1`, `id#2`, …; [] where it has no text. The language is told
    by the text where nobody says it."""
    own, language = passage.id, passage.language or language_of(passage.text)
    found = list(pieces(passage.text, LONGEST.get(language, LONGEST["en"])))
    ids = [f"{own}#{n}" for n in range(1, len(found) + 1)] if len(found) > 1 else [own] * len(found)
    pairs = zip(ids, found, strict=True)
    return [Passage(id, passage.title, text, passage.url, language) for id, text in pairs]
