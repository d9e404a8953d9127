"""The calls of the batch API: a file of requests goes up, a batch is made of it and looked at, its answers come down.

As OpenAI has it (`/files` and `/batches`), with what Azure and Together spell otherwise. Imports aiohttp.
"""

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from komep_dataset.config.config import Endpoint
from komep_dataset.inference.wire.addresses import at, batches_at, key_header, proxy_for
from komep_dataset.inference.wire.answers import (
    Again,
    Barred,
    Judged,
    Refused,
    Stop,
    body_of,
    read_status,
    too_long,
)
from komep_dataset.inference.wire.masking import masker, named, shown

FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0  # seconds before a call is tried again; doubles with each try
COMPLETED, FAILED, EXPIRED, CANCELLED = "completed", "failed", "expired", "cancelled"
ENDED = (COMPLETED, FAILED, EXPIRED, CANCELLED)
STATUSES = (*ENDED, "validating", "queued", "pending", "in_progress", "running", "finalizing", "cancelling")
UNHEARD = 10.0  # seconds until a batch whose making was not heard of stands in the list (ours)
WINDOW = "24h"  # the only one that there is
PAGE, MOST_PAGES = 100, 100  # of a list of batches


@dataclass(frozen=True, slots=True)
class State:
    """What the endpoint says of a batch; `files` are those of answers and of errors, `why` what made it fail."""

    status: str
    done: int = 0
    files: tuple[str, ...] = ()
    why: str = ""

    @property
    def ended(self) -> bool:
        return self.status in ENDED


