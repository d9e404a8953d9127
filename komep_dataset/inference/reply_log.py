"""What models answered, kept on disk by the content of the request: an append-only log that survives a kill.

Rows that arrive together are written together, by one `write`. What has been written survives the death of the
process; it is forced to the disk when the log is closed, so that a power cut may cost more than a kill. What is spent
(`ledgers.py`) is no such log: there a line is replaced, and all processes look at each other's.
"""

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import edited_names
from komep_dataset.progress import tell
from komep_dataset.replies.garbled import is_blank, mended
from komep_dataset.replies.thoughts import Answer, answer_of, begins_as_thought, behind_title

ENGINE_LOG = "engine.log"
REPLIES = "replies.log"  # JSON lines, but no table: a folder of tables is read by its endings
START = b'{"key": "'  # of a row
FAILED, REFUSED = "failed", "refused"
SHOWN = 300  # characters of a refusal that a message shows
UNWRITTEN = ("failure", "left_out", "thought", "raw")  # where they are empty, as a failure always is


class Reply(NamedTuple):
    """A model's answer, or why there is none: `finish_reason` is `stop`, `length` or, with a `failure`, `failed`,
    or `refused` where the text is a refusal in a field of its own, or empty, with `raw` for the words of a filter.

    `left_out` names the parameters that the endpoint refused, with blanks between (`wire/dialect.py`). A log holds the text as
    it came, and in `thought` what came in a field of its own; `without_thoughts` parts the answer from the thoughts, and
    leaves in `raw` the text with them, where the two differ.
    """

    text: str
    finish_reason: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    failure: str = ""
    left_out: str = ""
    thought: str = ""
    raw: str = ""

    @property
    def filtered(self) -> bool:
        """Whether a filter of the endpoint refused the request."""
        return self.finish_reason == REFUSED and not self.text

    @property
    def given(self) -> str:
        """The text exactly as it came, thoughts included; of a refusal in a field of its own, none."""
        return "" if self.finish_reason == REFUSED else self.raw or self.text


def no_reply(why: str) -> Reply:
    """A failed reply; `why` is not empty."""
    return Reply("", FAILED, failure=why)


def without_thoughts(reply: Reply, limit: int | None, opened: bool = False) -> Reply:
    """A reply as it came -> the answer in it with its letters as they were meant, "" where it says nothing, or a failed reply where
    its thoughts never came to one. A refusal fails whoever needs an answer, and keeps its text for who releases it.

    `limit`: tokens that the reply could have, for the message. `opened`: whether thoughts of this model begin in the prompt, so
    that nothing in a reply opens them.
    """
    if reply.finish_reason == REFUSED:
        said = reply.raw if reply.filtered else f"the model refused: {reply.text}"
        return reply._replace(failure=" ".join(said.split())[: SHOWN + 20])
    text, cut = mended(reply.text), reply.finish_reason == "length"
    answer = answer_of(text)
    if answer.unfinished and not cut and (paragraph := behind_title(text)):
        answer = Answer(paragraph, True)
    said = "" if answer.text.strip() and is_blank(answer.text) else answer.text
    # The model itself had closed its answer.
    finish = "stop" if cut and answer.closed else reply.finish_reason
    unmarked = cut and not answer.thoughts and not reply.thought and not answer.closed
    spent = cut and not said.strip()  # on thoughts that nobody shows: without any there would be a word
    if reply.failure or not (
        answer.unfinished
        or spent
        or ((answer.thoughts or reply.thought) and not said.strip())
        or (unmarked and (opened or begins_as_thought(text)))
    ):
        raw = reply.text if said != reply.text else ""
        return reply._replace(text=said, finish_reason=finish, raw=raw)
    if cut and limit:
        why = f"the limit of {limit:,} tokens (`max_new_tokens`) cut the thoughts off; raise it"
    else:
        why = f"the reply ended within its thoughts (finish_reason {reply.finish_reason}); raise `max_new_tokens`"
    failure = f"thoughts and no answer: {why}, or turn thinking off at the endpoint"
    return reply._replace(text="", finish_reason=FAILED, failure=failure, raw=reply.text)


def worker_log(folder: Path, rank: int) -> Path:
    """The log of one of several workers; it lies beside the log of the process that started them."""
    return folder / f"replies.{rank:05d}.log"


def logs_of(folder: Path) -> list[Path]:
    """Every log of replies in a folder."""
    return sorted([folder / REPLIES, *folder.glob("replies.[0-9]*.log")])


