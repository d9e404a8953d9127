"""Which questions one evaluation asks: the wanted ones of a benchmark, checked, and a hash of them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

from evaluation.harness.benchmark import Benchmark
from evaluation.harness.options import COT, Options
from evaluation.harness.questions import FEWSHOT, TEST, Question, Subject, raise_problems
from komep_dataset.errors import KomepError
from komep_dataset.schema import collapse_blanks


def load_questions(benchmark: Benchmark, options: Options) -> tuple[list[Subject], int]:
    """The checked questions of a run, whose number of worked examples is known, and how many repeat another one.

    Raises `KomepError` for data that cannot be read, subjects that are not there, too few worked examples, examples
    without a solution where the prompt shows one, and repeated questions that nobody allowed.
    """
    loaded = select(benchmark.load(options.data, options.wanted), options.wanted, options.limit)
    as_published = benchmark.keeps_duplicates and options.data is None
    repeated = check_subjects(
        loaded, options.shots, allow_duplicates=options.allow_duplicates or as_published
    )
    if benchmark.styles[options.prompt].solutions:
        check_solutions(loaded, options.shots)
    return loaded, repeated


def select(subjects: Sequence[Subject], wanted: Sequence[str] | None, limit: int | None) -> list[Subject]:
    """The wanted subjects, each with its first `limit` test questions.

    Raises `KomepError` for a subject that the data do not have.
    """
    names = [s.name for s in subjects]
    unknown = [name for name in wanted or () if name not in names]
    if unknown:
        raise KomepError(f"--subjects {', '.join(unknown)}: not in the data, which have {', '.join(names)}")
    chosen = [s for s in subjects if wanted is None or s.name in wanted]
    return [replace(s, test=s.test[:limit]) for s in chosen]


def duplicates(questions: Sequence[Question]) -> list[tuple[int, int]]:
    """Pairs (row, earlier row) of questions whose text and options are the same, blanks apart; rows from 0."""
    seen: dict[tuple[str, ...], int] = {}
    found = []
    for index, q in enumerate(questions):
        key = tuple(collapse_blanks(text) for text in (q.question, *q.options))
        if key in seen:
            found.append((index, seen[key]))
        seen.setdefault(key, index)
    return found


def check_subjects(subjects: Sequence[Subject], shots: int, *, allow_duplicates: bool = False) -> int:
    """Check that subjects can be evaluated with so many shots; gives the number of duplicate test questions.

    Raises `KomepError` for a subject without test questions or with too few few-shot examples, and for
    duplicates within a subject's test unless they are allowed.
    """
    problems, repeated = ([] if subjects else [f"no question in the split `{TEST}`"]), 0
    for s in subjects:
        if not s.test:
            problems.append(f"{s.name}: no question in the split `{TEST}`")
        if len(s.fewshot) < shots:
            problems.append(
                f"{s.name}: {len(s.fewshot)} examples in the split `{FEWSHOT}`, but --shots is {shots}; "
                "add examples or lower --shots"
            )
        found = duplicates(s.test)
        repeated += len(found)
        if not allow_duplicates:
            problems += [
                f"{s.name}: row {a} of `{TEST}` repeats row {b} (rows count from 0): {s.test[a].question[:60]!r}; "
                "remove it, or pass --allow-duplicates"
                for a, b in found
            ]
    raise_problems(problems)
    return repeated


def check_solutions(subjects: Sequence[Subject], shots: int) -> None:
    """Raise `KomepError` unless every worked example has a solution to show."""
    for subject in subjects:
        bare = [row for row, question in enumerate(subject.fewshot[:shots]) if not question.cot]
        if bare:
            raise KomepError(
                f"--prompt {COT}: {subject.name}, row {bare[0]} of `{FEWSHOT}` has no solution in its column `cot`; "
                "add it, or use --shots 0"
            )


def fingerprint(subjects: Sequence[Subject], split: str, *, cot: bool = False) -> str:
    """SHA-256 of the questions of one split (`test` or `fewshot`), with subject, options, answers, perhaps solutions."""
    rows = [
        [s.name, q.question, *q.options, q.answer, *([q.cot] if cot and q.cot else [])]
        for s in subjects
        for q in getattr(s, split)
    ]
    return hashlib.sha256(json.dumps(rows, ensure_ascii=False).encode()).hexdigest()
