"""Evaluate a model on a benchmark.

    python -m evaluation.run --model models/smollm2-135m --benchmark kormedmcqa-sample --output results/base
    accelerate launch -m evaluation.run --model org/model --benchmark kormedmcqa --batch-size 16 --output results/model
    accelerate launch --config_file accelerate_configs/ddp.yaml --num_processes 2 -m evaluation.run ...    # two on a CPU
    python -m evaluation.run --backend openai --endpoint http://127.0.0.1:8000/v1 --chat-template \
        --model org/model --benchmark kormedmcqa --output results/served

The protocol is lm-evaluation-harness's, so `accuracy` compares with its numbers; `accuracy_robust` and the parse
rates stand beside it because a model may learn to answer readably without learning medicine. Interrupted, the same
command goes on from the questions that are done.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from evaluation.backends import BACKENDS
from evaluation.benchmarks import BENCHMARKS
from evaluation.runner import DTYPES, PROMPTS, SCORINGS, Settings, evaluate_model
from komep_dataset.errors import KomepError


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
    if "agreement" in results:
        shares = (f"{results['agreement'][name]:.1%} ({name})" for name in ("paper", "robust"))
        console.print(f"Letters are those of the logits; replies say the same in {' and '.join(shares)}.")


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
        str,
        typer.Option(help=f"What runs the model: {', '.join(BACKENDS)}.", callback=_one_of(tuple(BACKENDS))),
    ] = "transformers",
    prompt: Annotated[
        str,
        typer.Option(help="direct: the protocol's own; cot: a solution first.", callback=_one_of(PROMPTS)),
    ] = "direct",
    scoring: Annotated[
        str,
        typer.Option(
            help="generate: read the reply; logits: the likeliest letter as its first token.",
            callback=_one_of(SCORINGS),
        ),
    ] = "generate",
    subjects: Annotated[str | None, typer.Option(help="Subjects, comma-separated. [default: all]")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first N questions of each subject.")
    ] = None,
    chat_template: Annotated[bool, typer.Option("--chat-template", help="Ask as one user message.")] = False,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Questions whose replies are written together. [default: 32; 256 on a GPU]"),
    ] = None,
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
    endpoint: Annotated[
        str | None, typer.Option(help="Address up to and with /v1, for --backend openai.")
    ] = None,
    api_key_env: Annotated[
        str | None, typer.Option(help="Environment variable that holds the endpoint's key.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests in flight at an endpoint.")] = 16,
    tensor_parallel: Annotated[int, typer.Option(min=1, help="GPUs a model is split over, for vllm.")] = 1,
    publish: Annotated[
        str | None, typer.Option(help="Write the results into this model's card and results on the Hub.")
    ] = None,
) -> None:
    wanted = (
        tuple(name.strip() for name in subjects.split(",") if name.strip()) if subjects is not None else None
    )
    if wanted == ():
        raise typer.BadParameter("name at least one subject", param_hint="--subjects")
    if endpoint is not None and backend != "openai":
        raise typer.BadParameter("only --backend openai asks an endpoint", param_hint="--endpoint")
    settings = Settings(
        model, benchmark, output, data, shots, wanted, limit, prompt, scoring, chat_template, backend, batch_size,
        max_new_tokens, dtype, prefix_cache, allow_duplicates, endpoint, api_key_env, concurrency, tensor_parallel,
    )  # fmt: skip
    results = evaluate_model(settings, publish)
    if results is None:
        return
    print_results(results)
    typer.echo(f"written to {output}")
    if publish is not None:
        from evaluation.publish import publish_results, report

        typer.echo(report(publish_results(output, publish), publish, dry_run=False))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; a `KomepError` becomes a message and its exit code."""
    try:
        app(args=arguments, standalone_mode=True)
    except KomepError as error:
        if os.environ.get("RANK", "0") == "0":  # every process fails alike; one message is enough
            typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
