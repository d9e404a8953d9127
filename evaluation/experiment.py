"""Run an experiment: every cell of a matrix through the public recipes and the public runner, then one report.

    python -m evaluation.experiment evaluation/experiments/smoke.yaml --plan      # what it takes, with the arithmetic
    python -m evaluation.experiment evaluation/experiments/smoke.yaml
    python -m evaluation.experiment evaluation/experiments/paper.yaml --submit    # Slurm scripts, one a cell

Killed at any moment, the same command goes on from there. A failed cell is marked, the rest goes on, exit code 1.
"""

if __name__ == "__main__":  # before what takes its time
    from komep_dataset.errors import interruptible

    interruptible("evaluation")

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from komep_dataset.commands.manner import add, new_app, start
from komep_dataset.errors import KomepError

app = new_app()


def command(
    file: Annotated[
        Path, typer.Argument(help="The experiment: a file such as evaluation/experiments/smoke.yaml.")
    ],
    plan: Annotated[bool, typer.Option("--plan", help="Print what would be done, and do nothing.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CELL",
            help="Run this cell alone (--plan has their names). May be given several times.",
        ),
    ] = None,
    report: Annotated[
        bool,
        typer.Option("--report", help="Write the report of the results that are there, and run nothing."),
    ] = False,
    submit: Annotated[
        bool,
        typer.Option(
            "--submit",
            help="Write Slurm scripts, one a cell, and one that submits them; nothing is submitted.",
        ),
    ] = False,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed/--keep-failed", help="Run cells again that failed before, or leave them."
        ),
    ] = True,
) -> None:
    """Plan, run and report an experiment; writes into the folder `results` of its file.

    Examples:
      python -m evaluation.experiment evaluation/experiments/smoke.yaml --plan
      python -m evaluation.experiment evaluation/experiments/smoke.yaml --only NAME
    """
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


add(app, command, kept="steps that are done are kept, and a training goes on from its last checkpoint")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command, and end this process with its exit code."""
    start(app, "python -m evaluation.experiment", arguments)


if __name__ == "__main__":
    main()
