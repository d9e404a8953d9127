"""Shares with their 95% Wilson intervals, and the groups of rows that have one each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

from komep_dataset.schema import LANGUAGES

Z = 1.959963984540054  # the 97.5% quantile of the normal distribution, without the second that scipy takes to import


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `n`, with its 95% Wilson interval; all None where n is 0."""

    hits: int
    n: int
    share: float | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        if self.share is None:
            return "none"
        return f"{self.share:.1%} ({self.low:.1%} to {self.high:.1%}; {self.hits}/{self.n})"


def wilson(hits: float, n: float) -> tuple[float, float]:
    """The 95% Wilson interval of a share; both may be parts of counts, n above 0. To the bit as scipy has it."""
    share, width = hits / n, 2 * (n + Z**2)
    centre = (2 * n * share + Z**2) / width
    half = Z / width * sqrt(4 * n * share * (1 - share) + Z**2)
    return max(0.0, centre - half) if hits else 0.0, min(1.0, centre + half) if hits < n else 1.0


def groups_of(kinds: Sequence[tuple[str, str]]) -> Iterator[tuple[str, list[int]]]:
    """(name, places) of all rows, of those of each language, and of each kind; `kinds` has both of every row."""
    for name in ("all", *LANGUAGES, *sorted({kind for _, kind in kinds})):
        if places := [place for place, of in enumerate(kinds) if name in ("all", *of)]:
            yield name, places


def share(hits: int, n: int) -> Share:
    """A share with its 95% Wilson interval."""
    return Share(hits, n, hits / n, *wilson(hits, n)) if n else Share(hits, n, None, None, None)
