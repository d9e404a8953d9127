"""One evaluation from its settings to its two files: questions, prompts, answers, letters, scores."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any

from evaluation.backends import Backend, Job, open_backend
from evaluation.backends.backend import Answer
from evaluation.benchmarks import BENCHMARKS, Benchmark
from evaluation.harness.benchmark import COT, DIRECT, Style
from evaluation.harness.journal import clear
from evaluation.harness.output import RESULTS, Prediction, check_output, write_evaluation
from evaluation.harness.processes import Processes, join_processes
from evaluation.harness.prompts import Prompt, subject_prompts
from evaluation.harness.questions import FEWSHOT, LETTERS, TEST, Subject, check_subjects, fingerprint
from komep_dataset.errors import KomepError, require

GENERATE, LOGITS = "generate", "logits"
PROMPTS, SCORINGS = (DIRECT, COT), (GENERATE, LOGITS)
DTYPES = ("auto", "float32", "bfloat16", "float16")
PACKAGES = ("komep", "torch", "transformers", "datasets")


@dataclass(frozen=True, slots=True)
class Settings:
    """What one evaluation is asked to do; `python -m evaluation.run --help` has the meaning of each."""

    model: str
    benchmark: str
    output: Path
    data: Path | None = None
    shots: int | None = None
    subjects: tuple[str, ...] | None = None
    limit: int | None = None
    prompt: str = DIRECT
    scoring: str = GENERATE
    chat_template: bool = False
    backend: str = "transformers"
    batch_size: int | None = None
    max_new_tokens: int | None = None
    dtype: str = "auto"
    prefix_cache: bool = True
    allow_duplicates: bool = False
    endpoint: str | None = None
    api_key_env: str | None = None
    concurrency: int = 16
    tensor_parallel: int = 1


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


def load_questions(benchmark: Benchmark, settings: Settings) -> tuple[list[Subject], int]:
    """The checked questions of a run, and how many repeat another one."""
    loaded = select(benchmark.load(settings.data, settings.subjects), settings.subjects, settings.limit)
    as_published = benchmark.keeps_duplicates and settings.data is None
    shots = shots_of(benchmark, settings)
    repeated = check_subjects(loaded, shots, allow_duplicates=settings.allow_duplicates or as_published)
    if benchmark.styles[settings.prompt].solutions:
        check_solutions(loaded, shots)
    return loaded, repeated


def check_solutions(subjects: Sequence[Subject], shots: int) -> None:
    """Raise `KomepError` unless every worked example has a solution to show."""
    for subject in subjects:
        bare = [row for row, question in enumerate(subject.fewshot[:shots]) if not question.cot]
        if bare:
            raise KomepError(
                f"--prompt {COT}: {subject.name}, row {bare[0]} of `{FEWSHOT}` has no solution in its column `cot`; "
                "add it, or use --shots 0"
            )


def shots_of(benchmark: Benchmark, settings: Settings) -> int:
    """Worked examples in a prompt: as asked, else the benchmark's own number."""
    return benchmark.shots if settings.shots is None else settings.shots


def job_of(settings: Settings, style: Style) -> Job:
    """The settings as a backend needs them."""
    return Job(
        backend=settings.backend,
        model=settings.model,
        output=settings.output,
        stops=style.stops,
        max_new_tokens=settings.max_new_tokens or style.max_new_tokens,
        batch_size=settings.batch_size,
        dtype=settings.dtype,
        chat_template=settings.chat_template,
        prefix_cache=settings.prefix_cache,
        logits=settings.scoring == LOGITS,
        endpoint=settings.endpoint,
        api_key_env=settings.api_key_env,
        concurrency=settings.concurrency,
        tensor_parallel=settings.tensor_parallel,
    )


def make_prompts(
    backend: Backend, style: Style, subjects: Sequence[Subject], shots: int, max_new_tokens: int
) -> list[list[Prompt]]:
    """The prompts of each subject, shortened where the model's window wants it."""
    longest = None if backend.window is None else backend.window - max_new_tokens
    return [subject_prompts(style, subject, backend.encode, shots, longest) for subject in subjects]


def ask(
    backend: Backend, prompts: Sequence[Sequence[Prompt]], label: str, processes: Processes
) -> list[list[Answer]]:
    """All answers; a process that fails alone says so itself, for only the first one is heard in the end."""
    try:
        return backend.answer(prompts, label)
    except KomepError as error:
        if not processes.is_main:
            print(f"error in process {processes.rank}: {error}", file=sys.stderr)
        raise


