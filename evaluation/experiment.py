"""Run an experiment: every cell of a matrix through the public recipes and the public runner, then one report.

    python -m evaluation.experiment evaluation/experiments/smoke.yaml --plan      # what it takes, with the arithmetic
    python -m evaluation.experiment evaluation/experiments/smoke.yaml
    python -m evaluation.experiment evaluation/experiments/paper.yaml --submit    # Slurm scripts, one a cell

Killed at any moment, the same command goes on from there. A failed cell is marked, the rest goes on, exit code 1.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from komep_dataset.errors import KomepError
from komep_dataset.system import print_every_sign

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help="Plan, run and report an experiment; writes into the folder `results` of its file.")
def command(
    file: Annotated[Path, typer.Argument(help="The matrix, for example evaluation/experiments/smoke.yaml.")],
    plan: Annotated[
        bool, typer.Option("--plan", help="Print cells and what they take; run nothing.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Run this cell alone; repeatable. Its name is in --plan.")
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Write the report of what is there; run nothing.")
    ] = False,
    submit: Annotated[
        bool, typer.Option("--submit", help="Write one Slurm script a cell and a driver; submit nothing.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed/--keep-failed", help="Run cells again that failed before.")
    ] = True,
) -> None:
    if plan + report + submit > 1:
        raise typer.BadParameter("take one of --plan, --report and --submit")
    from evaluation.experiments.cells import choose, make_cells
    from evaluation.experiments.matrix import read_matrix
    from evaluation.experiments.plan import check_plan, plan_lines, write_plan
    from evaluation.experiments.state import done_cells

    matrix = read_matrix(file)
    cells = make_cells(matrix)
    chosen = choose(cells, only or [])
    check_plan(matrix, cells)
    if not report:
        typer.echo("\n".join(plan_lines(matrix, chosen, done_cells(chosen))))
    if plan:
        return
    write_plan(matrix, cells)
    failed = 0
    if submit:
        from evaluation.experiments.commands import write_scripts

        typer.echo(f"written; submit with: bash {write_scripts(matrix, chosen, cells, file)}")
        return
    if not report:
        from evaluation.experiments.running import run_cells

        failed = run_cells(matrix, chosen, retry_failed)
    from evaluation.experiments.report import write_report

    typer.echo(f"report: {write_report(matrix, cells, file)}")
    if failed:
        raise KomepError(f"{failed} of {len(chosen)} cells failed; the report and each state.json say why")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; a `KomepError` becomes a message and its exit code."""
    from evaluation.experiments.running import Stopped

    print_every_sign()
    try:
        app(args=arguments)
    except KomepError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except Stopped as stopped:
        typer.echo("stopped; the same command goes on from there", err=True)
        sys.exit(128 + stopped.signal)


if __name__ == "__main__":
    main()
