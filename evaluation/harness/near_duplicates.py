"""Worked examples that are nearly questions of the test: found by the gate that keeps benchmarks out of pairs."""

from collections.abc import Sequence
from typing import Any

from evaluation.harness.questions import Question, Subject
from komep_dataset.gates.contamination import THRESHOLD, Index
from komep_dataset.gates.trial.benchmark_files import Benchmark, Item
from komep_dataset.gates.trial.gate import TEXTS
from komep_dataset.languages import language_of


def near_duplicates(
    subjects: Sequence[Subject], shots: int, threshold: float = THRESHOLD
) -> list[dict[str, Any]]:
    """The rows of the splits that worked examples come from which are nearly a test question of any subject.

    A row is one if its question and a test question have this share of their n-grams in common, weighed by how rare these
    are (`komep_dataset.gates.contamination`). Other options make no other question: a question that is asked again has
    mostly some of its own. A test question of fewer than a handful of n-grams counts with its options, and is left out if
    it is too short even so.

    Returns:
        one entry a row: `subject`, `row` (from 0), `shown` (whether it is one of the first `shots`), `test_subject` and
        `test_row` of the question that it is most like, `similarity` (0 to 1).
    """
    import polars as pl

    examples = [(s.name, row, q) for s in subjects for row, q in enumerate(s.fewshot)]
    tests = [Item(s.name, row, (q.question,), q.options) for s in subjects for row, q in enumerate(s.test)]
    texts = pl.DataFrame([_text(q) for *_, q in examples], schema=dict.fromkeys(TEXTS, pl.String))
    found = Index([Benchmark("test", tuple(tests))]).overlaps(texts, threshold)
    return [
        {
            "subject": examples[one.row][0],
            "row": examples[one.row][1],
            "shown": examples[one.row][1] < shots,
            "test_subject": one.split,
            "test_row": one.item,
            "similarity": round(one.share, 4),
        }
        for one in sorted(found, key=lambda one: one.row)
    ]


def _text(question: Question) -> dict[str, str | None]:
    """A question as the gate takes a pair: in the column of its language."""
    column = "question" if language_of(question.question) == "en" else "question_ko"
    return dict.fromkeys(TEXTS) | {column: question.question}
