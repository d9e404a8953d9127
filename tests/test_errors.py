"""The one exception, the extra that a command needs, and how a command ends: by an error, by Ctrl-C, under a launcher."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from komep_dataset.errors import (
    KomepError,
    by_interruption,
    doing,
    explained,
    missing,
    require,
    said_by,
    say,
    typed,
)

ROOT = Path(__file__).resolve().parents[1]
KOMEP = [sys.executable, "-m", "komep_dataset.cli"]


def test_a_missing_extra_says_which_to_install():
    with pytest.raises(KomepError, match=r'extra \[llm\].*no_such_module.*pip install "komep\[llm\]"'):
        require("llm", "json", "no_such_module")
    require("llm", "json")
    assert missing("recipes", "trl").endswith('in the clone, pip install -e ".[recipes]"')
    assert "from the root of a clone" in missing("evaluation", "evaluation.harness")


@pytest.mark.parametrize(
    ("argv", "orig", "line"),
    [
        (["/x/bin/komep", "build", "a b"], ["python", "/x/bin/komep", "build", "a b"], "komep build 'a b'"),
        (
            ["/x/komep_dataset/cli.py", "run"],
            ["python", "-X", "utf8", "-m", "komep_dataset.cli", "run"],
            "komep run",
        ),
        (
            ["/x/evaluation/run.py", "-m"],
            ["python", "-m", "evaluation.run", "-m"],
            "python -m evaluation.run -m",
        ),
        (
            ["recipes/dpo.py", "-o", "x"],
            ["python", "recipes/dpo.py", "-o", "x"],
            "python recipes/dpo.py -o x",
        ),
    ],
)
def test_the_command_to_go_on_with_is_the_one_that_was_typed(argv, orig, line, monkeypatch):
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "orig_argv", orig)
    monkeypatch.setattr(doing, "launcher", None)
    for name in ("ACCELERATE_MIXED_PRECISION", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    assert typed() == line


def test_what_a_library_makes_of_an_interruption_is_one():
    try:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise RuntimeError("the library's own words")  # noqa: B904
    except RuntimeError as error:
        assert by_interruption(error)
    assert not by_interruption(ValueError("x")) and not by_interruption(None)


def started(folder: Path, **environment: str) -> subprocess.Popen:
    """work.py of a folder, a group of its own, when it has begun: when it has printed a line."""
    running = subprocess.Popen(
        [sys.executable, "work.py", "x"], cwd=folder, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )  # fmt: skip
    running.begun = running.stdout.readline()
    return running


def program(
    tmp_path, body: str, *how: signal.Signals | float, **environment: str
) -> subprocess.CompletedProcess:
    """A command whose work is `body`, sent signals, with seconds between them, when it has begun."""
    (tmp_path / "work.py").write_text(
        "from komep_dataset.errors import doing, ended, interruptible\n"
        "interruptible('evaluation')\nimport sys, time\n"
        "def wait(): print('begun', flush=True), time.sleep(9)\n"
        "def work():\n    doing.kept, doing.at_once = 'all is kept', False\n"
        f"    {body}\n"
        "ended(work)\n"
    )
    running = started(tmp_path, **environment)
    for one in how:
        time.sleep(one) if isinstance(one, float) else os.killpg(running.pid, one)
    out, err = running.communicate(timeout=60)
    return subprocess.CompletedProcess([], running.returncode, out, err)


def lines(*of: str) -> str:
    return "\n    ".join(of)


HIDDEN = lines("class Held:", "    def __del__(self): wait()", "held = Held()", "del held", "wait()")
CLEANED = lines("try: wait()", "finally: time.sleep(0.3); open('closed', 'w').close()")
SWALLOWED = lines("try: wait()", "except BaseException: pass")
FORKED = lines("import os", "os.fork() and wait()", "time.sleep(9)")
AWAITED = lines(
    "import asyncio", "from komep_dataset.system import run_async",
    "async def asked():", "    try: await asyncio.sleep(print('begun', flush=True) or 9)",
    "    finally: await asyncio.sleep(0.3); open('closed', 'w').close()", "run_async(asked())",
)  # fmt: skip
HELD = lines(
    "from komep_dataset.errors import held", "with held():",
    "    print('begun', flush=True), time.sleep(0.5), open('closed', 'w').close()", "wait()",
)  # fmt: skip
TWICE = (signal.SIGINT, 0.02, signal.SIGINT)


@pytest.mark.parametrize(
    ("body", "how", "code"),
    [
        ("wait()", [signal.SIGINT], 130),
        ("wait()", [signal.SIGTERM], 143),
        (HIDDEN, [signal.SIGINT], 130),  # Python itself would print this one, and go on
        (CLEANED, TWICE, 130),
        (AWAITED, TWICE, 130),
        (AWAITED, [signal.SIGTERM], 143),
        (HELD, TWICE, 130),
        (lines(SWALLOWED, "raise OSError(5, 'of the interruption')"), [signal.SIGINT], 130),
        (lines(SWALLOWED, "time.sleep(9)"), [signal.SIGINT, 1.1, signal.SIGINT], 130),
        (FORKED, [0.2, signal.SIGINT], 130),  # the terminal's reaches the fork as well
    ],
)
def test_a_signal_ends_a_command_in_one_line(tmp_path, body, how, code):
    done = program(tmp_path, body, *how)
    what = "interrupted" if code == 130 else "terminated"
    assert (done.returncode, done.stderr) == (
        code,
        f"{what}: all is kept; to go on: python work.py x\n",
    )
    assert (tmp_path / "closed").exists() == ("closed" in body)


def test_a_signal_ends_what_a_command_imports_although_that_swallows_it(tmp_path):
    (tmp_path / "library.py").write_text(
        "import time\ntry: print('begun', flush=True), time.sleep(9)\nexcept BaseException: pass\n"
    )
    (tmp_path / "work.py").write_text(
        "from komep_dataset.errors import interruptible\ninterruptible()\nimport library\nprint('imported')\n"
    )
    running = started(tmp_path)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)
    assert (running.returncode, *said) == (
        130,
        "",
        "interrupted: nothing was begun; to go on: python work.py x\n",
    )


def test_a_worker_that_runs_the_file_of_a_command_again_has_no_last_word(tmp_path):
    (tmp_path / "work.py").write_text(
        "from komep_dataset.errors import ended, interruptible\ninterruptible()\nimport os, time\n"
        "from multiprocessing import get_context\n"
        "def wait(): print(os.getpid(), flush=True), time.sleep(9)\n"
        "def work(): one = get_context('spawn').Process(target=wait); one.start(); one.join(); return one.exitcode\n"
        "if __name__ == '__main__': ended(work)\n"
    )
    running = started(tmp_path)
    os.kill(int(running.begun), signal.SIGTERM)
    assert running.communicate(timeout=60) == ("", "") and running.returncode == 256 - signal.SIGTERM


def test_what_must_stand_before_a_signal_is_answered_imports_nothing():
    code = "import os, sys; before = set(sys.modules); import komep_dataset.errors; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["__future__", "komep_dataset", "komep_dataset.errors"]


def test_a_signal_in_the_middle_of_a_line_has_a_line_of_its_own(monkeypatch, capfd):
    class Busy:
        def write(self, text):
            raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")

    monkeypatch.setattr(sys, "stderr", Busy())
    say("interrupted: …")
    assert capfd.readouterr().err == "\ninterrupted: …\n"


def test_a_signal_while_python_clears_up_leaves_what_was_done_a_success(tmp_path):
    late = "class Late:\n        def __del__(self, kill=__import__('os').kill, pid=__import__('os').getpid()): kill(pid, 2)"
    done = program(tmp_path, f"{late}\n    sys.late = Late()")
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_in_a_terminal_ends_a_quiet_launcher_first_and_the_last_word_is_ours(tmp_path):
    """As `accelerate launch` does it: its `wait` gives up after a quarter of a second, with a traceback."""
    program(tmp_path, CLEANED.replace("0.3", "0.6"), signal.SIGINT)  # writes work.py
    (tmp_path / "accelerate").write_text(
        "import subprocess, sys\nsubprocess.Popen([sys.executable, *sys.argv[3:]]).wait()\n"
    )
    running = subprocess.Popen(
        [sys.executable, "accelerate", "launch", "--quiet", "work.py", "x"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, text=True, start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "ACCELERATE_MIXED_PRECISION": "no"},
    )  # fmt: skip
    running.stdout.readline()
    os.killpg(running.pid, signal.SIGINT)
    said = running.communicate(timeout=60)[1].splitlines()
    assert said[-1] == "interrupted: all is kept; to go on: accelerate launch --quiet work.py x", said


@pytest.mark.parametrize(
    ("body", "code", "line"),
    [
        ("raise OSError(28, 'No space left', 'x.json')", 1, "error: x.json: No space left\n"),
        ("import no_such", 1, "error: this command needs the extra [evaluation] (not installed: no_such); "),
    ],
)
def test_an_error_ends_a_command_in_one_line(tmp_path, body, code, line):
    done = program(tmp_path, body)
    assert done.returncode == code and done.stderr.startswith(line) and done.stderr.count("\n") == 1
    assert program(tmp_path, body, RANK="1").stderr == ""  # every process fails alike


@pytest.mark.slow
@pytest.mark.parametrize("words", [["build", "-o", "made"], ["verify", "komep"]])
def test_ctrl_c_at_any_moment_of_a_command(tmp_path, words):
    """Five moments, by chance; the same command then does what it would have done.

    Before Python has read our first line it dies of the signal without a word.
    """
    run = {"cwd": tmp_path, "env": os.environ | {"PYTHONPATH": str(ROOT)}, "text": True}
    subprocess.run([*KOMEP, "build"], **run, capture_output=True, check=True)
    begun = time.monotonic()
    expected = subprocess.run([*KOMEP, *words], **run, capture_output=True, check=True).stdout
    took, chance = time.monotonic() - begun, random.Random(28)
    for _ in range(5):
        running = subprocess.Popen([*KOMEP, *words], **run, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(chance.uniform(0.2, took))
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=60)[1]
        if said or running.returncode not in (0, -signal.SIGINT):
            assert running.returncode == 130 and said.count("\n") == 1, said
            assert said.startswith("interrupted: ") and said.endswith(
                f"; to go on: komep {' '.join(words)}\n"
            )
    again = subprocess.run([*KOMEP, *words], **run, capture_output=True, check=True).stdout
    assert again == expected


def test_an_error_is_one_line_with_its_kind_where_that_says_something():
    assert said_by(ValueError("two\n  lines")) == "two lines"
    assert said_by(KeyError("beta")) == "KeyError: 'beta'" and said_by(ValueError()) == "ValueError: "
    assert len(said_by(OSError("x" * 1000))) == 400


def test_what_a_library_raises_begins_with_what_was_wanted():
    with (
        pytest.raises(KomepError, match=r"^the model cannot be read: no such file$"),
        explained("the model cannot be read"),
    ):
        raise OSError("no such file")
    with pytest.raises(KomepError, match=r"^mine$"), explained("not said"):
        raise KomepError("mine")
    with pytest.raises(KeyError), explained("not said", (ValueError,)):
        raise KeyError("another kind")
