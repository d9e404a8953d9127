"""What a benchmark is: where its questions come from, how they are asked, and how replies are read and scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from evaluation.harness.questions import Question, Subject

DIRECT, COT = "direct", "cot"


class Reading(Protocol):
    """What a scorer read out of one generation: letters, or "" where it found none."""

    answer: str
    paper: str
    robust: str


@dataclass(frozen=True, slots=True)
class Style:
    """One way to put the questions: text without and with its answer, and where a reply ends.

    `protocol` names who made it; `solutions` tells that a worked example shows its solution (`Question.cot`).
    """

    protocol: str
    prompt: Callable[[Question], str]
    shot: Callable[[Question], str]
    stops: tuple[str, ...]
    max_new_tokens: int
    solutions: bool = False


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One entry of the table of benchmarks.

    `load` takes the value of --data (None = the benchmark's own source) and the names of the wanted subjects
    (None = all); `styles` are the values of --prompt; `read` reads a generation against a question; `summarize`
    gives the scores of all readings with their subjects.
    """

    name: str
    load: Callable[[Path | None, Sequence[str] | None], list[Subject]]
    styles: Mapping[str, Style]
    read: Callable[[str, Question], Reading]
    summarize: Callable[[Sequence[Reading], Sequence[str]], dict[str, object]]
    shots: int
    keeps_duplicates: bool = False  # its own source is scored as published, repeated questions included
