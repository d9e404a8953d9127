"""Publish an evaluation on its model's page on the Hugging Face Hub.

python -m evaluation.publish results/M --repo-id ORG/MODEL --dry-run
python -m evaluation.publish results/M --repo-id ORG/MODEL --create-pr
"""

from __future__ import annotations

if __name__ == "__main__":  # before what takes its time
    from komep_dataset.errors import interruptible

    interruptible("evaluation")

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from komep_dataset.commands.manner import add, new_app, start

if TYPE_CHECKING:
    from evaluation.model_page.publishing import Publication


def publish_results(
    folder: Path,
    repo_id: str,
    *,
    token_env: str | None = None,
    create_pr: bool = False,
    dry_run: bool = False,
) -> Publication:
    """Publish the evaluation in a folder; see `evaluation.model_page.publishing.publish`.

    The predictions are read too: scores that are not those of the predictions beside them are refused.
    """
    from evaluation.harness.output import read_evaluation
    from evaluation.model_page.publishing import publish

    results = read_evaluation(Path(folder)).results
    return publish(results, repo_id, token_env=token_env, create_pr=create_pr, dry_run=dry_run)


def report(publication: Publication, repo_id: str, *, dry_run: bool) -> str:
    """What was done, in words; a dry run's files in full."""
    if not publication.files:
        return f"{repo_id} says all of this already; nothing was pushed"
    if dry_run:
        note = f"note: {publication.note}\n" if publication.note else ""
        return note + "\n".join(f"would push {path}:\n{text}" for path, text in publication.files.items())
    return f"pushed {', '.join(publication.files)}: {publication.url}"


app = new_app()


def command(
    folder: Annotated[Path, typer.Argument(help="Output folder of evaluation.run.")],
    repo_id: Annotated[
        str,
        typer.Option(help="ORG/NAME of the repository on the Hub: that of the model, which must be there."),
    ],
    token_env: Annotated[
        str | None,
        typer.Option(help="Environment variable with the token. [default: HF_TOKEN, or the stored login]"),
    ] = None,
    create_pr: Annotated[
        bool, typer.Option("--create-pr", help="Open a pull request instead of writing into the main branch.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be sent, and send nothing.")
    ] = False,
) -> None:
    """Write an evaluation's scores into its model's card and .eval_results/ on the Hub.

    Examples:
      python -m evaluation.publish results/M --repo-id ORG/MODEL --dry-run
      python -m evaluation.publish results/M --repo-id ORG/MODEL --create-pr
    """
    done = publish_results(folder, repo_id, token_env=token_env, create_pr=create_pr, dry_run=dry_run)
    typer.echo(report(done, repo_id, dry_run=dry_run))


add(app, command, kept="a publication is one commit: it is on the Hub whole or not at all")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command, and end this process with its exit code."""
    start(app, "python -m evaluation.publish", arguments)


if __name__ == "__main__":
    main()
