"""The rows of each split on their way into its shards, in threads, while the next bucket is worked on."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from komep_dataset.growth import LAYER
from komep_dataset.pairs import split_column
from komep_dataset.release import RECORDS
from komep_dataset.schema import SPLITS
from komep_dataset.shards import SplitWriter
from komep_dataset.tables import arrow_table

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa


class Writing:
    """Writes rows that are put config by config, in their order; use it in a `with` block, which ends when all is written.

    Each split of a config has a thread of its own, since the largest would hold up all others, and one more thread
    makes Arrow tables for all of them. Of each split no more than one lot is written while the next is made: memory
    holds two buckets.
    """

    def __init__(self, writers: Mapping[tuple[str, str], SplitWriter]):
        self._writers = writers
        self._threads = {place: ThreadPoolExecutor(1) for place in writers}
        self._parting = ThreadPoolExecutor(1)
        self._last: dict[tuple[str, str], Future] = {}

    def put(self, config: str, rows: pl.DataFrame, layers: pl.DataFrame | None = None) -> None:
        """Hand over rows of a config; waits for those before.

        Args:
            config: where they go.
            rows: sorted by key; their questions come after all before, within a layer.
            layers: `question_id` and `_layer` of the questions that a base has; all others go to the last layer.
        """
        splits = split_column(rows)
        for split in SPLITS:
            place = config, split
            part = self._parting.submit(_part, rows, splits == split, RECORDS[config])
            self._wait(place)
            thread, writer = self._threads[place], self._writers[place]
            self._last[place] = thread.submit(_write, writer, part, layers)

    def _wait(self, place: tuple[str, str]) -> None:
        if place in self._last:
            self._last.pop(place).result()

    def __enter__(self) -> Writing:
        return self

    def __exit__(self, kind, *_) -> None:
        for thread in (self._parting, *self._threads.values()):
            thread.shutdown()
        if kind is None:
            for place in list(self._last):
                self._wait(place)


def _part(rows: pl.DataFrame, own: pl.Series, record: type) -> tuple[pl.DataFrame, pa.Table]:
    part = rows.filter(own)
    return part, arrow_table(part, record)


def _write(writer: SplitWriter, part: Future, layers: pl.DataFrame | None) -> None:
    rows, table = part.result()
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
