"""Whether evaluations may be compared: same questions, shots and protocol, or a message that names the difference."""

from collections.abc import Iterator, Sequence
from typing import Any

from evaluation.harness.output import UNKNOWN, Evaluation, Prediction
from komep_dataset.errors import KomepError

# What the number itself depends on: a run under another value measured something else.
PROTOCOL = ("protocol", "prompt", "scoring", "chat_template", "stops", "thoughts")
DEFAULTS = {
    "prompt": "direct",
    "scoring": "generate",
    "thoughts": "apart",
}  # what a run did that does not say it
# What may move single answers and is no other measurement: named, not refused.
CAUTIONS = (
    "max_new_tokens",
    "enable_thinking",
    "thinking_budget",
    "think_end_token",
    "dtype",
    "backend",
    "bos",
    "prompts_with_fewer_shots",
    "generation",
)


def _setting(evaluation: Evaluation, key: str) -> Any:
    value = evaluation.results["config"].get(key)
    return DEFAULTS.get(key) if value is None else value


def check_questions(one: Evaluation, other: Evaluation) -> None:
    """Raise `KomepError`, naming the first difference, unless both answered the same questions."""
    keys = [{(p.subject, p.index): p for p in e.predictions} for e in (one, other)]
    for evaluation, known in zip((one, other), keys, strict=True):
        if len(known) < len(evaluation.predictions):
            raise KomepError(f"{evaluation.folder}: a question occurs twice in its predictions")
    for has, lacks, where in ((0, 1, other), (1, 0, one)):
        missing = sorted(keys[has].keys() - keys[lacks].keys())
        if missing:
            subject, index = missing[0]
            raise KomepError(
                f"different questions: {where.folder} has no answer to {len(missing)} of them, "
                f"the first is {subject}, row {index}; evaluate both on the same questions"
            )
    for before in one.predictions:
        after = keys[1][before.subject, before.index]
        hashes = {before.question_sha256, after.question_sha256} - {None}
        if len(hashes) > 1:
            raise KomepError(
                f"different questions: the text of {before.subject}, row {before.index}, is not the same in "
                f"{one.folder} and {other.folder} (question_sha256)"
            )
        if before.answer != after.answer:
            raise KomepError(
                f"different questions: {before.subject}, row {before.index} has the answer {before.answer} "
                f"in {one.folder} and {after.answer} in {other.folder}"
            )


def check_comparable(one: Evaluation, other: Evaluation) -> None:
    """Raise `KomepError`, naming difference and folders, unless benchmark, shots, protocol and questions agree."""
    settings = [(key, one.results[key], other.results[key]) for key in ("benchmark", "shots")]
    settings += [(key, _setting(one, key), _setting(other, key)) for key in PROTOCOL]
    for key, here, there in settings:
        if here is not None and there is not None and here != there:
            raise KomepError(f"different {key}: {here} in {one.folder}, {there} in {other.folder}")
    if not one.predictions:
        raise KomepError(f"{one.folder}: no predictions to compare")
    for key, what in (("questions_sha256", "questions"), ("fewshot_sha256", "few-shot examples")):
        here, there = _setting(one, key), _setting(other, key)
        if here and there and here != there:
            check_questions(one, other)  # names the first question that differs, where it can
            raise KomepError(
                f"different {what}: their texts in {one.folder} and {other.folder} are not the same"
            )
    check_questions(one, other)
    for subject, here in (_setting(one, "fewshot_prompt_sha256") or {}).items():
        there = (_setting(other, "fewshot_prompt_sha256") or {}).get(subject)
        if here and there and here != there:
            raise KomepError(
                f"different few-shot examples: what stands before the questions of {subject} in {one.folder} and "
                f"{other.folder} is not the same"
            )


def in_order_of(first: Evaluation, other: Evaluation) -> list[Prediction]:
    """The predictions of `other` in the order in which `first` has its questions; both have the same ones."""
    known = {(p.subject, p.index): p for p in other.predictions}
    return [known[p.subject, p.index] for p in first.predictions]


def _shown(values: Sequence[Any], everywhere: Sequence[Any]) -> str:
    """The distinct values as text; of dictionaries only the entries that are not the same everywhere."""
    if all(isinstance(v, dict) for v in everywhere):
        names = sorted({k for v in everywhere for k in v})
        unlike = [k for k in names if any(v.get(k) != everywhere[0].get(k) for v in everywhere)]
        values = [{k: v.get(k) for k in unlike} for v in values]
    return " or ".join(dict.fromkeys(str(v) for v in values))


def cautions(base: Sequence[Evaluation], tuned: Sequence[Evaluation]) -> tuple[str, ...]:
    """Settings besides the model in which the runs of two models differ, and runs that are copies of another."""
    return tuple([*_other_settings(base, tuned), *_copies(base), *_copies(tuned)])


def _other_settings(base: Sequence[Evaluation], tuned: Sequence[Evaluation]) -> Iterator[str]:
    unknown = []
    for key in (*PROTOCOL, *CAUTIONS):  # of PROTOCOL only what one side does not record is left here
        before, after = ([_setting(e, key) for e in arm] for arm in (base, tuned))
        both = [*before, *after]
        if UNKNOWN in both:
            unknown.append(key)
        elif any(value != both[0] for value in both):
            yield f"{key}: {_shown(before, both)} before, {_shown(after, both)} after"
    if unknown:
        yield f"one side does not record {', '.join(unknown)}"


def _copies(runs: Sequence[Evaluation]) -> Iterator[str]:
    first: dict[tuple[tuple[object, ...], ...], Evaluation] = {}
    for run in runs:
        replies = tuple(
            sorted((p.subject, p.index, p.generation, p.paper, p.robust) for p in run.predictions)
        )
        twin = first.setdefault(replies, run)
        if twin is not run:
            yield f"{twin.folder} and {run.folder} gave the same replies: a copy is no further seed"
