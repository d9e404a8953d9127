"""One at a time: the lock of a place is the kernel's, and goes with the process that held it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.files.locks import locked

ROOT = Path(__file__).parents[2]
HOLD = "import sys, time; from pathlib import Path; from komep_dataset.files.locks import locked\nwith locked(Path(sys.argv[1]), wait=len(sys.argv) > 3):\n    print('held', flush=True); time.sleep(float(sys.argv[2]))"


def holder(place: Path, seconds: float, *wait: str) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, place, str(seconds), *wait], cwd=ROOT, stdout=subprocess.PIPE
    )
    if not wait:
        process.stdout.readline()
    return process


def test_the_second_is_refused_and_nothing_is_left(tmp_path):
    place = tmp_path / "a" / "b"
    with locked(place):
        with (
            pytest.raises(KomepError, match="another run is at work here; wait until it ends"),
            locked(place),
        ):
            pytest.fail("two at once")
        with locked(tmp_path / "a" / "c"):
            pass
    with locked(place):
        pass
    assert not list(tmp_path.iterdir())
    (tmp_path / "a").mkdir()
    with locked(place):
        pass
    assert [p.name for p in tmp_path.rglob("*")] == ["a"]  # it was there before


def test_of_the_folders_that_were_made_those_with_something_in_them_stay(tmp_path):
    """A refused model left the empty folder of its output behind."""
    with pytest.raises(KomepError, match="refused"), locked(tmp_path / "a" / "b" / "c"):
        raise KomepError("refused")
    assert not list(tmp_path.iterdir())
    with locked(tmp_path / "a" / "b" / "c"):
        (tmp_path / "a" / "kept").touch()
    assert [p.name for p in tmp_path.rglob("*")] == ["a", "kept"]


def test_many_in_a_folder_that_comes_and_goes(tmp_path):
    code = (
        "import sys; from pathlib import Path; from komep_dataset.files.locks import locked\n"
        "for _ in range(200):\n"
        "    with locked(Path(sys.argv[1], 'new', 'x'), wait=True): pass\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, tmp_path], cwd=ROOT) for _ in range(3)]
    assert [one.wait() for one in running] == [0, 0, 0]


def test_kill_9_frees_a_lock(tmp_path):
    process = holder(tmp_path / "x", 60)
    with pytest.raises(KomepError), locked(tmp_path / "x"):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    with locked(tmp_path / "x"):
        pass
    assert not list(tmp_path.iterdir())


def test_many_who_wait_come_one_by_one(tmp_path):
    """Each appends its begin and its end; the file of the lock is removed and made again all the time."""
    code = (
        "import sys; from pathlib import Path; from komep_dataset.files.locks import locked\n"
        "log = Path(sys.argv[1]).open('a', buffering=1)\n"
        "for _ in range(200):\n"
        "    with locked(Path(sys.argv[2]), wait=True):\n"
        "        log.write('in\\n'); log.write('out\\n')"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "log"), str(tmp_path / "x")]
    all_of_them = [subprocess.Popen(words, cwd=ROOT) for _ in range(4)]
    assert [process.wait() for process in all_of_them] == [0] * 4
    assert (tmp_path / "log").read_text() == "in\nout\n" * 800
    assert [p.name for p in tmp_path.iterdir()] == ["log"]


def test_who_waits_gets_it_when_the_holder_is_killed(tmp_path):
    first = holder(tmp_path / "x", 60)
    second = holder(tmp_path / "x", 0, "wait")
    time.sleep(0.3)
    assert second.poll() is None
    first.kill()
    assert second.wait(timeout=60) == 0
    first.wait()


def test_a_file_of_the_name_of_a_lock_stays(tmp_path):
    (tmp_path / ".x.lock").write_text("mine")
    with locked(tmp_path / "x"):
        pass
    assert (tmp_path / ".x.lock").read_text() == "mine"


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path):
    (tmp_path / ".x.lock").symlink_to("elsewhere")
    with pytest.raises(KomepError, match="cannot be written"), locked(tmp_path / "x"):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_pipe_in_the_place_of_a_lock_stays(tmp_path):
    os.mkfifo(tmp_path / ".x.lock")
    with pytest.raises(KomepError, match="no regular file"), locked(tmp_path / "x"):
        pass
    assert (tmp_path / ".x.lock").is_fifo()
