"""Which files of a folder are tables, and that none is left out in silence; packed files, lines, encodings."""

import bz2
import gzip
import json
import lzma
import os
import re
import sys
from functools import partial
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from komep_dataset.errors import KomepError
from komep_dataset.release.build import build
from komep_dataset.schema import arrow_schema
from komep_dataset.scores.scoring import VerdictRow
from komep_dataset.tables.encodings import is_text
from komep_dataset.tables.formats import (
    check_parts,
    csv_text,
    format_of,
    json_lines,
    stem_of,
    table_files,
)
from komep_dataset.tables.rows import read_rows
from komep_dataset.translation.evidence import TranslationRow
from tests.places import may_not_read
from tests.scored_rows import row

ROOT = Path(__file__).parents[2]
LINES = b'{"a": 1}\n{"a": "x\xe2\x80\xa8y"}\n'


def rows(name: str) -> list[dict]:
    return [row(model, question=f"What is {name}?") for model in ("m1", "m2")]


def jsonl(some: list[dict]) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in some).encode()


def test_every_table_of_a_folder_is_read(tmp_path):
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.jsonl").write_bytes(jsonl(rows("a")))
    (folder / "deep" / "b.jsonl.gz").write_bytes(gzip.compress(jsonl(rows("b"))))
    (folder / "c.JSONL").write_bytes(jsonl(rows("c")))
    (folder / "d.json").write_text(json.dumps(rows("d"), indent=1))
    (folder / "e.jsonl.zst").write_bytes(pa.compress(jsonl(rows("e")), "zstd", asbytes=True))
    (folder / "f.jsonlines").write_bytes(jsonl(rows("f")))
    (folder / "g.JSON.bz2").write_bytes(bz2.compress(jsonl(rows("g"))))
    (folder / "h.csv").write_text(
        "question;category;model;response;dahl_score\nWhat is h?;c;m;An answer.;0.5\n"
    )
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "i.ndjson").write_bytes(jsonl(rows("i")))
    (tmp_path / "elsewhere" / "back").symlink_to(folder)
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    for beside in ("README.md", "LICENSE", "SOURCE.txt", "done.json", ".hidden", "rejects.jsonl", "make.py"):
        (folder / beside).write_text("no table")
    for beside in ("Thumbs.db", "~$h.xlsx", "a.crc", "_metadata", "_committed_12"):
        (folder / beside).write_text("no table")
    for beside in ("s.verdicts.parquet", "rejects.jsonl.edited-2", "_SUCCESS", "empty.bin"):
        (folder / beside).write_text("")
    assert build([folder], tmp_path / "komep").facts["generations"] == 17


@pytest.mark.parametrize(
    "name",
    [
        "b.xlsx",
        "part-00000",
        "b.jsonl.7z",
        "b.parquet.gz",
        "b.txt",
        "b.zip",
        "b.jsonl.part",
        "b.csv.bak",
    ],
)
def test_what_may_hold_rows_and_cannot_be_read_stops(tmp_path, name):
    (tmp_path / "a.jsonl").write_bytes(jsonl(rows("a")))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / name).write_text("rows")
    with pytest.raises(KomepError, match=rf"deep/{name}\nWrite them as .*name the files"):
        table_files([tmp_path])


def test_a_link_to_nothing_and_a_pipe_stop(tmp_path):
    (tmp_path / "a.jsonl").symlink_to("gone")
    os.mkfifo(tmp_path / "b.jsonl")
    with pytest.raises(KomepError, match=r"a\.jsonl: links to nothing\n.*b\.jsonl: no regular file\n"):
        table_files([tmp_path])
    (tmp_path / "none").mkdir()
    for path, message in (("none", "no .jsonl, .* file in this folder"), ("gone", "no such file")):
        with pytest.raises(KomepError, match=message):
            table_files([tmp_path / path])


