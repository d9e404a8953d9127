"""Evaluate a model on a benchmark.

    python -m evaluation.run --model models/smollm2-135m --benchmark kormedmcqa-sample --output results/base
    python -m evaluation.run --model org/model --benchmark kormedmcqa --batch-size 16 --output results/model

The protocol is lm-evaluation-harness's, so `accuracy` compares with its numbers; `accuracy_robust` and the parse
rates stand beside it because a model may learn to answer readably without learning medicine.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evaluation.benchmarks import BENCHMARKS, Benchmark
from evaluation.output import Prediction, make_folder, write_evaluation
from evaluation.questions import FEWSHOT, TEST, Subject, check_subjects, fingerprint
from komep_dataset.errors import KomepError, require

if TYPE_CHECKING:
    from evaluation.generation import Generator
    from evaluation.prompts import Prompt

BACKENDS = ("transformers",)
DTYPES = ("auto", "float32", "bfloat16", "float16")
PACKAGES = ("komep", "torch", "transformers", "datasets")


@dataclass(frozen=True, slots=True)
class Settings:
    """What one evaluation is asked to do; see `--help` for the meaning of each."""

    model: str
    benchmark: str
    output: Path
    data: Path | None = None
    shots: int | None = None
    subjects: tuple[str, ...] | None = None
    limit: int | None = None
    chat_template: bool = False
    batch_size: int = 8
    max_new_tokens: int | None = None
    dtype: str = "auto"
    prefix_cache: bool = True
    allow_duplicates: bool = False


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


def questions(benchmark: Benchmark, settings: Settings) -> tuple[list[Subject], int]:
    """The checked questions of a run, and how many repeat another one."""
    loaded = select(benchmark.load(settings.data, settings.subjects), settings.subjects, settings.limit)
    as_published = benchmark.keeps_duplicates and settings.data is None
    shots = benchmark.shots if settings.shots is None else settings.shots
    repeated = check_subjects(loaded, shots, allow_duplicates=settings.allow_duplicates or as_published)
    return loaded, repeated


def answer(
    benchmark: Benchmark, settings: Settings, subjects: Sequence[Subject], generator: Generator
) -> tuple[list[list[str]], list[list[Prompt]], bool]:
    """Generate every subject's replies: (replies per subject, their prompts, whether a BOS was put first)."""
    from evaluation.prompts import PromptEncoder, subject_prompts
    from komep_dataset.progress import progress_bar

    shots = benchmark.shots if settings.shots is None else settings.shots
    limit = benchmark.max_new_tokens if settings.max_new_tokens is None else settings.max_new_tokens
    longest = None if generator.window is None else generator.window - limit
    model_type = generator.model.config.model_type
    encode = PromptEncoder(generator.tokenizer, model_type, chat_template=settings.chat_template)
    prompts = [subject_prompts(benchmark, s, encode, shots, longest) for s in subjects]
    replies = []
    with progress_bar(f"{benchmark.name}: {settings.model}", sum(map(len, prompts)), "questions") as advance:
        for group in prompts:
            texts = [""] * len(group)
            for kept in sorted(
                {prompt.shots for prompt in group}
            ):  # prompts that lost examples begin otherwise
                rows = [row for row, prompt in enumerate(group) if prompt.shots == kept]
                ids = [group[row].token_ids for row in rows]
                found = generator.generate(ids, benchmark.stops, limit, settings.batch_size, advance)
                for row, text in zip(rows, found, strict=True):
                    texts[row] = text
            replies.append(texts)
    return replies, prompts, encode.wants_bos


def read_replies(
    benchmark: Benchmark, subjects: Sequence[Subject], replies: Sequence[Sequence[str]]
) -> tuple[list[Prediction], dict[str, object]]:
    """The predictions in file order, and their scores."""
    rows = [
        (subject.name, index, reply, benchmark.read(reply, question))
        for subject, texts in zip(subjects, replies, strict=True)
        for index, (question, reply) in enumerate(zip(subject.test, texts, strict=True))
    ]
    predictions = [Prediction(name, i, r.answer, reply, r.paper, r.robust) for name, i, reply, r in rows]
    return predictions, benchmark.summarize([row[3] for row in rows], [row[0] for row in rows])


def _config(
    settings: Settings, benchmark: Benchmark, subjects: Sequence[Subject], **found: Any
) -> dict[str, Any]:
    """Everything that the scores depend on, for `results.json`."""
    asked = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(settings).items() if k != "output"}
    tests = [replace(s, fewshot=s.fewshot[: found["shots"]]) for s in subjects]
    return {
        **asked,
        **found,
        "backend": "transformers",
        "protocol": f"lm-evaluation-harness kormedmcqa {benchmark.version}",
        "stops": list(benchmark.stops),
        "subjects": [s.name for s in subjects],
        "questions_sha256": fingerprint(tests, TEST),
        "fewshot_sha256": fingerprint(tests, FEWSHOT),
    }


