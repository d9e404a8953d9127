"""A release put in place in one step: at every moment the old one or the new one is there."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from komep_dataset.errors import KomepError
from komep_dataset.release import BUILD_FILE


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """A folder beside `target` to fill; it takes the place of `target` if the block ends well.

    Raises `KomepError` where `target` exists and is neither empty nor a release: nothing of a user's is
    overwritten by mistake.
    """
    target = Path(target).resolve()
    check_replaceable(target)
    _sweep(target)
    beside = target.with_name(f".{target.name}.building-{os.getpid()}")
    try:
        beside.mkdir(parents=True)
        yield beside
        _swap(beside, target)
    except OSError as error:
        raise KomepError(f"{target}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def check_replaceable(target: Path) -> None:
    """Raise `KomepError` unless a build may put its result at `target`."""
    if target.is_dir() and any(target.iterdir()) and not (target / BUILD_FILE).is_file():
        raise KomepError(f"{target}: exists and is not a KoMeP release; give another --output, or empty it")
    if target.exists() and not target.is_dir():
        raise KomepError(f"{target}: exists and is a file; give a folder as --output")


def _sweep(target: Path) -> None:
    """Remove what builds of this target left that were killed."""
    for left in target.parent.glob(f".{target.name}.building-*"):
        pid = left.name.rpartition("-")[2]
        alive = pid.isdigit() and int(pid) != os.getpid() and _alive(int(pid))
        if not alive:
            shutil.rmtree(left, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _swap(new: Path, target: Path) -> None:
    """Put `new` at `target`; where the system can exchange two names at once, no moment shows neither."""
    if target.exists():
        if not _exchange(new, target):
            aside = target.with_name(f".{target.name}.building-0")  # swept by the next build
            shutil.rmtree(aside, ignore_errors=True)
            target.replace(aside)
            new.replace(target)
            shutil.rmtree(aside, ignore_errors=True)
    else:
        new.replace(target)


def _exchange(a: Path, b: Path) -> bool:
    """Linux renameat2 with RENAME_EXCHANGE; False where it is not to be had."""
    at_cwd, rename_exchange = -100, 2
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        return libc.renameat2(at_cwd, os.fsencode(a), at_cwd, os.fsencode(b), rename_exchange) == 0
    return False