class BatchCalls:
    """The batches of one endpoint; every call is tried `max_attempts` times where that helps.

    Raises `Refused` or `Barred` where the endpoint will not do it, and `Stop` where it answers nobody.
    """

    def __init__(self, endpoint: Endpoint, url: str, secret: str | None):
        self._endpoint, self._secret, self.hide = endpoint, secret, masker(secret)
        self._url, self._before = batches_at(url)

    async def __aenter__(self) -> "BatchCalls":
        seconds = self._endpoint.timeout
        limit = aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds)
        key, jar = key_header(self._url, self._secret), aiohttp.DummyCookieJar()
        self._session = aiohttp.ClientSession(headers=key, timeout=limit, cookie_jar=jar)
        return self

    async def __aexit__(self, *_) -> None:
        await self._session.close()

    def line(self, key: str, path: str, body: dict[str, Any]) -> str:
        """A request as a line of the file."""
        line = {"custom_id": key, "method": "POST", "url": f"{self._before}{path}", "body": body}
        return json.dumps(line) + "\n"

    async def upload(self, requests: Path) -> str:
        """The id of a file that is sent up."""

        def form() -> dict[str, Any]:
            data, kind = aiohttp.FormData({"purpose": "batch"}), "application/jsonl"
            data.add_field("file", requests.open("rb"), filename=requests.name, content_type=kind)
            return {"data": data}

        return await self._tried(lambda: self._id("/files", form))

    async def create(self, file: str, path: str, perhaps: bool) -> str:
        """The id of the batch of a file. Where it may have been made before (`perhaps`), or an answer was lost, it is looked
        for first: no file is paid for twice."""
        body = {"input_file_id": file, "endpoint": f"{self._before}{path}", "completion_window": WINDOW}

        async def made() -> str:
            nonlocal perhaps
            try:
                if perhaps:
                    await asyncio.sleep(UNHEARD)
                    if found := await self._find(file):
                        return found
            except (Refused, Barred) as error:
                raise Stop(f"whether a batch of {file} was made before cannot be told: {error}") from None
            try:
                return await self._id("/batches", lambda: {"json": body})
            except Exception as error:
                perhaps = perhaps or not str(error).startswith("HTTP 429")  # which says that nothing was made
                raise

        return await self._tried(made)

    async def look(self, batch: str) -> State:
        """How far a batch is."""
        said = await self._tried(lambda: self._told("status", "GET", f"/batches/{quote(batch, safe='')}"))
        counts = said.get("request_counts")
        counts = counts if isinstance(counts, dict) else {}
        counted = [counts.get(name) for name in ("completed", "failed")]
        errors = said.get("errors") or said.get("error") or {}
        told = errors.get("data") if isinstance(errors, dict) else errors
        first = told[0] if isinstance(told, list) and told else told or errors
        why = first if isinstance(first, str) else json.dumps(first or "", ensure_ascii=False).strip('"')
        return State(
            said["status"].casefold().replace("canceled", CANCELLED),
            sum(n for n in counted if type(n) is int),
            tuple(str(said[name]) for name in ("output_file_id", "error_file_id") if said.get(name)),
            shown(why, self.hide),
        )

    async def download(self, file: str, place: Path, most: int) -> None:
        """Write a file of answers to a place here; `Refused` where it has more than `most` bytes."""

        async def got() -> None:
            async with self._call("GET", f"/files/{quote(file, safe='')}/content") as reply:
                if reply.status >= 300:
                    await self._judged(reply)
                with place.open("wb") as out:
                    while chunk := await reply.content.readany():
                        if out.write(chunk) and out.tell() > most:
                            raise Refused(f"a file of answers of more than {most:,} bytes")

        await self._tried(got)

    async def _find(self, file: str) -> str | None:
        """The batch that was made of a file."""
        after = ""
        for _ in range(MOST_PAGES):
            query = {"limit": str(PAGE)} | ({"after": after} if after else {})
            page = await self._asked("GET", "/batches", {"params": query})
            known = [one for one in page.get("data") or () if isinstance(one, dict) and one.get("id")]
            for one in known:
                if one.get("input_file_id") == file:
                    return str(one["id"])
            if not (known and page.get("has_more")):
                return None
            after = str(known[-1]["id"])
        return None

    async def _id(self, path: str, sent: Callable[[], dict[str, Any]]) -> str:
        return (await self._told("id", "POST", path, sent))["id"]

    async def _told(self, name: str, method: str, path: str, sent: Any = None) -> dict[str, Any]:
        """An answer that tells `name`."""
        said = await self._asked(method, path, sent)
        said = said.get("job") if isinstance(said.get("job"), dict) else said  # Together wraps it
        if not isinstance(said.get(name), str) or not said[name]:
            raise Again(f"an answer without `{name}`: {shown(json.dumps(said), self.hide)}")
        return said

    async def _asked(self, method: str, path: str, sent: Any = None) -> dict[str, Any]:
        """The JSON object of an answer."""
        async with self._call(method, path, **(sent() if callable(sent) else sent or {})) as reply:
            body = await self._judged(reply)
            with suppress(ValueError, RecursionError):
                if isinstance(said := json.loads(body), dict):
                    return said
            raise Again(f"HTTP {reply.status}: no JSON object: {shown(body, self.hide)}")

    def _call(self, method: str, path: str, params: dict[str, str] | None = None, **sent: Any) -> Any:
        url = URL(at(self._url, path)).update_query(params or {})
        return self._session.request(method, url, allow_redirects=False, proxy=proxy_for(self._url), **sent)

    async def _judged(self, reply: aiohttp.ClientResponse) -> str:
        """The body of an answer that is a success."""
        if (body := await body_of(reply)) is None:
            raise Refused(too_long(reply.status))
        if reply.status in (501, 505):  # no server's passing fault: it does not know the address
            raise Refused(f"HTTP {reply.status}: {shown(body, self.hide)}")
        read_status(reply.status, reply.headers.get("Retry-After"), body, self.hide)
        return body

    async def _tried(self, call: Callable[[], Any]) -> Any:
        tries, wait = self._endpoint.max_attempts, FIRST_WAIT
        for attempt in range(1, tries + 1):
            try:
                return await call()
            except Again as again:
                failed = again
            except Judged:
                raise
            except Exception as error:  # a broken answer makes aiohttp raise more than errors of its own
                if isinstance(error, OSError) and not isinstance(error, (aiohttp.ClientError, TimeoutError)):
                    raise  # our own disk
                failed = Again(named(error, self.hide))
            if attempt < tries:
                await asyncio.sleep(wait * random.uniform(0.75, 1.25) if failed.wait is None else failed.wait)
                wait = min(2 * wait, LONGEST_WAIT)
        raise Stop(f"no answer after {tries} attempt{'s' * (tries > 1)}: {failed}")