def evaluate_model(settings: Settings) -> dict[str, Any]:
    """Run one evaluation and write its files into `settings.output`.

    Returns the content of `results.json`. Raises `KomepError` for questions, a model or an output folder that
    cannot be used.
    """
    require("eval", "torch", "transformers")
    benchmark = BENCHMARKS[settings.benchmark]
    subjects, repeated = questions(benchmark, settings)
    make_folder(settings.output)
    from evaluation.generation import load_generator

    generator = load_generator(settings.model, settings.dtype, reuse_prefix=settings.prefix_cache)
    started = time.perf_counter()
    replies, prompts, bos = answer(benchmark, settings, subjects, generator)
    seconds = time.perf_counter() - started
    predictions, scores = read_replies(benchmark, subjects, replies)
    shots = benchmark.shots if settings.shots is None else settings.shots
    limit = benchmark.max_new_tokens if settings.max_new_tokens is None else settings.max_new_tokens
    config = _config(
        settings,
        benchmark,
        subjects,
        shots=shots,
        max_new_tokens=limit,
        dtype=str(generator.model.dtype).removeprefix("torch."),
        device=generator.device.type,
        bos=bos,
        prefix_cache=generator.reuse_prefix,
        generation=generator.model.generation_config.to_diff_dict(),
        prompts_with_fewer_shots=sum(p.shots < shots for group in prompts for p in group),
        duplicate_questions=repeated,
    )
    head = {"benchmark": benchmark.name, "model": settings.model, "shots": shots}
    versions = {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    tail = {"seconds": round(seconds, 3), "versions": versions, "config": config}
    return write_evaluation(settings.output, predictions, {**head, **scores, **tail})


def print_results(results: dict[str, Any]) -> None:
    """Print the scores as a table, one line a subject."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{results['benchmark']}, {results['shots']} shots: {results['model']}")
    for name in ("subject", "n", "accuracy", "95%", "robust", "exact", "parsed", "parsed, robust"):
        table.add_column(name, justify="left" if name == "subject" else "right", no_wrap=name == "95%")
    subjects = results["subjects"] if len(results["subjects"]) > 1 else {}
    for name, s in [*subjects.items(), ("all", results)]:
        low, high = s["interval"]
        shares = (s[k] for k in ("accuracy_robust", "exact_match_raw", "parse_rate", "parse_rate_robust"))
        interval = f"{100 * low:.1f}-{100 * high:.1f}"
        table.add_row(
            name, str(s["n"]), f"{s['accuracy']:.1%}", interval, *(f"{share:.1%}" for share in shares)
        )
    console = Console()
    console.print(table)
    dropped = results["config"]["prompts_with_fewer_shots"]
    if dropped:
        console.print(f"{dropped} of {results['n']} prompts were too long and lost few-shot examples.")


def _one_of(names: Sequence[str]):
    """A typer callback that refuses values outside a list, with exit code 2."""

    def check(value: str) -> str:
        if value not in names:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(names)}")
        return value

    return check


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help="Evaluate a model on a benchmark; writes predictions.jsonl and results.json into --output.")
def command(
    model: Annotated[str, typer.Option(help="Folder of a model or LoRA adapter, or an id on the Hub.")],
    benchmark: Annotated[
        str, typer.Option(help=f"One of {', '.join(BENCHMARKS)}.", callback=_one_of(tuple(BENCHMARKS)))
    ],
    output: Annotated[Path, typer.Option(help="Folder for the two files.")],
    data: Annotated[
        Path | None, typer.Option(help="File or folder to read in place of the benchmark's own data.")
    ] = None,
    shots: Annotated[
        int | None, typer.Option(min=0, help="Worked examples in the prompt. [default: 5]")
    ] = None,
    backend: Annotated[
        str, typer.Option(help="What runs the model.", callback=_one_of(BACKENDS))
    ] = "transformers",
    subjects: Annotated[str | None, typer.Option(help="Subjects, comma-separated. [default: all]")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first N questions of each subject.")
    ] = None,
    chat_template: Annotated[bool, typer.Option("--chat-template", help="Ask as one user message.")] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Questions that run together.")] = 8,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens of a reply at the most. [default: 1024, the protocol's]")
    ] = None,
    dtype: Annotated[
        str,
        typer.Option(help=f"One of {', '.join(DTYPES)}; auto: float32 on a CPU.", callback=_one_of(DTYPES)),
    ] = "auto",
    prefix_cache: Annotated[bool, typer.Option(help="Compute what a subject's prompts share once.")] = True,
    allow_duplicates: Annotated[
        bool, typer.Option("--allow-duplicates", help="Count repeated questions instead of refusing them.")
    ] = False,
) -> None:
    wanted = (
        tuple(name.strip() for name in subjects.split(",") if name.strip()) if subjects is not None else None
    )
    if wanted == ():
        raise typer.BadParameter("name at least one subject", param_hint="--subjects")
    settings = Settings(
        model, benchmark, output, data, shots, wanted, limit, chat_template, batch_size, max_new_tokens, dtype,
        prefix_cache, allow_duplicates,
    )  # fmt: skip
    results = evaluate_model(settings)
    print_results(results)
    typer.echo(f"written to {output}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; a `KomepError` becomes a message and its exit code."""
    try:
        app(args=arguments, standalone_mode=True)
    except KomepError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
