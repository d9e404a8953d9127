"""The rows of each split on their way into its shards, in threads, while the next bucket is worked on."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from komep_dataset.release.growth import LAYER
from komep_dataset.release.shards import SplitWriter
from komep_dataset.schema import RECORDS
from komep_dataset.tables.writing import arrow_table

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa


class Writing:
    """Writes rows that are put config by config, in their order; use it in a `with` block, which ends when all is written.

    Each split of a config has a thread of its own, since the largest would hold up all others, and one more thread
    makes Arrow tables for all of them. Of each split no more than one lot is written while the next is made: memory
    holds two buckets. At the end every thread writes what its shard still waits for.
    """

    def __init__(self, writers: Mapping[tuple[str, str], SplitWriter]):
        self._writers = writers
        self._threads = {place: ThreadPoolExecutor(1) for place in writers}
        self._converting = ThreadPoolExecutor(1)
        self._last: dict[tuple[str, str], Future] = {}

    def put(self, config: str, split: str, rows: pl.DataFrame, layers: pl.DataFrame | None = None) -> None:
        """Hand over rows of a split; waits for those before.

        Args:
            config: where they go.
            split: that all of them are of.
            rows: sorted by key; their questions come after all before, within a layer.
            layers: `question_id` and `_layer` of the questions that a base has; all others go to the last layer.
        """
        place = config, split
        table = self._converting.submit(arrow_table, rows, RECORDS[config])
        self._wait(place)
        thread, writer = self._threads[place], self._writers[place]
        self._last[place] = thread.submit(_write, writer, rows, table, layers)

    def _wait(self, place: tuple[str, str]) -> None:
        if place in self._last:
            self._last.pop(place).result()

    def __enter__(self) -> Writing:
        return self

    def __exit__(self, kind, *_) -> None:
        places = self._threads if kind is None else ()  # after an error nothing more is written
        ended = [self._threads[place].submit(self._writers[place].end) for place in places]
        for thread in (self._converting, *self._threads.values()):
            thread.shutdown()
        if kind is None:
            for place in list(self._last):
                self._wait(place)
            for writer in ended:
                writer.result()


def _write(writer: SplitWriter, rows: pl.DataFrame, made: Future, layers: pl.DataFrame | None) -> None:
    table: pa.Table = made.result()
    if layers is None:
        writer.append(rows, table)
        return
    new = len(writer.layers) - 1
    layer = (
        rows.select("question_id")
        .join(layers, on="question_id", how="left", maintain_order="left")[LAYER]
        .fill_null(new)
    )
    for number in layer.unique().sort():
        own = layer == number
        writer.append(rows.filter(own), table.filter(own.to_arrow()), number)
