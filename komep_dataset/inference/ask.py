"""Asking models: keyed bodies in, replies under the same keys out, nothing asked twice, no failure kept.

What is already known is looked up in a log of replies, by the content of the request (`reply_log.py`); what is missing
is asked by one loop here (`loop.py`), by several workers (`workers.py`) or as a batch (`batch.py`). A process that is
killed loses no more than what was in flight.
"""

import hashlib
import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from komep_dataset.config.config import Endpoint, Judge
from komep_dataset.errors import KomepError, require
from komep_dataset.inference.batch_files import BatchFolder
from komep_dataset.inference.costs import Meter
from komep_dataset.inference.jobs import clear_jobs
from komep_dataset.inference.reply_log import (
    REPLIES,
    Reply,
    ReplyLog,
    logs_of,
    open_log,
    read_log,
    without_thoughts,
)
from komep_dataset.inference.servers import local_servers, model_fingerprint
from komep_dataset.inference.wire.dialect import RENAMED, SYSTEM, token_limit
from komep_dataset.progress import progress_bar, tell
from komep_dataset.replies.thoughts import opened_in_prompt

# (folder, model) that has answered this process or an earlier one, and with a parameter that a user was told of.
_ANSWERED: set[tuple[Path, str]] = set()
_TOLD: set[tuple[Path, str, str]] = set()
# Of the replies that this process found in a folder, those that no request has fitted yet.
_UNFITTED: dict[Path, set[str]] = {}
Key = TypeVar("Key", bound=Hashable)
# Who is told of every exchange, answered now or before: label, endpoint, bodies and replies by key.
LISTENERS: list[Callable[[str, Endpoint, Mapping[Any, dict], Mapping[Any, Reply]], None]] = []
Unsent = dict[tuple[str, Endpoint], dict[str, dict[str, Any]]]
_UNSENT: list[Unsent] = []
# An OpenAI request without its `model`: `messages` or `prompt`, and the sampling values.
Body = dict[str, Any]


def judge_body(messages: list[dict[str, str]], judge: Judge, tokens: int, vote: int = 0) -> Body:
    """A judge's request: temperature and token limit; when sampled, a seed that the texts and the vote decide."""
    values: dict[str, Any] = {"temperature": judge.temperature, "max_tokens": judge.limit(tokens)}
    if judge.temperature != 0:
        text = " ".join([*(str(n) for n in (judge.seed, vote) if n), messages[-1]["content"]])
        seed = None if "seed" in judge.nulls else int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)
        values |= {"top_p": judge.top_p, "seed": seed}
    return request({"messages": messages}, values, judge)


def request(texts: Body, values: Mapping[str, Any], endpoint: Endpoint) -> Body:
    """A request: its texts, sampling values without those that are None, and the endpoint's `extra_body`."""
    extra, given = endpoint.extra_body, {name: value for name, value in values.items() if value is not None}
    known = {name: value for name, value in given.items() if RENAMED.get(name) not in extra}
    return texts | known | dict(extra)


