"""What is asked of the system: an end with the parent, freed memory that is kept, mount points, two names exchanged at
once, every sign printed, coroutines run wherever one is, modules imported late."""

import ctypes
import inspect
import io
import os
import platform
import re
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

# M_MMAP_MAX, M_TRIM_THRESHOLD and M_TOP_PAD of malloc.h: no mappings, nothing handed back, 256 MiB taken at once.
PARAMETERS = ((-4, 0), (-1, -1), (-2, 256 << 20))
PR_SET_PDEATHSIG = 1  # of prctl.h


class late:
    """A module that is imported when something of it is first asked for: a command whose `--help` needs none of it imports what
    declares its options. (Python 3.15 has `lazy import` for that.)"""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(import_module(self._name), attribute)
        setattr(self, attribute, found)  # from now on it is found without this
        return found


def keep_freed_memory() -> bool:
    """Keep what is freed for what comes next, in this process from now on; whether its C library can.

    By default glibc gives big tensors back to the system and has every page of the next one zeroed again. Measured
    on 2 cores with SmolLM2-135M: a DPO step 47 seconds instead of 52 to 56, for a peak of 6.1 GiB instead of
    5.7; 60 questions answered in 45 seconds instead of 48. The variables MALLOC_MMAP_MAX_, MALLOC_TRIM_THRESHOLD_ and
    MALLOC_TOP_PAD_ do the same.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(parameter, value) for parameter, value in PARAMETERS)


def print_every_sign() -> None:
    """Print signs that the terminal's encoding lacks as escapes: an error would come after the work, and hide it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def end_with_parent(how: signal.Signals = signal.SIGKILL) -> None:
    """Have this process sent a signal when its parent dies. Linux alone can; elsewhere nothing happens.

    A parent that is dead already sends none: who must not outlive it compares `os.getppid()` afterwards.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, how)


def exchange(a: Path, b: Path) -> bool:
    """Give two files or folders each other's name at once: Linux renameat2; False where it is not to be had."""
    at_cwd, rename_exchange = -100, 2  # of fcntl.h and fs.h
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        return libc.renameat2(at_cwd, os.fsencode(a), at_cwd, os.fsencode(b), rename_exchange) == 0
    return False


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of /proc/self/mountinfo: `root` is the folder of the device that is seen at `point`."""

    id: str
    parent: str
    device: str
    root: Path
    point: Path

    def on_disk(self, path: Path) -> Path:
        return self.root / path.relative_to(self.point)


def mounts() -> list[Mount]:
    """All mounts that this process sees; none where the system does not list them."""
    octal = re.compile(r"\\(\d{3})")
    found = []
    with suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines():
            id, parent, device, *paths = line.split(" ")[:5]
            root, point = (Path(octal.sub(lambda m: chr(int(m[1], 8)), path)) for path in paths)
            found.append(Mount(id, parent, device, root, point))
    return found


def mounted_in(place: Path) -> Path | None:
    """A mount point at a place or below it, also one that another name of the same folder has (`mount --bind`).

    None where there is none, or where the system does not list them.
    """
    known = mounts()
    here = max(
        (m for m in known if place.is_relative_to(m.point)), key=lambda m: len(m.point.parts), default=None
    )
    if here is None or here.point == place:
        return here and place
    wanted = here.on_disk(place)
    for mount in known:
        on = next((m for m in known if m.id == mount.parent and mount.point.is_relative_to(m.point)), None)
        if on and on.device == here.device and on.on_disk(mount.point).is_relative_to(wanted):
            return mount.point
    return None


async def _cancelled_by_signals(coroutine: Coroutine[Any, Any, T]) -> T:
    """Await a coroutine that a handler of our own for Ctrl-C or SIGTERM cancels, as asyncio does with Python's for Ctrl-C."""
    import asyncio

    loop, task, by_signal = asyncio.get_running_loop(), asyncio.current_task(), False

    def cancelling(handler: Callable[[int, Any], None]) -> Callable[[int, Any], None]:
        def handle(number: int, frame: Any) -> None:
            nonlocal by_signal
            try:
                handler(number, frame)
            except KeyboardInterrupt:
                by_signal = True
                loop.call_soon_threadsafe(task.cancel)

        return handle

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    main = threading.current_thread() is threading.main_thread()  # no other may set a handler
    own = {n: one for n, one in before.items() if main and inspect.isfunction(one)}
    for number, handler in own.items():
        signal.signal(number, cancelling(handler))
    try:
        found = await coroutine
    except asyncio.CancelledError:
        if not by_signal:
            raise
    finally:
        for number, handler in own.items():
            signal.signal(number, handler)
    if by_signal:
        raise KeyboardInterrupt
    return found


def run_async(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives; where an event loop is at work already, as in a notebook, in a thread of its own."""
    import asyncio  # here, since every command imports this module, and most ask nobody
    from concurrent.futures import Future, ThreadPoolExecutor

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_cancelled_by_signals(coroutine))
    started: Future = Future()  # the loop and the task

    async def whole() -> T:
        started.set_result((asyncio.get_running_loop(), asyncio.current_task()))
        return await coroutine

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(asyncio.run, whole())
        try:
            return done.result()
        except KeyboardInterrupt:
            loop, task = started.result()
            loop.call_soon_threadsafe(task.cancel)
            raise
