"""Rows on their way from the order of the input to that of the questions: buckets by split and first characters of the id.

All rows of a bucket are of one split, so that nobody has to part them again. What fits stays in memory; beyond that,
everything held goes to files of its bucket at once, and on it goes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from komep_dataset.pairs import is_test

if TYPE_CHECKING:
    import polars as pl

# Input bytes up to which this many leading characters of the id name a bucket (16 and 256 buckets of `train` above).
BUCKET_LIMITS = ((256 << 20, 0), (4 << 30, 1))
HELD_BYTES = 1 << 30  # of frames that are kept in memory
TEST_MARK = "-"  # before the characters of a bucket of `test`, which is a tenth of `train` and takes one character less


def bucket_width(size: int) -> int:
    """How many leading characters of a question's id name its bucket, for so many bytes of input."""
    return next((width for limit, width in BUCKET_LIMITS if size <= limit), 2)


def split_of_bucket(bucket: str) -> str:
    """The split that all rows of a bucket are of."""
    return "test" if bucket.startswith(TEST_MARK) else "train"


@dataclass
class Spill:
    """Frames with `question_id`, parted by split and its first `width` characters, in the order in which they came.

    Files are in `folder`, which must be there and is the caller's to remove.
    """

    folder: Path
    width: int
    _held: dict[str, list[pl.DataFrame]] = field(default_factory=lambda: defaultdict(list))
    _files: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    _size: int = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Take the rows of a frame."""
        import polars as pl

        if not frame.height:
            return
        own = pl.when(is_test()).then(self._head(self.width - 1, TEST_MARK)).otherwise(self._head(self.width))
        parts = frame.with_columns(_bucket=own).partition_by("_bucket", as_dict=True, include_key=False)
        for (bucket,), part in parts.items():
            self._held[bucket].append(part)
        self._size += frame.estimated_size()
        if self._size > HELD_BYTES:
            self._write()

    def _head(self, characters: int, mark: str = "") -> pl.Expr:
        import polars as pl

        head = pl.col("question_id").str.head(characters)
        if characters <= 0:
            return pl.lit(mark)
        return pl.concat_str(pl.lit(mark), head) if mark else head

    def _write(self) -> None:
        import polars as pl

        for bucket, frames in self._held.items():
            path = self.folder / f"id{bucket}.{len(self._files[bucket])}.arrow"
            pl.concat(frames).write_ipc(path, compression="uncompressed")
            self._files[bucket].append(path)
        self._held.clear()
        self._size = 0

    def names(self) -> list[str]:
        """The buckets that have rows, sorted: of each split that is the order of its questions' ids."""
        return sorted(self._held.keys() | self._files.keys())

    def read(self, bucket: str) -> pl.DataFrame:
        """All rows of a bucket."""
        import polars as pl

        return pl.concat([*(pl.read_ipc(path) for path in self._files[bucket]), *self._held[bucket]])
