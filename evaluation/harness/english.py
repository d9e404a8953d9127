"""What the English benchmarks share: prompts, and data of one subject.

The prompts are those of lm-evaluation-harness where its task asks for a letter, so that `--scoring logits` picks
what the task's `acc` picks. The harness scores these tasks by log-likelihood alone; generating and reading a
reply, worked examples from the front of the train split, and the chain of thought are ours, the same as for
KorMedMCQA, so that a transfer between languages is measured with one ruler.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evaluation.harness.benchmark import Benchmark, Style
from evaluation.harness.options import COT, DIRECT
from evaluation.harness.questions import Layout, Subject, load_configs, read_subjects
from komep_dataset.errors import KomepError

SHOTS = 5
COT_STOPS = ("Solution:", "Question:", "Q:", "</s>", "<|im_end|>")
TASK = "Solve it step by step, then write 'Answer: ' and the letter of the option on the last line."


def english(text: str, protocol: str, hub_id: str, layout: Layout, config: str = "default") -> Benchmark:
    """A benchmark of one subject, which the layout names.

    Args:
        text: a question with its options, as in `Style.prompt`, up to where the answer line begins.
        protocol: who made the direct style.
        hub_id, config: where its data lie on the Hub.
        layout: of its rows and splits. Worked examples are the first rows of the split that it names; where that
            is the test split itself, they are taken out of it.
    """
    styles = {
        DIRECT: Style(protocol, f"{text}Answer:", " {answer}\n\n"),
        COT: Style(
            "KoMeP english cot 1", f"{text}{TASK}\nSolution:", " {cot}\nAnswer: {answer}\n\n", COT_STOPS
        ),
    }
    return Benchmark(_one_subject(hub_id, config, layout), styles, SHOTS)


def _one_subject(hub_id: str, config: str, layout: Layout) -> Callable[..., list[Subject]]:
    def load(
        data: Path | None, subjects: Sequence[str] | None, columns: Mapping[str, str] | None = None
    ) -> list[Subject]:
        if subjects is not None and list(subjects) != [layout.subject]:
            raise KomepError(
                f"--subjects {', '.join(subjects)}: this benchmark has the one subject {layout.subject}"
            )
        if data is None:
            found = load_configs(hub_id, [config], layout)
        else:
            found = read_subjects(data, layout, columns)
        return [_without_examples(subject) for subject in found]

    return load


def _without_examples(subject: Subject) -> Subject:
    examples = subject.fewshot[:SHOTS]
    return replace(subject, fewshot=examples, test=tuple(q for q in subject.test if q not in examples))
