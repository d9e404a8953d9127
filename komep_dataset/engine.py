"""One OpenAI-compatible endpoint over HTTP: many requests in flight, retries, limits, commits in groups.

datatrove 0.10.1 is not in this path. Its `InferenceRunner` costs more a request than the HTTP does (436 requests a
second through it, against the figure that `benchmarks/inference.py` prints for this loop), and its `EndpointServer`
sends no key to a loopback address, probes `/v1/models` without the key, ends the whole run at one HTTP 500, gives up
at one 429, and keeps the key in a configuration that its executors write to disk. Its executors are used: see
`executors.py`. Imports aiohttp: import this module only when something is to be asked.
"""

from __future__ import annotations

import asyncio
import json
import random
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import monotonic, time
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from komep_dataset.config import Endpoint
from komep_dataset.costs import Meter
from komep_dataset.errors import KomepError
from komep_dataset.replies import FAILED, Reply

FIRST_WAIT = 0.5  # seconds before the second attempt; doubles with each, as OpenAI's own client does
LONGEST_WAIT = 60.0
LONGEST_RETRY_AFTER = 300.0  # an endpoint that asks for more is asked again after this
STOP_AFTER_FAILURES = (
    50  # requests failed in a row, none answered between: the endpoint is down, not the request
)
COMMIT_SECONDS = 0.002  # replies that arrive within this time are written together
SECRET_CHARACTERS = 16  # a shorter key is a dummy ("EMPTY", "test"), whose word may well stand in an answer
SHOWN = 300  # characters of an error body that a message shows
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# OpenAI's finish reasons, and those of servers that use other words for the same.
FINISH = {"stop": "stop", "eos": "stop", "eos_token": "stop", "end_turn": "stop", "length": "length"}

Usage = tuple[int | None, int | None]
Keep = Callable[[Sequence[tuple[str, Reply]]], None]


class Again(Exception):
    """This attempt failed in a way that may pass; `wait` is what the endpoint asked for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None):
        super().__init__(reason)
        self.wait = wait


class Refused(Exception):
    """The endpoint will never answer this request, but may well answer others; `usage` is what it counted."""

    def __init__(self, reason: str, usage: Usage = (None, None)):
        super().__init__(reason)
        self.usage = usage


class Stop(Exception):
    """The endpoint will answer no request."""

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message


def read_reply(status: int, retry_after: str | None, body: str, max_tokens: int | None) -> Reply:
    """Judge one HTTP answer of an OpenAI-compatible endpoint.

    Returns:
        the answer, with its tokens where they are told.

    Raises:
        Stop: wrong key, model or address, or no credit left (401, 402, 403, 404, 405, 3xx,
            `insufficient_quota`).
        Again: overload, server faults, or a body that is no completion (408, 409, 425, 429, 5xx, HTML, no
            choices).
        Refused: any other status, an answer that the endpoint withheld (`content_filter`), or a refusal in OpenAI's
            field for it.
    """
    shown = f"HTTP {status}: {' '.join(body[: 4 * SHOWN].split())[:SHOWN] or '(empty body)'}"
    if (
        status in (401, 402, 403, 404, 405)
        or 300 <= status < 400
        or (status == 429 and "insufficient_quota" in body)
    ):
        raise Stop(shown)
    if status in (408, 409, 425, 429) or status >= 500:
        raise Again(shown, _seconds(retry_after))
    if status != 200:
        raise Refused(shown)
    try:
        data = json.loads(body)
        choice = data["choices"][0]
        message = choice["message"] if "message" in choice else {"content": choice["text"]}
        text, refusal = message.get("content"), message.get("refusal")
        finish = choice.get("finish_reason")
        if not isinstance(text, str | None):
            raise TypeError("content is not text")
    except (ValueError, LookupError, TypeError, AttributeError):
        raise Again(f"not a completion: {shown}") from None
    counted = data.get("usage") if isinstance(data.get("usage"), dict) else {}
    usage = _count(counted.get("prompt_tokens")), _count(counted.get("completion_tokens"))
    if finish is None:  # some servers leave it out
        finish = "length" if max_tokens and usage[1] and usage[1] >= max_tokens else "stop"
    if refusal and not text:
        raise Refused(f"the model refused: {_clean(str(refusal))[:SHOWN]}", usage)
    if finish not in FINISH:
        raise Refused(f"finish_reason {finish!r}: the endpoint withheld the answer", usage)
    return Reply(_clean(text or ""), FINISH[finish], *usage)


def _seconds(retry_after: str | None) -> float | None:
    """A Retry-After header, seconds or a date, as seconds from now."""
    if not retry_after:
        return None
    try:
        wait = float(retry_after)
    except ValueError:
        try:
            wait = parsedate_to_datetime(retry_after).timestamp() - time()
        except ValueError:
            return None
    return min(max(wait, 0.0), LONGEST_RETRY_AFTER)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _clean(text: str) -> str:
    """Lone surrogates, which JSON can carry and UTF-8 cannot, become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _body_for(endpoint: Endpoint, body: dict[str, Any]) -> dict[str, Any]:
    """The request in the endpoint's dialect.

    `transformers serve` 5.23 reads temperature and top_p but does not switch sampling on: unless the model's
    own generation config does, it answers greedily. Only `generation_config` in the request turns it on.
    """
    if endpoint.server != "transformers" or not body.get("temperature"):
        return body
    sampling = {
        "do_sample": True,
        "temperature": body["temperature"],
        "top_p": body.get("top_p", 1.0),
        "top_k": 0,
    }
    return body | {"generation_config": json.dumps(sampling)}


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


