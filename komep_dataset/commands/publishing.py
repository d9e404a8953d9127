"""`komep publish` and `komep install`: the options, and what the user is told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from komep_dataset.commands.options import Release
from komep_dataset.progress import counted

if TYPE_CHECKING:
    from komep_dataset.hub.publish import Plan

KEPT = "a version on the Hub is one commit: it is there whole or not at all, and nothing is sent twice"


def publish(
    folder: Release,
    repo_id: Annotated[
        str, typer.Option(help="ORG/NAME of the repository on the Hub: it is made if it is not there.")
    ],
    public: Annotated[
        bool, typer.Option("--public", help="Let everybody see it. A new repository is private without it.")
    ] = False,
    private: Annotated[bool, typer.Option("--private", help="Hide a repository that is public.")] = False,
    gated: Annotated[
        str | None,
        typer.Option(
            metavar="auto|manual",
            help="Let readers ask for access first, which is given by itself or by you.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be sent, and send nothing.")
    ] = False,
    tag: Annotated[str | None, typer.Option(help="Version, such as v1.2.3. [default: the next one]")] = None,
    message: Annotated[str, typer.Option(help="What changed, for the change log and the commit.")] = "",
) -> None:
    """Put a release on the Hugging Face Hub, as one commit and one version; what is there is not sent again.

    A new repository is private without --public; one that is there stays as it is. The token is HF_TOKEN, or the login that
    `hf auth login` saved. Text that people wrote into the card on the Hub stays.

    Examples:
      komep publish komep --repo-id ORG/komep --dry-run
      komep publish komep --repo-id ORG/komep --public
    """
    from komep_dataset.hub import publish as publishing

    asked = {"public": public, "private": private, "gated": gated, "tag": tag, "message": message}
    print(as_text(publishing.publish(folder, repo_id, dry_run=dry_run, **asked), dry_run=dry_run))


def as_text(plan: Plan, *, dry_run: bool) -> str:
    """What a publication did, or would do, in words."""
    lines = [f"note: {note}" for note in plan.notes]
    if plan.published:
        there = f"{plan.repo_id} has this release already, as {plan.version}; access: {plan.access}"
        return "\n".join([*lines, there])
    sent = [change for change in plan.changes if change.what in ("new", "changed")]
    size = sum(change.size for change in sent)
    renamed = sum(change.what == "renamed" for change in plan.changes)
    counts = f"{counted(len(sent), 'file')}, {size:,} bytes, {renamed} renamed, {len(plan.gone)} deleted"
    if dry_run:
        lines += [f"  {c.what:<9} {c.path}" + (f"  {c.size:,} bytes" if c.size else "") for c in plan.changes]
        lines.append(f"would publish {plan.version} of {plan.repo_id}: {counts}; access: {plan.access}")
    else:
        lines.append(f"published {plan.version}: {counts}; access: {plan.access}")
        lines.append(f'load_dataset("{plan.repo_id}", revision="{plan.version}")')
    return "\n".join(lines)


def install(
    folder: Annotated[
        Path | None, typer.Argument(help="A folder that `komep build` wrote. [default: komep]")
    ] = None,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Take it out of the cache again.")] = False,
) -> None:
    """Put a release into the cache of `datasets`: load_dataset("komep") then works from any folder, offline.

    Examples:
      komep install my-release
      komep install --uninstall
    """
    from komep_dataset.errors import KomepError
    from komep_dataset.hub import install as installing

    if uninstall:
        if folder:
            raise KomepError("--uninstall takes no folder", exit_code=2)
        gone = installing.uninstall()
        print("\n".join(f"removed {path}" for path in gone) or "nothing is installed")
        return
    print(f'load_dataset("{installing.NAME}") reads {installing.install(folder or Path("komep"))}')
