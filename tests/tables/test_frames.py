"""Both ways of reading a Parquet file give the same rows."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from komep_dataset.tables import frames as module
from komep_dataset.tables.frames import parquet_frames

ROWS = 2_500


def a_file(path, rows: int = ROWS, group: int = 300):
    units = [[{"text": f"unit {n}", "verdict": "true"}] * (n % 3) for n in range(rows)]
    table = pa.table({"id": [f"{n:08x}" for n in range(rows)], "units": units, "other": list(range(rows))})
    pq.write_table(table, path, row_group_size=group)
    return path


def read(path, columns=("id", "units")) -> pl.DataFrame:
    return pl.concat(parquet_frames(path, pq.ParquetFile(path), list(columns)))


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(module, "BATCH_ROWS", 1_000)


@pytest.mark.parametrize("group", [7, 300, 1_000, ROWS])
def test_every_row_comes_once_and_in_order(tmp_path, group):
    path = a_file(tmp_path / "a[1]*.parquet", group=group)  # no pattern of file names
    assert read(path).equals(pl.from_arrow(pq.read_table(path, columns=["id", "units"])))


def test_large_row_groups_are_read_piece_by_piece(tmp_path, monkeypatch):
    path = a_file(tmp_path / "a.parquet", group=ROWS)
    expected = read(path)
    monkeypatch.setattr(module, "GROUP_BYTES", 10)
    frames = list(parquet_frames(path, pq.ParquetFile(path), ["id", "units"]))
    assert [frame.height for frame in frames] == [1_000, 1_000, 500]
    assert pl.concat(frames).equals(expected)


@pytest.mark.parametrize("good", [0, 1, 2])
def test_arrow_goes_on_where_polars_stops(tmp_path, monkeypatch, good):
    path = a_file(tmp_path / "a.parquet")
    expected = read(path)
    by_polars = module._by_polars

    def breaks_off(*given):
        for index, frame in enumerate(by_polars(*given)):
            if index == good:
                raise pl.exceptions.ComputeError("a page that polars refuses")
            yield frame

    monkeypatch.setattr(module, "_by_polars", breaks_off)
    assert read(path).equals(expected)


def test_what_arrow_cannot_read_is_arrows_to_say(tmp_path):
    path = a_file(tmp_path / "a.parquet")
    content = bytearray(path.read_bytes())
    content[200:4_000] = b"\xff" * 3_800
    path.write_bytes(content)
    with pytest.raises((pa.ArrowInvalid, OSError)):
        read(path)
