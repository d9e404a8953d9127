"""Freed memory stays with the process, so that the next tensor needs no new pages; an end with the parent."""

import asyncio
import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from komep_dataset.system import mounts, run_async

FAULTS = """
import resource
from komep_dataset.system import keep_freed_memory
if {keep}:
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
bytearray(64 << 20)
before = faults()
for _ in range(8):
    bytearray(64 << 20)
print(faults() - before)
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="another C library than glibc has no such setting"
)
def test_big_blocks_are_used_again():
    """Pages that the system had to hand out while 64 MiB were taken and freed eight times, in a process of its own."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}

    def count(keep: bool) -> int:
        program = [sys.executable, "-c", FAULTS.format(keep=keep)]
        done = subprocess.run(program, capture_output=True, text=True, check=True, env=environment)
        return int(done.stdout)

    assert count(keep=True) < 100 < count(keep=False)


CHILD = """
import os, time
from komep_dataset.system import end_with_parent
end_with_parent()
print(os.getpid(), flush=True)
time.sleep(600)
"""
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, text=True)
print(child.stdout.readline(), flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux alone does that")
def test_a_process_ends_with_its_parent():
    done = subprocess.run([sys.executable, "-c", PARENT, CHILD], capture_output=True, text=True, check=True)
    child = Path(f"/proc/{int(done.stdout)}/stat")
    for _ in range(100):
        if not child.exists() or ") Z " in child.read_text():  # dead, or dead and collected by nobody
            return
        time.sleep(0.1)
    raise AssertionError("it goes on alone")


def test_mounts_are_read_from_the_system():
    assert Path("/proc") in {mount.point for mount in mounts()} or not Path("/proc/self/mountinfo").exists()


def test_a_coroutine_runs_where_a_loop_is_at_work_already_and_ends_with_an_interruption():
    async def name() -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    async def fails() -> None:
        raise OSError("full")

    async def notebook() -> str:
        with pytest.raises(OSError, match="full"):
            run_async(fails())
        return run_async(name())

    assert run_async(name()) == "MainThread" != asyncio.run(notebook())


INTERRUPTED = """
import asyncio, signal, threading
from komep_dataset.system import run_async
async def forever():
    threading.Timer(0.2, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)).start()
    try:
        await asyncio.sleep(60)
    finally:
        print("closed", flush=True)
async def notebook():
    run_async(forever())
try:
    loop = asyncio.new_event_loop()
    loop.run_until_complete(notebook())
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interruption_ends_what_runs_beside_a_loop():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=50)
    assert done.stdout == "closed\ninterrupted\n", done.stderr


def test_a_module_is_imported_when_something_of_it_is_asked_for():
    code = (
        "import sys; from komep_dataset.system import late; tool = late('json.tool'); "
        "print('json.tool' in sys.modules, tool.main.__module__, 'json.tool' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "json.tool", "True"]
