"""The log of replies: what a kill cut short, what is no reply, who holds it."""

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.inference.reply_log import REPLIES, Reply, open_log


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


def test_an_unreadable_line_in_the_middle_costs_that_answer_alone(tmp_path):
    path = tmp_path / REPLIES
    with open_log(path) as log:
        log.add([("a", Reply("1", "stop"))])
    line = path.read_bytes()
    path.write_bytes(line + b"garbage\n[]\n{}\n" + line.replace(b'"a"', b'"b"'))
    with open_log(path) as log:
        assert log.rows.keys() == {"a", "b"}


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
