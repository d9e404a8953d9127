"""The items of a benchmark in every layout, and what is said of files that have none."""

import gzip
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
        ("b.csv", b"question\nwhat\x92s \x93this\x94\n", r"b\.csv:2: not UTF-8"),
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


def test_the_encodings_and_separators_of_spreadsheets_give_the_same_items(tmp_path):
    text = 'question,A,B\r\n"초기 치료, 그 다음은?",가,나\r\nWhat is best?,one,two\r\n'
    semicolons = (
        text.replace('"초기 치료, 그 다음은?"', "초기 치료\ufe5d 그 다음은?")
        .replace(",", ";")
        .replace("\ufe5d", ",")
    )
    tabs = semicolons.replace(";", "\t")
    contents = {
        "a.csv": text.encode("cp949"), "a.CSV": text.encode("utf-16"), "a.csv.gz": gzip.compress(text.encode()),
        "cr/a.csv": text.replace("\r\n", "\r").encode("utf-8-sig"), "semi/a.csv": semicolons.encode(),
        "sep/a.csv": b"sep=;\r\n" + semicolons.encode("cp949"), "a.tsv": tabs.encode(), "tab/a.csv": tabs.encode("utf-16"),
    }  # fmt: skip
    sums = set()
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
        sums.add(read_benchmark("b", tmp_path / name).sha256)
    assert len(sums) == 1


def test_no_file_of_a_benchmark_is_left_out(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"question": "one"}\n')
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b'{"question": "two"}\n'))
    (tmp_path / "c.json").write_text('[{"question": "three"}, {"question": "four"}]')
    items = read_benchmark("b", tmp_path).items
    assert [(item.split, item.questions[0]) for item in items] == [
        ("a", "one"), ("b", "two"), ("c", "three"), ("c", "four"),
    ]  # fmt: skip
    (tmp_path / "d.xlsx").write_text("x")
    with pytest.raises(KomepError, match=r"d\.xlsx"):
        read_benchmark("b", tmp_path)


def test_an_open_quote_swallows_no_item(tmp_path):
    (tmp_path / "a.csv").write_text('question\n"one\ntwo\nthree\n')
    with pytest.raises(KomepError, match=r"a\.csv:2: not CSV \(unexpected end of data; lines 2 to 4\)"):
        read_benchmark("b", tmp_path / "a.csv")


def test_a_table_beside_a_saved_dataset_is_not_left_out(tmp_path):
    from datasets import Dataset

    Dataset.from_list([{"question": "one"}]).save_to_disk(tmp_path / "saved")
    assert len(read_benchmark("b", tmp_path / "saved").items) == 1
    (tmp_path / "saved" / "more.jsonl").write_text('{"question": "two"}\n')
    with pytest.raises(KomepError, match=r"more\.jsonl: beside a saved dataset"):
        read_benchmark("b", tmp_path / "saved")
