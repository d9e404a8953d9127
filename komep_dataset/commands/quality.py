"""Commands that say whether a release is worth training on."""

from pathlib import Path
from typing import Annotated

import typer

from komep_dataset.commands.options import Release


def bias(
    release: Release,
    config: Annotated[
        str | None, typer.Option(help="ko or en.", show_default="ko, where the release has it")
    ] = None,
    purity: Annotated[
        float | None,
        typer.Option(help="Share of pairs that must be the right way round: which --min-margin gives it?"),
    ] = None,
    judge: Annotated[
        Path | None,
        typer.Option(help="What `komep calibrate --output` wrote, for a release that holds no calibration."),
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write all figures, as JSON.")] = None,
) -> None:
    """What a release teaches besides its subject: length, winners, trivial baselines, flipped labels."""
    from rich.console import Console

    from komep_dataset.audit.bias import measure
    from komep_dataset.audit.label_noise import PURITIES
    from komep_dataset.audit.tables import tables
    from komep_dataset.errors import KomepError
    from komep_dataset.files.outputs import check_file, json_with, write_json
    from komep_dataset.judge.record import read_record

    mark = json_with(
        "config", "pairs", "splits", "length", "wins", "categories", "margins", "units", "baselines"
    )
    if json:
        check_file(json, *mark, "--json")
    if purity is not None and not 0.0 < purity <= 1.0:
        raise KomepError(f"--purity {purity}: give a share above 0 to 1", exit_code=2)
    measured = measure(
        release,
        config,
        judge=read_record(judge) if judge else None,
        purities=PURITIES if purity is None else (purity,),
    )
    console = Console()
    for table in tables(measured):
        console.print(table)
    if json:
        write_json(json, measured, mark)
        print(f"-> {json}")
