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

if __name__ == "__main__":  # before what takes its time
    from komep_dataset.errors import interruptible

    interruptible("evaluation")

import inspect
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, NoReturn, get_type_hints

import typer

from evaluation.harness.options import Options
from evaluation.harness.registry import BENCHMARKS
from komep_dataset.commands.manner import add, new_app, start
from komep_dataset.progress import counted

SHOWN = 3  # refused questions that a message names


def print_results(results: dict[str, Any]) -> None:
    """Print the scores as a table, one line a subject."""
    from rich.console import Console
    from rich.table import Table

    from evaluation.harness.prompts import lost_shots
    from evaluation.harness.unread import UNREAD, likeliest_cause
    from evaluation.statistics.chance import sentences, warnings

    table = Table(title=f"{results['benchmark']}, {counted(results['shots'], 'shot')}: {results['model']}")
    for name in ("subject", "n", "accuracy", "95%", "robust accuracy", "exact", "parsed", "robust parsed"):
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
    if fewer := results["config"]["prompts_with_fewer_shots"]:
        console.print(f"warning: {lost_shots(fewer, results['n'], results['shots'])}", markup=False)
    if "agreement" in results:
        shares = (f"{results['agreement'][name]:.1%} ({name})" for name in ("paper", "robust"))
        console.print(f"Letters are those of the logits; replies say the same in {' and '.join(shares)}.")
    if limit := results["cut_limit"]:
        console.print(f"{limit:,} of {results['n']:,} replies hit the limit of tokens.")
    if thinking := results["cut_thinking"]:
        console.print(
            f"warning: {thinking:,} of {results['n']:,} replies were cut while thinking; raise --max-new-tokens, or turn "
            "thinking off (--no-thinking)",
            markup=False,
        )
    for line in (
        *sentences(results),
        *(f"warning: {line}" for line in warnings(results)),
        *examples_said(results),
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    unread = 1 - results["parse_rate_robust"]
    if unread >= UNREAD:
        cause = likeliest_cause(
            results["config"]["unread"], results["config"] | {"cut_limit": results["cut_limit"]}
        )
        console.print(
            f"warning: {unread:.0%} of the replies hold no letter and count as wrong (predictions.jsonl has them): {cause}",
            markup=False,
        )
    if refused := results["config"]["refused"]:
        first = "; ".join(f"{one['subject']} {one['index']} ({one['said']})" for one in refused[:SHOWN])
        console.print(
            f"warning: the endpoint refused {len(refused):,} of {results['n']:,} questions, which count as wrong "
            f"(results.json names them): {first}",
            markup=False,
        )


def print_plan(known: dict[str, Any]) -> None:
    """Print what a run would ask, and what it could show."""
    from rich.console import Console
    from rich.table import Table

    from evaluation.statistics.chance import sentences

    console = Console()
    table = Table(title=f"{known['benchmark']}, {counted(known['shots'], 'shot')}: {known['model']}, not run")
    for name in ("subject", "n", "guess", "one letter", "shows, at 20% changed"):
        table.add_column(name, justify="left" if name == "subject" else "right")
    for name, one in [*known["by_subject"].items(), ("all", known)]:
        n = known["subjects"].get(name, known)["n"]
        always, least = one["baselines"]["majority"], one["detectable_difference"]["0.2"]
        shown = "nothing" if least is None else f"{100 * least:.1f} points"
        chance = f"{one['baselines']['random']:.1%}", f"{always['letter']} {always['accuracy']:.1%}"
        table.add_row(name, f"{n:,}", *chance, shown)
    console.print(table)
    for line in (*sentences(known), *examples_said(known)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def examples_said(results: dict[str, Any]) -> Iterator[str]:
    """Where the worked examples come from if not from `fewshot`, and which are nearly questions of the test."""
    config = results["config"]
    if config["fewshot_splits"] not in ([], ["fewshot"]):
        yield f"Worked examples are the first {results['shots']} rows of {', '.join(config['fewshot_splits'])}."
    if found := config["fewshot_near_duplicates"]:
        shown = [one for one in found if one["shown"]]
        first = "; ".join(
            f"{one['subject']} {one['row']} and {one['test_subject']} {one['test_row']} ({one['similarity']:.2f})"
            for one in (shown or found)[:SHOWN]
        )
        yield (
            f"warning: {len(found):,} rows of {', '.join(config['fewshot_splits'])} repeat a question of the test or ask "
            f"nearly the same, {len(shown)} of them worked examples in the prompt (results.json names them): {first}"
        )


def command(**given: Any) -> None:
    """Evaluate a model on a benchmark; writes predictions.jsonl and results.json into --output.

    Examples:
      python -m evaluation.run --model models/smollm2-135m --benchmark kormedmcqa-sample -o results/base
      python -m evaluation.run --model org/model --benchmark kormedmcqa --limit 20 --batch-size 16 -o results/try
    """
    options = Options(**given)
    if options.plan:
        from evaluation.runner import plan

        print_plan(plan(options))
        return
    from evaluation.runner import evaluate_model

    results = evaluate_model(options)
    if results is None:
        return
    print_results(results)
    typer.echo(f"written to {options.output}")
    if options.publish is not None:
        from evaluation.publish import publish_results, report

        done = publish_results(options.output, options.publish)
        typer.echo(report(done, options.publish, dry_run=False))


command.__signature__ = inspect.signature(Options)
command.__annotations__ = get_type_hints(Options, include_extras=True)
app = new_app()
add(
    app,
    command,
    kept="what was answered until now, if anything, is kept in --output and not asked for again",
    lists=(
        "benchmarks",
        lambda: ((name, import_module(place).__doc__.splitlines()[0]) for name, place in BENCHMARKS.items()),
    ),
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command, and end this process with its exit code."""
    start(app, "python -m evaluation.run", arguments)


if __name__ == "__main__":
    main()
