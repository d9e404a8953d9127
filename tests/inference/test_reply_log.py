"""The log of replies: what a kill cut short, what is no reply, who holds it."""

import json

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.inference.ask import left_out_of
from komep_dataset.inference.reply_log import REPLIES, Reply, open_log, worker_log


@pytest.mark.parametrize("tail", [b'{"key": "b", "te', b"\x00\x00\x00", b'{"key": "b", "text": "\xed\x95'])
def test_a_line_cut_short_by_a_kill_is_taken_off(tmp_path, tail):
    path = tmp_path / REPLIES
    with open_log(path) as log:
        log.add([("a", Reply("한국어", "stop", 1, None))])
    with path.open("ab") as file:
        file.write(tail)
    with open_log(path) as log:
        assert "b" not in log.rows and log.rows["a"] == Reply("한국어", "stop", 1, None)
        log.add([("b", Reply("x\u2028y", "length"))])
    with open_log(path) as log:
        assert log.rows["b"] == Reply("x\u2028y", "length")


def _line(key: str, text: str) -> bytes:
    return (
        json.dumps({"key": key, "text": text, "finish_reason": "stop"}, ensure_ascii=False).encode() + b"\n"
    )


A, B, C = _line("a", 'He said {"key": "x"}.'), _line("b", "둘"), _line("c", "3")


@pytest.mark.parametrize(
    ("content", "lines", "whole"),
    [
        (A + b"garbage\n[]\n{}\n" + B, 3, "ab"),
        (A[:30] + b"\n" + B + C, 1, "bc"),  # half a line
        (A[:30] + B + C, 1, "bc"),
        (A[:-1] + B + C, 1, "abc"),  # two run together
        (A[:-1] + B[:-1] + C + B[:-9], 1, "abc"),  # and the usual end of a kill
        (A + bytes(99) + B + C, 1, "abc"),
        (A + bytes(99) + b"\n" + C, 1, "ac"),
        (A + B.replace(b"\xeb", b"\xff") + C, 1, "ac"),
        (bytes(len(A)) + B, 1, "b"),
    ],
)
def test_a_log_that_is_damaged_is_kept_beside_and_costs_what_is_damaged_alone(
    tmp_path, capfd, content, lines, whole
):
    path = tmp_path / REPLIES
    path.write_bytes(content)
    with open_log(path) as log:
        assert "".join(log.rows) == whole
        log.add([("d", Reply("4", "stop"))])
        with pytest.raises(KomepError, match="another run is at work"):
            open_log(path).__enter__()
    assert (
        f"{path}: {lines} damaged line" in (said := capfd.readouterr().err) and "replies.log.edited," in said
    )
    kept = path.with_name("replies.log.edited").read_bytes()
    assert content.startswith(kept) and len(kept) >= len(content) - len(B)
    with open_log(path) as log:
        assert "".join(log.rows) == whole + "d"
        assert "a" not in whole or log.rows["a"].text == 'He said {"key": "x"}.'
    assert not capfd.readouterr().err and len(list(tmp_path.iterdir())) == 2


def test_a_damaged_log_of_another_process_is_named_and_left_alone(tmp_path, capfd):
    other = worker_log(tmp_path, 1)
    other.write_bytes(A + B[:9] + b"\n" + C)
    with open_log(tmp_path / REPLIES) as log:
        log.read([other])
        assert log.rows.keys() == {"a", "c"} and left_out_of(tmp_path) == []
    assert capfd.readouterr().err.count(f"{other}: 1 damaged line") == 1
    assert other.read_bytes() == A + B[:9] + b"\n" + C


def test_rows_of_another_version_are_no_damage(tmp_path, capfd):
    path = tmp_path / REPLIES
    path.write_bytes(A + b'{"key": "b", "text": "x", "finish_reason": "stop", "new": 1}\n')
    with open_log(path) as log:
        assert log.rows.keys() == {"a"}
    assert not capfd.readouterr().err


def test_a_failure_cannot_be_kept(tmp_path):
    with open_log(tmp_path / REPLIES) as log, pytest.raises(ValueError):
        log.add([("a", Reply("", "failed", failure="boom"))])
    assert (tmp_path / REPLIES).read_bytes() == b""


def test_two_runs_cannot_work_in_one_folder(tmp_path):
    with open_log(tmp_path / REPLIES), pytest.raises(KomepError, match="another run is at work"):
        open_log(tmp_path / REPLIES).__enter__()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KomepError, match="cannot be written"):
        open_log(tmp_path / "file" / REPLIES).__enter__()
