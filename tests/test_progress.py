"""The progress bar: rate and time left on a terminal, nothing elsewhere; and notes."""

import os
import subprocess
import sys

import pytest

from komep_dataset.progress import counted, hearing, tell


def test_one_of_a_thing_is_no_several():
    said = [
        counted(n, noun)
        for n, noun in ((0, "row"), (1, "row"), (1200, "row"), (1, "process"), (2, "process"))
    ]
    assert said == ["0 rows", "1 row", "1,200 rows", "1 process", "2 processes"]


CODE = """
from komep_dataset.progress import progress_bar
with progress_bar("asking", 4, "requests") as advance:
    for _ in range(4):
        advance(1)
import sys; print("rich" in sys.modules)
"""


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_the_bar_is_drawn_on_a_terminal_alone():
    quiet = subprocess.run([sys.executable, "-c", CODE], capture_output=True, timeout=300, check=True)
    assert (quiet.stdout, quiet.stderr) == (b"False\n", b"")  # nor is rich loaded
    master, slave = os.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    command = [sys.executable, "-c", CODE]
    subprocess.run(command, stderr=slave, env=environment, timeout=300, check=True, stdout=subprocess.DEVNULL)
    os.close(slave)
    shown = os.read(master, 65536).decode()
    os.close(master)
    assert "asking" in shown and "4/4" in shown and "0:00:00" in shown


def test_notes_go_to_standard_error_unless_somebody_listens(capsys):
    heard: list[str] = []
    tell("note: one")
    with hearing(heard.append):
        tell("note: two")
    assert capsys.readouterr() == ("", "note: one\n") and heard == ["note: two"]