@pytest.mark.parametrize("name", ["shut", "a.jsonl", "b.parquet", "c.csv"])
def test_a_folder_and_a_file_that_may_not_be_read_stop(tmp_path, name):
    folder = tmp_path / "in"
    (folder / "shut").mkdir(parents=True)
    (folder / "a.jsonl").write_bytes(jsonl(rows("a")))
    pq.write_table(pa.Table.from_pylist(rows("b")), folder / "b.parquet")
    (folder / "c.csv").write_text(
        "question,category,model,response,dahl_score\nWhat is c?,c,m,An answer.,0.5\n"
    )
    (folder / name).chmod(0)
    done = may_not_read(
        [sys.executable, "-m", "komep_dataset.cli", "build", folder, "-o", tmp_path / "k"], cwd=ROOT
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"{folder / name}: " in done.stderr and "Permission denied" in done.stderr
    assert not (tmp_path / "k").exists()


def test_names(tmp_path):
    names = ["a.jsonl", "a.JSONL.GZ", "a.json", "a.tsv.zst", "a.parquet", "a.parquet.gz", "a.xlsx", "a"]
    kinds = ["JSONL", "JSONL", "JSON", "CSV", "Parquet", None, None, None]
    assert [format_of(Path(name)) for name in names] == kinds
    assert [stem_of(Path(name)) for name in names[:5]] == ["a"] * 5 and stem_of(Path("b.v1")) == "b.v1"


@pytest.mark.parametrize(
    "text", [json.dumps(rows("a"), indent=1), json.dumps(rows("a")), json.dumps(rows("a")[0], indent=1)]
)
def test_a_document_that_is_called_lines_is_read(tmp_path, text):
    (tmp_path / "a.jsonl").write_text(text)
    found = [json.loads(line) for _, line in json_lines(tmp_path / "a.jsonl")]
    assert found == rows("a")[: len(found)] and found


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.jsonl.gz", "a.json.bz2", "a.jsonl.xz"])
def test_lines_end_with_a_line_feed_alone(tmp_path, name):
    pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}.get(Path(name).suffix, bytes)
    (tmp_path / name).write_bytes(pack(b"\xef\xbb\xbf" + LINES))
    assert [json.loads(line) for _, line in json_lines(tmp_path / name)] == [{"a": 1}, {"a": "x\u2028y"}]


def test_a_damaged_packed_file_is_named(tmp_path):
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(LINES * 99)[:-9])
    with pytest.raises(KomepError, match=r"a\.jsonl\.gz: cannot be read \("):
        list(json_lines(tmp_path / "a.jsonl.gz"))
    packed = lzma.compress(LINES * 99)
    for damaged in (packed[:-40], packed[:60] + b"\0" * 8 + packed[68:]):
        (tmp_path / "a.csv.xz").write_bytes(damaged)
        for read in (json_lines, csv_text):
            with pytest.raises(KomepError, match=r"a\.csv\.xz: cannot be read \(\w"):
                list(read(tmp_path / "a.csv.xz"))
    (tmp_path / "a.jsonl.gz").write_bytes(b"")
    assert list(json_lines(tmp_path / "a.jsonl.gz")) == []


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
@pytest.mark.parametrize(
    "pack",
    [bytes, gzip.compress, bz2.compress, lzma.compress, partial(pa.compress, codec="zstd", asbytes=True)],
)
def test_how_a_file_is_packed_is_seen_in_it(tmp_path, name, pack):
    (tmp_path / name).write_bytes(pack(LINES))
    assert len(list(json_lines(tmp_path / name))) == 2


def test_parquet_by_another_name_and_a_name_that_no_release_can_hold(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.jsonl")
    for read in (json_lines, csv_text):
        with pytest.raises(KomepError, match=r"a\.jsonl: Parquet by its content"):
            list(read(tmp_path / "a.jsonl"))
    (tmp_path / "a\udcff.jsonl").touch()
    with pytest.raises(KomepError, match=r"a.udcff\.jsonl': a name that is not UTF-8"):
        table_files([tmp_path])


ROWS = [{"question": "What is gout?", "category": "c"}, {"question": "What is flu?", "category": "c"}]


@pytest.mark.parametrize(
    "content",
    [
        ROWS,
        {"data": ROWS},
        {"version": "1.0", "fields": ["question"], "results": ROWS, "of": {"n": 2}},
        {"schema": {"fields": [{"name": "question"}]}, "data": ROWS},
    ],
)
def test_a_json_object_that_holds_one_list_of_rows_gives_them(tmp_path, content):
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert [json.loads(line) for _, line in json_lines(tmp_path / "a.json")] == ROWS


def test_a_json_object_that_is_a_row_stays_one_and_several_lists_are_named(tmp_path):
    row = {
        "question": "What is gout?",
        "model": "m",
        "response": "x",
        "units": [{"text": "x", "verdict": "true"}],
    }
    (tmp_path / "a.json").write_text(json.dumps(row))
    assert [json.loads(line) for _, line in json_lines(tmp_path / "a.json")] == [row]
    (tmp_path / "a.json").write_text(json.dumps({"features": [{"name": "question"}], "rows": ROWS}))
    with pytest.raises(KomepError, match=r"a\.json: rows may stand under features, rows; write the one list"):
        list(json_lines(tmp_path / "a.json"))


def test_arrow_by_the_name_of_jsonl_is_named(tmp_path):
    table = pa.table({"a": [1]})
    for new in (pa.ipc.new_file, pa.ipc.new_stream):
        with new(tmp_path / "a.jsonl", table.schema) as writer:
            writer.write_table(table)
        with pytest.raises(KomepError, match=r"a\.jsonl: Arrow by its content; name it .arrow"):
            list(json_lines(tmp_path / "a.jsonl"))


TEXT = "question,category\n통풍이란 무엇인가?,내과\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949", "euc-kr"])
def test_the_encodings_of_spreadsheets(tmp_path, encoding):
    (tmp_path / "a.csv").write_bytes(TEXT.encode(encoding))
    text, note = csv_text(tmp_path / "a.csv")
    assert text == TEXT and ("read as CP949" in note) == (encoding in ("cp949", "euc-kr"))


