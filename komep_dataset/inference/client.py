"""One OpenAI-compatible endpoint over HTTP: a request, its attempts, what each of them costs.

datatrove 0.10.1 is not in this path. Its `InferenceRunner` costs more a request than the HTTP does (436 requests a
second through it, against the figure that `benchmarks/inference.py` prints for our loop), and its `EndpointServer`
sends no key to a loopback address, probes `/v1/models` without the key, ends the whole run at one HTTP 500, gives up
at one 429, and keeps the key in a configuration that its executors write to disk. Its executors are used: see
`workers.py`. Imports aiohttp: import this module only when something is to be asked.
"""

import asyncio
import json
import math
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from yarl import URL

from komep_dataset.config.config import Endpoint
from komep_dataset.inference.costs import Meter
from komep_dataset.inference.reply_log import Reply, no_reply
from komep_dataset.inference.wire.addresses import at, key_header, proxy_for
from komep_dataset.inference.wire.answers import (
    LONGEST_BODY,
    Again,
    Barred,
    Filtered,
    Garbled,
    Judged,
    Lasting,
    Refused,
    Stop,
    Unsent,
    body_of,
    read_reply,
    too_long,
)
from komep_dataset.inference.wire.dialect import refused_parameter, spoken, token_limit, unlearned, without
from komep_dataset.inference.wire.masking import Hide, masker, named, shown
from komep_dataset.inference.wire.reach import UNCONNECTED
from komep_dataset.inference.wire.usage import Usage, header_cost, read_usage
from komep_dataset.inference.wire.vectors import read_vectors
from komep_dataset.replies.faults import advice_for, without_request

FIRST_WAIT = 0.5  # seconds before the second attempt; doubles with each, as OpenAI's own client does
LONGEST_WAIT = 60.0
MOST_CHANGES = 24  # of what one request leaves out, where replicas contradict each other (ours)
CHECK_SECONDS = 10.0  # how long an endpoint may take to say whether it takes the key
NO_ANSWER = "no answer after"
ROOM_SECONDS = 0.05  # how often a call that does not fit the budget looks whether others have freed some
# Bytes of a line, and lines: gateways send more than aiohttp takes (ours).
LONGEST_HEADER, MOST_HEADERS = 2**20, 1000
# What a request holds -> where it goes.
PATHS = {"messages": "/chat/completions", "prompt": "/completions", "input": "/embeddings"}


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
        while (found := await super()._get(key, traces)) and found.protocol.should_close:
            found.close()
            self._force_close = True
        return found


class Client:
    """One endpoint: sends a request, waits and tries again where that helps."""

    def __init__(self, target: Target, meter: Meter, attempts: Counter[str], answered: bool = False):
        self.answered = answered
        self._target, self._endpoint, self._meter, self._attempts = target, target.endpoint, meter, attempts
        self._urls = {path: URL(at(target.url, path)) for path in PATHS.values()}
        self._proxy = proxy_for(target.url)
        self._hide = masker(target.secret)
        self._refused = ""  # parameters without which a request was answered that was refused with them
        self._models: asyncio.Task | None = None
        self._turn, self._booked = asyncio.Lock(), asyncio.Event()

    async def __aenter__(self) -> "Client":
        key = key_header(self._target.url, self._target.secret)
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
        path = path_of(body)
        # `transformers serve` has the one model that it was started with, under the name of its folder.
        named = {} if self._endpoint.server == "transformers" else {"model": self._endpoint.model}
        whole = spoken(body, self._endpoint) | named
        sent, most = self._meter.weigh(body)
        attempt, changes, contradicted, left_out = 0, 0, False, self._refused
        while (reserved := await self._reserve(most)) is not None:
            asked = without(whole, left_out)
            try:
                reply = await self._attempt(path, asked, sent, reserved)
                self._refused = " ".join(dict.fromkeys(f"{self._refused} {left_out}".split()))
                self.answered = self.answered or not reply.failure
                return reply._replace(left_out=left_out)
            except Again as again:
                kept = self._endpoint.extra_body
                if name := again.error and refused_parameter(again.error, asked, kept, True):
                    left_out = f"{left_out} {name}".strip()
                    continue
                attempt += 1
                self._attempts[str(again)[:8] if str(again).startswith("HTTP") else str(again)[:40]] += 1
                lasts = isinstance(again, Lasting)
                barred = lasts and not self.answered
                tries = 2 if barred or isinstance(again, Garbled) else 3 if lasts else math.inf
                if attempt >= min(self._endpoint.max_attempts, tries):
                    if barred:
                        raise Barred(str(again)) from None
                    return no_reply(f"{NO_ANSWER} {attempt} attempts: {again}")
                backoff = min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT) * random.uniform(0.75, 1.25)
                await asyncio.sleep(backoff if again.wait is None else again.wait)
            except Filtered as filtered:
                return filtered.reply
            except Refused as refused:
                name = refused_parameter(refused.error, asked, self._endpoint.extra_body)
                other = f"{left_out} {name}".strip() if name else unlearned(refused.error, left_out)
                changes += 1
                if other is None or changes > MOST_CHANGES:
                    return no_reply(str(refused))
                # Who changes as regularly as a balancer does would meet the wrong replica each time.
                left_out = random.choice((left_out, other)) if contradicted or name is None else other
                contradicted = contradicted or name is None
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
                raise (Again if status >= 500 else Refused)(too_long(status))
            nul = "\\u0000" in payload
            reply, usage = read_answer(request, status, retry_after, body, sent, self._hide, nul)
            return reply
        except Unsent:
            billed = False
            raise
        except Judged as judged:
            usage = usage or judged.usage
            raise
        except Exception as error:  # whatever else an answer makes `read_reply` raise costs its request alone
            raise Refused(f"an answer that cannot be read: {named(error, self._hide, whole=True)}") from None
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
                if (text := await body_of(reply)) is None:
                    return reply.status, None, 0.0, None
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
        raise kind(named(failed, self._hide))


