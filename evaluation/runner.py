"""One evaluation from its options to its two files: questions, prompts, answers, letters, scores."""

import math
import platform
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from itertools import chain
from pathlib import Path
from typing import Any

from evaluation.harness.backend import BUDGET, HIDDEN, LIMIT, Answer, Backend
from evaluation.harness.benchmark import Benchmark, Reading, Style, load_questions
from evaluation.harness.options import APART, LOGITS, Options
from evaluation.harness.output import JOURNAL, RESULTS, Prediction, check_output, write_evaluation
from evaluation.harness.processes import Processes, joined
from evaluation.harness.prompts import Prompt, examples_sha256, lost_shots, subject_prompts
from evaluation.harness.questions import LETTERS, Question, Subject
from evaluation.harness.registry import BACKENDS, BENCHMARKS
from evaluation.harness.unread import cause_of, likeliest_cause
from evaluation.kormedmcqa import scoring
from evaluation.statistics.chance import beside
from komep_dataset.errors import KomepError, require
from komep_dataset.inference.weights import nearest_folder, no_folder
from komep_dataset.progress import tell
from komep_dataset.replies.thoughts import opened_in_prompt

PACKAGES = ("komep", "torch", "transformers", "datasets")


def evaluate_model(options: Options) -> dict[str, Any] | None:
    """Run one evaluation and write its files into `options.output`; an interrupted one is taken up again.

    With `options.publish`, what cannot be published is refused at once; publishing itself is not done here.

    Returns:
        the content of `results.json`; None in a process that is not the first.

    Raises:
        KomepError: questions, a model, an endpoint or an output folder that cannot be used.
    """
    require("evaluation", "torch", "transformers")
    benchmark, style, options = resolved(options)
    subjects, repeated, asked = load_questions(benchmark, options)
    if options.publish is not None:
        from evaluation.model_page.publishing import check_before

        check_before(options.benchmark, {s.name: len(s.test) for s in subjects}, options.publish)
    options = replace(options, output=check_output(options.output))
    if options.backend != "openai" and (lost := no_folder(options.model, ask=False)):
        raise KomepError(f"--model {options.model}: {lost}")  # before the seconds that torch takes to import
    # The lock lies in the folder, not beside it: containers may share nothing but the folder.
    with joined(options.output / RESULTS) as processes:
        if (options.output / RESULTS).is_file() and not processes.rank:
            tell(
                f"note: {options.output} holds the results of an earlier run, which are replaced when this one ends; to keep "
                "them, take another --output"
            )
        backend = import_module(BACKENDS[options.backend]).open_backend(options, style, processes)
        prompts = make_prompts(backend, style, subjects, options)
        kept = Counter(p.shots for group in prompts for p in group)
        fewer = kept.total() - kept[options.shots]
        if fewer and options.publish is not None:
            raise KomepError(f"--publish {options.publish}: {lost_shots(fewer, kept.total(), options.shots)}")
        started = time.perf_counter()
        answers, found = ask(backend, prompts, f"{options.benchmark}: {options.model}", processes)
        seconds = time.perf_counter() - started
        if processes.rank:
            return None
        predictions, scores, unread = read_answers(
            benchmark,
            subjects,
            answers,
            logits=options.scoring == LOGITS,
            opened=backend.encode and bool(backend.encode.opening),
            thoughts=options.thoughts,
            texts=options.texts,
            end=options.think_end_token or "",
        )
        # Of a model in training, that it writes nonsense or nothing is a finding; elsewhere a setting is wrong.
        own = 0 if options.backend == "openai" else unread.get("other", 0) + unread.get("empty", 0)
        if sum(unread.values()) == len(predictions) > 2 * own and not (
            options.thoughts != APART and any(p.paper for p in predictions)
        ):
            raise KomepError(
                f"none of the {len(predictions):,} replies holds a letter; likeliest cause: "
                f"{likeliest_cause(unread, options.recorded() | {'cut_limit': scores['cut_limit']})}; no result is written, the replies are in {options.output / JOURNAL}"
            )
        how = {
            "protocol": style.protocol,
            "stops": list(style.stops),
            "fewshot_prompt_sha256": {s.name: examples_sha256(style, s, options.shots) for s in subjects},
        }
        counts = {
            "prompts_with_fewer_shots": fewer,
            **({"prompts_by_shots": {str(shots): kept[shots] for shots in sorted(kept)}} if fewer else {}),
            "duplicate_questions": repeated,
            "unread": unread,
            "refused": [
                {"subject": p.subject, "index": p.index, "said": answer.failure}
                for p, answer in zip(predictions, chain.from_iterable(answers), strict=True)
                if cause_of(answer, thought=False) == "refused"
            ],
        }
        results = {
            "benchmark": options.benchmark,
            "model": options.model,
            "shots": options.shots,
            **scores,
            **beside(subjects, predictions),
            "seconds": round(seconds, 3),
            "versions": installed_versions(options.backend),
            "config": options.recorded() | how | asked | found | counts,
        }
        return write_evaluation(options.output, predictions, results)


def resolved(options: Options) -> tuple[Benchmark, Style, Options]:
    """The benchmark and the style that options name, and the options with what these give where nothing is said."""
    benchmark = import_module(BENCHMARKS[options.benchmark]).BENCHMARK
    style = benchmark.styles[options.prompt]
    shots = benchmark.shots if options.shots is None else options.shots
    return (
        benchmark,
        style,
        replace(options, shots=shots, max_new_tokens=options.max_new_tokens or style.max_new_tokens),
    )


