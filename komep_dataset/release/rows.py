"""The rows of a release: of a config as a whole, or in ranges of question ids, so that memory holds a part of them.

Each data file is sorted by question id: Parquet's statistics let a range skip what lies outside it. The ranges
cover every string, so that no row is missed, whatever its id. A release that grew has its rows in several layers
of files, each sorted by itself: a range then has the rows of one layer behind those of another.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from komep_dataset.errors import KomepError
from komep_dataset.schema import SPLITS, polars_schema, records_of

# Rows of a release up to which so many leading characters of the id make a range.
RANGE_LIMITS = ((200_000, 0), (4_000_000, 1))
_LEADING = "123456789ABCDEFabcdef"  # sorted, as hex digits begin an id; what is below "1" is the first range
FILE_NAME, ROW, SPLIT = "_name", "_row", "_split"  # where a row stands: file, 1-based row in it, split

Range = tuple[str, str | None]
DATASETS, POLARS = "datasets", "polars"  # what rows may be given as


def check_target(to: str) -> None:
    """Raise `KomepError` unless rows can be given as this."""
    if to not in (DATASETS, POLARS):
        raise KomepError(f"to={to!r}: give {DATASETS} or {POLARS}", exit_code=2)


def data_files(folder: Path, config: str, split: str) -> list[Path]:
    """The shards of one split of one config, in order."""
    return sorted((Path(folder) / config).glob(f"{split}-*.parquet"))


def read_rows(folder: Path, config: str, split: str | None = None) -> pl.DataFrame:
    """Rows of one config (of one split, or of both with a column `split`), in the order of the files.

    They are sorted by key, train before test; in a release that grew, each layer of a split is.

    Raises `KomepError` where the release lacks the config, or a file cannot be read.
    """
    parts = {name: data_files(folder, config, name) for name in ((split,) if split else SPLITS)}
    if not any(parts.values()):
        if not split or not (Path(folder) / config).is_dir():
            raise KomepError(f"{folder}: no data files for config {config!r}")
        # The config has rows, this split has none.
        known = [name for path in data_files(folder, config, "*") for name in pq.read_schema(path).names]
        return pl.DataFrame(schema=polars_schema(records_of(known)[config]))
    try:
        frames = {name: pl.read_parquet(files) for name, files in parts.items() if files}
    except (pl.exceptions.PolarsError, OSError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise KomepError(f"{folder}: {config} cannot be read ({said}); `komep verify` says more") from error
    if split:
        return frames[split]
    return pl.concat(frame.with_columns(split=pl.lit(name)) for name, frame in frames.items())


def below(key: Sequence[str], other: Sequence[Any]) -> pl.Expr:
    """Whether a key is below another, or below the first columns of one."""
    lower, same = pl.lit(False), pl.lit(True)
    for name, value in zip(key, other, strict=False):
        lower = lower | (same & (pl.col(name) < value))
        same = same & (pl.col(name) == value)
    return lower


def id_ranges(rows: int) -> list[Range]:
    """Ranges [low, high) of question ids that cover every string; more of them for more rows."""
    width = next((w for limit, w in RANGE_LIMITS if rows <= limit), 2)
    digits = "0" + _LEADING
    cuts = ["", *((), _LEADING, sorted(a + b for a in digits for b in digits))[width]]
    return list(zip(cuts, [*cuts[1:], None], strict=True))


@dataclass(frozen=True, slots=True)
class ConfigFiles:
    """The data files of one config, train before test, and how many rows each has."""

    folder: Path
    files: tuple[Path, ...]
    splits: tuple[str, ...]
    rows: tuple[int, ...]

    def read(self, ids: Range, columns: Iterable[str] | None = None) -> pl.DataFrame:
        """Rows of one range, file by file in order, with `_name`, `_row` and `_split`."""
        low, high = ids
        scan = pl.scan_parquet(list(self.files), row_index_name=ROW, include_file_paths="_path")
        if columns is not None:
            scan = scan.select(*columns, ROW, "_path")
        if low:
            scan = scan.filter(pl.col("question_id") >= low)
        if high is not None:
            scan = scan.filter(pl.col("question_id") < high)
        firsts = [sum(self.rows[:i]) for i in range(len(self.rows))]
        places = pl.DataFrame(
            {
                "_path": [str(f) for f in self.files],
                FILE_NAME: [f.relative_to(self.folder).as_posix() for f in self.files],
                "_first": firsts,
                SPLIT: self.splits,
            }
        )
        found = scan.collect().join(places, on="_path", how="left", maintain_order="left")
        row = (pl.col(ROW).cast(pl.Int64) - pl.col("_first") + 1).alias(ROW)
        return found.with_columns(row).drop("_path", "_first")


def config_files(folder: Path, config: str) -> ConfigFiles | None:
    """The data files of a config, or None where it has none. Raises what pyarrow raises for an unreadable file."""
    found = [(split, path) for split in SPLITS for path in data_files(folder, config, split)]
    if not found:
        return None
    rows = tuple(pq.read_metadata(path).num_rows for _, path in found)
    return ConfigFiles(Path(folder), tuple(p for _, p in found), tuple(s for s, _ in found), rows)
