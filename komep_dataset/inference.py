"""Asking models: keyed requests in, keyed replies out, nothing asked twice, no failure kept.

datatrove's inference runner does the asking (`engine.py`). Its own cache counts on the position of a row and
keeps answered failures with the rest, so what is already known is looked up on this side of it: an
append-only log of replies, keyed by the content of the request. A process that is killed loses no more than
what was in flight.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from komep_dataset.config import Endpoint
from komep_dataset.errors import KomepError, require
from komep_dataset.progress import progress_bar
from komep_dataset.serving import LocalServers, model_fingerprint

REPLIES = "replies.log"  # JSON lines, but no table: a folder of tables is read by its endings
ENGINE_LOG = "engine.log"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model.

    `body` is an OpenAI request without its `model`: `messages` or `prompt`, and the sampling values.
    """

    id: str
    body: dict[str, Any]


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


class ReplyLog:
    """Replies by the content of their request, one JSON object a line, each on disk before the next is asked.

    Held by one process at a time. A line that a kill cut short is taken off when the log is opened.
    """

    def __init__(self, path: Path):
        self._path = path
        self._replies: dict[str, Reply] = {}

    def __enter__(self) -> ReplyLog:
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
        self._load()
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def _load(self) -> None:
        good = 0
        with self._path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                good += len(line)
                try:
                    row = json.loads(line)
                    key = row.pop("key")
                    self._replies[key] = Reply(**row)
                except (ValueError, TypeError, KeyError, AttributeError):
                    continue  # unreadable: the request is simply asked again
        self._file.truncate(good)

    def __contains__(self, key: str) -> bool:
        return key in self._replies

    def __getitem__(self, key: str) -> Reply:
        return self._replies[key]

    def add(self, key: str, reply: Reply) -> None:
        """Keep an answer; a failure is refused, so that it is asked again next time."""
        if reply.failed:
            raise ValueError("a failure is never kept")
        row = {"key": key} | {k: v for k, v in asdict(reply).items() if k != "failure"}
        line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
        if self._file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._replies[key] = reply


def request_key(body: dict[str, Any], source: str) -> str:
    """SHA-256 over a request and the model that it goes to."""
    content = json.dumps([source, body], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def source_of(endpoint: Endpoint) -> str:
    """What makes two models the same: address and name, or the files of a model folder served here."""
    if endpoint.server:
        return f"{endpoint.server} {endpoint.model} {model_fingerprint(endpoint.model)}"
    return f"{endpoint.endpoint.rstrip('/')} {endpoint.model}"


def ask(
    requests: Sequence[Request],
    endpoint: Endpoint,
    folder: Path,
    *,
    label: str,
    servers: LocalServers | None = None,
) -> dict[str, Reply]:
    """Ask a model every request that it has not answered before.

    Args:
        requests: ids must be distinct; equal bodies are asked once.
        endpoint: the model; never more than its `concurrency` requests are in flight.
        folder: where the replies and the engine's log are kept; the same folder resumes.
        label: what the progress bar and messages call it.
        servers: a pool to take a server from; by default one is started and stopped here.

    Returns:
        id -> reply for every request; a request without an answer after its retries has a failed reply, with
        the reason, and is asked again by the next call.

    Raises:
        KomepError: the extra [llm] is missing, the key's variable is unset, the endpoint refuses key or
            model, no request gets through, or another process works in the folder.
    """
    require("llm", "datatrove", "aiohttp", "aiofiles", "httpx", "orjson")
    keys = {request.id: request_key(request.body, source_of(endpoint)) for request in requests}
    if len(keys) != len(requests):
        raise ValueError("request ids must be distinct")
    with ReplyLog(folder / REPLIES) as log:
        todo = {keys[r.id]: r.body for r in requests if keys[r.id] not in log}
        failures = _ask_missing(todo, len(set(keys.values())), endpoint, log, folder, label, servers)
        return {id: log[key] if key in log else failures[key] for id, key in keys.items()}


def _ask_missing(
    todo: dict[str, dict],
    total: int,
    endpoint: Endpoint,
    log: ReplyLog,
    folder: Path,
    label: str,
    servers: LocalServers | None,
) -> dict[str, Reply]:
    """Ask what the log does not hold; answers go to the log, failures are returned by key."""
    failures: dict[str, Reply] = {}
    if not todo:
        return failures
    secret = endpoint.api_key()
    from komep_dataset.engine import Target, run_requests

    pool = nullcontext(servers) if servers else LocalServers()
    with pool as running, progress_bar(label, total, "requests") as advance:
        advance(total - len(todo))
        if endpoint.server:
            target = Target(endpoint, running.url(endpoint, folder), secret, running.is_up)
        else:
            target = Target(endpoint, endpoint.endpoint.rstrip("/"), secret)

        def keep(key: str, reply: Reply) -> None:
            if reply.failed:
                failures[key] = reply
            else:
                log.add(key, reply)
            advance(1)

        run_requests(todo, target, keep, folder / ENGINE_LOG, label)
    return failures
