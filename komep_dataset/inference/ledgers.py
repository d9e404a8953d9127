"""What work has cost, in a folder that all its processes share: a ledger each, and one lock for all.

A ledger is one line of JSON that one `pwrite` replaces whole: what was spent, and what calls that are still in
flight may cost. Its owner holds a lock on it for as long as it lives, so that the kernel tells those of the
dead, whose calls in flight were sent and may be billed: they count as spent.
"""

import errno
import fcntl
import json
import math
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from komep_dataset.errors import KomepError

LOCK = "lock"  # grows by a byte with every ledger, so that its size tells whether there is a new one
LEDGER_BYTES = 512


@dataclass(slots=True)
class Entry:
    """A ledger: the amount spent by `calls`, what the calls in flight may cost, and the dearest one so far.

    `dearest` is None until the first call of `model` (a digest of address, name and price) has been priced.
    """

    amount: float = 0.0
    calls: int = 0
    reserved: float = 0.0
    in_flight: int = 0
    dearest: float | None = None
    model: str = ""


def read_entry(line: bytes) -> Entry:
    """A ledger's line; ledgers of older versions have an amount and calls alone, one never written is empty.

    Raises `ValueError` where it is not one.
    """
    if not line:
        return Entry()
    try:
        row = dict(json.loads(line))
        entry = Entry(**{name: row[name] for name in Entry.__slots__ if name in row})
        counts = entry.calls, entry.in_flight
        amounts = [x * 1.0 for x in (entry.amount, entry.reserved, entry.dearest or 0.0)]
        sound = all(type(n) is int and n >= 0 for n in counts) and all(0 <= x < math.inf for x in amounts)
    except (TypeError, RecursionError, OverflowError) as error:
        raise ValueError(str(error)) from None
    if not sound or not {"amount", "calls"} <= row.keys():
        raise ValueError("an amount and a number of calls from 0 up are wanted")
    return entry


def spent_in(folder: Path) -> tuple[float, int]:
    """(amount, calls) of the ledgers of a folder, calls in flight included; one that cannot be read is left out."""
    amount, calls = 0.0, 0
    for path in folder.glob("*.json") if folder.is_dir() else ():
        try:
            entry = read_entry(path.read_bytes() if path.is_file() else b"no ledger")
        except (OSError, ValueError):
            continue
        amount, calls = amount + entry.amount + entry.reserved, calls + entry.calls + entry.in_flight
    return amount, calls


@dataclass(slots=True)
class Others:
    """The ledgers of all other processes together; `same` counts the calls in flight at the same model."""

    spent: float = 0.0
    in_flight: int = 0
    same: int = 0
    dearest: float | None = None

    def add(self, entry: Entry, model: str, alive: bool) -> None:
        in_flight = entry.in_flight if alive else 0  # calls of the dead count as spent
        self.spent += entry.amount + entry.reserved
        self.in_flight += in_flight
        if entry.model == model:
            self.same += in_flight
            self.dearest = dearer(self.dearest, entry.dearest)


def dearer(one: float | None, other: float | None) -> float | None:
    return max((cost for cost in (one, other) if cost is not None), default=None)


