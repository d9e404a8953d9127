"""The passages that a unit is judged by."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from komep_dataset.config.evidence import Evidence
from komep_dataset.evidence.passages import Passage
from komep_dataset.evidence.provided import passages_of_questions
from komep_dataset.schema import question_id


@dataclass(frozen=True, slots=True)
class Wanted:
    """What passages are wanted for: a unit of an answer, and its question."""

    unit: str
    question_id: str
    question: str


def passages_for(evidence: Evidence, wanted: Sequence[Wanted], folder: Path) -> list[tuple[Passage, ...]]:
    """The passages for each unit, best first, the same ones for the same inputs; () where there is none.

    Args:
        evidence: where they come from, and how many.
        wanted: the units; equal ones are looked up once.
        folder: where an index and vectors are kept, for this corpus and other ones.

    Raises:
        KomepError: bad rows of a file, a corpus without a text, a missing extra, or an endpoint that answers nobody.
    """
    own = passages_of_questions(evidence.provided)
    return [own.get(one.question_id) or own.get(question_id(one.question), ()) for one in wanted]
