"""Replies on disk as they come, so that an interrupted evaluation goes on from the questions that are done.

One file a process, because several write at once; every process reads all of them. A reply is kept under a hash
of all that it depends on, so a file that another model or prompt left behind is never read by mistake.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from evaluation.harness.output import JOURNAL
from komep_dataset.errors import KomepError
from komep_dataset.inference.reply_log import is_log


def reply_key(*parts: Any) -> str:
    """SHA-256 over all that a reply depends on, as JSON."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode("utf-8", "replace")).hexdigest()


class Journal:
    """The replies of one run, by key: `(text, logprobs)`; held by one process a rank at a time."""

    def __init__(self, output: Path, rank: int = 0):
        self._folder, self._rank = output / JOURNAL, rank
        self._replies: dict[str, tuple[str, Sequence[float] | None]] = {}

    def __enter__(self) -> Journal:
        path = self._folder / f"rank-{self._rank}.jsonl"
        with ExitStack() as opened:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._file = opened.enter_context(path.open("ab", buffering=0))
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for file in sorted(self._folder.glob("rank-*.jsonl")):
                    if not is_log(file):
                        raise KomepError(
                            f"{file}: holds no replies of a model; it is left as it is: move it away"
                        )
                    whole = self._read(file)
                    if file == path:
                        self._file.truncate(whole)  # a line that a kill cut short is taken off
            except BlockingIOError:
                raise KomepError(
                    f"{self._folder.parent}: another evaluation is at work here; wait until it ends"
                ) from None
            except OSError as error:
                raise KomepError(f"{path}: cannot be written ({error.strerror})") from None
            opened.pop_all()
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def _read(self, path: Path) -> int:
        """Take over the replies of a file; the number of bytes in its whole lines."""
        whole = 0
        with path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                try:
                    row = json.loads(line)
                    self._replies[row["key"]] = (row["text"], row["logprobs"])
                except (ValueError, KeyError, TypeError):
                    continue  # unreadable: the question is simply asked again
        return whole

    def __contains__(self, key: str) -> bool:
        return key in self._replies

    def __getitem__(self, key: str) -> tuple[str, Sequence[float] | None]:
        return self._replies[key]

    def add(self, key: str, text: str, logprobs: Sequence[float] | None = None) -> None:
        """Keep a reply; it is with the system when this returns."""
        row = {"key": key, "text": text, "logprobs": logprobs}
        try:
            self._file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        except OSError as error:
            raise KomepError(f"{self._file.name}: cannot be written ({error.strerror})") from None
        self._replies[key] = (text, logprobs)


def clear(output: Path) -> None:
    """Remove the journals of a run whose results are written."""
    folder = output / JOURNAL
    for file in filter(is_log, folder.glob("rank-*.jsonl")):
        file.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
