"""A program of Python in namespaces of its own, where it is process 1, as in a container: `in_namespaces.py -m MODULE WORDS…`.

What `unshare -rpf --kill-child --mount-proc python` does, but begun by whoever has the libraries loaded (tests/warm.py).
"""

import ctypes
import os
import runpy
import signal
import sys
from pathlib import Path

NEW_NS, NEW_USER, NEW_PID = 0x20000, 0x10000000, 0x20000000
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def done(code: int, what: str) -> None:
    if code:
        sys.exit(f"{what}: {os.strerror(ctypes.get_errno())}")


def main(words: list[str]) -> None:
    user, group = os.getuid(), os.getgid()
    done(LIBC.unshare(NEW_USER | NEW_PID | NEW_NS), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    if inside := os.fork():
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(inside, 0)[1]))
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    done(LIBC.mount(b"none", b"/proc", None, 0x84000, None), "private /proc")  # MS_REC | MS_PRIVATE
    done(
        LIBC.mount(b"proc", b"/proc", b"proc", 0xE, None), "mount /proc"
    )  # no devices, programs or set-user-id
    os.getppid = lambda: 0  # which tests/warm.py had asked of a process that is not to be seen from here
    sys.argv[:] = words[1:]
    sys.path[0] = str(Path.cwd())
    runpy.run_module(words[1], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
