"""What a benchmark is (where its questions come from, how they are asked, how replies are read), and what a run asks."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import NamedTuple, Protocol

from evaluation.harness.near_duplicates import near_duplicates
from evaluation.harness.options import COT, Options
from evaluation.harness.questions import COLUMNS, FEWSHOT, TEST, Question, Subject, UnfitError, unusable
from evaluation.harness.registry import BENCHMARKS
from evaluation.kormedmcqa import scoring
from komep_dataset.errors import KomepError
from komep_dataset.schema import collapse_blanks
from komep_dataset.tables.columns import parse_map

# Where a reply ends that is a letter: those of lm-evaluation-harness's task `kormedmcqa`.
STOPS = ("Q:", "</s>", "<|im_end|>", ".", "\n\n")


class Reading(Protocol):
    """What a scorer read out of one generation: letters, or "" where it found none."""

    answer: str
    paper: str
    robust: str


@dataclass(frozen=True, slots=True)
class Style:
    """One way to put the questions: who made it, what is asked, what a worked example adds, and where a reply ends.

    `prompt` and `reply` are texts in braces of which stand `question`, `stripped` (the question without blanks
    around it), `options` (a line each), `answer` (the letter) and `cot` (a worked solution).
    """

    protocol: str
    prompt: str
    reply: str
    stops: tuple[str, ...] = STOPS
    max_new_tokens: int = 1024

    @property
    def solutions(self) -> bool:
        """Whether a worked example shows its solution."""
        return "{cot}" in self.reply


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What a file of `evaluation/benchmarks/` declares as `BENCHMARK`.

    `load` takes the value of --data (None = the benchmark's own source), the names of the wanted subjects (None = all) and, where
    --map is given, a map of names; `styles` are the values of --prompt; `read` reads a generation against the right letter and the
    texts of the options; `summarize` gives the scores of all readings with their subjects.
    """

    load: Callable[..., list[Subject]]
    styles: Mapping[str, Style]
    shots: int = 5
    keeps_duplicates: bool = True  # its own source is scored as published, repeated questions included
    read: Callable[[str, str, Sequence[str]], Reading] = scoring.read
    summarize: Callable[[Sequence[Reading], Sequence[str]], dict[str, object]] = scoring.summarize


class Asked(NamedTuple):
    """The questions of a run: by subject, how many repeat another one, and what `results.json` says of them."""

    subjects: list[Subject]
    repeated: int
    facts: dict[str, object]


def load_questions(benchmark: Benchmark, options: Options) -> Asked:
    """The checked questions of a run; `options.shots` is a number by then.

    Raises `KomepError` for data that cannot be read, subjects that are not there, too few worked examples, examples
    without a solution where the prompt shows one, and repeated questions that nobody allowed.
    """
    shots, style = options.shots, benchmark.styles[options.prompt]
    wanted = options.subjects and [name for part in options.subjects.split(",") if (name := part.strip())]
    columns = parse_map(options.map or (), {*COLUMNS.values()})
    try:
        found = benchmark.load(options.data, wanted, *([columns] if columns else []))
    except UnfitError as error:
        raise KomepError(f"{_what_fits(error, options, columns)}{error}") from None
    subjects = select(found, wanted, options.limit)
    as_published = benchmark.keeps_duplicates and options.data is None
    repeated = check_subjects(
        subjects, shots, allow_duplicates=options.allow_duplicates or as_published, place=options.data
    )
    if style.solutions:
        check_solutions(subjects, shots)
    shown = [replace(s, fewshot=s.fewshot[:shots]) for s in subjects]
    facts = {
        "subjects": [s.name for s in subjects],
        "questions_sha256": fingerprint(shown, TEST),
        "fewshot_sha256": fingerprint(shown, FEWSHOT, cot=style.solutions),
        "fewshot_splits": sorted({s.fewshot_split for s in subjects}) if shots else [],
        "fewshot_near_duplicates": near_duplicates(subjects, shots) if shots else [],
    }
    return Asked(subjects, repeated, facts)


def _what_fits(error: UnfitError, options: Options, columns: Mapping[str, str]) -> str:
    """A first line for data that do not fit a benchmark: why, and which other one reads them; "" where there is none to name."""
    if options.data is None:  # each benchmark would load its own
        return f"{error.why.replace('NAME', f'--benchmark {options.benchmark}')}\n" if error.why else ""
    others = (name for name in BENCHMARKS if name != options.benchmark)
    name = next((name for name in others if _reads(name, options.data, columns)), None)
    if name is None and not error.why:
        return ""
    why = error.why or f"--data {options.data}: no questions for NAME"
    reads = f"--benchmark {name}" if name else "no other --benchmark (python -m evaluation.run --list)"
    return f"{why.replace('NAME', f'--benchmark {options.benchmark}')}; {reads} reads them\n"


def _reads(name: str, data: Path | None, columns: Mapping[str, str]) -> bool:
    """Whether a benchmark reads data, without a word of its own about them."""
    benchmark = import_module(BENCHMARKS[name]).BENCHMARK
    try:
        with redirect_stderr(StringIO()):
            return any(one.test for one in benchmark.load(data, None, *([columns] if columns else [])))
    except KomepError:
        return False


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


def check_subjects(
    subjects: Sequence[Subject], shots: int, *, allow_duplicates: bool = False, place: Path | None = None
) -> int:
    """Check that subjects can be evaluated with so many shots; gives the number of duplicate test questions.

    Raises `KomepError` for a subject without test questions or with too few few-shot examples, and for
    duplicates within a subject's test unless they are allowed.
    """
    of = f" of {place}" if place else ""
    problems, repeated = ([] if subjects else [f"no question in the split `{TEST}`{of}"]), 0
    for s in subjects:
        if not s.test:
            problems.append(f"{s.name}: no question in the split `{TEST}`{of}")
        if len(s.fewshot) < shots:
            problems.append(
                f"{s.name}: {len(s.fewshot)} examples in the split `{s.fewshot_split}`, but --shots is {shots}; "
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
    if problems:
        raise unusable(problems)
    return repeated


def check_solutions(subjects: Sequence[Subject], shots: int) -> None:
    """Raise `KomepError` unless every worked example has a solution to show."""
    for subject in subjects:
        bare = [row for row, question in enumerate(subject.fewshot[:shots]) if not question.cot]
        if bare:
            raise KomepError(
                f"--prompt {COT}: {subject.name}, row {bare[0]} of `{subject.fewshot_split}` has no solution in its column `cot`; "
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