@pytest.mark.parametrize("byteorder", ["le", "be"])
def test_utf_16_without_a_mark(tmp_path, byteorder):
    (tmp_path / "a.csv").write_bytes(TEXT.encode(f"utf-16-{byteorder}"))
    assert csv_text(tmp_path / "a.csv") == (TEXT, f"{tmp_path / 'a.csv'}: read as UTF-16")


@pytest.mark.parametrize(
    "content",
    [
        "the patient’s “café”, 37°C".encode("cp1252"),
        "5 µg".encode("latin-1"),
        TEXT.encode() + b"\xb0\xa1,x\n",
        "患者".encode("gb18030") + b"\xff",
        "it’s a patient’s sign".encode("cp1252"),
    ],
)
def test_what_is_neither_utf_8_nor_korean_is_not_taken_for_korean(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    text, note = csv_text(tmp_path / "a.csv")
    assert not note and any("\udc80" <= sign <= "\udcff" for sign in text)


@pytest.mark.parametrize("content", [b"PK\x03\x04 xlsx", b"\xd0\xcf\x11\xe0 xls"])
def test_a_workbook_by_the_name_of_a_csv(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(KomepError, match=r"a\.csv: a workbook.*; save its sheet as CSV UTF-8"):
        csv_text(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        (
            "b.parquet",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "a pointer of Git LFS",
        ),
        (
            "b.jsonl",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "a pointer of Git LFS",
        ),
        ("b.jsonl", b"\n<!DOCTYPE html>\n<html></html>", r"a web page \(HTML\)"),
        ("b.csv", b"PK\x03\x04 xlsx", "a workbook or a zip"),
        ("b.jsonl.gz", gzip.compress(bytes(257) + b"ustar" + bytes(300), mtime=0), "a tar archive"),
        ("b.jsonl.gz", gzip.compress(jsonl(rows("b")) * 9, mtime=0)[:-20], "cannot be read"),
        ("b.parquet", None, "not a readable Parquet file"),
    ],
)
def test_a_file_that_is_unreadable_as_a_whole_stops_whatever_on_error(tmp_path, name, content, what):
    (tmp_path / "a.jsonl").write_bytes(jsonl(rows("a")))
    if content is None:
        pq.write_table(pa.Table.from_pylist(rows("b")), tmp_path / name)
        content = (tmp_path / name).read_bytes()[:-20]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(KomepError, match=f"{name}: {what}") as raised:
        build([tmp_path], tmp_path / "komep", on_error="reject")
    assert "--on-error" not in str(raised.value) and not (tmp_path / "komep").exists()


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["test-00000-of-00002.parquet"], ["test-00001-of-00002"]),
        (["test-00001-of-00002-0a1b.parquet"], ["test-00000-of-00002"]),
        (["test-00000-of-00002.jsonl", "test-00001-of-00002.jsonl", "train-00001-of-00002.jsonl"], ["train-00000-of-00002"]),
        (["rows.1of3.jsonl", "rows.3of3.jsonl"], ["rows.2-of-3"]),
        (["part_2_of_2.csv"], ["part_1-of-2"]),
        (["test-00000-of-00002-0a1b.parquet", "test-00001-of-00002-2c3d.parquet", "a-00000-of-00001.csv"], []),
        (["r 1 of 2.csv", "r 2 of 2.csv", "part-00000", "2021-of-it.csv", "rows-3.csv"], []),
    ],
)  # fmt: skip
def test_all_parts_of_a_whole_are_there(tmp_path, names, missing):
    files = [tmp_path / name for name in names]
    if not missing:
        check_parts(files)
        return
    with pytest.raises(KomepError, match=rf"missing \({len(missing)}\):\n  " + "\n  ".join(missing) + "\n"):
        check_parts(files)


