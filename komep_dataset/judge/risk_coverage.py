"""What a checker's confidence is worth: how many statements it answers from a confidence up, and how many of these wrongly.

Confidence is the share of votes, of all judges where there are several, that say the verdict. An unknown verdict is no
answer at any confidence: it lowers coverage, never risk. (El-Yaniv and Wiener, JMLR 2010; the area as in Geifman et al.,
arXiv 1805.08206.)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from komep_dataset.judge.shares import Share, share
from komep_dataset.schema import Verdict
from komep_dataset.tables.problems import table
from komep_dataset.templates import MARKUP

SVG_TITLE = "Risk and coverage of the checker"


class Answer(NamedTuple):
    """A label, the verdict on it (None: the request failed), and the share of votes that say this verdict."""

    label: bool
    verdict: str | None
    confidence: float


@dataclass(frozen=True, slots=True)
class Point:
    """Of all statements, `coverage` got true or false with at least this confidence; `risk`: how many of these wrongly."""

    confidence: float
    coverage: Share
    risk: Share


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """A point for each confidence that occurs, from the highest; `area`: the mean risk over all numbers of statements that
    could be answered, the most confident first, those of one confidence in any order; None where none was answered."""

    points: tuple[Point, ...]
    area: float | None

    def as_text(self) -> str:
        """The curve as a table for people."""
        rows = [["confidence", "coverage", "risk"]]
        rows += [[f"from {p.confidence:.0%}", str(p.coverage), str(p.risk)] for p in self.points]
        area = "none: no statement was answered" if self.area is None else f"{self.area:.4f}"
        return f"{table(rows)}\narea under the risk-coverage curve: {area}"

    def as_svg(self) -> str:
        return MARKUP.get_template("risk_coverage.svg.j2").render(title=SVG_TITLE, curve=self)


def risk_coverage(answers: Iterable[Answer]) -> RiskCoverage:
    """The curve of a checker; statements whose request failed count nowhere."""
    known = [one for one in answers if one.verdict is not None]
    said = [one for one in known if one.verdict != Verdict.UNKNOWN.value]
    points, risks, answered, wrong = [], 0.0, 0, 0
    for level in sorted({one.confidence for one in said}, reverse=True):
        own = [one for one in said if one.confidence == level]
        errors = sum(one.verdict != str(one.label).lower() for one in own)
        # In any order: each of one confidence is wrong as often as their mean.
        risks += sum((wrong + errors * k / len(own)) / (answered + k) for k in range(1, len(own) + 1))
        answered, wrong = answered + len(own), wrong + errors
        points.append(Point(level, share(answered, len(known)), share(wrong, answered)))
    return RiskCoverage(tuple(points), risks / answered if answered else None)