def plan(options: Options) -> dict[str, Any]:
    """What a run would ask, in the shape of `results.json` as far as it is known before: no model is loaded.

    Raises `KomepError` as a run would for questions that cannot be used.
    """
    require("evaluation", "scipy")
    benchmark, style, options = resolved(options)
    meant = options.backend != "openai" and nearest_folder(Path(options.model)) != Path()
    if meant and (lost := no_folder(options.model)):
        tell(f"note: --model {options.model}: {lost}")
    subjects, repeated, asked = load_questions(benchmark, options)
    return {
        "benchmark": options.benchmark,
        "model": options.model,
        "shots": options.shots,
        "n": sum(len(subject.test) for subject in subjects),
        **beside(subjects),
        "subjects": {subject.name: {"n": len(subject.test)} for subject in subjects},
        "config": options.recorded() | {"protocol": style.protocol, "duplicate_questions": repeated} | asked,
    }


def make_prompts(
    backend: Backend, style: Style, subjects: Sequence[Subject], options: Options
) -> list[list[Prompt]]:
    """The prompts of each subject, shortened where the model's window wants it."""
    longest = None if backend.window is None else backend.window - options.longest_reply
    return [subject_prompts(style, subject, backend.encode, options.shots, longest) for subject in subjects]


def ask(
    backend: Backend, prompts: Sequence[Sequence[Prompt]], label: str, processes: Processes
) -> tuple[list[list[Answer]], dict[str, Any]]:
    """`backend.answer`; a process that fails alone says so itself, for only the first one is heard in the end."""
    try:
        return backend.answer(prompts, label)
    except KomepError as error:
        if processes.rank:
            print(f"error in process {processes.rank}: {error}", file=sys.stderr)
        raise


def read_answers(
    benchmark: Benchmark,
    subjects: Sequence[Subject],
    answers: Sequence[Sequence[Answer]],
    *,
    logits: bool,
    opened: bool | None = None,
    thoughts: str = APART,
    texts: bool = False,
    end: str = "",
) -> tuple[list[Prediction], dict[str, object], dict[str, int]]:
    """The predictions in file order, their scores, and how many replies hold no letter, by cause.

    With `logits` the letter is the option whose token is the likeliest beginning of the reply. What a reader
    would have found in the reply itself is then compared with it, under `agreement`. `opened` says whether the prompts
    open thoughts; None: to be seen in the replies. `thoughts` and `end` are what --thoughts and --think-end-token were given.
    """
    rows = [
        (subject.name, index, question, answer)
        for subject, given in zip(subjects, answers, strict=True)
        for index, (question, answer) in enumerate(zip(subject.test, given, strict=True))
    ]
    if opened is None:
        opened = any(opened_in_prompt(answer.text) for *_, answer in rows)
    readings = [read_reply(benchmark, a.text, question, opened, thoughts, end) for _, _, question, a in rows]
    within = [a.failure.startswith(HIDDEN) or scoring.said(a.text, opened, end) is None for *_, a in rows]
    thinking = [thought or a.cut == BUDGET for thought, (*_, a) in zip(within, rows, strict=True)]
    extra: dict[str, object] = {"cut_limit": sum(answer.cut == LIMIT for *_, answer in rows)}
    if logits:
        letters = [likeliest(answer.logprobs[: len(question.options)]) for _, _, question, answer in rows]
        extra["agreement"] = agreement(letters, readings)
        readings = [
            reading._replace(paper=letter, robust=letter)
            for reading, letter in zip(readings, letters, strict=True)
        ]
    unread = Counter(
        cause_of(answer, thought=thought)
        for reading, thought, (*_, answer) in zip(readings, within, rows, strict=True)
        if not reading.robust
    )
    predictions = [
        Prediction(
            *(name, index, r.answer, answer.text, r.paper, r.robust, answer.logprobs, question.sha256),
            *((question.question, question.options) if texts else ()),
        )
        for (name, index, question, answer), r in zip(rows, readings, strict=True)
    ]
    names = [row[0] for row in rows]
    scores = scoring.with_counts(benchmark.summarize(readings, names), "cut_thinking", thinking, names)
    return predictions, scores | extra, dict(unread)


def read_reply(
    benchmark: Benchmark,
    generation: str,
    question: Question,
    opened: bool = False,
    thoughts: str = APART,
    end: str = "",
) -> Reading:
    """A generation as the benchmark reads it behind its thoughts; see `scoring.read_reply`."""
    return scoring.read_reply(
        benchmark.read,
        generation,
        question.answer,
        question.options,
        opened=opened,
        thoughts=thoughts,
        end=end,
    )


def likeliest(logprobs: Sequence[float]) -> str:
    """The letter with the highest log-probability, the first of equals; `KomepError` where one is no number."""
    if not all(map(math.isfinite, logprobs)):
        raise KomepError(
            "--scoring logits: a kept reply has letters without a probability (NaN or infinite); move the folder "
            f"{JOURNAL}/ in --output away, so that the model is asked anew"
        )
    return LETTERS[max(range(len(logprobs)), key=lambda i: logprobs[i])]


def agreement(letters: Sequence[str], readings: Sequence[Reading]) -> dict[str, float]:
    """Share of all questions in which the reply, read either way, states the letter that the logits give."""
    return {
        name: sum(getattr(r, name) == letter for r, letter in zip(readings, letters, strict=True))
        / len(letters)
        for name in ("paper", "robust")
    }


def installed_versions(backend: str) -> dict[str, str | None]:
    """Versions of Python and of the packages that a result depends on; None = not installed."""
    names = {name: name for name in PACKAGES}
    if backend == "vllm":  # comes as `vllm` for GPUs, and under other names for what else it runs on
        names["vllm"] = next(iter(packages_distributions().get("vllm", ())), "vllm")
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name, distribution in names.items():
        try:
            found[name] = version(distribution)
        except PackageNotFoundError:
            found[name] = None
    return found
