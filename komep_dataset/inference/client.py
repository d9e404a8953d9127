"""One OpenAI-compatible endpoint over HTTP: many requests in flight, retries, limits, commits in groups.

datatrove 0.10.1 is not in this path. Its `InferenceRunner` costs more a request than the HTTP does (436 requests a
second through it, against the figure that `benchmarks/inference.py` prints for this loop), and its `EndpointServer`
sends no key to a loopback address, probes `/v1/models` without the key, ends the whole run at one HTTP 500, gives up
at one 429, and keeps the key in a configuration that its executors write to disk. Its executors are used: see
`workers.py`. Imports aiohttp: import this module only when something is to be asked.
"""

import asyncio
import json
import math
import random
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from komep_dataset.config.config import Endpoint
from komep_dataset.errors import KomepError
from komep_dataset.inference.answers import (
    LONGEST_BODY,
    Again,
    Barred,
    Garbled,
    Judged,
    Lasting,
    Refused,
    Stop,
    Unsent,
    decoded,
    header_cost,
    masker,
    read_reply,
    read_usage,
    shown,
)
from komep_dataset.inference.costs import Meter
from komep_dataset.inference.dialect import refused_parameter, spoken, token_limit, without
from komep_dataset.inference.reply_log import Reply, ReplyLog, no_reply, without_thoughts
from komep_dataset.replies.faults import LASTING, advice_for, without_request

FIRST_WAIT = 0.5  # seconds before the second attempt; doubles with each, as OpenAI's own client does
LONGEST_WAIT = 60.0
# Requests failed in a row, none answered between: the endpoint is down, or, where it never answered, will not.
STOP_AFTER_FAILURES = 50
STOP_AFTER_BARRED = 3  # texts that got a status of `BARRED`, none answered: nobody will be
COMMIT_SECONDS = 0.002  # replies that arrive within this time are written together
CHECK_SECONDS = 10.0  # how long an endpoint may take to say whether it takes the key
NO_ANSWER = "no answer after"
NOBODYS = (
    NO_ANSWER,
    LASTING,
    "HTTP 401",
    "HTTP 404",
    "HTTP 405",
    "HTTP 3",
)  # failures that are hardly one text's own
ROOM_SECONDS = 0.05  # how often a call that does not fit the budget looks whether others have freed some
LOOPBACK = ("127.0.0.1", "localhost", "::1")
LONGEST_HEADER, MOST_HEADERS = (
    2**20,
    1000,
)  # bytes of a line, and lines: gateways send more than aiohttp takes (ours)
UNCONNECTED = (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError)

