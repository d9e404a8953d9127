"""What a benchmark is: where its questions come from, how they are asked, and how replies are read and scored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from evaluation.harness.questions import Subject
from evaluation.kormedmcqa import scoring

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

    `load` takes the value of --data (None = the benchmark's own source) and the names of the wanted subjects
    (None = all); `styles` are the values of --prompt; `read` reads a generation against the right letter and the
    texts of the options; `summarize` gives the scores of all readings with their subjects.
    """

    load: Callable[[Path | None, Sequence[str] | None], list[Subject]]
    styles: Mapping[str, Style]
    shots: int = 5
    keeps_duplicates: bool = True  # its own source is scored as published, repeated questions included
    read: Callable[[str, str, Sequence[str]], Reading] = scoring.read
    summarize: Callable[[Sequence[Reading], Sequence[str]], dict[str, object]] = scoring.summarize
