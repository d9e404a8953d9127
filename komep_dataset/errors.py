"""The one exception that a user may meet, and how every command ends: one line on standard error, and an exit code.

Imports nothing heavy: a command takes `interruptible` from here before all else.
"""

import atexit
import os
import shlex
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn


class KomepError(Exception):
    """Something the user can mend: the message names the file, the line, the value and what to do.

    `exit_code` is 1 when the data or the environment is at fault, 2 for wrong usage.
    """

    def __init__(self, message: str, exit_code: int = 1):
        super().__init__(message)
        self.exit_code = exit_code


def require(extra: str, *modules: str) -> None:
    """Raise `KomepError` unless every module of an optional extra can be imported.

    Args:
        extra: name of the extra in setup.cfg, for example ``"llm"``.
        modules: top-level module names that the extra brings.
    """
    from importlib.util import find_spec

    if lacking := [name for name in modules if find_spec(name) is None]:
        raise KomepError(missing(extra, ", ".join(lacking)))


def missing(extra: str, packages: str) -> str:
    """What to do about packages that are not installed. What runs from a clone alone has extras of its own."""
    if packages.partition(".")[0] in ("evaluation", "training", "trainers"):
        return "this runs from the root of a clone of the project, which pip does not install: cd CLONE, then python -m evaluation.run …"
    clone = extra in ("train", "eval")
    where = f'in the clone, pip install -e ".[{extra}]"' if clone else f'pip install "komep[{extra}]"'
    return f"this command needs the extra [{extra}] (not installed: {packages}); install it with: {where}"


class Doing:
    """What this process is at, for the line with which an interruption ends it.

    `kept`: what stays of the work, a part of a sentence or what makes one; `signal`: what ended it; `verbose`: whether the
    traceback behind an error is wanted.
    """

    kept: str | Callable[[], str] = "nothing was begun"
    signal = signal.SIGINT
    installed = verbose = False


doing = Doing()


def interruptible(extra: str | None = None) -> None:
    """Have Ctrl-C and SIGTERM end this process with one line and 128 + their number, wherever it is.

    A command calls it before its heavy imports; where these lack a package, the line names the `extra` that brings it.
    Ctrl-C stays Python's `KeyboardInterrupt`, so that what is open is closed; SIGTERM becomes one.
    """
    before = sys.excepthook, sys.unraisablehook

    def uncaught(kind, error, trace):
        if by_interruption(error):
            interrupted()
        if extra and isinstance(error, ModuleNotFoundError):
            say(f"error: {missing(extra, error.name or 'a package')}")
            os._exit(1)
        before[0](kind, error, trace)

    def lost(unraisable):  # in a destructor, where Python would print it and go on
        if unraisable.exc_type and issubclass(unraisable.exc_type, KeyboardInterrupt):
            interrupted()
        before[1](unraisable)

    def terminate(number, frame):
        doing.signal = signal.SIGTERM
        of_ctrl_c = signal.getsignal(signal.SIGINT)
        if not callable(of_ctrl_c):  # a shell's background job ignores Ctrl-C
            raise KeyboardInterrupt
        of_ctrl_c(signal.SIGINT, frame)

    launcher()  # while it is there: Ctrl-C may end it before us
    doing.installed = True
    sys.excepthook, sys.unraisablehook = uncaught, lost
    signal.signal(signal.SIGTERM, terminate)
    atexit.register(finish)  # the first to be registered is the last to run


