"""Scored generations from files or releases, as `komep build` takes them, in one frame."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from komep_dataset.errors import KomepError
from komep_dataset.pairs.generations import OPTIONAL, complete
from komep_dataset.pairs.rules import resolve_duplicates
from komep_dataset.schema import BUILD_FILE, ScoredGeneration, polars_schema
from komep_dataset.tables.problems import FILE, LINE, Problem, problems_error
from komep_dataset.tables.reading import read_batches, table_files


def read_scored(paths: Sequence[Path]) -> pl.DataFrame:
    """Scored generations as `komep build` reads them: complete, one row a question and model, sorted by key.

    Args:
        paths: JSONL or Parquet files, folders of them, or releases.

    Raises:
        KomepError: a bad row, named by file and line, or no row at all.
    """
    files = table_files([p / "scored" if (p / BUILD_FILE).is_file() else p for p in map(Path, paths)])
    given, problems = read_as_given(files)
    frame, conflicts = resolve_duplicates(given, [str(file) for file in files])
    if problems or conflicts:
        raise problems_error([*problems, *conflicts])
    if frame.is_empty():
        raise KomepError(f"no scored generation in {', '.join(map(str, paths))}")
    return frame


def read_as_given(files: Sequence[Path]) -> tuple[pl.DataFrame, list[Problem]]:
    """(complete rows of all files in their order, repeats among them, with `_file` and `_line`; the bad rows)."""
    names = [str(file) for file in files]
    frames = [pl.DataFrame(schema={**polars_schema(ScoredGeneration), FILE: pl.Int32, LINE: pl.Int64})]
    problems: list[Problem] = []
    for index, file in enumerate(files):
        for frame, bad in read_batches(file, ScoredGeneration, OPTIONAL):
            good, worse = complete(frame.with_columns(pl.lit(index, pl.Int32).alias(FILE)), names)
            frames.append(good)
            problems += [*bad, *worse]
    return pl.concat(frames), problems
