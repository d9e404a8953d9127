"""Programs that are forks of a warm Python start, are signalled and end as others do."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import warm

PROGRAM = """
import os, sys, time
print(sys.argv[1:], os.getcwd(), os.environ.get("MINE"), sys.path[0], os.getppid(), sys.stdin.read(), flush=True)
print("complaint", file=sys.stderr)
if sys.argv[1] == "wait":
    print(os.getpid(), flush=True)
    time.sleep(100)
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def program(tmp_path) -> list[str]:
    if not hasattr(os, "pidfd_open"):
        pytest.skip("Linux alone")
    (tmp_path / "program.py").write_text(PROGRAM)
    return [warm.python("komep"), str(tmp_path / "program.py")]


def test_a_program_gets_words_folder_environment_and_streams_and_ends_with_its_code(program, tmp_path):
    done = subprocess.run(
        [*program, "3", "a b"], cwd=tmp_path, env=warm.COLLECTED | {"MINE": "x"}, input="typed", capture_output=True, text=True
    )  # fmt: skip
    said = f"['3', 'a b'] {tmp_path} x {tmp_path} {os.getpid()} typed\n"
    assert (done.stdout, done.stderr, done.returncode) == (said, "complaint\n", 3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL, warm.KILL])
def test_a_signal_reaches_the_program_and_is_its_end(number, program):
    running = subprocess.Popen(
        [*program, "wait"],
        env=warm.COLLECTED,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _, process = running.stdout.readline(), int(running.stdout.readline())
    running.send_signal(number)
    err = running.communicate(timeout=60)[1]
    assert running.returncode == -(signal.SIGKILL if number == warm.KILL else number) and (
        "KeyboardInterrupt" in err
    ) == (number == signal.SIGINT)
    assert number != warm.KILL or not Path(f"/proc/{process}").exists()
    for _ in range(600):  # the server buries it
        if not Path(f"/proc/{process}").exists():
            return
        time.sleep(0.1)
    raise AssertionError("the program outlives what was started")


def test_a_module_has_its_libraries_unless_they_would_load_otherwise(program, tmp_path):
    (tmp_path / "module.py").write_text("import sys; print(sys.executable, 'polars' in sys.modules)")
    for more, warmed in (({}, True), ({"HF_HOME": "elsewhere"}, True), ({"LC_ALL": "C.UTF-8"}, False)):
        command = [program[0], "-m", "module"]
        done = subprocess.run(
            command, cwd=tmp_path, env=warm.COLLECTED | more, capture_output=True, text=True
        )
        executable, has = done.stdout.split()
        assert (executable == program[0], has == "True") == (warmed, warmed), done.stderr


def test_a_worker_is_a_fork_that_starts_programs_for_real(program):
    code = "import sys; print(sys.stdin.readline().strip(), sys.argv, __name__, sys.executable, 'polars' in sys.modules)"
    command = [*shlex.split(warm.worker("komep")), "-u", "-c", code, "a"]
    done = subprocess.run(command, env=warm.COLLECTED, input="line\nmore", capture_output=True, text=True)
    assert done.stdout == f"line ['-c', 'a'] __main__ {sys.executable} True\n", done.stderr


def test_what_a_run_in_this_process_sets_is_taken_back_so_that_later_starts_are_warm(monkeypatch):
    monkeypatch.setenv("TQDM_OF_ANOTHER", "1")
    with pytest.raises(KeyError), warm.environment_kept():
        os.environ["TQDM_DISABLE"] = "1"
        del os.environ["TQDM_OF_ANOTHER"]
        raise KeyError
    assert "TQDM_DISABLE" not in os.environ and os.environ["TQDM_OF_ANOTHER"] == "1"
