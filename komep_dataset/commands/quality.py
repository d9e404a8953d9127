"""Commands that say whether a release is worth training on: `komep bias`, and `komep review`, by physicians."""

from pathlib import Path
from typing import Annotated

import typer

from komep_dataset.commands.options import Release, ReleaseOrSet

review = typer.Typer(help="Let physicians judge a sample of the pairs, and take their corrections over.")


def bias(
    release: ReleaseOrSet,
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


@review.command()
def sample(
    release: Release,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the sheets.")],
    n: Annotated[int, typer.Option("--n", min=1, help="Pairs to draw.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Same release and seed: same sheets.")] = 0,
    reviewers: Annotated[int, typer.Option(min=1, help="How many get a sheet.")] = 2,
    shared: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Pairs that all reviewers get; the others go to one each.",
            show_default="all",
        ),
    ] = None,
) -> None:
    """Draw pairs by category, origin and margin, and write a CSV and a page for each reviewer.

    A pair stands there as answers A and B; no sheet tells model, score or which one was chosen. Pairs of which a translation
    has a warning fill the sample up to a half; no sheet tells which.
    """
    from komep_dataset.review.sheet import write_sheets

    for folder in write_sheets(release, output, n, seed, reviewers, shared):
        print(f"{folder / 'review.html'} (to read and judge in a browser) or {folder / 'review.csv'}")
    print(f"then: komep review import {output}/…/review*.csv --release {release}")


@review.command("import")
def import_(
    sheets: Annotated[list[Path], typer.Argument(help="Filled-in CSV files, one or more a reviewer.")],
    release: Annotated[Path, typer.Option(help="The release that was sampled.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON of the result.")] = Path("review.json"),
) -> None:
    """Read judgements and say whose they are: agreement with the release and between reviewers.

    Beside the JSON: corrected texts (corrections.jsonl) and, from marks of statements, what the judge is worth
    (review_judge.json, for `komep build --judge`) and labelled statements (review_statements.jsonl, for `komep calibrate`).
    """
    import sys

    from komep_dataset.review.report import as_text, import_sheets

    record, written, notes = import_sheets(sheets, release, output)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    print(as_text(record))
    print(f"-> {', '.join(map(str, [output, *written]))}")


@review.command()
def apply(
    scored: Annotated[list[Path], typer.Argument(help="Scored generations that the release was built from.")],
    corrections: Annotated[Path, typer.Option(help="The corrections.jsonl of `komep review import`.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the table goes.")],
) -> None:
    """Put corrected texts into scored generations; `komep build` then makes a release that has them."""
    from komep_dataset.review.corrections import apply as apply_corrections

    table, rows, replaced = apply_corrections(scored, corrections, output)
    print(f"{replaced:,} Korean texts replaced in {rows:,} scored generations -> {table}")
