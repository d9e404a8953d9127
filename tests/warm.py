"""A Python whose programs begin with their libraries loaded: `subprocess.run([warm.python(), "recipes/dpo.py", …])`.

To import torch, transformers, TRL and PEFT takes 10 seconds of CPU, and a tiny run one. So one server for all workers of the
test session imports them once, and nothing of this project; a program is a fork of it. (`project` has what `komep` is made
of, too, a third of a second a command: for tests of what many commands do together.) What stands in for `python` is a relay,
which hands over arguments, environment, folder and streams, passes signals on and ends as the program ends: launchers and
shells may start it too, and what a program starts by `sys.executable` is a fork again. To kill a program is to send `KILL`.

A test takes a real start where it is about imports, the end of a parent, limits or namespaces of the system. So does the relay
for what is no script and no module (`-c`), and where a variable that libraries read as they load differs from the server's.
"""

import os
import pickle
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

# What programs come to import: recipes, evaluations and launchers; commands of `komep`.
LIBRARIES = {
    "torch": "torch.distributed.run torch.utils.tensorboard torch._dynamo torch.distributed.tensor "
    "accelerate.commands.launch datasets transformers transformers.models.llama.modeling_llama "
    "transformers.models.auto.modeling_auto transformers.trainer transformers.generation.utils peft "
    "trl.trainer.dpo_trainer trl.trainer.sft_trainer deepspeed polars typer rich.console rich.progress rich.table "
    "typer._adapters jinja2 yaml scipy.stats statsmodels.stats.multitest matplotlib.figure matplotlib.backends.backend_agg PIL.Image "
    "PIL.JpegImagePlugin PIL.PngImagePlugin transformers.conversion_mapping sklearn.metrics",
    "komep": "polars aiohttp pyarrow.parquet pyarrow.dataset scipy.special jinja2 yaml typer typer._adapters rich.console "
    "rich.progress rich.table",
}
OF_KOMEP = (
    *("commands.asking", "commands.publishing", "commands.quality", "commands.releases"),
    *("explorer.report", "release.build", "release.card.card"),
)
LIBRARIES["project"] = " ".join([LIBRARIES["komep"], *(f"komep_dataset.{name}" for name in OF_KOMEP)])
# The beginnings of what libraries read when they are imported, or glibc before that.
AT_IMPORT = (
    *("ARROW_", "HOME", "LANG", "LC_", "LD_", "MALLOC_", "MKL_", "MPL", "OMP_", "OPENBLAS_", "PYTHON"),
    *("TORCHDYNAMO_", "TORCH_LOGS", "TQDM_", "TRITON_", "XDG_"),
)  # fmt: skip
OF_THE_HUB = ("HF_", "HUGGINGFACE_", "TRANSFORMERS_")  # read by huggingface_hub and what needs it
DONE_HERE = ("PYTHONPATH", "PYTHONUNBUFFERED", "PYTHON_EXEC")  # by `become`; the last is a launcher's
OF_THE_SERVER = {"DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1"}  # as in tests/conftest.py and launches.py
COLLECTED = dict(
    os.environ
)  # while tests are collected: the test that asks first may have changed it for itself
# What a test sends in place of SIGKILL, which would be the end of the relay before that of the program.
KILL = signal.SIGRTMIN
WORKER = "--worker"
PASSED_ON = (
    KILL,
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


@contextmanager
def environment_kept(before: dict[str, str] | None = None) -> Iterator[None]:
    """A recipe that runs in this process sets variables of its own: what comes after it has those before, and so is warm."""
    before = dict(os.environ) if before is None else before
    try:
        yield
    finally:
        for name in (os.environ.keys() | before.keys()) - {"PYTEST_CURRENT_TEST"}:
            if (value := before.get(name)) is None:
                os.environ.pop(name, None)
            elif os.environ.get(name) != value:
                os.environ[name] = value


@cache
def python(libraries: str = "torch") -> str:
    """The program to start in place of `sys.executable`; who asks first starts the session's server of these libraries."""
    import tempfile

    if not hasattr(os, "pidfd_open"):  # not Linux
        return sys.executable
    session = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    folder = Path(tempfile.gettempdir(), f"komep-warm-{session}-{libraries}")
    relay = folder / "python"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:  # by another worker
        while not relay.exists():
            time.sleep(0.01)
        return str(relay)
    with socket.socket(socket.AF_UNIX) as door, (folder / "log").open("w") as log:
        door.bind(str(folder / "socket"))
        door.listen(64)
        subprocess.Popen(
            [sys.executable, __file__, "--serve", str(door.fileno()), str(session), str(folder), libraries],
            env=COLLECTED | OF_THE_SERVER, pass_fds=[door.fileno()], start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    written = folder / "written"
    written.write_text(f"#!/bin/sh\nexec '{sys.executable}' -IS '{__file__}' '{folder}' \"$@\"\n", "utf-8")
    written.chmod(0o700)
    written.rename(relay)
    return str(relay)


def worker(libraries: str = "torch") -> str:
    """What pytest-xdist starts as the `python` of a worker: a fork, but what this starts by `sys.executable` is a real start."""
    relay = python(libraries)
    return sys.executable if relay == sys.executable else f"{relay} {WORKER}"


def relayed(folder: str, words: list[str]) -> None:
    """What is started as `python`: have the server fork, and end as the fork ends."""
    worker = words[:1] == [WORKER]
    words = words[worker:]
    real = [sys.executable, *words]
    unbuffered = words[:1] == ["-u"]
    program = words[unbuffered:]
    if not program or (program[0].startswith("-") and program[0] != "-m" and not worker):
        os.execv(real[0], real)
    waiting, fork = [], None

    def pass_on(number: int, _) -> None:
        number = signal.SIGKILL if number == KILL else number
        os.kill(fork, number) if fork else waiting.append(number)

    server = socket.socket(socket.AF_UNIX)
    with suppress(FileNotFoundError, ConnectionRefusedError):
        server.connect(f"{folder}/socket")
        for number in PASSED_ON:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, pass_on)
        asked = {"words": program, "unbuffered": unbuffered, "environment": dict(os.environ), "folder": str(Path.cwd()),
                 "executable": real[0] if worker else f"{folder}/python", "relay": os.getpid(), "ignored": signal.getsignal(signal.SIGINT) == signal.SIG_IGN}  # fmt: skip
        data = pickle.dumps(asked)
        socket.send_fds(server, [len(data).to_bytes(8)], [0, 1, 2])
        server.sendall(data)
        with server.makefile("rb") as said:
            fork = int(said.readline() or 0)
            while waiting:
                os.kill(fork, waiting.pop(0))
            if fork:
                status = int(
                    said.readline() or signal.SIGKILL
                )  # the server was killed, and its forks with it
                if os.WIFSIGNALED(status):
                    signal.signal(os.WTERMSIG(status), signal.SIG_DFL) if os.WTERMSIG(
                        status
                    ) != signal.SIGKILL else None
                    os.kill(os.getpid(), os.WTERMSIG(status))
                os._exit(os.waitstatus_to_exitcode(status))
    for number in PASSED_ON:
        if signal.getsignal(number) is pass_on:
            signal.signal(number, signal.SIG_DFL)
    os.execv(real[0], real)


def same(environment: dict[str, str]) -> bool:
    """Whether libraries would have loaded in an environment as they did in the server's."""

    beginnings = AT_IMPORT + (OF_THE_HUB if "huggingface_hub" in sys.modules else ())

    def read(of: dict[str, str]) -> dict[str, str]:
        return {k: v for k, v in of.items() if k.startswith(beginnings) and k not in DONE_HERE}

    here, there = read(dict(os.environ)), read(environment)
    if here != there:
        print("a real start, for what differs:", sorted(dict(here.items() ^ there.items())), flush=True)
    return here == there


def received(relay: socket.socket) -> tuple[dict, list[int]]:
    """(what a relay asks for, its three streams)."""
    length, streams, *_ = socket.recv_fds(relay, 8, 3)
    with relay.makefile("rb") as said:
        return pickle.loads(said.read(int.from_bytes(length))), streams


def serve(door: socket.socket, session: int, by_libraries: dict[str, str]) -> dict | None:
    """Fork for each relay until the session ends: what was asked for, in the fork; None in the server."""
    forks: dict[int, tuple[int, socket.socket]] = {}  # pidfd -> (process id, its relay)
    events = selectors.DefaultSelector()
    events.register(os.pidfd_open(session), selectors.EVENT_READ, "session")
    events.register(door, selectors.EVENT_READ, "door")
    while True:
        for key, _ in events.select():
            if key.data == "session":
                return None
            if key.data == "door":
                relay = door.accept()[0]
                asked, streams = received(relay)
                asked["environment"] = by_libraries | asked["environment"]
                if not same(asked["environment"]):
                    relay.close()
                elif child := os.fork():
                    relay.sendall(b"%d\n" % child)
                    ended = os.pidfd_open(child)
                    forks[ended] = child, relay
                    events.register(ended, selectors.EVENT_READ, "ended")
                    events.register(relay, selectors.EVENT_READ, ended)
                else:
                    for number, stream in enumerate(streams):
                        os.dup2(stream, number)
                        os.close(stream)
                    for one in (events, door, relay, *(other for _, other in forks.values())):
                        one.close()
                    return asked
                for stream in streams:
                    os.close(stream)
            elif key.data == "ended" and key.fd in forks:
                child, relay = forks.pop(key.fd)
                with suppress(OSError):
                    relay.sendall(b"%d\n" % os.waitpid(child, 0)[1])
                for one in (key.fd, relay):
                    with suppress(KeyError):  # of a relay that was killed
                        events.unregister(one)
                os.close(key.fd)
                relay.close()
            elif key.data in forks:  # the relay was killed
                os.kill(forks[key.data][0], signal.SIGKILL)
                events.unregister(key.fileobj)


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[1])


