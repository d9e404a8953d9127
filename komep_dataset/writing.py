"""The rows of each split on their way into its shards, in threads, while the next bucket is worked on."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from komep_dataset.growth import LAYER
from komep_dataset.pairs import split_column
from komep_dataset.schema import SPLITS
from komep_dataset.shards import SplitWriter

if TYPE_CHECKING:
    import polars as pl


class Writing:
    """Writes rows that are put config by config, in their order; use it in a `with` block, which ends when all is written.

    Each split of a config has a thread of its own, since the largest would hold up all others. Of each no more than
    one lot is under way: memory holds two buckets at most, the one that is written and the one that is made.
    """

    def __init__(self, writers: Mapping[tuple[str, str], SplitWriter]):
        self._writers = writers
        self._threads = {place: ThreadPoolExecutor(1) for place in writers}
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
            self._wait(place)
            part = rows.filter(splits == split)
            self._last[place] = self._threads[place].submit(_write, self._writers[place], part, layers)

    def _wait(self, place: tuple[str, str]) -> None:
        if place in self._last:
            self._last.pop(place).result()

    def __enter__(self) -> Writing:
        return self

    def __exit__(self, kind, *_) -> None:
        for thread in self._threads.values():
            thread.shutdown()
        if kind is None:
            for place in list(self._last):
                self._wait(place)


def _write(writer: SplitWriter, rows: pl.DataFrame, layers: pl.DataFrame | None) -> None:
    if layers is None:
        writer.append(rows)
        return
    new = len(writer.layers) - 1
    layer = (
        rows.select("question_id")
        .join(layers, on="question_id", how="left", maintain_order="left")[LAYER]
        .fill_null(new)
    )
    for number in layer.unique().sort():
        writer.append(rows.filter(layer == number), number)