def test_one_shard_of_two_stops_every_reader(tmp_path):
    shard = tmp_path / "test-00000-of-00002.jsonl"
    shard.write_bytes(jsonl(rows("a")))
    for paths in ([tmp_path], [shard]):
        with pytest.raises(KomepError, match="test-00001-of-00002\n"):
            build(paths, tmp_path / "komep")


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", "急性心肌梗死首选检查是什么"),
        ("gb18030", "What is 黄疸 in newborns?"),
        ("gb18030", "患者女性，发热咳嗽三天，最可能的诊断是"),
        ("euc-jp", "糖尿病性ケトアシドーシスの初期治療について正しいものを選べ"),
        ("shift_jis", "肺炎の原因菌は何ですか"),
        ("big5", "下列何者為肺炎最常見的致病菌"),
        ("koi8-r", "Какие симптомы гриппа?"),
    ],
)
def test_other_encodings_are_not_taken_for_korean(tmp_path, encoding, text):
    (tmp_path / "a.csv").write_bytes(f"question,category\n{text},a\n".encode(encoding))
    assert csv_text(tmp_path / "a.csv")[1] == "" and not is_text(csv_text(tmp_path / "a.csv")[0])
    with pytest.raises(KomepError, match=r"a\.csv:\d: not UTF-8, nor Korean CP949; it may be .*: iconv -f"):
        list(read_rows(tmp_path / "a.csv"))


@pytest.mark.parametrize(
    "text", ["통풍이란?", "肝癌(간암)의 원인은?", "What is 당뇨병성 신증?", "β-blocker의 부작용은?", "㎎ ㎖"]
)
def test_korean_with_signs_of_others_is_korean(tmp_path, text):
    (tmp_path / "a.csv").write_bytes(f"question,category\n{text},a\n".encode("cp949"))
    assert text in csv_text(tmp_path / "a.csv")[0] and "CP949" in csv_text(tmp_path / "a.csv")[1]


@pytest.mark.parametrize(
    "log", ["_delta_log/0.json", ".hoodie/x", "metadata/v1.metadata.json", "metadata/version-hint.text"]
)
def test_a_table_of_which_a_log_says_what_counts_is_refused(tmp_path, log):
    (tmp_path / "in" / "t" / log).parent.mkdir(parents=True)
    (tmp_path / "in" / "t" / log).write_text("{}")
    (tmp_path / "in" / "t" / "data").mkdir()
    (tmp_path / "in" / "t" / "data" / "old.jsonl").write_bytes(jsonl(rows("a")))
    for path in (tmp_path / "in", tmp_path / "in" / "t" / "data" / "old.jsonl"):
        with pytest.raises(KomepError, match=r"in/t: a table of .*, whose files hold deleted rows too"):
            table_files([path])


@pytest.mark.parametrize(
    "name", ["done.json", "build.json", "quality.json", "rejects.jsonl", "x.verdicts.parquet"]
)
def test_a_table_under_a_name_of_ours_is_read(tmp_path, name):
    (tmp_path / "a.jsonl").write_bytes(jsonl(rows("a")))
    some = [{"question": "What?"}, {"question": "Why?"}]
    if name.endswith("parquet"):
        pq.write_table(pa.Table.from_pylist(some), tmp_path / name)
    else:
        (tmp_path / name).write_text(
            json.dumps({"items": some}) if name == "build.json" else json.dumps(some[0])
        )
    assert [path.name for path in table_files([tmp_path])] == sorted(["a.jsonl", name])


@pytest.mark.parametrize("name", ["done.json", "quality.json", "rejects.jsonl"])
def test_a_damaged_table_under_a_name_of_ours_is_not_passed_over(tmp_path, name):
    (tmp_path / "a.jsonl").write_bytes(jsonl(rows("a")))
    whole = json.dumps([{"question": "What?"}, {"question": "Why?"}])
    (tmp_path / name).write_text(whole[1 : whole.rindex("Why")])
    assert [path.name for path in table_files([tmp_path])] == ["a.jsonl", name]
    (tmp_path / name).write_text('{"rows": 3, "sha')  # what we write ourselves, torn
    assert [path.name for path in table_files([tmp_path])] == ["a.jsonl"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("items.yaml", "- question: What?\n- question: Why?\n"),
        ("items.yml", "test:\n- {stem: What?}\n"),
        ("items.log", '{"prompt": "What?"}\n{"prompt": "Why?"}\n'),
        ("sources", '{"question": "What?"}\n'),
    ],
)
def test_rows_in_what_is_no_table_by_its_name_stop(tmp_path, name, content):
    (tmp_path / "a.jsonl").write_bytes(jsonl(rows("a")))
    (tmp_path / name).write_text(content)
    with pytest.raises(KomepError, match=rf"{name}\nWrite them as"):
        table_files([tmp_path])