def read_answers(
    benchmark: Benchmark, subjects: Sequence[Subject], answers: Sequence[Sequence[Answer]], *, logits: bool
) -> tuple[list[Prediction], dict[str, object]]:
    """The predictions in file order, and their scores.

    With `logits` the letter is the option whose token is the likeliest beginning of the reply. What a reader
    would have found in the reply itself is then compared with it, under `agreement`.
    """
    rows = [
        (subject.name, index, question, answer)
        for subject, given in zip(subjects, answers, strict=True)
        for index, (question, answer) in enumerate(zip(subject.test, given, strict=True))
    ]
    readings = [benchmark.read(answer.text, question) for _, _, question, answer in rows]
    extra: dict[str, object] = {}
    if logits:
        letters = [likeliest(answer.logprobs[: len(question.options)]) for _, _, question, answer in rows]
        extra = {"agreement": agreement(letters, readings)}
        readings = [
            reading._replace(paper=letter, robust=letter)
            for reading, letter in zip(readings, letters, strict=True)
        ]
    predictions = [
        Prediction(name, index, r.answer, answer.text, r.paper, r.robust, answer.logprobs)
        for (name, index, _, answer), r in zip(rows, readings, strict=True)
    ]
    return predictions, {**benchmark.summarize(readings, [row[0] for row in rows]), **extra}


def likeliest(logprobs: Sequence[float]) -> str:
    """The letter with the highest log-probability, the first of equals."""
    return LETTERS[max(range(len(logprobs)), key=lambda i: logprobs[i])]


def agreement(letters: Sequence[str], readings: Sequence[Any]) -> dict[str, float]:
    """Share of all questions in which the reply, read either way, states the letter that the logits give."""
    return {
        name: sum(getattr(r, name) == letter for r, letter in zip(readings, letters, strict=True))
        / len(letters)
        for name in ("paper", "robust")
    }


def evaluate_model(settings: Settings, publish: str | None = None) -> dict[str, Any] | None:
    """Run one evaluation and write its files into `settings.output`; an interrupted one is taken up again.

    `publish`: the model's id on the Hub if the results are to go there, so that what cannot is refused at once.

    Returns:
        the content of `results.json`; None in a process that is not the first.

    Raises:
        KomepError: questions, a model, an endpoint or an output folder that cannot be used.
    """
    require("eval", "torch", "transformers")
    benchmark = BENCHMARKS[settings.benchmark]
    style = benchmark.styles[settings.prompt]
    subjects, repeated = load_questions(benchmark, settings)
    if publish is not None:
        from evaluation.model_page.publishing import check_before

        check_before(benchmark.name, {s.name: len(s.test) for s in subjects}, publish)
    settings = replace(settings, output=check_output(settings.output))
    processes = join_processes()
    # In the folder, not beside it: containers may share nothing but the folder.
    with processes.hold(settings.output / RESULTS):
        try:
            job, shots = job_of(settings, style), shots_of(benchmark, settings)
            backend = open_backend(job, processes)
            prompts = make_prompts(backend, style, subjects, shots, job.max_new_tokens)
            started = time.perf_counter()
            answers = ask(backend, prompts, f"{benchmark.name}: {settings.model}", processes)
            seconds = time.perf_counter() - started
            found = backend.describe()
        finally:
            processes.close()
        if not processes.is_main:
            return None
        predictions, scores = read_answers(benchmark, subjects, answers, logits=job.logits)
        counts = {
            "prompts_with_fewer_shots": sum(p.shots < shots for group in prompts for p in group),
            "duplicate_questions": repeated,
        }
        results = {
            "benchmark": benchmark.name,
            "model": settings.model,
            "shots": shots,
            **scores,
            "seconds": round(seconds, 3),
            "versions": installed_versions(settings.backend),
            "config": describe(settings, style, job, subjects, shots) | found | counts,
        }
        written = write_evaluation(settings.output, predictions, results)
        clear(settings.output)
        return written


def describe(
    settings: Settings, style: Style, job: Job, subjects: Sequence[Subject], shots: int
) -> dict[str, Any]:
    """Everything asked for that the scores depend on, for `results.json`."""
    asked = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(settings).items() if k != "output"}
    tests = [replace(s, fewshot=s.fewshot[:shots]) for s in subjects]
    return {
        **asked,
        "shots": shots,
        "max_new_tokens": job.max_new_tokens,
        "protocol": style.protocol,
        "stops": list(style.stops),
        "subjects": [s.name for s in subjects],
        "questions_sha256": fingerprint(tests, TEST),
        "fewshot_sha256": fingerprint(tests, FEWSHOT, cot=style.solutions),
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
