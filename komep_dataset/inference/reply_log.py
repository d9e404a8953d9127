"""What models answered, kept on disk by the content of the request: an append-only log that survives a kill.

Replies that arrive together are written together, by one `write`. What has been written survives the death of
the process; it is forced to the disk when the log is closed, so that a power cut may cost more than a kill.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from komep_dataset.errors import KomepError

ENGINE_LOG = "engine.log"
REPLIES = "replies.log"  # JSON lines, but no table: a folder of tables is read by its endings
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's answer, or why there is none: `finish_reason` is `stop`, `length` or `failed`."""

    text: str
    finish_reason: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    failure: str = ""

    @property
    def failed(self) -> bool:
        return self.finish_reason == FAILED


def worker_log(folder: Path, rank: int) -> Path:
    """The log of one of several workers; it lies beside the log of the process that started them."""
    return folder / f"replies.{rank:05d}.log"


def logs_of(folder: Path) -> list[Path]:
    """Every log of replies in a folder."""
    return sorted([folder / REPLIES, *folder.glob("replies.[0-9]*.log")])


class ReplyLog:
    """Replies by the content of their request, one JSON object a line.

    Held by one process at a time. A line that a kill cut short is taken off when the log is opened. `others` are
    logs of other processes: they are read, never written.
    """

    def __init__(self, path: Path, others: Sequence[Path] = ()):
        self._path, self._others = path, [other for other in others if other != path]
        self._replies: dict[str, Reply] = {}

    def __enter__(self) -> ReplyLog:
        if self._path.exists() and not self._path.is_file():
            raise KomepError(f"{self._path}: no regular file; move it away")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab", buffering=0)
        except OSError as error:
            raise KomepError(f"{self._path}: cannot be written ({error.strerror})") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise KomepError(
                f"{self._path.parent}: another run is at work here; wait until it ends"
            ) from error
        self.read_others(self._others)
        if (size := self._path.stat().st_size) and not is_log(self._path):
            self._file.close()
            raise KomepError(f"{self._path}: holds {size:,} bytes and no reply of a model; move it away")
        replies, good = read_log(self._path)
        self._replies |= replies
        self._file.truncate(good)
        self._written = 0
        return self

    def __exit__(self, *_) -> None:
        if self._written:
            os.fsync(self._file.fileno())
        self._file.close()

    def read_others(self, paths: Iterable[Path]) -> None:
        """Take in what other processes have written by now."""
        for path in paths:
            if path != self._path and path.exists():
                self._replies |= read_log(path)[0]

    def __contains__(self, key: str) -> bool:
        return key in self._replies

    def __getitem__(self, key: str) -> Reply:
        return self._replies[key]

    def add(self, key: str, reply: Reply) -> None:
        """Keep an answer; a failure is refused, so that it is asked again next time."""
        self.add_all([(key, reply)])

    def add_all(self, rows: Sequence[tuple[str, Reply]]) -> None:
        """Keep answers, all by one write; `OSError` if the disk takes less."""
        if any(reply.failed for _, reply in rows):
            raise ValueError("a failure is never kept")
        lines = b"".join(_line(key, reply) for key, reply in rows)
        if self._file.write(lines) != len(lines):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._written += len(rows)
        self._replies.update(rows)


def read_log(path: Path) -> tuple[dict[str, Reply], int]:
    """The replies of a log, and how many of its bytes are whole lines; nothing where there is no log."""
    replies: dict[str, Reply] = {}
    good = 0
    if not path.exists():
        return replies, good
    with path.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                break
            good += len(line)
            try:
                row = json.loads(line)
                key = row.pop("key")
                replies[key] = Reply(**row)
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                continue  # unreadable: the request is simply asked again
    return replies, good


def is_log(path: Path) -> bool:
    """Whether a file begins as a log of replies does; a first line that a kill cut short counts."""
    start = b'{"key": "'
    with path.open("rb") as file:
        return start.startswith(file.read(len(start)))


def _line(key: str, reply: Reply) -> bytes:
    row = {"key": key} | {k: v for k, v in asdict(reply).items() if k != "failure"}
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"
