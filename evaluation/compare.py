"""Compare one or several models with a base on the same questions.

python -m evaluation.compare results/base results/tuned
python -m evaluation.compare results/base results/dpo results/orpo --output comparison.md --plot forest.svg

The forest plot lies beside the results. Each argument is the output folder of evaluation.run, or a folder of such folders: the same model trained with several
seeds (results/tuned/seed-0, results/tuned/seed-1, …), which pool into one comparison. On either side it may be what
lm-evaluation-harness wrote with --output_path and --log_samples, of its task kormedmcqa.
"""

if __name__ == "__main__":  # before what takes its time
    from komep_dataset.errors import interruptible

    interruptible("evaluation")

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from komep_dataset.commands.manner import READS, add, new_app, start
from komep_dataset.commands.options import Json
from komep_dataset.errors import KomepError, require

if TYPE_CHECKING:
    from evaluation.harness.output import Evaluation

PLOTS = (".png", ".svg")

app = new_app()


def _check_suffix(path: Path | None, suffixes: Sequence[str], option: str) -> None:
    if path is not None and path.suffix not in suffixes:
        raise typer.BadParameter(f"{path}: its name must end in {' or '.join(suffixes)}", param_hint=option)


def _check_twice(arms: "Sequence[Sequence[Evaluation]]") -> None:
    """Raise `KomepError` where a run is given twice, also by a link or as a seed."""
    known: dict[Path, Path] = {}
    for run in (run for arm in arms for run in arm):
        first = known.setdefault(run.folder.resolve(), run.folder)
        if first is not run.folder:
            also = "" if first == run.folder else f" (also as {run.folder})"
            raise KomepError(
                f"{first} is given twice{also}: a run does not differ from itself; give the folder of another run",
                exit_code=2,
            )


def command(
    base: Annotated[
        Path,
        typer.Argument(
            help="The model before: output folder of evaluation.run, or of lm_eval --log_samples; or a folder of such, one a seed."
        ),
    ],
    tuned: Annotated[
        list[Path],
        typer.Argument(help="The models after: the same; each of several is compared with the base."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File or folder to write: the comparison, as .md or .json."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="File to draw the differences and their intervals into, a .png or .svg. [default: forest.png with the "
            "results after; of several, above]",
        ),
    ] = None,
    json_: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown instead of tables.")] = False,
) -> None:
    """Compare models with a base on the same questions, question by question.

    Examples:
      python -m evaluation.compare results/base results/tuned
      python -m evaluation.compare results/base results/dpo results/orpo -o comparison.md --plot forest.svg
    """
    _check_suffix(output, (".md", ".json"), "--output")
    _check_suffix(plot, PLOTS, "--plot")
    if json_ and markdown:
        raise typer.BadParameter("take one of --json and --markdown")
    if plot is not None:
        require("evaluation", "matplotlib")
    from evaluation.lm_eval_results import read_side
    from evaluation.statistics.comparison import compare_all
    from evaluation.statistics.forest import MARK, draw_beside, draw_forest
    from evaluation.statistics.tables import OURS, as_json, as_markdown, print_comparisons
    from komep_dataset.files.outputs import check_file, text_with, write_text

    of_output = text_with(*OURS[output.suffix]) if output is not None else None
    if of_output is not None:
        check_file(output, *of_output)
    if plot is not None:
        check_file(plot, *MARK, "--plot")
    arms = [read_side(folder) for folder in (base, *tuned)]
    _check_twice(arms)
    comparisons = compare_all(arms[0], arms[1:])
    if of_output is not None:
        write_text(output, (as_json if output.suffix == ".json" else as_markdown)(comparisons), *of_output)
    if plot is not None:
        draw_forest(comparisons, plot)
    if json_ or markdown:
        typer.echo((as_json if json_ else as_markdown)(comparisons), nl=False)
    else:
        print_comparisons(comparisons)
    if plot is None:  # nobody asked for it: what hinders it is no failure
        own = any(one for pattern in ("results.json", "*/results.json") for one in tuned[0].glob(pattern))
        place = tuned[0] if own else base  # nothing goes into a folder of the harness
        said, drawn = draw_beside(comparisons, place if len(tuned) == 1 else tuned[0].resolve().parent)
        if not drawn or not (json_ or markdown):
            typer.echo(said, err=not drawn)


add(app, command, kept=READS)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command, and end this process with its exit code."""
    start(app, "python -m evaluation.compare", arguments)


if __name__ == "__main__":
    main()
