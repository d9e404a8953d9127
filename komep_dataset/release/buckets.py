"""Rows on their way from the order of the input to that of the questions: buckets by split and range of the question's id.

All rows of a bucket are of one split, so that nobody has to part them again. What fits stays in memory; beyond that,
everything held goes to files of its bucket at once, and on it goes.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import polars as pl

from komep_dataset.pairs.generations import IS_TEST

BUCKET_BYTES = 16 << 20  # of input, for a bucket of `train`; up to twice as many may come
MOST_BUCKETS = 256
TEST_SHARE = 8  # `test`, a tenth of all rows, has so many times fewer buckets than `train`
HELD_BYTES = 1 << 30  # of frames that are kept in memory


class Bucket(NamedTuple):
    """Rows of one split whose question ids lie in one range; the next number has the ids above."""

    split: str
    number: int


def bucket_count(size: int) -> int:
    """How many buckets `train` has for so many bytes of input: a power of two."""
    return min(MOST_BUCKETS, 1 << max(0, (size // BUCKET_BYTES).bit_length() - 1))


@dataclass
class Spill:
    """Frames with `question_id`, parted into buckets of `train` and fewer of `test`, in the order in which they came.

    Files are in `folder`, which must be there and is the caller's to remove; `size` are the bytes of all input.
    """

    folder: Path
    size: int
    buckets: int = field(init=False)  # of `train`
    _held: dict[Bucket, list[pl.DataFrame]] = field(default_factory=lambda: defaultdict(list))
    _files: dict[Bucket, list[Path]] = field(default_factory=lambda: defaultdict(list))
    _size: int = 0

    def __post_init__(self) -> None:
        self.buckets = bucket_count(self.size)

    def add(self, frame: pl.DataFrame) -> None:
        """Take the rows of a frame."""
        if not frame.height:
            return
        ids = frame["question_id"]
        train, test = _ranges(ids, self.buckets), _ranges(ids, self.buckets // TEST_SHARE)
        # A test bucket has a number below 0, since partitioning by two columns takes longer than by one.
        own = pl.when(IS_TEST).then(-1 - test).otherwise(train)
        parts = frame.with_columns(_bucket=own).partition_by("_bucket", as_dict=True, include_key=False)
        for (place,), part in parts.items():
            self._held[Bucket("test", -1 - place) if place < 0 else Bucket("train", place)].append(part)
        self._size += frame.estimated_size()
        if self._size > HELD_BYTES:
            self._write()

    def _write(self) -> None:
        for bucket, frames in self._held.items():
            path = self.folder / f"{bucket.split}-{bucket.number}.{len(self._files[bucket])}.arrow"
            pl.concat(frames).write_ipc(path, compression="uncompressed")
            self._files[bucket].append(path)
        self._held.clear()
        self._size = 0

    def names(self) -> list[Bucket]:
        """The buckets that have rows, sorted: of each split that is the order of its questions' ids."""
        return sorted(self._held.keys() | self._files.keys())

    def read(self, bucket: Bucket) -> pl.DataFrame:
        """All rows of a bucket."""
        return pl.concat([*(pl.read_ipc(path) for path in self._files[bucket]), *self._held[bucket]])


def _ranges(ids: pl.Series, count: int) -> pl.Series:
    """The number of the range of each id, of `count` that are equally wide for ids in lower-case hex.

    An id is compared as the text that it is, so that the order of the ranges is that of any ids.
    """
    if count <= 1:
        return pl.zeros(len(ids), pl.Int16, eager=True)
    cuts = pl.Series([f"{number * 256 // count:02x}" for number in range(1, count)])
    return cuts.search_sorted(ids, side="right").cast(pl.Int16)
