"""What the English benchmarks share: prompts, reading, and data of one subject.

The prompts are those of lm-evaluation-harness where its task asks for a letter, so that `--scoring logits` picks
what the task's `acc` picks. The harness scores these tasks by log-likelihood alone; generating and reading a
reply, worked examples from the front of the train split, and the chain of thought are ours, the same as for
KorMedMCQA, so that a transfer between languages is measured with one ruler.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from evaluation.benchmarks.kormedmcqa import STOPS, read_reply, summarize
from evaluation.harness.benchmark import COT, DIRECT, Benchmark, Style
from evaluation.harness.questions import LETTERS, Layout, Question, Subject, load_configs, read_subjects
from komep_dataset.errors import KomepError

SHOTS = 5
COT_STOPS = ("Solution:", "Question:", "Q:", "</s>", "<|im_end|>")
TASK = "Solve it step by step, then write 'Answer: ' and the letter of the option on the last line."

Text = Callable[[Question], str]


def option_lines(question: Question) -> str:
    """A line for each option."""
    return "".join(f"{letter}. {text}\n" for letter, text in zip(LETTERS, question.options, strict=False))


def styles(text: Text, protocol: str) -> dict[str, Style]:
    """The ways to put a question whose text, options included, ends where the answer line begins."""

    def prompt(question: Question) -> str:
        return f"{text(question)}Answer:"

    def shot(question: Question) -> str:
        return f"{prompt(question)} {question.answer}\n\n"

    def cot_prompt(question: Question) -> str:
        return f"{text(question)}{TASK}\nSolution:"

    def cot_shot(question: Question) -> str:
        return f"{cot_prompt(question)} {question.cot}\nAnswer: {question.answer}\n\n"

    return {
        DIRECT: Style(protocol, prompt, shot, STOPS, max_new_tokens=1024),
        COT: Style("KoMeP english cot 1", cot_prompt, cot_shot, COT_STOPS, 1024, solutions=True),
    }


def one_subject(
    name: str, hub_id: str, layout: Layout, config: str | None = None
) -> Callable[[Path | None, Sequence[str] | None], list[Subject]]:
    """A loader of data that are one subject: from a file or folder, or from the Hub.

    Worked examples are the first rows of the split that the layout names. Where that is the test split itself,
    they are taken out of it.
    """

    def load(data: Path | None, subjects: Sequence[str] | None) -> list[Subject]:
        if subjects is not None and list(subjects) != [name]:
            raise KomepError(f"--subjects {', '.join(subjects)}: this benchmark has the one subject {name}")
        if data is not None:
            found = read_subjects(data, layout)
        else:
            found = load_configs(hub_id, [config or "default"], layout)
        return [_without_examples(subject) for subject in found]

    return load


def _without_examples(subject: Subject) -> Subject:
    examples = subject.fewshot[:SHOTS]
    return Subject(subject.name, examples, tuple(q for q in subject.test if q not in examples))


def english(name: str, load: Callable, text: Text, protocol: str) -> Benchmark:
    """An entry of the table of benchmarks for an English set."""
    return Benchmark(
        name=name,
        load=load,
        styles=styles(text, protocol),
        read=read_reply,
        summarize=summarize,
        shots=SHOTS,
        keeps_duplicates=True,
    )
