"""datatrove's inference runner with a server of our own behind it: one OpenAI-compatible endpoint over HTTP.

datatrove 0.10.1 brings an `EndpointServer`, which cannot be used here: it sends no key to a loopback address,
it probes `/v1/models` without the key, it ends the whole run at one HTTP 500 and gives up at one 429, and the
key would stand in its configuration, which the executor writes to disk. So the runner is kept (bounded
concurrency, metrics) and the HTTP is here. Imports datatrove and aiohttp: import this module only when
something is to be asked.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import time
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from datatrove.data import Document
from datatrove.pipeline.inference.run_inference import InferenceConfig, InferenceRunner
from datatrove.pipeline.inference.servers.base import InferenceServer
from datatrove.pipeline.inference.types import InferenceError, ServerError
from datatrove.pipeline.writers.jsonl import JsonlWriter
from loguru import logger

from komep_dataset.config import Endpoint
from komep_dataset.errors import KomepError
from komep_dataset.inference import FAILED, Reply

FIRST_WAIT = 0.5  # seconds before the second attempt; doubles with each, as OpenAI's own client does
LONGEST_WAIT = 60.0
LONGEST_RETRY_AFTER = 300.0  # an endpoint that asks for more is asked again after this
STOP_AFTER_FAILURES = (
    50  # requests failed in a row, none answered between: the endpoint is down, not the request
)
SECRET_CHARACTERS = 16  # a shorter key is a dummy ("EMPTY", "test"), whose word may well stand in an answer
SHOWN = 300  # characters of an error body that a message shows
# OpenAI's finish reasons, and those of servers that use other words for the same.
FINISH = {"stop": "stop", "eos": "stop", "eos_token": "stop", "end_turn": "stop", "length": "length"}


class Again(Exception):
    """This attempt failed in a way that may pass; `wait` is what the endpoint asked for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None):
        super().__init__(reason)
        self.wait = wait


class Refused(Exception):
    """The endpoint will never answer this request, but may well answer others."""


class Stop(ServerError):
    """The endpoint will answer no request; datatrove hands a `ServerError` through to the caller."""

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message


def read_reply(status: int, retry_after: str | None, body: str, max_tokens: int | None) -> dict[str, Any]:
    """Judge one HTTP answer of an OpenAI-compatible endpoint.

    Returns:
        text, finish_reason (`stop` or `length`), prompt_tokens, completion_tokens (None where not told).

    Raises:
        Stop: wrong key, model or address, or no credit left (401, 402, 403, 404, 405, 3xx,
            `insufficient_quota`).
        Again: overload, server faults, or a body that is no completion (408, 409, 425, 429, 5xx, HTML, no
            choices).
        Refused: any other status, or an answer that the endpoint withheld (`content_filter`).
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
        text = choice["message"].get("content") if "message" in choice else choice["text"]
        finish = choice.get("finish_reason")
        if not isinstance(text, str | None):
            raise TypeError("content is not text")
    except (ValueError, LookupError, TypeError, AttributeError):
        raise Again(f"not a completion: {shown}") from None
    usage = data.get("usage") if isinstance(data.get("usage"), dict) else {}
    prompt_tokens, completion_tokens = (_count(usage.get(k)) for k in ("prompt_tokens", "completion_tokens"))
    if finish is None:  # some servers leave it out
        finish = "length" if max_tokens and completion_tokens and completion_tokens >= max_tokens else "stop"
    if finish not in FINISH:
        raise Refused(f"finish_reason {finish!r}: the endpoint withheld the answer")
    return {
        "text": _clean(text or ""),
        "finish_reason": FINISH[finish],
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
    }


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
    """Where requests go: `url` up to and with `/v1`; `is_up` tells whether a server of our own still runs."""

    endpoint: Endpoint
    url: str
    secret: str | None = field(default=None, repr=False)
    is_up: Callable[[], bool] = lambda: True


class _Http(InferenceServer):
    """One endpoint: sends a request, waits and tries again where that helps."""

    def __init__(self, config: InferenceConfig, rank: int, target: Target):
        super().__init__(config, rank)
        self._endpoint, self._url, self._secret = target.endpoint, target.url, target.secret
        self._is_up = target.is_up

    async def start_server(self) -> None:
        """Nothing to start: the endpoint runs already."""

    async def monitor_health(self) -> None:
        """Nothing to watch: every request tells for itself."""

    async def bg_start_server(self) -> None:
        self._server_ready.set_result(True)

    async def __aenter__(self):
        headers = {"Authorization": f"Bearer {self._secret}"} if self._secret else {}
        self._session = aiohttp.ClientSession(
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=self._endpoint.timeout),
            connector=aiohttp.TCPConnector(limit=self.config.max_concurrent_generations),
            # A proxy from the environment serves the outside; a loopback address never goes through one.
            trust_env=urlsplit(self._url).hostname not in ("127.0.0.1", "localhost", "::1"),
        )
        return await super().__aenter__()

    async def __aexit__(self, *error) -> None:
        await super().__aexit__(*error)
        await self._session.close()

    async def _make_request(self, payload: dict[str, Any]) -> dict[str, Any]:
        path = "/chat/completions" if "messages" in payload else "/completions"
        for attempt in range(1, self._endpoint.max_attempts + 1):
            try:
                answer = await self._attempt(path, payload)
                return {
                    "choices": [
                        {"message": {"content": answer["text"]}, "finish_reason": answer["finish_reason"]}
                    ],
                    "usage": {
                        k: answer[k] for k in ("prompt_tokens", "completion_tokens") if answer[k] is not None
                    },
                }
            except Again as again:
                if attempt == self._endpoint.max_attempts:
                    raise InferenceError(None, f"no answer after {attempt} attempts: {again}") from None
                backoff = min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT) * random.uniform(0.75, 1.25)
                await asyncio.sleep(backoff if again.wait is None else again.wait)
            except Refused as refused:
                raise InferenceError(None, str(refused)) from None
            except Stop as stop:
                raise Stop(_explained(stop.message, self._endpoint, f"{self._url}{path}")) from None
        raise AssertionError("unreachable: the last attempt raises")

    async def _attempt(self, path: str, payload: dict[str, Any]) -> dict[str, Any]:
        try:
            async with self._session.post(f"{self._url}{path}", json=payload, allow_redirects=False) as reply:
                body = (await reply.read()).decode("utf-8", "replace")
                status, retry_after = reply.status, reply.headers.get("Retry-After")
        except asyncio.TimeoutError:
            raise Again(f"no answer within {self._endpoint.timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            if not self._is_up():
                raise Stop(
                    "the server that was started for this stage has ended; server.log says why"
                ) from None
            raise Again(self._hidden(f"{type(error).__name__}: {error}")) from None
        if status != 200 or len(self._secret or "") >= SECRET_CHARACTERS:
            body = self._hidden(body)
        return read_reply(status, retry_after, body, payload.get("max_tokens"))

    def _hidden(self, text: str) -> str:
        """A text without the key: an endpoint may echo what it was sent."""
        return text.replace(self._secret, "***") if self._secret else text


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


class _Runner(InferenceRunner):
    """datatrove's runner with our server behind it; nothing is checkpointed here."""

    def __init__(self, *args, make_server: Callable[[InferenceConfig, int], InferenceServer], **kwargs):
        super().__init__(*args, **kwargs)
        self._make_server = make_server

    def _init_server(self, rank: int) -> InferenceServer:
        return self._make_server(self.config, rank)


