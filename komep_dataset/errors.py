"""The one exception that a user may meet, and how every command ends: one line on standard error, and an exit code.

Imports next to nothing: a command takes `interruptible` from here before all else, and until it stands, Ctrl-C ends in a
traceback of Python's.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing itself takes its time
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

# Seconds: a finger that trembles, a launcher that hands on what the terminal has sent already.
SAME_PRESS = 1.0


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
    clone = extra in ("recipes", "evaluation")
    where = f'in the clone, pip install -e ".[{extra}]"' if clone else f'pip install "komep[{extra}]"'
    return f"this command needs the extra [{extra}] (not installed: {packages}); install it with: {where}"


def said_by(error: BaseException) -> str:
    """What an error says, in one line; with its kind where that is part of what it says."""
    text = " ".join(str(error).split())[:400]
    return text if text and isinstance(error, OSError | ValueError) else f"{type(error).__name__}: {text}"


class explained:
    """Context in which what a library says of a bad path or a bad setting becomes a `KomepError` that begins with `what`.

    `kinds`: errors that are turned; by default all, for steps in which whatever fails is the user's to mend.
    """

    def __init__(self, what: str, kinds: tuple[type[Exception], ...] = (Exception,)):
        self.what, self.kinds = what, kinds

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, self.kinds) and not isinstance(error, KomepError):
            raise KomepError(f"{self.what}: {said_by(error)}") from error


class Doing:
    """What this process is at, for the line with which an interruption ends it.

    `kept`: what stays of the work, a part of a sentence or what makes one; `at_once`: whether an interruption ends it where
    it stands, for nothing is open that must be closed; `held`: whether a signal waits; `groups`: process groups that may not outlive it; `verbose`: whether
    the traceback behind an error is wanted; `process`: which one is interruptible; `signal`, `since`: what ends it, and when
    (monotonic seconds) it came.
    """

    kept: str | Callable[[], str] = "nothing was begun"
    at_once = True
    held = verbose = False
    process = signal = 0
    since = 0.0
    launcher: tuple[int, list[str]] | None = None

    def __init__(self) -> None:
        self.groups: set[int] = set()


doing = Doing()


def interruptible(extra: str | None = None) -> None:
    """Have Ctrl-C and SIGTERM end this process with one line and 128 + their number, wherever it is.

    A command calls it before its heavy imports; where these lack a package, the line names the `extra` that brings it. Until
    `doing.at_once` is false a signal ends the process where it stands: what is imported may swallow an exception, or make
    another of it. From then on it is Python's `KeyboardInterrupt`, so that what is open is closed, and a second signal, later
    than `SAME_PRESS`, ends what does not close.
    """
    if "--multiprocessing-fork" in sys.orig_argv:  # a worker, which runs the file again; its parent speaks
        return
    before = sys.excepthook, sys.unraisablehook

    def uncaught(kind, error, trace):
        if stopped(error):
            interrupted()
        if extra and isinstance(error, ModuleNotFoundError):
            say(f"error: {missing(extra, error.name or 'a package')}")
            os._exit(1)
        before[0](kind, error, trace)

    def lost(unraisable):  # in a destructor, where Python would print it and go on
        if by_interruption(unraisable.exc_value):
            interrupted()
        before[1](unraisable)

    doing.process = os.getpid()
    sys.excepthook, sys.unraisablehook = uncaught, lost
    import atexit
    import signal

    typed()  # what it imports must be whole when a signal comes; and a launcher may be gone by then
    if launcher()[1]:
        import subprocess  # noqa: F401
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell's background job ignores it
        signal.signal(signal.SIGINT, pressed)
    signal.signal(signal.SIGTERM, pressed)
    atexit.register(finish)  # the first to be registered is the last to run


def pressed(number: int, frame: object) -> None:
    """What a signal does: the first ends the work, those that come with it nothing, a later one ends what goes on."""
    from time import monotonic

    if os.getpid() != doing.process:  # a fork, which the terminal reaches as well
        os._exit(128 + number)
    now = monotonic()
    if doing.signal and now - doing.since < SAME_PRESS:
        return
    again = bool(doing.signal)
    doing.signal, doing.since = number, now
    if doing.held and not again:
        return
    if doing.at_once or again:
        interrupted()
    raise KeyboardInterrupt


class held:
    """Context at whose end a signal is answered that came within: what it starts is whole, and known to who ends it."""

    def __enter__(self) -> None:
        doing.held = True

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        doing.held = False
        if doing.signal and error is None:
            raise KeyboardInterrupt


def by_interruption(error: BaseException | None) -> bool:
    """Whether an error is an interruption, or what a library made of one."""
    seen = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def stopped(error: BaseException | None = None) -> bool:
    """Whether this process ends by an interruption: whatever fails behind a signal fails of it."""
    return bool(doing.process and (doing.signal or by_interruption(error)))


def finish() -> None:
    """Let no signal change how this process ends: its work is done, or its last line is said."""
    import signal

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def interrupted() -> NoReturn:
    """End this process, with what is kept and the command that goes on; a further signal changes nothing."""
    finish()
    import signal
    from contextlib import suppress

    number = doing.signal or signal.SIGINT
    for group in doing.groups:
        with suppress(OSError):  # it has ended
            os.killpg(group, signal.SIGKILL)
    what = "interrupted" if number == signal.SIGINT else "terminated"
    kept = doing.kept if isinstance(doing.kept, str) else doing.kept()
    say(f"{what}: {kept}; to go on: {typed()}")
    for name in ("multiprocessing", "multiprocess"):
        children = getattr(sys.modules.get(name), "active_children", list)  # it may be half imported
        for child in children():
            child.kill()
    with suppress(OSError, ValueError, RuntimeError):  # closed, or the signal came in the middle of a line
        sys.stdout.flush()
    os._exit(128 + number)  # threads that wait, and destructors, have nothing to add


def ended(run: Callable[[], Any]) -> NoReturn:
    """Run a command to its end: bad input gives one line and an exit code, never a traceback."""
    code = 0
    try:
        code = run()
        sys.stdout.flush()
    except BaseException as error:
        if stopped(error):
            interrupted()
        code, line = told(error)
        if line:
            say(line)
    if code and stopped():  # typer makes 130 of Ctrl-C
        interrupted()
    sys.exit(code or 0)


def told(error: BaseException) -> tuple[Any, str]:
    """Exit code and line of an error that a user can mend; any other is raised. With --verbose its traceback is printed."""
    if doing.verbose and isinstance(error, Exception):
        import traceback

        traceback.print_exception(error)
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
        said = error.format_message().rstrip(".")
        meaning = (
            getattr(getattr(error, "param", None), "help", None) if said.startswith("Missing ") else None
        )
        meaning = f" ({meaning.rstrip('.')})" if meaning else ""
        return error.exit_code, f"error: {said}{meaning}{asked}"
    raise error


def launcher() -> tuple[int, list[str]]:
    """Process id and command line of `accelerate launch` or `torchrun`; [] where nothing launched this process (Linux)."""
    if doing.launcher is None:
        from contextlib import suppress

        parent, words = os.getppid(), ""
        if {"ACCELERATE_MIXED_PRECISION", "TORCHELASTIC_RUN_ID"} & os.environ.keys():
            from pathlib import Path

            with suppress(OSError):
                words = Path(f"/proc/{parent}/cmdline").read_text("utf-8", "replace")
        doing.launcher = parent, words.split("\0")[:-1]
    return doing.launcher


def typed() -> str:
    """The command of this process, as its user would type it."""
    import shlex
    from pathlib import PurePath

    _, words = launcher()
    if words:
        names = [PurePath(word).name for word in words]
        start = next((i for i, name in enumerate(names) if name in ("accelerate", "torchrun")), None)
        return shlex.join(["python", *words[1:]] if start is None else [names[start], *words[start + 1 :]])
    program = PurePath(sys.argv[0])
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
    try:
        print(line, file=sys.stderr, flush=True)
    except RuntimeError:  # the signal came in the middle of a line
        os.write(2, f"\n{line}\n".encode("utf-8", "backslashreplace"))
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
