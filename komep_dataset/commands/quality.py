"""Commands that say whether a release is worth training on: `komep bias`, and `komep review`, by physicians."""

from pathlib import Path
from typing import Annotated

import typer

from komep_dataset.commands.options import (
    DatasetConfig,
    Json,
    Map,
    OldConfig,
    Output,
    Release,
    ReleaseOrSet,
    as_json,
    written,
)
from komep_dataset.errors import KomepError
from komep_dataset.progress import counted

REVIEW = """Let physicians judge a sample of the pairs, and take their corrections over.

Examples:
  komep review sample komep -o review
  komep review import review/*/review*.csv --release komep
"""


def bias(
    context: typer.Context,
    release: ReleaseOrSet,
    dataset_config: DatasetConfig = None,
    purity: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Say which --min-margin of `komep build` leaves this share of pairs the right way round, 0 to 1.",
        ),
    ] = None,
    judge: Annotated[
        Path | None,
        typer.Option(
            help="What `komep calibrate -o` wrote: how reliable the checker is, for a release that does not hold it."
        ),
    ] = None,
    output: Annotated[Path | None, written(": all figures, as JSON.")] = None,
    json: Json = False,
    config: OldConfig = None,
    map: Map = None,
) -> None:
    """What a release teaches besides its subject: length, winners, trivial baselines, flipped labels.

    Examples:
      komep bias komep
      komep bias komep --dataset-config en -o bias.json
      komep bias theirs.csv --map 질문=prompt --map 좋은답=chosen --map 나쁜답=rejected
    """
    from rich.console import Console

    from komep_dataset.audit.bias import measure
    from komep_dataset.audit.label_noise import PURITIES
    from komep_dataset.audit.tables import tables
    from komep_dataset.files.outputs import check_file, json_with, write_json
    from komep_dataset.judge.record import read_record
    from komep_dataset.preferences.columns import KNOWN
    from komep_dataset.tables.columns import parse_map

    keys = ("config", "pairs", "splits", "length", "wins", "categories", "margins", "units", "baselines")
    mark = json_with(*keys)
    old_output = context.args[:1]  # `--json FILE`, before --json meant one thing
    if context.args[1:] or (old_output and not json):
        raise KomepError(f"{context.args[-1]}: one release can be looked at", exit_code=2)
    if old_output:
        output = Path(*old_output)
        if output.is_dir() and not release.is_dir():
            release, output = output, release
    if output:
        check_file(output, *mark, "--json" if old_output else "--output")
    if purity is not None and not 0.0 < purity <= 1.0:
        raise KomepError(f"--purity {purity}: give a share above 0 to 1", exit_code=2)
    measured = measure(
        release,
        dataset_config or config,
        judge=read_record(judge) if judge else None,
        purities=PURITIES if purity is None else (purity,),
        columns=parse_map(map or (), KNOWN),
    )
    if json and not old_output:
        print(as_json(measured))
    else:
        console = Console()
        for table in tables(measured):
            console.print(table)
    if output:
        write_json(output, measured, mark)
        if old_output or not json:
            print(f"-> {output}")


def sample(
    release: Release,
    output: Annotated[Path, written(": the sheets.")],
    n: Annotated[int, typer.Option("--n", min=1, metavar="N", help="Draw N pairs.")] = 100,
    seed: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Number that the draw goes by: the same one makes the same sheets."
        ),
    ] = 0,
    reviewers: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many people judge: each gets a sheet.")
    ] = 2,
    shared: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Give N pairs to all reviewers, and each of the others to one. [default: all]",
        ),
    ] = None,
) -> None:
    """Draw pairs by category, origin and margin, and write a CSV and a page for each reviewer.

    A pair stands there as answers A and B; no sheet tells model, score or which one was chosen. Pairs of which a translation
    has a warning fill the sample up to a half; no sheet tells which.

    Examples:
      komep review sample komep -o review
      komep review sample komep -o review --n 200 --reviewers 3
    """
    from komep_dataset.review.sheet import write_sheets

    for folder in write_sheets(release, output, n, seed, reviewers, shared):
        print(f"{folder / 'review.html'} (to read and judge in a browser) or {folder / 'review.csv'}")
    print(f"then: komep review import {output}/…/review*.csv --release {release}")


def import_(
    sheets: Annotated[
        list[Path], typer.Argument(help="The filled-in sheets (CSV), one or more of each reviewer.")
    ],
    release: Annotated[Path, typer.Option(help="The release that the sample was drawn from.")],
    output: Annotated[Path, written(": JSON of the result.")] = Path("review.json"),
    map: Map = None,
) -> None:
    """Read judgements and say whose they are: agreement with the release and between reviewers.

    Beside the JSON: corrected texts (corrections.jsonl) and, from marks of statements, what the judge is worth
    (review_judge.json, for `komep build --judge`) and labelled statements (review_statements.jsonl, for `komep calibrate`).

    Examples:
      komep review import review/*/review*.csv --release komep
      komep review import review/*/review*.csv --release komep -o judgements.json --map 더나은답=better
    """
    from komep_dataset.review.reading import KNOWN
    from komep_dataset.review.report import as_text, import_sheets
    from komep_dataset.tables.columns import parse_map

    record, written = import_sheets(sheets, release, output, parse_map(map or (), KNOWN))
    print(as_text(record))
    print("-> " + ", ".join(str(path) for path in written))


def apply(
    scored: Annotated[
        list[Path], typer.Argument(help="Tables of scored answers that the release was built from.")
    ],
    corrections: Annotated[Path, typer.Option(help="The corrections.jsonl of `komep review import`.")],
    output: Output,
    map: Map = None,
) -> None:
    """Put corrected texts into scored answers; `komep build` then makes a release that has them.

    Examples:
      komep review apply scored.jsonl --corrections corrections.jsonl -o corrected.parquet
      komep review apply work/scored.parquet work/more.parquet --corrections corrections.jsonl -o corrected.parquet
    """
    from komep_dataset.pairs.generations import Given
    from komep_dataset.review.corrections import apply as apply_corrections
    from komep_dataset.tables.columns import parse_map

    columns = parse_map(map or (), Given)
    table, rows, replaced = apply_corrections(scored, corrections, output, columns)
    print(f"{counted(replaced, 'Korean text')} replaced in {counted(rows, 'scored generation')} -> {table}")
