"""Worked examples that are nearly questions of the test: found by the gate's measure, exactly, all against all."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evaluation.harness.questions import Question, Subject
from komep_dataset.gates.near_duplicates import SHINGLE, SIMILAR
from komep_dataset.gates.trial.ngrams import grams, normal
from komep_dataset.languages import language_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array

AT_ONCE = 1000  # examples that are compared at once


def near_duplicates(subjects: Sequence[Subject], shots: int) -> list[dict[str, Any]]:
    """The rows of the splits that worked examples come from which are nearly a test question of any subject.

    Two are near-duplicates if the shingles of question and options, in whatever order these stand, have a Jaccard
    similarity of `SIMILAR`.

    Returns:
        one entry a row: `subject`, `row` (from 0), `shown` (whether it is one of the first `shots`), `test_subject` and
        `test_row` of the question that it is most like, `similarity`.
    """
    examples = [(s.name, row, q) for s in subjects for row, q in enumerate(s.fewshot)]
    tests = [(s.name, row, q) for s in subjects for row, q in enumerate(s.test)]
    best: dict[int, tuple[float, int]] = {}
    for language, n in SHINGLE.items():
        mine, others = (
            [i for i, (*_, q) in enumerate(some) if language_of(q.question) == language]
            for some in (examples, tests)
        )
        for first in range(0, len(mine) if others else 0, AT_ONCE):
            part = mine[first : first + AT_ONCE]
            for a, b, similarity in _similar(
                [examples[i][2] for i in part], [tests[i][2] for i in others], language, n
            ):
                best[part[a]] = max(best.get(part[a], (0.0, 0)), (similarity, others[b]))
    return [
        {
            "subject": examples[i][0],
            "row": examples[i][1],
            "shown": examples[i][1] < shots,
            "test_subject": tests[j][0],
            "test_row": tests[j][1],
            "similarity": round(similarity, 4),
        }
        for i, (similarity, j) in sorted(best.items())
    ]


def _similar(
    ones: Sequence[Question], others: Sequence[Question], language: str, n: int
) -> list[tuple[int, int, float]]:
    """(index, index, similarity) of the pairs at or above `SIMILAR`."""
    import numpy as np
    from scipy.sparse import csr_array

    made = [
        grams([normal("\n".join((q.question, *sorted(q.options)))) for q in some], language, n)
        for some in (ones, others)
    ]
    known = np.unique(np.concatenate([one.hashes for one in made]))

    def sets(one: Any) -> "csr_array":
        columns = np.searchsorted(known, one.hashes)
        table = csr_array(
            (np.ones(len(columns), np.int32), columns, one.offsets), (len(one.offsets) - 1, len(known))
        )
        table.sum_duplicates()
        table.data[:] = 1
        return table

    left, right = map(sets, made)
    shared = (left @ right.T).tocoo()
    size = left.sum(axis=1)[shared.row] + right.sum(axis=1)[shared.col] - shared.data
    similarity = shared.data / size
    found = np.flatnonzero(similarity >= SIMILAR)
    return list(
        zip(shared.row[found].tolist(), shared.col[found].tolist(), similarity[found].tolist(), strict=True)
    )