@contextmanager
def _logging_to(path: Path):
    """datatrove's messages go to a file and no terminal; values of variables are never printed into it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    logger.remove()
    sink = logger.add(path, level="INFO", diagnose=False, backtrace=False, encoding="utf-8")
    try:
        yield
    finally:
        logger.remove(sink)


def run_requests(
    bodies: dict[str, dict[str, Any]],
    target: Target,
    keep: Callable[[str, Reply], None],
    log: Path,
    label: str,
) -> None:
    """Send every request and hand each reply on as soon as it is there.

    Args:
        bodies: key -> OpenAI request without `model`.
        target: the model, its address and its limits.
        keep: called with key and reply, failed ones too; what it raises ends the run.
        log: file for datatrove's messages.
        label: what messages call this run.

    Raises:
        KomepError: the endpoint answers nobody, or the replies cannot be written.
    """
    endpoint, failed_in_a_row = target.endpoint, 0
    fatal: list[Exception] = []

    async def ask_one(key: str, generate) -> None:
        nonlocal failed_in_a_row
        try:
            result = await generate(dict(_body_for(endpoint, bodies[key])))
        except InferenceError as error:
            failed_in_a_row += 1
            if failed_in_a_row >= STOP_AFTER_FAILURES:
                raise Stop(
                    f"{failed_in_a_row} requests in a row got no answer, the last: {error.error}"
                ) from None
            keep(key, Reply("", FAILED, failure=str(error.error)))
            return
        failed_in_a_row = 0
        usage = result.usage
        counts = usage.get("prompt_tokens"), usage.get("completion_tokens")
        keep(key, Reply(result.text, result.finish_reason, *counts))

    async def rollout(document: Document, generate) -> None:
        """One request; the first fatal error ends the run, and those that follow it are not raised again."""
        if not fatal:
            try:
                await ask_one(document.id, generate)
            except Exception as error:
                if not fatal:
                    fatal.append(error)
                    raise

    # One model that we start answers one request after the other, and its seed is one for the process.
    concurrency = 1 if endpoint.server else endpoint.concurrency
    config = InferenceConfig("custom", endpoint.model, use_chat=True, max_concurrent_generations=concurrency)
    # datatrove wants a writer; it is never written to, because `rollout` keeps the reply and returns None.
    unused = JsonlWriter(str(log.parent))
    runner = _Runner(
        rollout,
        config,
        unused,
        make_server=lambda config, rank: _Http(config, rank, target),
    )
    try:
        with _logging_to(log):
            runner.run(Document(text="", id=key) for key in bodies)
    except Exception as error:
        cause = fatal[0] if fatal else error
        if isinstance(cause, Stop):
            raise KomepError(f"{label}: {cause.message}") from None
        if isinstance(cause, OSError):
            raise KomepError(f"{log.parent}: replies cannot be written ({cause.strerror})") from cause
        raise cause from None
