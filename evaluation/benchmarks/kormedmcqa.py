"""KorMedMCQA by the protocol of lm-evaluation-harness (task `kormedmcqa` 3.0; arXiv 2403.01469)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.harness.benchmark import COT, DIRECT, Benchmark, Style
from evaluation.harness.questions import LETTERS, Question, Subject, load_configs, read_subjects
from komep_dataset.errors import KomepError

if TYPE_CHECKING:
    from evaluation.kormedmcqa.scoring import Reading

HUB_ID = "sean0042/KorMedMCQA"
SUBJECTS = ("doctor", "nurse", "pharm", "dentist")  # configs on the Hub, in the harness's order
STOPS = ("Q:", "</s>", "<|im_end|>", ".", "\n\n")


def question_text(question: Question) -> str:
    """The question and a line for each option."""
    options = "".join(f"{letter}. {text}\n" for letter, text in zip(LETTERS, question.options, strict=False))
    return f"{question.question.strip()}\n{options}"


def prompt(question: Question) -> str:
    """Question, options and an answer line that ends in a full-width colon."""
    return f"{question_text(question)}정답："


def shot(question: Question) -> str:
    """The same with its answer and a blank line."""
    return f"{prompt(question)} {question.answer}\n\n"


def cot_prompt(question: Question) -> str:
    """Question, options, what to do, and the beginning of a solution. Wording ours.

    The last line is asked for with an ASCII colon, which the paper's cascade reads too.
    """
    return f"{question_text(question)}단계별로 풀이한 뒤, 마지막 줄에 '정답: '과 보기의 기호를 쓰시오.\n풀이:"


def cot_shot(question: Question) -> str:
    """The same with its solution and its answer."""
    return f"{cot_prompt(question)} {question.cot}\n정답: {question.answer}\n\n"


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
    unknown = [name for name in subjects or () if name not in SUBJECTS]
    if unknown:
        raise KomepError(f"--subjects {', '.join(unknown)}: not in {HUB_ID}, which has {', '.join(SUBJECTS)}")
    return load_configs(HUB_ID, [name for name in SUBJECTS if subjects is None or name in subjects])


STYLES = {
    DIRECT: Style("lm-evaluation-harness kormedmcqa 3.0", prompt, shot, STOPS, max_new_tokens=1024),
    # A solution has full stops and may have blank lines; what follows the answer is a question of the model's own.
    COT: Style(
        "KoMeP kormedmcqa cot 1",
        cot_prompt,
        cot_shot,
        stops=("풀이:", "Q:", "</s>", "<|im_end|>"),
        max_new_tokens=1024,
        solutions=True,
    ),
}

BENCHMARK = Benchmark(
    name="kormedmcqa",
    load=load,
    styles=STYLES,
    read=read_reply,
    summarize=summarize,
    shots=5,
    keeps_duplicates=True,
)
