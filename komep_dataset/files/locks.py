"""Two at once: whoever writes to a place holds its lock, which the kernel drops when the process ends, however it ends.

A lock is flock(2) on an empty file beside the place. Containers that share a disk share it, whatever their process
ids are; on NFS it holds among machines whose kernels pass it on (Linux does).
"""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from komep_dataset.errors import KomepError

TRIES = 100  # to be in a folder that others make and remove


@contextmanager
def locked(place: Path, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a file or folder, which need not be there; the folder that it lies in is made, and removed in the end
    if nothing was put into it.

    Args:
        place: what is written to, links followed (`outputs.resolved`).
        wait: wait for whoever holds it; by default that is an error.

    Raises:
        KomepError: another process holds it, or the folder or its disk has no locks to give.
    """
    path = place.with_name(f".{place.name}.lock")
    made = [folder for folder in path.parents if not folder.exists()]
    try:
        file = _hold(path, wait)
    except BlockingIOError:
        raise KomepError(f"{place}: another run is at work here; wait until it ends") from None
    except OSError as error:
        files = (f"{folder}: it is a file, no folder" for folder in place.parents if folder.is_file())
        why = next(files, f"{error.strerror}: {path.name}")
        raise KomepError(f"{place}: cannot be written ({why})") from error
    try:
        yield
    finally:
        # Removed while it is held: who waits for it finds another file under the name, or none, and tries again.
        with suppress(OSError):
            if os.fstat(file).st_size == 0:  # anything in it is not ours
                path.unlink()
        os.close(file)
        with suppress(OSError):  # the first that holds something ends it
            for folder in made:
                folder.rmdir()


def _hold(path: Path, wait: bool) -> int:
    """An open file that holds the lock, and that still has the name."""
    flags = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    gone = 0
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o666)
        except (FileNotFoundError, FileExistsError):  # whoever made the folder removed it in between
            if (gone := gone + 1) == TRIES:
                raise
            continue
        except PermissionError:  # left by another user; to hold a lock it is enough to read
            file = os.open(path, os.O_RDONLY | flags)
        with ExitStack() as close:
            close.callback(os.close, file)
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise FileExistsError(errno.EEXIST, "no regular file")
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), path.stat(follow_symlinks=False)):
                    close.pop_all()
                    return file