Rows = Sequence[tuple[str, Reply]]


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go: `url` up to and with `/v1`; `is_up` tells whether a server of our own still runs.

    `concurrency` is the most requests in flight, which may be a worker's share of what the endpoint allows.
    """

    endpoint: Endpoint
    url: str
    secret: str | None = field(default=None, repr=False)
    is_up: Callable[[], bool] = lambda: True
    concurrency: int = 1


class _Connector(aiohttp.TCPConnector):
    """aiohttp's, which would use a connection again over which something came that nobody had asked for: the next
    request would take it for its answer. After the first such answer, no connection is used twice."""

    async def _get(self, key, traces):
        for waiting in [one for one in self._conns.get(key, ()) if one[0].should_close]:
            self._conns[key].remove(waiting)
            waiting[0].close()
            self._force_close = True
        return await super()._get(key, traces)


class _Client:
    """One endpoint: sends a request, waits and tries again where that helps."""

    def __init__(self, target: Target, meter: Meter, attempts: Counter[str], answered: bool = False):
        self.answered = answered
        self._target, self._endpoint, self._meter, self._attempts = target, target.endpoint, meter, attempts
        self._urls = {path: URL(at(target.url, path)) for path in ("/chat/completions", "/completions")}
        self._proxy = proxy_for(target.url)
        self._hide = masker(target.secret)
        self._refused = ""  # parameters without which a request was answered that was refused with them
        self._models: asyncio.Task | None = None
        self._turn, self._booked = asyncio.Lock(), asyncio.Event()

    async def __aenter__(self) -> "_Client":
        secret = self._target.secret
        key = key_header(self._target.url, secret) if secret else {}
        self._session = aiohttp.ClientSession(
            headers={"Content-Type": "application/json"} | key,
            timeout=aiohttp.ClientTimeout(total=self._endpoint.timeout),
            connector=_Connector(limit=self._target.concurrency),
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=LONGEST_HEADER,
            max_field_size=LONGEST_HEADER,
            max_headers=MOST_HEADERS,
        )
        return self

    async def __aexit__(self, *_) -> None:
        await self._session.close()

    async def ask(self, body: dict[str, Any]) -> Reply | None:
        """The reply to a request, a failed one after the last attempt, or None once the budget is reached.

        Raises `Barred` where perhaps, and `Stop` where surely no request would be answered.
        """
        path = "/chat/completions" if "messages" in body else "/completions"
        whole = spoken(body, self._endpoint) | {"model": self._endpoint.model}
        sent, most = self._meter.weigh(body)
        attempt, left_out = 0, self._refused
        while (reserved := await self._reserve(most)) is not None:
            asked = without(whole, left_out)
            try:
                reply = await self._attempt(path, asked, sent, reserved)
                self._refused = " ".join(dict.fromkeys(f"{self._refused} {left_out}".split()))
                self.answered = self.answered or not reply.failure
                return reply._replace(left_out=left_out)
            except Again as again:
                if name := again.error and refused_parameter(
                    again.error, asked, self._endpoint.extra_body, True
                ):
                    left_out = f"{left_out} {name}".strip()
                    continue
                attempt += 1
                self._attempts[str(again)[:8] if str(again).startswith("HTTP") else str(again)[:40]] += 1
                barred = isinstance(again, Lasting) and not self.answered
                tries = (
                    2
                    if barred or isinstance(again, Garbled)
                    else 3
                    if isinstance(again, Lasting)
                    else math.inf
                )
                if attempt >= min(self._endpoint.max_attempts, tries):
                    if barred:
                        raise Barred(str(again)) from None
                    return no_reply(f"{NO_ANSWER} {attempt} attempts: {again}")
                backoff = min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT) * random.uniform(0.75, 1.25)
                await asyncio.sleep(backoff if again.wait is None else again.wait)
            except Refused as refused:
                name = refused_parameter(refused.error, asked, self._endpoint.extra_body)
                if name is None:
                    return no_reply(str(refused))
                left_out = f"{left_out} {name}".strip()
            except Stop as stop:
                raise Stop(explained(str(stop), self._target, body)) from None
        return None

    async def checked_key(self) -> int:
        """The status of a question that costs nothing, which models there are; 0 where no answer came."""
        self._models = self._models or asyncio.create_task(self._ask_models())
        return await asyncio.shield(self._models)

    async def _ask_models(self) -> int:
        limit = aiohttp.ClientTimeout(total=CHECK_SECONDS)
        with suppress(Exception):  # a broken answer makes aiohttp raise more than errors of its own
            async with self._session.get(
                URL(at(self._target.url, "/models")), allow_redirects=False, proxy=self._proxy, timeout=limit
            ) as reply:
                return reply.status
        return 0

    async def _reserve(self, most: float) -> float | None:
        """Wait until the budget has room for a call; None where it never will. First come, first served."""
        async with self._turn:
            while (reserved := self._meter.reserve(most)) is None and not self._meter.reached:
                self._booked.clear()
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._booked.wait(), ROOM_SECONDS)
            return reserved

    async def _attempt(self, path: str, request: dict[str, Any], sent: int, reserved: float) -> Reply:
        """Send a request once, judge what comes, and book it whatever that is."""
        usage, reply, stated = None, None, 0.0
        billed = True  # whatever happens after it was sent: the endpoint may bill it
        try:
            payload = json.dumps(request)
            status, retry_after, stated, body = await self._exchange(path, payload.encode())
            billed = 200 <= status < 300
            if body is None:
                usage = read_usage(None, sent, LONGEST_BODY)
                raise (Again if status >= 500 else Refused)(
                    f"HTTP {status}: a body of more than {LONGEST_BODY / 2**20:g} MiB"
                )
            limit, nul = token_limit(request), "\\u0000" in payload
            reply, usage = read_reply(status, retry_after, body, limit, sent, self._hide, nul)
            own = without_request(reply.text, asked_in(request))
            if own is None:
                reply = no_reply(
                    f"the request comes back in the place of an answer: {shown(reply.text, self._hide)}"
                )
            elif own != reply.text:
                reply = reply._replace(text=own)
            return reply
        except Unsent:
            billed = False
            raise
        except Judged as judged:
            usage = usage or judged.usage
            raise
        except Exception as error:  # whatever else an answer makes `read_reply` raise costs its request alone
            reason = f"{type(error).__name__}: {shown(str(error), self._hide)}"
            raise Refused(f"an answer that cannot be read: {reason}") from None
        finally:
            usage = usage and replace(usage, stated=max(usage.stated, stated))
            self._meter.book(reserved, usage, billed, answered=reply is not None)
            self._booked.set()

    async def _exchange(self, path: str, payload: bytes) -> tuple[int, str | None, float, str | None]:
        """Send a request; status, Retry-After, a cost that headers state, and body, which is None where it is too long."""
        try:
            async with self._session.post(
                self._urls[path], data=payload, allow_redirects=False, proxy=self._proxy
            ) as reply:
                body = bytearray()
                while chunk := await reply.content.readany():
                    body += chunk
                    if len(body) > LONGEST_BODY:
                        reply.close()
                        return reply.status, None, 0.0, None
                text = decoded(bytes(body), reply.charset)
                if 300 <= reply.status < 400 and "Location" in reply.headers:
                    text = f"to {reply.headers['Location']} {text}"
                return reply.status, reply.headers.get("Retry-After"), header_cost(reply.headers), text
        except aiohttp.ClientSSLError as error:
            failed, kind = error, Lasting
        except UNCONNECTED as error:
            failed, kind = error, Unsent
        except TimeoutError:
            raise Again(f"no answer within {self._endpoint.timeout:g} s") from None
        except Exception as error:  # a broken answer makes aiohttp raise more than errors of its own
            failed, kind = error, Again
        if not self._target.is_up():
            raise Stop("the server that was started for this stage has ended; server.log says why")
        # What aiohttp says of an answer quotes a part of it, in which a part of the key may stand.
        said = f": {shown(str(failed), self._hide)}" if isinstance(failed, OSError) else ""
        raise kind(f"{type(failed).__name__}{said}")


def at(url: str, path: str) -> str:
    """An address with a path behind it, before its query; one that holds the path of completions already keeps it once."""
    base, mark, query = url.partition("?")
    base = base.rstrip("/").removesuffix("/completions").removesuffix("/chat")
    return f"{base}{path}{mark}{query}"


def key_header(url: str, secret: str) -> dict[str, str]:
    """The header that a key goes in: `Authorization`, but `api-key` where the address has an `api-version`, as Azure wants
    it and OpenAI's own client for it sends it; a token of Entra, a JWT, is a bearer's there too."""
    azure = "api-version=" in url and not (secret.startswith("eyJ") and secret.count(".") == 2)
    return {"api-key": secret} if azure else {"Authorization": f"Bearer {secret}"}


def asked_in(request: dict[str, Any]) -> list[str]:
    """What a request asks: all that it does not have the model say."""
    if "prompt" in request:
        return [request["prompt"]]
    return [one["content"] for one in request["messages"] if one["role"] != "assistant"]


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for an address; a loopback address never goes through one.

    aiohttp's own `trust_env` looks this up, and reads .netrc, for every request.
    """
    parts = urlsplit(url)
    if parts.hostname in LOOPBACK or urllib.request.proxy_bypass(parts.netloc):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def explained(answer: str, target: Target, body: dict[str, Any]) -> str:
    """Why the run stops, and what to do about it."""
    url = at(target.url, "/chat/completions" if "messages" in body else "/completions")
    if not answer.startswith("HTTP"):
        hint = advice_for(answer)
        return f"{url}: {answer}\n{hint}; the same command goes on from here" if hint else answer
    endpoint, key = target.endpoint, target.endpoint.api_key_env
    hints = {
        "HTTP 401": f"check the key in {key}" if key else "it wants a key: set `api_key_env`",
        "HTTP 402": "the account has no credit",
        "HTTP 403": f"the key may not use the model {endpoint.model!r}, or the endpoint moderates these texts",
        "HTTP 404": f"check `endpoint` and `model` ({endpoint.model!r})",
        "HTTP 405": "check `endpoint`: this address takes no completions",
        "HTTP 429": "the account has no quota left",
    }
    hint = hints.get(answer[:8], "check `endpoint`: it sends requests elsewhere")
    if answer[:8] in ("HTTP 404", "HTTP 405") and "messages" not in body:
        way = "the protocol dahl-hf" if hasattr(endpoint, "protocol") else "asking without --chat-template"
        hint += f"; {way} needs plain-text completions, which not every endpoint has"
    return f"{url} answered {answer}\n{hint}; answers so far are kept, and the same command goes on from them"