def become(asked: dict) -> None:
    """Run a program as if this process had just started."""
    import io
    import random
    import runpy
    import tempfile

    os.setsid()
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    time.tzset()
    random.seed()
    sys.modules["numpy"].random.seed()
    tempfile.tempdir = None
    os.getppid = lambda: parent(asked["relay"])
    if asked["ignored"]:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    unbuffered = asked["unbuffered"] or bool(os.environ.get("PYTHONUNBUFFERED"))
    sys.stdin = sys.__stdin__ = open(0, closefd=False)  # noqa: SIM115
    for number, name in ((1, "stdout"), (2, "stderr")):
        binary = open(number, "wb", 0 if unbuffered else -1, closefd=False)  # noqa: SIM115
        errors = "backslashreplace" if name == "stderr" else None
        lines = name == "stderr" or binary.isatty()
        stream = io.TextIOWrapper(binary, errors=errors, line_buffering=lines, write_through=unbuffered)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    words = asked["words"]
    sys.executable = asked["executable"]
    sys.orig_argv = [sys.executable, *words]
    how = words.pop(0) if words[0] in ("-m", "-c") else ""
    sys.argv = words
    first = {"-m": asked["folder"], "-c": ""}.get(how) if how else str(Path(words[0]).resolve().parent)
    sys.path[:0] = [first, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    if how == "-c":
        program, sys.argv = words[0], ["-c", *words[1:]]
        sys.modules["__main__"] = main = type(sys)("__main__")
        exec(program, main.__dict__)
    elif how:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(words[0], run_name="__main__")


def main(words: list[str]) -> None:
    if words[0] != "--serve":
        relayed(words[0], words[1:])
    import gc
    import shutil
    from importlib import import_module

    started = dict(os.environ)
    of_this = {str(Path(__file__).parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)}
    sys.path[:] = [place for place in sys.path if place not in of_this]
    if words[4] == "project":
        sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    for library in LIBRARIES[words[4]].split():
        with suppress(ImportError):  # of an extra that is not installed
            import_module(library)
    if conversions := sys.modules.get("transformers.conversion_mapping"):
        conversions.get_checkpoint_conversion_mapping("llama")  # it compiles two thousand expressions
    if words[4] == "project":
        del sys.path[0]
    by_libraries = {name: value for name, value in os.environ.items() if name not in started}
    gc.collect()
    gc.freeze()
    door, session, folder = int(words[1]), int(words[2]), words[3]
    if asked := serve(socket.socket(fileno=door), session, by_libraries):
        become(asked)
    else:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