def by_interruption(error: BaseException | None) -> bool:
    """Whether an error is an interruption, or what a library made of one."""
    seen = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def finish() -> None:
    """Let no signal change how this process ends: its work is done, or its last line is said."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def interrupted() -> NoReturn:
    """End this process, with what is kept and the command that goes on; a second Ctrl-C changes nothing."""
    finish()
    what = "interrupted" if doing.signal == signal.SIGINT else "terminated"
    kept = doing.kept if isinstance(doing.kept, str) else doing.kept()
    say(f"{what}: {kept}; to go on: {typed()}")
    for name in ("multiprocessing", "multiprocess"):
        if name in sys.modules:
            for child in sys.modules[name].active_children():
                child.kill()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(128 + doing.signal)  # threads that wait, and destructors, have nothing to add


def ended(run: Callable[[], Any]) -> NoReturn:
    """Run a command to its end: bad input gives one line and an exit code, never a traceback."""
    code = 0
    try:
        code = run()
        sys.stdout.flush()
    except BaseException as error:
        if by_interruption(error) and doing.installed:
            interrupted()
        if doing.verbose and isinstance(error, Exception):
            import traceback

            traceback.print_exception(error)
        code, line = told(error)
        if line:
            say(line)
    if code == 128 + signal.SIGINT and doing.installed:  # what typer makes of Ctrl-C
        interrupted()
    sys.exit(code or 0)


def told(error: BaseException) -> tuple[Any, str]:
    """Exit code and line of an error that a user can mend; any other is raised."""
    if isinstance(error, SystemExit):
        return error.code, ""
    if isinstance(error, KomepError):
        return error.exit_code, f"error: {error}"
    if isinstance(error, UnicodeEncodeError):
        return 1, "error: a path on the command line is not UTF-8; give it another name"
    if isinstance(error, BrokenPipeError):  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1, ""
    if isinstance(error, OSError):
        return 1, f"error: {error.filename or 'a file'}: {error.strerror or error}"
    if hasattr(error, "format_message"):  # typer's, of wrong usage
        context = getattr(error, "ctx", None)
        asked = f"; {context.command_path} --help lists what there is" if context else ""
        return error.exit_code, f"error: {error.format_message().rstrip('.')}{asked}"
    raise error


@cache
def launcher() -> tuple[int, list[str]]:
    """Process id and command line of `accelerate launch` or `torchrun`; [] where nothing launched this process (Linux)."""
    parent = os.getppid()
    if {"ACCELERATE_MIXED_PRECISION", "TORCHELASTIC_RUN_ID"} & os.environ.keys():
        with suppress(OSError):
            return parent, Path(f"/proc/{parent}/cmdline").read_text("utf-8", "replace").split("\0")[:-1]
    return parent, []


def typed() -> str:
    """The command of this process, as its user would type it."""
    _, words = launcher()
    if words:
        names = ("accelerate", "torchrun")
        start = next((i for i, word in enumerate(words) if Path(word).name in names), None)
        return shlex.join(
            ["python", *words[1:]] if start is None else [Path(words[start]).name, *words[start + 1 :]]
        )
    program = Path(sys.argv[0])
    if program.stem == "komep" or program.parts[-2:] == ("komep_dataset", "cli.py"):
        return shlex.join(["komep", *sys.argv[1:]])
    given = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1]
    module = given[given.index("-m") + 1 : given.index("-m") + 2] if "-m" in given else []
    return shlex.join(["python", *(["-m", *module] if module else sys.argv[:1]), *sys.argv[1:]])


def say(line: str) -> None:
    """Print the last line of this process, once for all that were launched together.

    A launcher that writes a traceback of its own about a process that failed (`accelerate launch` without --quiet,
    `torchrun`), or about Ctrl-C, would have the last word: when it has ended, the line is printed again.
    """
    if os.environ.get("RANK", "0") != "0":  # every process ends alike; one message is enough
        return
    print(line, file=sys.stderr, flush=True)
    parent, words = launcher()
    mute = "RANK" not in os.environ and {"--quiet", "-q"} & set(words) and line.startswith("error: ")
    if not words or mute:
        return
    again = (
        "import contextlib, os, select, sys\n"
        "with contextlib.suppress(OSError): select.select([os.pidfd_open(int(sys.argv[1]))], [], [], 600)\n"
        "print(sys.argv[2], file=sys.stderr)"
    )
    import subprocess

    subprocess.Popen(
        [sys.executable, "-ISc", again, str(parent), line],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