class ReplyLog:
    """An open log: `rows` has the row of each key, its own and those of the logs that were read."""

    def __init__(self, path: Path, file: FileIO, record: Any):
        self.rows: dict[str, Any] = {}
        self.path, self._file, self._record = path, file, record
        self._told: set[Path] = set()

    def read(self, paths: Iterable[Path]) -> None:
        """Take in what other processes have written by now; stderr names a damaged log, which stays as it is."""
        for path in paths:
            rows, _, damaged = read_log(path, self._record)
            self.rows |= rows
            if damaged and path not in self._told:
                self._told.add(path)
                tell(f"note: {path}: {damaged:,} damaged lines; whole replies are taken over")

    def add(self, rows: Sequence[tuple[str, Any]]) -> None:
        """Keep rows, all by one write; `OSError` if the disk takes less, `ValueError` for a failure."""
        if any(getattr(row, "failure", "") for _, row in rows):
            raise ValueError("a failure is never kept")
        lines = b"".join(_line(key, row) for key, row in rows)
        if self._file.write(lines) != len(lines):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.rows.update(rows)


@contextmanager
def open_log(
    path: Path, others: Iterable[Path] | None = None, record: Any = Reply, busy: str = ""
) -> Iterator[ReplyLog]:
    """Hold a log while the block runs: one JSON object a line, with a key and the fields of a record.

    Args:
        path: the log; a line of it that a kill cut short is taken off. One that is damaged elsewhere is kept beside,
            what is whole in it is taken over, and stderr says so.
        others: logs of other processes, which are read and never written; by default those beside it.
        record: the named tuple of a row; its field `failure`, if it has one, is not written.
        busy: what is said where another process holds the log.

    Raises:
        KomepError: another process holds it, something else lies there, or nothing can be written.
    """
    if path.exists() and not path.is_file():
        raise KomepError(f"{path}: no regular file; move it away")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab", buffering=0)
    except OSError as error:
        raise KomepError(f"{path}: cannot be written ({error.strerror})") from error
    with ExitStack() as stack:
        stack.enter_context(file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            busy = busy or f"{path.parent}: another run is at work here; wait until it ends"
            raise KomepError(busy) from error
        log = ReplyLog(path, file, record)
        log.read(other for other in (logs_of(path.parent) if others is None else others) if other != path)
        if (size := path.stat().st_size) and not is_log(path):
            raise KomepError(f"{path}: holds {size:,} bytes and no reply of a model; move it away")
        own, whole, damaged = read_log(path, record)
        log.rows |= own
        file.truncate(whole)
        if damaged:
            log._file = file = stack.enter_context(_mended(path, damaged))
        try:
            yield log
        finally:
            os.fsync(file.fileno())


def read_log(path: Path, record: Any = Reply) -> tuple[dict[str, Any], int, int]:
    """(the rows of a log, how many of its bytes are ended lines, how many of these are damaged); nothing where there is
    no log. Whole rows that a damaged line holds are read."""
    rows: dict[str, Any] = {}
    ended = damaged = 0
    if not path.exists():
        return rows, ended, damaged
    with path.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                break
            ended += len(line)
            row = _row(line)
            damaged += row is None
            for values in map(_row, _whole_rows(line)) if row is None else [row]:
                with suppress(TypeError):  # fields of another version: the request is simply asked again
                    key = values.pop("key")
                    rows[key] = record(**values)
    return rows, ended, damaged


def _row(line: bytes) -> dict[str, Any] | None:
    """A line as a row with its key; None where it is damaged."""
    with suppress(ValueError, RecursionError):
        row = json.loads(line)
        return row if isinstance(row, dict) and isinstance(row.get("key"), str) else None
    return None


def _whole_rows(line: bytes) -> Iterator[bytes]:
    """The rows that are whole within a damaged line, such as two that ran together, each as a line."""
    for piece in line.split(START)[1:]:  # within a text its quotes are escaped
        with suppress(ValueError, RecursionError):
            text = (START + piece).decode("utf-8", "surrogateescape")
            _, end = json.JSONDecoder().raw_decode(text)
            yield text[:end].encode("utf-8") + b"\n"


def _mended(path: Path, damaged: int) -> FileIO:
    """A log anew, opened and held, without what is damaged in it; as it was, it is kept beside, and stderr says so.

    The log must be held. Raises `KomepError` where its folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.mended")
    kept = next(p for p in map(path.with_name, edited_names(path.name)) if not os.path.lexists(p))
    try:
        with path.open("rb") as lines, beside.open("wb") as whole:
            for line in lines:
                whole.writelines([line] if _row(line) else _whole_rows(line))
        file = beside.open("ab", buffering=0)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.copyfile(path, kept)  # not renamed: a kill between two renames would leave no log
        beside.replace(path)
    except OSError as error:
        raise KomepError(f"{path}: damaged, and cannot be mended ({error.strerror})") from error
    tell(
        f"note: {path}: {damaged:,} damaged lines; the file is kept as {kept.name}, whole replies are taken over, the "
        "others are asked again"
    )
    return file


def is_log(path: Path) -> bool:
    """Whether a file has a row of a log of replies; a first one that a kill cut short counts."""
    with path.open("rb") as file:
        return START.startswith(file.read(len(START))) or any(START in line for line in file)


def _line(key: str, row: Any) -> bytes:
    unwritten = [name for name in UNWRITTEN if not getattr(row, name, "")]
    fields = {"key": key} | {name: value for name, value in row._asdict().items() if name not in unwritten}
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
