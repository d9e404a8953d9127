"""The items of a benchmark in every layout, and what is said of files that have none."""

from pathlib import Path

import polars as pl
import pytest

from komep_dataset.errors import KomepError
from komep_dataset.gates.trial.benchmark_files import read_benchmark

ROOT = Path(__file__).resolve().parents[3]


def test_every_layout_of_a_benchmark_gives_the_same_items(tmp_path):
    rows = [{"question": f"What is item {n}?", "A": "one", "B": "two", "answer": 1} for n in range(5)]
    frame = pl.DataFrame(rows)
    frame.write_ndjson(tmp_path / "test.jsonl")
    frame.write_csv(tmp_path / "test.csv")
    frame.write_parquet(tmp_path / "test.parquet")
    from datasets import Dataset, DatasetDict

    DatasetDict({"test": Dataset.from_list(rows)}).save_to_disk(tmp_path / "saved")
    (tmp_path / "folder").mkdir()
    frame.write_parquet(tmp_path / "folder" / "test.parquet")
    paths = ["test.jsonl", "test.csv", "test.parquet", "saved", "folder"]
    sums = {read_benchmark("b", tmp_path / path).sha256 for path in paths}
    assert len(sums) == 1
    shipped = read_benchmark("k", ROOT / "komep_dataset/samples/kormedmcqa")
    assert len(shipped.items) == 80
    assert {item.split for item in shipped.items} >= {"doctor/test", "nurse/fewshot"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("b.jsonl", b'{"question": "a b"}\n{"question": ', r"b\.jsonl:2: not JSON"),
        ("b.jsonl", b"[1]\n", r"b\.jsonl:1: not a JSON object"),
        ("b.jsonl", b'{"question": "a"}\n{"question": "\xff"}\n', r"b\.jsonl:2: not UTF-8"),
        ("b.csv", "question\n\uc9c8\ubb38".encode("cp949"), r"b\.csv:2: not UTF-8"),
        ("b.csv", b"id,year\n1,2\n", r"no column with a question .*found: id, year"),
        ("b.parquet", b"PAR1", r"b\.parquet: not a readable Parquet"),
        ("b.jsonl", b"\n", r"holds no item"),
        ("b.xlsx", b"x", r"a benchmark is \.jsonl"),
    ],
)
def test_bad_benchmark_files_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(KomepError, match=message):
        read_benchmark("b", tmp_path / name)


def test_a_path_that_holds_no_benchmark(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(KomepError, match=r"no such file|no \.jsonl"):
            read_benchmark("b", path)
