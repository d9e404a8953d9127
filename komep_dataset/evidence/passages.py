"""What a judge is shown besides a unit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of text with its source. `id` is unique among the passages of a unit and in a corpus; `title` and `url`
    may be empty; `language` is `en` or `ko`."""

    id: str
    title: str
    text: str
    url: str
    language: str
