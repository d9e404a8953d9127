"""`komep review`: draw a sample for physicians, read their judgements, put their corrections into a table."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Let physicians judge a sample of the pairs, and take their corrections over.")

Release = Annotated[Path, typer.Option(help="The release that was sampled.")]


@app.command()
def sample(
    release: Annotated[Path, typer.Argument(help="A folder that `komep build` wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the sheets.")],
    n: Annotated[int, typer.Option("--n", min=1, help="Pairs to draw.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Same release and seed: same sample.")] = 0,
    reviewers: Annotated[int, typer.Option(min=1, help="How many get a sheet, with the same pairs.")] = 2,
) -> None:
    """Draw pairs by category, origin and margin, and write a CSV and a page for each reviewer."""
    from komep_dataset.review.sheet import write_sheets

    for folder in write_sheets(release, output, n, seed, reviewers):
        print(f"{folder / 'review.html'} (to read and judge in a browser) or {folder / 'review.csv'}")
    print(f"then: komep review import {output}/…/review*.csv --release {release}")


@app.command("import")
def import_(
    sheets: Annotated[list[Path], typer.Argument(help="Filled-in CSV files, one or more a reviewer.")],
    release: Release,
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON of the result.")] = Path("review.json"),
) -> None:
    """Read judgements: share accepted, agreement, and corrected texts (corrections.jsonl, beside the JSON)."""
    import sys

    from komep_dataset.review.report import as_text, import_sheets

    record, corrections, notes = import_sheets(sheets, release, output)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    print(as_text(record))
    print(f"-> {output}, {corrections}")


@app.command()
def apply(
    scored: Annotated[list[Path], typer.Argument(help="Scored generations that the release was built from.")],
    corrections: Annotated[Path, typer.Option(help="The corrections.jsonl of `komep review import`.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the table goes.")],
) -> None:
    """Put corrected texts into scored generations; `komep build` then makes a release that has them."""
    from komep_dataset.review.corrections import apply as apply_corrections

    table, rows, replaced = apply_corrections(scored, corrections, output)
    print(f"{replaced:,} Korean texts replaced in {rows:,} scored generations -> {table}")