class _Client:
    """One endpoint: sends a request, waits and tries again where that helps."""

    def __init__(self, target: Target, meter: Meter, attempts: Counter[str]):
        self._target, self._endpoint, self._meter, self._attempts = target, target.endpoint, meter, attempts
        self._urls = {path: URL(f"{target.url}{path}") for path in ("/chat/completions", "/completions")}
        self._proxy = proxy_for(target.url)

    async def __aenter__(self) -> _Client:
        secret = self._target.secret
        self._session = aiohttp.ClientSession(
            headers={"Content-Type": "application/json"}
            | ({"Authorization": f"Bearer {secret}"} if secret else {}),
            timeout=aiohttp.ClientTimeout(total=self._endpoint.timeout),
            connector=aiohttp.TCPConnector(limit=self._target.concurrency),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_) -> None:
        await self._session.close()

    async def ask(self, body: dict[str, Any]) -> Reply | None:
        """The reply to a request, a failed one after the last attempt, or None once the budget is reached.

        Raises `Stop` where no request would be answered.
        """
        path = "/chat/completions" if "messages" in body else "/completions"
        payload = json.dumps(_body_for(self._endpoint, body) | {"model": self._endpoint.model}).encode()
        attempt = 0
        while not self._meter.reached:
            attempt += 1
            try:
                return await self._attempt(path, payload, body.get("max_tokens"))
            except Again as again:
                self._attempts[str(again)[:8] if str(again).startswith("HTTP") else str(again)[:40]] += 1
                if attempt == self._endpoint.max_attempts:
                    return Reply("", FAILED, failure=f"no answer after {attempt} attempts: {again}")
                backoff = min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT) * random.uniform(0.75, 1.25)
                await asyncio.sleep(backoff if again.wait is None else again.wait)
            except Refused as refused:
                self._meter.charge(*(count or 0 for count in refused.usage))
                return Reply("", FAILED, failure=str(refused))
            except Stop as stop:
                raise Stop(_explained(stop.message, self._endpoint, f"{self._target.url}{path}")) from None
        return None

    async def _attempt(self, path: str, payload: bytes, max_tokens: int | None) -> Reply:
        try:
            async with self._session.post(
                self._urls[path], data=payload, allow_redirects=False, proxy=self._proxy
            ) as reply:
                body = (await reply.read()).decode("utf-8", "replace")
                status, retry_after = reply.status, reply.headers.get("Retry-After")
        except asyncio.TimeoutError:
            raise Again(f"no answer within {self._endpoint.timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            if not self._target.is_up():
                raise Stop(
                    "the server that was started for this stage has ended; server.log says why"
                ) from None
            raise Again(self._hidden(f"{type(error).__name__}: {error}")) from None
        if status != 200 or len(self._target.secret or "") >= SECRET_CHARACTERS:
            body = self._hidden(body)
        answer = read_reply(status, retry_after, body, max_tokens)
        self._meter.charge(answer.prompt_tokens, answer.completion_tokens)
        return answer

    def _hidden(self, text: str) -> str:
        """A text without the key: an endpoint may echo what it was sent."""
        return text.replace(self._target.secret, "***") if self._target.secret else text


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for an address; a loopback address never goes through one.

    aiohttp's own `trust_env` looks this up, and reads .netrc, for every request.
    """
    parts = urlsplit(url)
    if parts.hostname in LOOPBACK or urllib.request.proxy_bypass(parts.netloc):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _explained(answer: str, endpoint: Endpoint, url: str) -> str:
    """Why the run stops, and what to do about it."""
    if not answer.startswith("HTTP"):
        return answer
    key = endpoint.api_key_env
    hints = {
        "HTTP 401": f"check the key in {key}" if key else "it wants a key: set `api_key_env`",
        "HTTP 402": "the account has no credit",
        "HTTP 403": f"the key may not use the model {endpoint.model!r}",
        "HTTP 404": f"check `endpoint` and `model` ({endpoint.model!r})",
        "HTTP 405": "check `endpoint`: this address takes no completions",
        "HTTP 429": "the account has no quota left",
    }
    hint = hints.get(answer[:8], "check `endpoint`: it sends requests elsewhere")
    if answer[:8] in ("HTTP 404", "HTTP 405") and not url.endswith("/chat/completions"):
        hint += "; the protocol dahl-hf needs plain-text completions, which not every endpoint has"
    return f"{url} answered {answer}\n{hint}; answers so far are kept, and the same command goes on from them"


class _Commits:
    """Writes replies in groups: those that arrive within `COMMIT_SECONDS` of the first go by one call of `keep`.

    Who adds a reply waits until it is written and only then asks for the next, so that a kill costs no more
    answers than were in flight.
    """

    def __init__(self, keep: Keep, meter: Meter):
        self._keep, self._meter = keep, meter
        self._rows: list[tuple[str, Reply]] = []
        self._written: asyncio.Future | None = None

    async def add(self, key: str, reply: Reply) -> None:
        self._rows.append((key, reply))
        if self._written is None:
            loop = asyncio.get_running_loop()
            self._written = loop.create_future()
            loop.call_later(COMMIT_SECONDS, self._commit)
        await self._written

    def _commit(self) -> None:
        written, self._written = self._written, None
        try:
            self.flush()
        except Exception as error:
            if written and not written.done():
                written.set_exception(error)
        else:
            if written and not written.done():
                written.set_result(None)

    def flush(self) -> None:
        """Write what waits. What it cost is written first: an answer that is lost then was still paid for."""
        rows, self._rows = self._rows, []
        self._meter.save()
        if rows:
            self._keep(rows)


async def _ask_all(bodies: dict[str, dict], target: Target, keep: Keep, meter: Meter, tally: Counter) -> None:
    """Send every request over `target.concurrency` lines; the first error ends all of them."""
    pending: Iterator[tuple[str, dict]] = iter(bodies.items())
    commits = _Commits(keep, meter)
    failed_in_a_row = 0

    async def line(client: _Client) -> None:
        nonlocal failed_in_a_row
        while not meter.reached and (request := next(pending, None)):
            reply = await client.ask(request[1])
            if reply is None:
                return
            failed_in_a_row = failed_in_a_row + 1 if reply.failed else 0
            if failed_in_a_row >= STOP_AFTER_FAILURES:
                raise Stop(f"{failed_in_a_row} requests in a row got no answer, the last: {reply.failure}")
            tally["failed" if reply.failed else "answered"] += 1
            await commits.add(request[0], reply)

    errors: list[Exception] = []

    async def until_error(client: _Client) -> None:
        try:
            await line(client)
        except Exception as error:
            errors.append(error)
            raise

    async with _Client(target, meter, tally) as client:
        lines = [
            asyncio.ensure_future(until_error(client)) for _ in range(min(target.concurrency, len(bodies)))
        ]
        try:
            await asyncio.wait(lines, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for one in lines:
                one.cancel()
            await asyncio.gather(*lines, return_exceptions=True)
            commits.flush()
    if errors:
        raise errors[0]


def run_requests(
    bodies: dict[str, dict[str, Any]],
    target: Target,
    keep: Keep,
    log: Path,
    label: str,
    meter: Meter | None = None,
) -> None:
    """Send every request and hand replies on as they come, a few at a time.

    Args:
        bodies: key -> OpenAI request without `model`.
        target: the model, its address and its limits.
        keep: called with pairs of key and reply, failed ones too; what it raises ends the run. A line asks for
            its next request only when `keep` has taken its last.
        log: file that gets a line of figures at the end.
        label: what messages call this run.
        meter: counts what is spent; once its budget is reached nothing is started, and what is in flight ends.

    Raises:
        KomepError: the endpoint answers nobody, the budget is spent, or the replies cannot be written.
    """
    meter = meter or Meter(None, None, None)
    tally: Counter[str] = Counter()
    start = monotonic()
    try:
        asyncio.run(_ask_all(bodies, target, keep, meter, tally))
    except Stop as stop:
        raise KomepError(f"{label}: {stop.message}") from None
    except OSError as error:
        raise KomepError(f"{log.parent}: replies cannot be written ({error.strerror})") from error
    finally:
        meter.close()
        _write_figures(log, label, len(bodies), tally, monotonic() - start)
    missing = len(bodies) - tally["answered"] - tally["failed"]
    if missing:
        raise KomepError(
            f"{label}: the budget is reached: {meter.report()}; {missing:,} of {len(bodies):,} requests are not "
            "asked; answers so far are kept, and the same command with a larger budget goes on from them"
        )


def _write_figures(log: Path, label: str, asked: int, tally: Counter[str], seconds: float) -> None:
    """Append a line to the log; a disk that is full has been reported already."""
    ended = {"answered", "failed"}
    again = ", ".join(f"{reason}: {n:,}" for reason, n in tally.most_common() if reason not in ended)
    rate = (tally["answered"] + tally["failed"]) / max(seconds, 1e-9)
    figures = (
        f"{datetime.now().isoformat(' ', 'seconds')} {label}: {asked:,} to ask, {tally['answered']:,} answered, "
        f"{tally['failed']:,} failed, {seconds:,.1f} s, {rate:,.1f}/s; asked again after: {again or 'nothing'}\n"
    )
    try:
        with log.open("a", encoding="utf-8") as lines:
            lines.write(figures)
    except OSError:
        return