class _Door:
    """Tells an endpoint that bars everybody from one that bars a single text, whose row alone fails.

    A 401 is no text's own: `STOP_AFTER_BARRED` of them with no answer between, or after the last answer, end the run.
    Otherwise nobody is let in where `STOP_AFTER_BARRED` texts were barred (or all there are) and none was answered, unless
    they got a 403 and the key's own check passes. Those in flight are waited for first: a text is refused faster than
    another is answered. Where some were answered, only a key that its own check refuses ends the run.
    """

    def __init__(self, client: _Client, target: Target, bodies: Iterable[dict[str, Any]], answered: bool):
        self._client, self._target, self.answered = client, target, answered
        first: set[str] = set()
        for body in bodies:
            first.add(_text_of(body))
            if len(first) == STOP_AFTER_BARRED:
                break
        self._enough, self._barred = len(first), set[str]()
        self._in_flight = 0
        self._decided = asyncio.Event()
        self._keyless: dict[str, str] = {}  # texts that got a 401 since the last answer -> why the run stops

    async def ask(self, body: dict[str, Any]) -> Reply | None:
        """`_Client.ask`, with a failed reply for a request that was barred alone."""
        barred = ""
        self._in_flight += 1
        try:
            reply = await self._client.ask(body)
        except Barred as error:
            barred = str(error)
            reply = no_reply(barred)
            self._barred.add(_text_of(body))
            if barred.startswith("HTTP 401"):
                self._keyless[_text_of(body)] = explained(barred, self._target, body)
        finally:
            self._in_flight -= 1
        if reply is not None and not reply.failure:
            self.answered = True
            self._keyless.clear()
        enough = len(self._barred) >= self._enough
        if self.answered or (enough and not self._in_flight):
            self._decided.set()
        if barred and (enough or self.answered):
            await self._decided.wait()
            if not await self._others_may_enter(barred[:8]):
                raise Stop(explained(barred, self._target, body))
        while barred and self._in_flight and len(self._keyless) >= STOP_AFTER_BARRED:
            await asyncio.sleep(ROOM_SECONDS)
        if barred and len(self._keyless) >= STOP_AFTER_BARRED:
            self.end()
        return reply

    def end(self) -> None:
        """Raises `Stop` where a 401 is the last that was heard."""
        for why in self._keyless.values():
            raise Stop(why)

    async def _others_may_enter(self, status: str) -> bool:
        if self.answered:
            keyed = self._target.secret and status in ("HTTP 401", "HTTP 403")
            return not (keyed and await self._client.checked_key() == 401)
        return status == "HTTP 403" and 200 <= await self._client.checked_key() < 300


