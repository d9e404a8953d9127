"""Encodings: what is recognised, said once and read, in lines of JSON as in CSV; what cannot be known is not guessed at."""

import json

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.pairs.generations import read_scored
from komep_dataset.tables.encodings import advice, encoding_of, is_text, is_wide
from komep_dataset.tables.formats import json_lines
from tests.scored_rows import row

ROWS = [
    row(model, "패혈증의 첫 징후는 무엇입니까?", f"{model}: 발열이 첫 징후입니다.") for model in ("m1", "m2")
]


def lines(encoding, rows=ROWS):
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rows).encode(encoding)


@pytest.mark.parametrize("encoding", ["cp949", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_lines_in_other_encodings_are_read_and_said_once(tmp_path, capsys, encoding, name):
    (tmp_path / name).write_bytes(lines(encoding))
    assert read_scored([tmp_path / name])["question"].to_list() == [ROWS[0]["question"]] * 2
    said = capsys.readouterr().err
    assert said.count("note:") == (encoding != "utf-8-sig") and ("CP949" in said) == (encoding == "cp949")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_whose_first_sign_is_korean(encoding):
    for text in ("질문,분야\n패혈증이란 무엇인가?,내과\n", "가,나\n가 나 다,라\n"):
        assert encoding_of(text.encode(encoding)) == encoding and is_wide(text.encode(encoding))


@pytest.mark.parametrize("cut", [1, 2])
def test_a_cut_file_of_utf_8_is_not_cp949(tmp_path, cut):
    data = "질문\n패혈증의 징후는".encode()[:-cut]
    assert encoding_of(data) == "utf-8-sig" == encoding_of(b"question\n" + "한".encode()[:-cut])
    (tmp_path / "a.jsonl").write_bytes(lines("utf-8") + lines("utf-8", ROWS[:1])[: -cut - 120])
    with pytest.raises(KomepError, match=r"1 bad row:\n  \S+a.jsonl:3: malformed: not (UTF-8|JSON)"):
        read_scored([tmp_path / "a.jsonl"])


def test_a_wrong_byte_is_one_bad_row(tmp_path):
    data = lines("utf-8").split(b"\n")
    (tmp_path / "a.jsonl").write_bytes(data[0] + b"\n" + data[1].replace("발".encode(), b"\xff") + b"\n")
    with pytest.raises(KomepError, match=r"1 bad row:\n  \S+a.jsonl:2: malformed: not UTF-8"):
        read_scored([tmp_path / "a.jsonl"])


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_a_damaged_byte_does_not_make_a_file_one_of_another_encoding(tmp_path, capsys, encoding):
    """A byte that was damaged had a whole file converted from an encoding that it never was in."""
    data = lines(encoding, ROWS * 9).split(b"\n")
    wrong = "발열".encode(encoding)
    data[4] = data[4].replace(wrong, b"\xff" + wrong[1:])
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(data))
    with pytest.raises(KomepError) as error:
        read_scored([tmp_path / "a.jsonl"])
    assert "1 bad row:" in str(error.value) and "a.jsonl:5: malformed: not UTF-8" in str(error.value)
    assert "a byte of it was lost or changed: write it anew" in str(error.value) and "iconv" not in str(
        error.value
    )
    assert ("read as CP949" in capsys.readouterr().err) == (encoding == "cp949")


def test_a_mark_where_files_were_joined(tmp_path):
    one, other, _ = lines("utf-8").split(b"\n")
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + one + b"\n\xef\xbb\xbf" + other + b"\n")
    assert len(list(json_lines(tmp_path / "a.jsonl"))) == read_scored([tmp_path / "a.jsonl"]).height == 2


@pytest.mark.parametrize(
    ("encoding", "text", "named"),
    [
        ("gb18030", "急性心肌梗死首选检查是什么", "GB18030"),
        ("shift_jis", "肺炎の原因菌は何ですか", "SHIFT_JIS"),
        ("cp1252", "the patient’s “café”", "WINDOWS-1252"),
        ("johab", "패혈증의 첫 징후는 무엇입니까?", "JOHAB"),
    ],
)
def test_what_cannot_be_known_says_from_what_to_convert(tmp_path, encoding, text, named):
    assert encoding_of(text.encode(encoding)) == "" and f"iconv -f {named} -t UTF-8" in advice(
        text.encode(encoding)
    )
    (tmp_path / "a.jsonl").write_bytes(lines(encoding, [row(response=text)]))
    with pytest.raises(KomepError, match=f"not UTF-8 .*iconv -f {named}"):
        read_scored([tmp_path / "a.jsonl"])


def test_text_is_what_has_no_byte_left_over():
    assert is_text("한 é") and not is_text("a\udcff")
