"""Asking models: keyed requests in, keyed replies out, nothing asked twice, no failure kept.

What is already known is looked up in a log of replies, keyed by the content of the request (`replies.py`); what is
missing is asked by one loop here (`engine.py`) or by several workers (`executors.py`). A process that is killed
loses no more than what was in flight.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from komep_dataset.config.config import Endpoint, Judge
from komep_dataset.errors import require
from komep_dataset.inference.reply_log import ENGINE_LOG, FAILED, REPLIES, Reply, ReplyLog, logs_of, read_log
from komep_dataset.inference.servers import LocalServers, local_servers, model_fingerprint
from komep_dataset.progress import progress_bar

__all__ = [
    "FAILED",
    "REPLIES",
    "Reply",
    "ReplyLog",
    "Request",
    "ask",
    "request_key",
    "source_of",
    "unanswered",
]


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model.

    `body` is an OpenAI request without its `model`: `messages` or `prompt`, and the sampling values.
    """

    id: str
    body: dict[str, Any]


def judge_body(messages: list[dict[str, str]], judge: Judge, tokens: int, vote: int = 0) -> dict[str, Any]:
    """A judge's request: temperature and token limit; when sampled, a seed that the texts and the vote decide."""
    body = {
        "messages": messages,
        "temperature": judge.temperature,
        "max_tokens": judge.max_new_tokens or tokens,
    }
    if judge.temperature:
        text = messages[-1]["content"]
        body |= {"top_p": 1.0, "seed": int(digest(f"{vote} {text}" if vote else text)[:8], 16)}
    return body


def digest(text: str) -> str:
    """SHA-256 of a text, as hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def request_key(body: dict[str, Any], source: str) -> str:
    """SHA-256 over a request and the model that it goes to."""
    content = json.dumps([source, body], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def source_of(endpoint: Endpoint) -> str:
    """What makes two models the same: address and name, or the files of a model folder served here."""
    if endpoint.server:
        return f"{endpoint.server} {endpoint.model} {model_fingerprint(endpoint.model)}"
    return f"{endpoint.endpoint.rstrip('/')} {endpoint.model}"


def ask(requests: Sequence[Request], endpoint: Endpoint, folder: Path, *, label: str) -> dict[str, Reply]:
    """Ask a model every request that it has not answered before.

    Args:
        requests: ids must be distinct; equal bodies are asked once.
        endpoint: the model; never more than its `concurrency` requests are in flight, over all workers. Its
            `policy` says where they are sent from and what they may cost.
        folder: where the replies and the engine's log are kept; the same folder resumes.
        label: what the progress bar and messages call it.

    Returns:
        id -> reply for every request; a request without an answer after its retries has a failed reply, with
        the reason, and is asked again by the next call.

    Raises:
        KomepError: the extra [llm] is missing, the key's variable is unset, the endpoint refuses key or
            model, no request gets through, the budget is spent, a job was handed to Slurm, or another process
            works in the folder.
    """
    require("llm", "datatrove", "aiohttp")
    keys = keys_of(requests, endpoint)
    with ReplyLog(folder / REPLIES, logs_of(folder)) as log:
        todo = {keys[r.id]: r.body for r in requests if keys[r.id] not in log}
        failures = _ask_missing(todo, len(set(keys.values())), endpoint, log, folder, label)
        return {id: log[key] if key in log else failures[key] for id, key in keys.items()}


def keys_of(requests: Sequence[Request], endpoint: Endpoint) -> dict[str, str]:
    """Id -> key of every request; `ValueError` unless the ids are distinct."""
    source = source_of(endpoint)
    keys = {request.id: request_key(request.body, source) for request in requests}
    if len(keys) != len(requests):
        raise ValueError("request ids must be distinct")
    return keys


def unanswered(requests: Sequence[Request], endpoint: Endpoint, folder: Path) -> list[Request]:
    """The requests that `ask` would send: not answered in the folder's logs, equal ones once. Asks nothing."""
    known = {key for path in logs_of(folder) for key in read_log(path)[0]}
    keys = keys_of(requests, endpoint)
    first = {keys[request.id]: request for request in reversed(requests)}
    return [
        request
        for request in requests
        if keys[request.id] not in known and first[keys[request.id]] is request
    ]


def _ask_missing(
    todo: dict[str, dict],
    total: int,
    endpoint: Endpoint,
    log: ReplyLog,
    folder: Path,
    label: str,
) -> dict[str, Reply]:
    """Ask what the log does not hold; answers go to the log, failures are returned by key."""
    if not todo:
        return {}
    secret = endpoint.api_key()  # an unset variable is named before anything starts
    with progress_bar(label, total, "requests") as advance:
        advance(total - len(todo))
        if endpoint.workers_for(len(todo)) > 1 or endpoint.policy.executor.kind != "local":
            from komep_dataset.inference.workers import ask_in_workers

            return ask_in_workers(todo, endpoint, log, folder, label, advance)
        with local_servers() as servers:
            answered = len(todo) < total
            return _ask_here(todo, endpoint, secret, servers, log, folder, label, advance, answered)


def _ask_here(
    todo: dict[str, dict],
    endpoint: Endpoint,
    secret: str | None,
    servers: LocalServers,
    log: ReplyLog,
    folder: Path,
    label: str,
    advance: Callable[[float], None],
    answered: bool,
) -> dict[str, Reply]:
    """Ask from this process, at a server of our own where the endpoint wants one."""
    from komep_dataset.inference.client import Target, run_requests
    from komep_dataset.inference.costs import Meter

    meter = Meter.of(endpoint)
    limit = endpoint.in_flight
    if endpoint.server:
        target = Target(endpoint, servers.url(endpoint, folder), secret, servers.is_up, limit)
    else:
        target = Target(endpoint, endpoint.endpoint.rstrip("/"), secret, concurrency=limit)
    failures: dict[str, Reply] = {}

    def keep(rows: Sequence[tuple[str, Reply]]) -> None:
        failures.update((key, reply) for key, reply in rows if reply.failed)
        log.add_all([(key, reply) for key, reply in rows if not reply.failed])
        advance(len(rows))

    run_requests(todo, target, keep, folder / ENGINE_LOG, label, meter, answered)
    return failures