def test_what_we_write_beside_tables_and_settings_are_none(tmp_path):
    """A release, its folders and the files of settings of others: read for what they hold, never taken for rows."""
    (tmp_path / "s.jsonl").write_bytes(jsonl(rows("a")))
    build([tmp_path / "s.jsonl"], tmp_path / "komep")
    for name, text in (
        ("pipeline.yaml", "questions: {input: q.csv}\nresponders: [{name: a, model: b}]\n"),
        ("task.yaml", "task: a\nprompt: b\ndoc_to_text: !function utils.text\n"),
        ("run.log", "question: What?\n"),
        ("state.json", json.dumps({"_data_files": [{"filename": "a"}]})),
        ("dataset_infos.json", json.dumps({"default": {"features": {"question": {"dtype": "string"}}}})),
    ):
        (tmp_path / "komep" / name).write_text(text)
    for name, record in (("s.verdicts.parquet", VerdictRow), ("s.translations.parquet", TranslationRow)):
        pq.write_table(arrow_schema(record).empty_table(), tmp_path / "komep" / name)
    found = [str(path.relative_to(tmp_path / "komep")) for path in table_files([tmp_path / "komep"])]
    assert found and all(re.match("(ko|en|scored)/", name) for name in found)


def test_frames_that_are_written_as_an_object_are_rows(tmp_path):
    some = [row("m1"), row("m2", response="Other.")]
    names = list(some[0])
    contents = [
        {name: {str(n): one[name] for n, one in enumerate(some)} for name in names},
        {str(n): one for n, one in enumerate(some)},
        {"columns": names, "index": [0, 1], "data": [list(one.values()) for one in some]},
        {"schema": {"fields": []}, "data": some},
        {name: [one[name] for one in some] for name in names},
    ]
    for content in contents:
        (tmp_path / "a.json").write_text(json.dumps(content))
        assert [one for _, one in read_rows(tmp_path / "a.json")] == some
    for content in (some[0], {"question": ["a", "b"], "units": []}, {"a": {"b": 1}, "c": {"d": 2}}):
        (tmp_path / "a.json").write_text(json.dumps(content))
        assert [one for _, one in read_rows(tmp_path / "a.json")] == [content]


def test_objects_over_several_lines_one_behind_the_other(tmp_path):
    text = "\n".join(json.dumps(one, indent=2) for one in ROWS)
    for name, content in (("a.jsonl", text), ("a.json", text.replace("}\n{", "},\n{"))):
        (tmp_path / name).write_text(content)
        assert [json.loads(line) for _, line in json_lines(tmp_path / name)] == ROWS
    (tmp_path / "a.jsonl").write_text(text[:-3])
    with pytest.raises(KomepError, match=r"a\.jsonl:\d+: not JSON \(.*\); is the file whole\?"):
        list(json_lines(tmp_path / "a.jsonl"))


@pytest.mark.parametrize("changed", [False, True])
def test_a_folder_by_save_to_disk(tmp_path, changed):
    given = datasets.Dataset.from_list(rows("a"))
    given.save_to_disk(tmp_path / "one")
    datasets.DatasetDict(train=given, test=given).save_to_disk(tmp_path / "all")
    if changed:  # what `datasets` computes later lies beside, and is not the set
        datasets.load_from_disk(tmp_path / "one").map(lambda row: row | {"model": "z"})
        assert len(list((tmp_path / "one").glob("*.arrow"))) == 2
    for folder in ("one", "all"):
        built = build([tmp_path / folder], tmp_path / "komep")
        assert built.facts["generations"] == len(rows("a"))


def test_an_arrow_file_that_is_cut(tmp_path):
    table = pa.Table.from_pylist(rows("a") * 50)
    for new in (pa.ipc.new_file, pa.ipc.new_stream):
        with new(tmp_path / "a.arrow", table.schema) as writer:
            writer.write_table(table)
        (tmp_path / "a.arrow").write_bytes((tmp_path / "a.arrow").read_bytes()[:-900])
        with pytest.raises(KomepError, match=r"a\.arrow: not a readable Arrow file .*; is it whole\?"):
            build([tmp_path / "a.arrow"], tmp_path / "komep")


def test_lines_that_hold_lists_are_lines(tmp_path):
    (tmp_path / "a.jsonl").write_text("".join(json.dumps([one]) + "\n" for one in ROWS * 3))
    assert len(list(json_lines(tmp_path / "a.jsonl"))) == 3 * len(ROWS)
