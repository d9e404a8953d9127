"""A release read in ranges of question ids, so that a check or a comparison holds a part of it in memory.

Each data file is sorted by question id: Parquet's statistics let a range skip what lies outside it. The ranges
cover every string, so that no row is missed, whatever its id. A release that grew has its rows in several layers
of files, each sorted by itself: a range then has the rows of one layer behind those of another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from komep_dataset.release.folder import data_files
from komep_dataset.schema import SPLITS

if TYPE_CHECKING:
    import polars as pl

# Rows of a release up to which so many leading characters of the id make a range.
RANGE_LIMITS = ((200_000, 0), (4_000_000, 1))
_LEADING = "123456789ABCDEFabcdef"  # sorted, as hex digits begin an id; what is below "1" is the first range
FILE_NAME, ROW, SPLIT = "_name", "_row", "_split"  # where a row stands: file, 1-based row in it, split

Range = tuple[str, "str | None"]


def id_ranges(rows: int) -> list[Range]:
    """Ranges [low, high) of question ids that cover every string; more of them for more rows."""
    width = next((w for limit, w in RANGE_LIMITS if rows <= limit), 2)
    cuts = [""]
    if width == 1:
        cuts += _LEADING
    elif width == 2:
        cuts += sorted(a + b for a in "0" + _LEADING for b in "0" + _LEADING)
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
        import polars as pl

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
    import pyarrow.parquet as pq

    found = [(split, path) for split in SPLITS for path in data_files(folder, config, split)]
    if not found:
        return None
    rows = tuple(pq.read_metadata(path).num_rows for _, path in found)
    return ConfigFiles(Path(folder), tuple(p for _, p in found), tuple(s for s, _ in found), rows)
