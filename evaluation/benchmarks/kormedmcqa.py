"""KorMedMCQA by the protocol of lm-evaluation-harness (task `kormedmcqa` 3.0; arXiv 2403.01469)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.benchmarks.benchmark import Benchmark
from evaluation.questions import LETTERS, Question, Subject, load_configs, read_subjects

if TYPE_CHECKING:
    from evaluation.kormedmcqa.scoring import Reading

HUB_ID = "sean0042/KorMedMCQA"
SUBJECTS = ("doctor", "nurse", "pharm", "dentist")  # configs on the Hub, in the harness's order
STOPS = ("Q:", "</s>", "<|im_end|>", ".", "\n\n")


def prompt(question: Question) -> str:
    """Question, options and an answer line that ends in a full-width colon."""
    options = "".join(f"{letter}. {text}\n" for letter, text in zip(LETTERS, question.options, strict=True))
    return f"{question.question.strip()}\n{options}정답："


def shot(question: Question) -> str:
    """The same with its answer and a blank line."""
    return f"{prompt(question)} {question.answer}\n\n"


def read_reply(generation: str, question: Question) -> Reading:
    """A reading by the paper's cascade and by the robust rules, which know the options' texts."""
    from evaluation.kormedmcqa.scoring import read  # compiles many patterns: not for --help

    return read(generation, question.answer, question.options)


def summarize(readings: Sequence[Reading], subjects: Sequence[str]) -> dict[str, object]:
    """The scores of all readings and of each subject, as the metric gives them."""
    from evaluation.kormedmcqa.scoring import summarize

    return summarize(readings, subjects)


def in_order(subjects: list[Subject]) -> list[Subject]:
    """The known subjects in the harness's order, then any others as they came."""
    return sorted(subjects, key=lambda s: SUBJECTS.index(s.name) if s.name in SUBJECTS else len(SUBJECTS))


def load(data: Path | None, subjects: Sequence[str] | None) -> list[Subject]:
    """The questions from a file or folder, or the wanted subjects from the Hub."""
    if data is not None:
        return in_order(read_subjects(data))
    return load_configs(HUB_ID, [name for name in SUBJECTS if subjects is None or name in subjects])


BENCHMARK = Benchmark(
    name="kormedmcqa",
    version="3.0",
    load=load,
    prompt=prompt,
    shot=shot,
    read=read_reply,
    summarize=summarize,
    shots=5,
    max_new_tokens=1024,
    stops=STOPS,
    keeps_duplicates=True,
)
