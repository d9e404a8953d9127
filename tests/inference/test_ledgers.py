"""The folder in which all processes write down what they spent, whatever lies in it."""

import os
import resource

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.inference.ledgers import Ledger, spent_in


def others_of(folder):
    ledger = Ledger(folder, "USD", "m")
    try:
        with ledger.locked():
            return ledger.others()
    finally:
        ledger.close()


def test_more_ledgers_of_the_dead_than_files_may_be_open(tmp_path):
    for number in range(300):
        (tmp_path / f"{number}.json").write_text('{"amount": 0.5, "calls": 1}')
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 20, before[1]))  # noqa: PTH208
    try:
        assert others_of(tmp_path).spent == 150.0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert spent_in(tmp_path) == (150.0, 300)


def test_a_ledger_of_a_living_process_and_one_of_a_dead(tmp_path):
    one = Ledger(tmp_path, "USD", "m")
    with one.locked():
        one.own.amount, one.own.calls, one.own.reserved, one.own.in_flight = 1.0, 2, 0.5, 1
        one.write()
    seen = others_of(tmp_path)
    assert (seen.spent, seen.in_flight, seen.same) == (1.5, 1, 1)
    one.close()  # its call in flight may have been billed
    seen = others_of(tmp_path)
    assert (seen.spent, seen.in_flight, seen.same) == (1.5, 0, 0)
    assert spent_in(tmp_path) == (1.5, 3)


BAD = {
    "a pipe": lambda path: os.mkfifo(path),
    "a folder": lambda path: path.mkdir(),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a number beyond a float": lambda path: path.write_text('{"amount": 1' + "0" * 400 + ', "calls": 1}'),
    "a count beyond all digits": lambda path: path.write_text('{"amount": 1, "calls": ' + "9" * 5000 + "}"),
    "a list": lambda path: path.write_text("[1]"),
    "half a line": lambda path: path.write_text('{"amount": 1'),
    "less than nothing": lambda path: path.write_text('{"amount": -1, "calls": 1}'),
    "no number": lambda path: path.write_text('{"amount": NaN, "calls": 1}'),
    "no text": lambda path: path.write_bytes(b"\xff\xfe"),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_what_is_no_ledger_is_named_and_not_waited_for(tmp_path, make):
    make(tmp_path / "a.json")
    with pytest.raises(KomepError, match=r"a\.json: this record of what was spent cannot be read"):
        others_of(tmp_path)
    assert spent_in(tmp_path) == (0.0, 0)


@pytest.mark.parametrize("kind", ["a file", "a link", "a pipe", "a folder"])
def test_a_lock_of_somebody_else_is_left_as_it_is(tmp_path, kind):
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    lock = tmp_path / "spending" / "lock"
    lock.parent.mkdir()
    {
        "a file": lambda: lock.write_text("mine"),
        "a link": lambda: lock.symlink_to(notes),
        "a pipe": lambda: os.mkfifo(lock),
        "a folder": lock.mkdir,
    }[kind]()
    ledger = Ledger(tmp_path / "spending", "USD", "m")
    with pytest.raises(KomepError, match="lock: "), ledger.locked():
        ledger.write()
    assert notes.read_text() == "mine" and (kind != "a file" or lock.read_text() == "mine")