class Ledger:
    """This process's ledger and its view of the others. One that has a `name` is gone on with where a process that is dead
    left it.

    `own` may be changed, and `write` and `others` called, inside `locked()` only.
    """

    def __init__(self, folder: Path, currency: str, model: str, name: str = ""):
        self.own = Entry(model=model)
        self._folder, self._currency, self._name = folder, json.dumps(currency[:16]), name
        self._lock = self._file = -1
        self._listed = -1  # size of the lock when the folder was last listed
        self._alive: dict[Path, int] = {}
        self._dead: set[Path] = set()
        self._of_dead = Others()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else reads or changes a ledger of the folder while the block runs.

        Raises:
            KomepError: the folder or its disk does not take what is written in the block.
        """
        try:
            if self._lock < 0:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._lock = _open_lock(self._folder / LOCK)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            try:
                if self._name and self._file < 0 and (self._folder / f"{self._name}.json").exists():
                    self._open()
                yield
            finally:
                fcntl.flock(self._lock, fcntl.LOCK_UN)
        except OSError as error:
            raise KomepError(
                f"{self._folder}: what is spent cannot be written down ({error.strerror}); make room or give the "
                "folder back, and give the same command again"
            ) from error

    def write(self) -> None:
        """Replace this process's line; `OSError` where the disk takes less."""
        if self._file < 0:
            self._open()
        own = self.own
        line = (
            f'{{"amount": {own.amount!r}, "calls": {own.calls}, "currency": {self._currency}, '
            f'"reserved": {own.reserved!r}, "in_flight": {own.in_flight}, '
            f'"dearest": {"null" if own.dearest is None else repr(own.dearest)}, "model": "{own.model}"}}'
        )
        line = line.ljust(LEDGER_BYTES - 1).encode() + b"\n"
        if os.pwrite(self._file, line, 0) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _open(self) -> None:
        """Make this process's file, or take over the one of its name."""
        self._path = self._folder / f"{self._name or uuid.uuid4().hex}.json"
        self._file = _open_regular(self._path, os.O_CREAT | os.O_RDWR | (0 if self._name else os.O_EXCL))
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if content := os.pread(self._file, 4 * LEDGER_BYTES, 0):
            try:
                left = read_entry(content)
            except ValueError:
                raise _unreadable(self._path) from None
            left.model, self.own = self.own.model, left
        os.write(self._lock, b".")

    def others(self) -> Others:
        """What all other ledgers say now; those of the dead are read once.

        Raises:
            KomepError: one cannot be read: what it counted would not be held against the budget.
        """
        if (size := os.fstat(self._lock).st_size) != self._listed:
            self._list()
            self._listed = size
        found = replace(self._of_dead)
        for path in list(self._alive):
            self._look(path, found)
        return found

    def _look(self, path: Path, *found: Others) -> None:
        """Count a ledger and, where its owner is dead, do so once and for all."""
        alive = _is_locked(self._alive[path])
        try:
            entry = read_entry(os.pread(self._alive[path], 4 * LEDGER_BYTES, 0))
        except (OSError, ValueError):
            raise _unreadable(path) from None
        for one in (*found, *(() if alive else (self._of_dead,))):
            one.add(entry, self.own.model, alive)
        if not alive:
            self._dead.add(path)
            os.close(self._alive.pop(path))

    def _list(self) -> None:
        """Open the ledgers that are new, this process's own left out; those of the dead are closed at once."""
        for path in self._folder.glob("*.json"):
            if path not in self._alive and path not in self._dead and (self._file < 0 or path != self._path):
                try:
                    self._alive[path] = _open_regular(path, os.O_RDONLY)
                except OSError as error:
                    raise _unreadable(path) from error
                if not _is_locked(self._alive[path]):
                    self._look(path)

    def close(self) -> None:
        """Let go of the files; calls that are still in flight count as spent from now on."""
        for file in (self._file, self._lock, *self._alive.values()):
            if file >= 0:
                os.close(file)
        self._alive.clear()
        self._lock = self._file = -1


def _unreadable(path: Path) -> KomepError:
    return KomepError(
        f"{path}: this record of what was spent cannot be read, so that no budget can be kept; write "
        'what it stood for as {"amount": 1.5, "calls": 30}, or remove it if that was nothing'
    )


def _open_regular(path: Path, flags: int) -> int:
    """An open file; `OSError` for a link, a pipe or anything else that is no regular file."""
    file = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "no regular file")
    return file


def _open_lock(path: Path) -> int:
    """The file of the lock, made if it is not there.

    Raises `KomepError` where something else has its name.
    """
    try:
        file = _open_regular(path, os.O_CREAT | os.O_RDWR | os.O_APPEND)
    except OSError as error:
        raise KomepError(
            f"{path}: cannot be the lock of what is spent ({error.strerror}); move it away"
        ) from error
    if os.pread(file, 1 << 20, 0).strip(b"."):
        os.close(file)
        raise KomepError(f"{path}: holds something else than the lock of what is spent; move it away")
    return file


def _is_locked(file: int) -> bool:
    """Whether a ledger's owner lives."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
