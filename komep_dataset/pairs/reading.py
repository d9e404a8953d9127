"""Scored generations from files or releases, as `komep build` takes them, in one frame."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from komep_dataset.errors import KomepError
from komep_dataset.pairs.generations import OPTIONAL, complete
from komep_dataset.pairs.rules import resolve_duplicates
from komep_dataset.schema import BUILD_FILE, ScoredGeneration
from komep_dataset.tables.problems import FILE, problems_error
from komep_dataset.tables.reading import read_batches, table_files


def read_scored(paths: Sequence[Path]) -> pl.DataFrame:
    """Scored generations as `komep build` reads them: complete, one row a question and model, sorted by key.

    Args:
        paths: JSONL or Parquet files, folders of them, or releases.

    Raises:
        KomepError: a bad row, named by file and line, or no row at all.
    """
    files = table_files([p / "scored" if (p / BUILD_FILE).is_file() else p for p in map(Path, paths)])
    names = [str(file) for file in files]
    frames, problems = [], []
    for index, file in enumerate(files):
        for frame, bad in read_batches(file, ScoredGeneration, OPTIONAL):
            good, worse = complete(frame.with_columns(pl.lit(index, pl.Int32).alias(FILE)), names)
            frames.append(good)
            problems += [*bad, *worse]
    frame, conflicts = resolve_duplicates(pl.concat(frames), names) if frames else (pl.DataFrame(), [])
    if problems or conflicts:
        raise problems_error([*problems, *conflicts])
    if frame.is_empty():
        raise KomepError(f"no scored generation in {', '.join(map(str, paths))}")
    return frame