def _text_of(body: dict[str, Any]) -> str:
    """What an endpoint may bar: several requests of other sampling have the same."""
    return json.dumps(body.get("messages", body.get("prompt")))


class _Commits:
    """Writes replies in groups: those that arrive within `COMMIT_SECONDS` of the first go by one call of `keep`.

    Who adds a reply waits until it is written and only then asks for the next, so that a kill costs no more
    answers than were in flight.
    """

    def __init__(self, keep: Callable[[Rows], None]):
        self._keep = keep
        self._rows: list[tuple[str, Reply]] = []
        self._group: asyncio.Task | None = None
        self._torn = False

    async def add(self, key: str, reply: Reply) -> None:
        self._rows.append((key, reply))
        self._group = self._group or asyncio.create_task(self._commit())
        await self._group  # lines are cancelled all together, and what waits then is written by `flush`

    async def _commit(self) -> None:
        await asyncio.sleep(COMMIT_SECONDS)
        self._group = None
        self.flush()

    def flush(self) -> None:
        """Write what waits; behind a write that failed, and may have left a torn line, nothing is written."""
        rows, self._rows = self._rows, []
        if rows and not self._torn:
            self._torn = True
            self._keep(rows)
            self._torn = False


async def _ask_all(
    bodies: dict[str, dict],
    target: Target,
    keep: Callable[[Rows], None],
    meter: Meter,
    tally: Counter[str],
    answered: bool,
) -> None:
    """Send every request over `target.concurrency` lines; the first error ends all of them."""
    pending: Iterator[tuple[str, dict]] = iter(bodies.items())
    commits = _Commits(keep)
    errors: list[Exception] = []
    failed_in_a_row = 0

    async def line(door: _Door) -> None:
        nonlocal failed_in_a_row
        try:
            while not meter.reached and (request := next(pending, None)):
                reply = await door.ask(request[1])
                if reply is None:
                    return
                cut = reply.finish_reason == "length"  # thoughts alone are no answer, and are paid for
                why = without_thoughts(reply, token_limit(request[1])).failure if cut else reply.failure
                # Where others were answered, a text that is refused says nothing of the next.
                down = why and (cut or not door.answered or why.startswith(NOBODYS))
                failed_in_a_row = failed_in_a_row + 1 if down else 0
                if failed_in_a_row >= STOP_AFTER_FAILURES:
                    raise Stop(f"{failed_in_a_row} requests in a row got no answer, the last: {why}")
                tally["failed" if reply.failure else "answered"] += 1
                await commits.add(request[0], reply)
        except Exception as error:
            errors.append(error)
            raise

    async with _Client(target, meter, tally, answered) as client:
        door = _Door(client, target, bodies.values(), answered)
        width = min(target.concurrency, len(bodies))
        lines = [asyncio.ensure_future(line(door)) for _ in range(width)]
        try:
            await asyncio.wait(lines, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for one in lines:
                one.cancel()
            await asyncio.gather(*lines, return_exceptions=True)
            commits.flush()
    if errors:
        raise errors[0]
    door.end()


def run_requests(
    bodies: dict[str, dict[str, Any]],
    target: Target,
    log: ReplyLog,
    figures: Path,
    label: str,
    meter: Meter,
    answered: bool = False,
    advance: Callable[[float], None] = lambda requests: None,
) -> dict[str, Reply]:
    """Send every request and keep replies as they come, a few at a time.

    Args:
        bodies: key -> OpenAI request without `model`.
        target: the model, its address and its limits.
        log: takes the answers. A line asks for its next request only when its last reply is written.
        figures: file that gets a line of figures at the end.
        label: what messages call this run.
        meter: counts what is spent; once its budget is reached nothing is started, and what is in flight ends.
        answered: whether the model has answered requests of these before, so that it bars nobody as such.
        advance: is told how many requests have ended.

    Returns:
        failed replies by key.

    Raises:
        KomepError: the endpoint answers nobody, the budget is spent, or the replies cannot be written.
    """
    tally: Counter[str] = Counter()
    failures: dict[str, Reply] = {}
    start = monotonic()

    def keep(rows: Rows) -> None:
        failures.update((key, reply) for key, reply in rows if reply.failure)
        log.add([(key, reply) for key, reply in rows if not reply.failure])
        advance(len(rows))

    try:
        asyncio.run(_ask_all(bodies, target, keep, meter, tally, answered))
    except Stop as stop:
        raise KomepError(f"{label}: {stop}") from None
    except OSError as error:
        raise KomepError(f"{figures.parent}: replies cannot be written ({error.strerror})") from error
    finally:
        if doubts := meter.doubts():
            print(f"komep: {label}: {doubts}", file=sys.stderr)
        _write_figures(figures, label, len(bodies), tally, monotonic() - start, doubts)
    missing = len(bodies) - tally["answered"] - tally["failed"]
    if missing:
        raise KomepError(
            f"{label}: the budget is reached: {meter.report()}; {missing:,} of {len(bodies):,} requests are not "
            "asked; answers so far are kept, and the same command with a larger budget goes on from them"
        )
    return failures


def _write_figures(
    log: Path, label: str, asked: int, tally: Counter[str], seconds: float, doubts: str
) -> None:
    """Append a line to the log; a disk that is full has been reported already."""
    ended = {"answered", "failed"}
    again = ", ".join(f"{reason}: {n:,}" for reason, n in tally.most_common() if reason not in ended)
    rate = (tally["answered"] + tally["failed"]) / max(seconds, 1e-9)
    line = (
        f"{datetime.now().isoformat(' ', 'seconds')} {label}: {asked:,} to ask, {tally['answered']:,} answered, "
        f"{tally['failed']:,} failed, {seconds:,.1f} s, {rate:,.1f}/s; asked again after: {again or 'nothing'}"
        f"{doubts and '; '}{doubts}\n"
    )
    with suppress(OSError), log.open("a", encoding="utf-8") as lines:
        lines.write(line)
