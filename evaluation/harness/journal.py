"""Replies on disk as they come, so that an interrupted evaluation goes on from the questions that are done.

One file a process, because several write at once; every process reads all of them. A reply is kept under a hash
of all that it depends on, so a file that another model or prompt left behind is never read by mistake.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evaluation.harness.backend import Answer
from evaluation.harness.output import JOURNAL, RANKS
from komep_dataset.errors import KomepError
from komep_dataset.inference.reply_log import ReplyLog, is_log, open_log


def reply_key(*parts: Any) -> str:
    """SHA-256 over all that a reply depends on, as JSON."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode("utf-8", "replace")).hexdigest()


@contextmanager
def open_journal(output: Path, rank: int = 0) -> Iterator[ReplyLog]:
    """The replies of one run, rows of `Answer` by key; held by one process a rank at a time.

    Raises `KomepError` where another run holds it, or something else lies there.
    """
    folder = output / JOURNAL
    path = folder / f"rank-{rank}.jsonl"
    busy = f"{output}: another evaluation is at work here; wait until it ends"
    ranks = sorted(folder.glob(RANKS))
    for file in ranks:
        if file.is_file() and not is_log(file):
            raise KomepError(f"{file}: holds no replies of a model; it is left as it is: move it away")
    with open_log(path, [file for file in ranks if file != path], Answer, busy) as journal:
        yield journal


def keep(journal: ReplyLog, key: str, answer: Answer) -> None:
    """Keep a reply; it is with the system when this returns."""
    try:
        journal.add([(key, answer)])
    except OSError as error:
        raise KomepError(f"{journal.path}: cannot be written ({error.strerror})") from None