def read_answer(
    request: dict[str, Any], status: int, wait: str | None, body: str, sent: int, hide: Hide, nul: bool
) -> tuple[Reply, Usage]:
    """`read_reply` of an answer to a request, or `read_vectors`; the request itself is none, and goes where it stands
    before one."""
    if path_of(request) == PATHS["input"]:
        return read_vectors(status, wait, body, len(request["input"]), sent, hide)
    reply, usage = read_reply(status, wait, body, token_limit(request), sent, hide, nul)
    own = without_request(reply.text, asked_in(request))
    if own is None:
        reply = no_reply(f"the request comes back in the place of an answer: {shown(reply.text, hide)}")
    elif own != reply.text:
        reply = reply._replace(text=own)
    return reply, usage


def path_of(body: dict[str, Any]) -> str:
    """Where a request goes, behind the address of its endpoint."""
    return next(path for name, path in PATHS.items() if name in body)


def asked_in(request: dict[str, Any]) -> list[str]:
    """What a request asks: all that it does not have the model say."""
    if "prompt" in request:
        return [request["prompt"]]
    return [one["content"] for one in request["messages"] if one["role"] != "assistant"]


def explained(answer: str, target: Target, body: dict[str, Any]) -> str:
    """Why the run stops, and what to do about it."""
    url, endpoint = at(target.url, path_of(body)), target.endpoint
    if not answer.startswith("HTTP"):
        hint = endpoint.worded(advice_for(answer))
        return f"{url}: {answer}\n{hint}; the same command goes on from here" if hint else answer
    key = endpoint.api_key_env
    hints = {
        "HTTP 401": f"check the key in {key}" if key else "it wants a key: set `api_key_env`",
        "HTTP 402": "the account has no credit",
        "HTTP 403": f"the key may not use the model {endpoint.model!r}, or the endpoint moderates these texts",
        "HTTP 404": f"check `endpoint` and `model` ({endpoint.model!r})",
        "HTTP 405": "check `endpoint`: this address takes no completions",
        "HTTP 429": "the account has no quota left",
    }
    hint = hints.get(answer[:8], "check `endpoint`: it sends requests elsewhere")
    if answer[:8] in ("HTTP 404", "HTTP 405") and "prompt" in body:
        way = "the protocol dahl-hf" if hasattr(endpoint, "protocol") else "asking without --chat-template"
        hint += f"; {way} needs plain-text completions, which not every endpoint has"
    return f"{url} answered {answer}\n{endpoint.worded(hint)}; answers so far are kept, and the same command goes on from them"
