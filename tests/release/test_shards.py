"""Row groups and shards depend on the rows alone, and hold them all in order."""

import json

import polars as pl
import pyarrow.parquet as pq

from komep_dataset.release import buckets as spill_module
from komep_dataset.release.build import build
from komep_dataset.release.rows import data_files
from tests.generated_rows import (
    release_bytes,
    some_rows,
    write_jsonl,
)
from tests.scored_rows import row, write


def test_row_groups_do_not_depend_on_buckets(tmp_path, monkeypatch):
    monkeypatch.setattr("komep_dataset.release.shards.ROW_GROUP_ROWS", 64)
    source = write_jsonl(tmp_path / "in.jsonl", some_rows(200))
    build([source], tmp_path / "one")
    monkeypatch.setattr(spill_module, "BUCKET_BYTES", 1)
    monkeypatch.setattr(spill_module, "MOST_BUCKETS", 16)
    build([source], tmp_path / "sixteen")
    assert release_bytes(tmp_path / "one") == release_bytes(tmp_path / "sixteen")


def test_shards_hold_all_rows_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr("komep_dataset.release.shards.ROW_GROUP_ROWS", 50)
    monkeypatch.setattr("komep_dataset.release.shards.SHARD_BYTES", 20_000)
    build([write_jsonl(tmp_path / "in.jsonl", some_rows(200))], tmp_path / "komep")
    shards = data_files(tmp_path / "komep", "scored", "train")
    assert len(shards) > 3
    assert shards[0].name == f"train-00000-of-{len(shards):05d}.parquet"
    keys = pl.concat(pl.read_parquet(s) for s in shards).select("question_id", "model")
    assert keys.equals(keys.sort("question_id", "model"))
    assert keys.height == build_rows(tmp_path / "komep", "scored", "train")


def build_rows(folder, config, split):
    return json.loads((folder / "build.json").read_text("utf-8"))["rows"][config][split]


def test_the_sizes_of_splits_are_those_of_what_was_written(tmp_path):
    """Texts behind nulls, which Polars keeps in memory and no file has, counted, and other ones for rows that came twice."""
    rows = [
        row(
            f"m{n % 3}",
            question=f"{n // 3}: {'패혈증이란?' if n % 2 else 'What is sepsis?'}",
            response=f"Answer {n}.",
        )
        for n in range(60)
    ]
    sizes = []
    for given in (rows, [*rows[::-1], *rows]):
        build([write(tmp_path / "s.jsonl", given)], tmp_path / "komep")
        sizes.append(json.loads((tmp_path / "komep" / "build.json").read_text())["arrow_bytes"])
        for split, size in sizes[-1]["scored"].items():
            (file,) = data_files(tmp_path / "komep", "scored", split)
            read = pq.read_table(file)  # of scores without nulls it has a bit a row all the same
            assert size == read.nbytes - (read.num_rows + 7) // 8
    assert sizes[0] == sizes[1]
