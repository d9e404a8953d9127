"""Corpora in the forms that people have them in, and what cannot be read of them."""

import polars as pl
import pytest

from komep_dataset.errors import KomepError
from komep_dataset.evidence.corpus import read_corpus
from komep_dataset.evidence.store import fingerprint, open_store
from tests.evidence.texts import TEXTS, corpus


def found(path):
    return {passage.id: passage for _, passage in read_corpus(path)}


@pytest.mark.parametrize("name", ["c.jsonl", "c.parquet", "c.csv"])
def test_a_table_is_read_in_every_format(tmp_path, name):
    rows = pl.DataFrame(
        [{"id": id, "title": title, "text": text, "url": f"u/{id}"} for id, (title, text) in TEXTS.items()]
    )
    path = tmp_path / name
    {".jsonl": rows.write_ndjson, ".parquet": rows.write_parquet, ".csv": rows.write_csv}[path.suffix](path)
    read = found(path)
    assert {id: (one.title, one.text) for id, one in read.items()} == TEXTS
    assert read["열"].language == "ko" and read["asa"].language == "en" and read["asa"].url == "u/asa"


def test_columns_of_other_projects_are_read(tmp_path):
    rows = [{"_id": 7, "contents": "Of MedRAG and BEIR."}, {"content": "Without an id."}]
    read = list(found(corpus(tmp_path / "c.jsonl", rows)).values())
    assert read[0].id == "7" and read[0].text == "Of MedRAG and BEIR." and len(read[1].id) == 16


def test_a_folder_of_texts_gives_each_file_its_path_as_id_in_any_encoding(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "fever.md").write_text("# Fever\n\nA rise of temperature.", "utf-8")
    (tmp_path / "a.txt").write_bytes("체온이 오른다.".encode("cp949"))
    (tmp_path / "README.md").write_text("About these files.", "utf-8")
    read = found(tmp_path)
    assert list(read) == ["a.txt", "b/fever.md"]
    assert read["a.txt"].text == "체온이 오른다." and read["a.txt"].title == "a"
    assert read["b/fever.md"].title == "Fever"


def test_what_is_no_text_in_a_folder_is_named_and_not_passed_over(tmp_path):
    corpus(tmp_path / "c.jsonl")
    (tmp_path / "book.pdf").write_bytes(b"%PDF-1.7")
    with pytest.raises(KomepError, match=r"cannot be read as a text \(1\)(?s:.*)book\.pdf"):
        found(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pdf", b"%PDF-1.7"),
        ("a", b"x"),
        ("a.txt", b"ab\0c"),
        ("a.txt", b"\xff\xffcr\xe8me"),
        ("a.txt", b"PK\x03\x04"),
    ],
)
def test_a_file_that_is_no_text_is_none_by_its_name_or_by_its_content(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(KomepError, match=r"cannot be read as a text|no text in UTF-8|unpack it") as caught:
        found(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_every_row_without_a_text_is_named_at_once(tmp_path):
    rows = [{"id": 1}, {"id": 2, "text": ["x"]}, {"id": 3, "text": "Good."}, {"id": 4, "text": " "}]
    with pytest.raises(KomepError) as caught:
        found(corpus(tmp_path / "c.jsonl", rows))
    message = str(caught.value)
    assert (
        "2 of its texts" in message
        and "c.jsonl:1: " in message
        and "c.jsonl:2: " in message
        and ":4" not in message
    )
    assert "columns: id" in message


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: None])
def test_a_folder_without_a_text_and_a_path_that_is_not_there_are_refused(tmp_path, make):
    make(tmp_path / "c")
    with pytest.raises(KomepError, match=r"an empty corpus|no such file"):
        found(tmp_path / "c")


@pytest.mark.parametrize("name", ["c.jsonl", "c.csv"])
def test_columns_of_other_names_are_mapped_and_are_part_of_the_state(tmp_path, name):
    rows, path = pl.DataFrame([{"번호": "a", "본문": "열은 체온이 오르는 것이다."}]), tmp_path / name
    {".jsonl": rows.write_ndjson, ".csv": rows.write_csv}[path.suffix](path)
    with pytest.raises(KomepError, match=r"no text .columns: 번호, 본문.; under `columns:` of pipeline.yaml"):
        found(path)
    columns = {"번호": "id", "본문": "text"}
    [(_, one)] = read_corpus(path, columns)
    assert (one.id, one.text) == ("a", "열은 체온이 오르는 것이다.")
    assert fingerprint(path, [path], columns) != fingerprint(path, [path]) == fingerprint(path, [path], {})
    assert open_store(path, tmp_path / "work", columns)[0].id == "a"
