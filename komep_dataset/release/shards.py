"""Parquet shards of a release, written so that what did not change has the same bytes as before.

The rows of one split of one config lie in layers: a build from nothing has one, and a release that grows gets one
more for the rows of new questions. Each layer is sorted by key and has shards of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from komep_dataset.release.rows import below
from komep_dataset.schema import CONFIGS, RECORDS, SPLITS
from komep_dataset.tables.writing import arrow_table, parquet_writer

# Larger groups are smaller in all, but a range of ids reads more than it needs (docs/log.md).
ROW_GROUP_ROWS = 20_000
LAYER = "_layer"  # column: the layer of a question that a base has
SHARD_BYTES = 500 << 20  # of Arrow memory; a Parquet shard comes out several times smaller

Key = tuple[str, ...]
Cuts = Mapping[tuple[str, str], Sequence[Sequence[Key]]]  # (config, split) -> layer -> keys


@dataclass
class _LayerWriter:
    """Writes rows that come in key order as shards; row groups do not depend on how the rows arrive.

    `cuts` are keys, or their first columns, at which a new shard begins whatever is in the one before: those of a
    base, so that rows that are added to one of its shards do not move the rows of the next.
    """

    path: Path  # of a shard, without its number
    record: type
    limit: int  # bytes of Arrow memory
    cuts: Sequence[Key] = ()
    shards: list[Path] = field(default_factory=list)
    rows: int = 0
    arrow_bytes: int = 0
    _writer: Any = None
    _shard_bytes: int = 0
    _waiting: pa.Table | None = None

    def append(self, frame: pl.DataFrame, table: pa.Table) -> None:
        """Add rows, as a frame and as a table of the record's schema; they must continue in key order."""
        done = 0
        while (
            self.cuts
            and (end := frame.select(below(self.record.KEY, self.cuts[0]).sum()).item()) < frame.height
        ):
            self._take(table.slice(done, end - done))
            self.end_shard()
            self.cuts, done = self.cuts[1:], end
        self._take(table.slice(done))

    def _take(self, table: pa.Table) -> None:
        self.rows += table.num_rows
        waiting = table if self._waiting is None else pa.concat_tables([self._waiting, table])
        while waiting.num_rows >= ROW_GROUP_ROWS:
            self._write(waiting.slice(0, ROW_GROUP_ROWS))
            waiting = waiting.slice(ROW_GROUP_ROWS)
        self._waiting = waiting

    def _write(self, table: pa.Table) -> None:
        table = table.combine_chunks()  # bytes must not depend on how the rows came
        size = sum(map(_size, table.itercolumns()))
        if self._writer is not None and self._shard_bytes + size > self.limit:
            self._close_file()
        if self._writer is None:
            self.path.parent.mkdir(exist_ok=True)
            self.shards.append(self.path.with_name(f"{self.path.name}-{len(self.shards):05d}"))
            self._writer = parquet_writer(self.shards[-1], self.record)
        self._writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
        self._shard_bytes += size
        self.arrow_bytes += size

    def _close_file(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer, self._shard_bytes = None, 0

    def end_shard(self) -> None:
        """Write what waits; further rows begin a shard."""
        if self._waiting is not None and self._waiting.num_rows:
            self._write(self._waiting)
        self._waiting = None
        self._close_file()


def _size(column: pa.ChunkedArray) -> int:
    """Bytes of a column in memory, as one that was read from the file has them.

    Behind its nulls a text column may still hold texts that no file gets; which, depends on how the rows came.
    """
    if not (column.null_count and pa.types.is_string(column.type)):
        return column.nbytes
    texts = pc.sum(pc.binary_length(column)).as_py() or 0
    return (
        texts + 4 * len(column) + (len(column) + 7) // 8
    )  # and an offset and a bit a row, as `nbytes` counts


@dataclass
class _SplitWriter:
    """Writes one split of one config: layer by layer, each sorted by key, in shards of its own.

    A build from nothing has one layer. A release that grows keeps those of its base, which may become twice as
    large as a new shard before they are parted, and gets one more for the rows of new questions.
    """

    folder: Path
    config: str
    split: str
    record: type
    cuts: Sequence[Sequence[Key]] = ()  # layer of the base -> keys at which its second and later shards begin
    layers: list[_LayerWriter] = field(init=False)

    def __post_init__(self) -> None:
        folder = self.folder / self.config
        paths = [folder / f"{self.split}-{layer:05d}" for layer in range(len(self.cuts) + 1)]
        old = map(_LayerWriter, paths, repeat(self.record), repeat(2 * SHARD_BYTES), self.cuts)
        self.layers = [*old, _LayerWriter(paths[-1], self.record, SHARD_BYTES)]

    def append(self, rows: pl.DataFrame, made: Future, layers: pl.DataFrame | None) -> None:
        """Add rows, which must continue in key order within a layer; `made` holds them as `arrow_table` does.

        Converted once and cut afterwards: a slice of a frame takes the units of all its rows along.
        """
        table: pa.Table = made.result()
        if layers is None:
            self.layers[-1].append(rows, table)
            return
        known = rows.select("question_id").join(layers, on="question_id", how="left", maintain_order="left")
        layer = known[LAYER].fill_null(len(self.layers) - 1)
        for number in layer.unique().sort():
            own = layer == number
            self.layers[number].append(rows.filter(own), table.filter(own.to_arrow()))

    def end(self) -> None:
        """Write what waits: no more rows come."""
        for layer in self.layers:
            layer.end_shard()

    def name_shards(self) -> None:
        """Give the shards their final names; a split without rows has no file."""
        shards = [shard for layer in self.layers for shard in layer.shards]
        for index, shard in enumerate(shards):
            shard.rename(shard.with_name(f"{self.split}-{index:05d}-of-{len(shards):05d}.parquet"))


class Written:
    """The rows of a release on their way into shards; `rows` and `arrow_bytes`, once the shards are there, are what
    `build.json` says: config -> split -> number, of every config that has rows."""

    def __init__(self, folder: Path, cuts: Cuts | None, records: Mapping[str, type], threads: ExitStack):
        places = [(config, split) for config in CONFIGS for split in SPLITS]
        self._writers = {
            place: _SplitWriter(folder, *place, records[place[0]], (cuts or {}).get(place, ()))
            for place in places
        }
        self._converting = threads.enter_context(ThreadPoolExecutor(1))
        self._threads = {place: threads.enter_context(ThreadPoolExecutor(1)) for place in places}
        self._last: dict[tuple[str, str], Future] = {}
        self.rows: dict[str, dict[str, int]] = {}
        self.arrow_bytes: dict[str, dict[str, int]] = {}

    def put(self, config: str, split: str, rows: pl.DataFrame, layers: pl.DataFrame | None = None) -> None:
        """Hand over rows of a split, sorted by key, whose questions come after all before within a layer; waits for those before.

        `layers`: `question_id` and `_layer` of the questions that a base has; all others go to the last layer.
        """
        place = config, split
        table = self._converting.submit(arrow_table, rows, self._writers[place].record)
        if place in self._last:
            self._last.pop(place).result()
        self._last[place] = self._threads[place].submit(self._writers[place].append, rows, table, layers)

    def _end(self) -> None:
        ended = [self._threads[place].submit(writer.end) for place, writer in self._writers.items()]
        for one in (*self._last.values(), *ended):
            one.result()
        for config in CONFIGS:
            writers = {split: self._writers[config, split] for split in SPLITS}
            rows = {split: sum(layer.rows for layer in one.layers) for split, one in writers.items()}
            if any(rows.values()):
                self.rows[config] = rows
                sizes = {s: sum(layer.arrow_bytes for layer in one.layers) for s, one in writers.items()}
                self.arrow_bytes[config] = sizes
                for one in writers.values():
                    one.name_shards()


@contextmanager
def written(
    folder: Path, cuts: Cuts | None = None, records: Mapping[str, type] = RECORDS
) -> Iterator[Written]:
    """Writes rows that are put config by config, in their order, while the block makes more of them; at its end all is
    written. `cuts` are those of the base of a release that grows, `records` the row types of the configs.

    Each split of a config has a thread of its own, since the largest would hold up all others, and one more thread
    makes Arrow tables for all of them. Of each split no more than one lot is written while the next is made: memory
    holds two buckets. At the end every thread writes what its shard still waits for.
    """
    with ExitStack() as threads:
        one = Written(folder, cuts, records, threads)
        yield one
        one._end()  # not after an error: nothing more is written then