def request_key(body: Body, source: str) -> str:
    """SHA-256 over a request and the model that it goes to."""
    content = json.dumps([source, body], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def source_of(endpoint: Endpoint) -> str:
    """What makes two models the same: who serves it, its name and, where that is a folder here, its files."""
    place = endpoint.server or endpoint.endpoint.rstrip("/")
    source = f"{place} {endpoint.model} {model_fingerprint(endpoint.model)}"
    return source if endpoint.server else source.rstrip()


def keys_of(bodies: Mapping[Key, Body], endpoint: Endpoint) -> dict[Key, str]:
    """The `request_key` of every body."""
    source = source_of(endpoint)
    return {key: request_key(body, source) for key, body in bodies.items()}


def ask(bodies: Mapping[Key, Body], endpoint: Endpoint, folder: Path, *, label: str) -> dict[Key, Reply]:
    """Ask a model every request that it has not answered before.

    Args:
        bodies: the requests, under keys of the caller's; equal ones are asked once.
        endpoint: the model; never more than its `concurrency` requests are in flight, over all workers. Its
            `policy` says where they are sent from and what they may cost.
        folder: where the replies and the engine's log are kept; the same folder resumes.
        label: what the progress bar and messages call it.

    Returns:
        key -> reply for every request, without its thoughts. A request without an answer after its retries has a
        failed reply, with the reason, and is asked again by the next call; one whose thoughts came to no answer has
        one too, and is not: only another limit is another request.

    Raises:
        KomepError: the extra [llm] is missing, the key's variable is unset, the endpoint refuses key or
            model, no request gets through, the budget is spent, a job was handed to Slurm, or another process
            works in the folder.
    """
    require("llm", "datatrove", "aiohttp")
    keys = keys_of(bodies, endpoint)
    if _UNSENT:
        known = answered(bodies, endpoint, folder)
        sent = {key for found in _UNSENT[0].values() for key in found}
        new = {keys[id]: body for id, body in bodies.items() if id not in known and keys[id] not in sent}
        _UNSENT[0].setdefault((label, endpoint), {}).update(new)
        return {id: known.get(id, Reply("", "stop")) for id in bodies}
    with open_log(folder / REPLIES) as log:
        todo = {keys[id]: body for id, body in bodies.items() if keys[id] not in log.rows}
        failures: dict[str, Reply] = {}
        place = folder.resolve(), source_of(endpoint)
        unfitted = _UNFITTED.setdefault(
            place[0], set(log.rows)
        )  # other models of the run may have the others
        unfitted.difference_update(keys.values())
        if len(todo) < len(set(keys.values())):
            _ANSWERED.add(place)
        elif unfitted and place not in _ANSWERED:
            tell(
                f"note: {label}: of {len(log.rows):,} replies kept in {folder} none fits: texts, model or settings are others, "
                f"or this version of komep has another prompt; requests that are asked anew: {len(todo):,}"
            )
        try:
            if todo:
                failures = _ask_missing(todo, len(set(keys.values())), endpoint, log, folder, label)
            elif endpoint.policy.executor.kind != "slurm":
                clear_jobs(folder)  # of workers that were stopped behind their last answer
        finally:
            heard = [log.rows[key] for key in todo if key in log.rows]
            if heard:
                _ANSWERED.add(place)
            _tell_left_out(heard, place, label, endpoint.in_file)
        replies = {id: log.rows.get(key) or failures[key] for id, key in keys.items()}
    done = _without_thoughts(replies, bodies)
    for listener in LISTENERS:
        listener(label, endpoint, bodies, done)
    return done


@contextmanager
def unsent() -> Iterator[Unsent]:
    """Ask nothing while the block runs: yields what takes up, by label and model, the requests that would be sent, equal
    ones once. Replies that are not there are empty."""
    _UNSENT.append({})
    try:
        yield _UNSENT[0]
    finally:
        _UNSENT.clear()


def nothing_is_sent() -> bool:
    """Whether a block of `unsent` runs, in which replies say nothing."""
    return bool(_UNSENT)


def _without_thoughts(replies: Mapping[Key, Reply], bodies: Mapping[Key, Body]) -> dict[Key, Reply]:
    if any("input" in bodies[id] for id in replies):  # vectors
        return dict(replies)
    opened = any(opened_in_prompt(reply.text) for reply in replies.values())
    return {id: without_thoughts(reply, token_limit(bodies[id]), opened) for id, reply in replies.items()}


def unanswered(bodies: Iterable[Body], endpoint: Endpoint, folder: Path) -> list[Body]:
    """The requests that `ask` would send: not answered in the folder's logs, equal ones once. Asks nothing."""
    source, known = source_of(endpoint), _known(folder)
    distinct = {request_key(body, source): body for body in bodies}
    return [body for key, body in distinct.items() if key not in known]


def answered(bodies: Mapping[Key, Body], endpoint: Endpoint, folder: Path) -> dict[Key, Reply]:
    """The replies that `ask` would give without asking, under their keys. Asks nothing."""
    known = _known(folder)
    found = {id: known[key] for id, key in keys_of(bodies, endpoint).items() if key in known}
    return _without_thoughts(found, bodies)


def _known(folder: Path) -> dict[str, Reply]:
    return {key: reply for path in logs_of(folder) for key, reply in read_log(path)[0].items()}


def left_out_of(folder: Path) -> list[str]:
    """The parameters without which requests of a folder were answered, since the endpoint refuses them; sorted."""
    return sorted({name for reply in _known(folder).values() for name in reply.left_out.split()})


def _tell_left_out(replies: Iterable[Reply], place: tuple[Path, str], label: str, in_file: bool) -> None:
    """Say once what an endpoint refuses and was asked without."""
    names = {name for reply in replies for name in reply.left_out.split()}
    new = sorted(name for name in names if (*place, name) not in _TOLD)
    if new:
        _TOLD.update((*place, name) for name in new)
        sent = {SYSTEM: "system messages (sent within the user's)"}
        sent |= {name: f"{name} (sent as {other})" for name, other in RENAMED.items()}
        ways = ", ".join(sent.get(name, name) for name in new)
        hint = "; in pipeline.yaml, null leaves a value out, and `extra_body:` sends any other"
        hint = hint if in_file and new != [SYSTEM] else ""
        tell(
            f"komep: {label}: the endpoint refuses {ways}: it was asked again without, and so is every request from "
            f"then on{hint}"
        )


def _ask_missing(
    todo: dict[str, Body], total: int, endpoint: Endpoint, log: ReplyLog, folder: Path, label: str
) -> dict[str, Reply]:
    """Ask what the log does not hold; answers go to the log, failures are returned by key."""
    secret, done, source = endpoint.api_key(), total - len(todo), source_of(endpoint)
    # An unset variable and a budget without a price are told before anything starts.
    with Meter.of(endpoint) as meter, progress_bar(label, total, "requests", done) as advance:
        answered = (folder.resolve(), source) in _ANSWERED
        if endpoint.batch_api:
            from komep_dataset.inference.batch import ask_in_batches
            from komep_dataset.inference.loop import Asking, Target

            target = Target(endpoint, endpoint.endpoint, secret)
            return ask_in_batches(todo, Asking(target, log, folder, label, answered, advance), source)
        if sent := BatchFolder(folder).of(source):
            raise KomepError(
                f"{label}: requests of these are in a batch that is paid for: set `batch_api: true` to wait for it, or "
                f"remove {BatchFolder(folder).state(sent[0])} to ask and pay again"
            )
        if endpoint.workers_for(len(todo)) > 1 or endpoint.policy.executor.kind != "local":
            from komep_dataset.inference.workers import ask_in_workers

            return ask_in_workers(todo, endpoint, log, folder, label, advance)
        from komep_dataset.inference.loop import Asking, Target, run_requests

        with local_servers() as servers:
            url, is_up = servers.address(endpoint, folder)
            target = Target(endpoint, url, secret, is_up, endpoint.in_flight)
            return run_requests(todo, Asking(target, log, folder, label, answered, advance), meter)
