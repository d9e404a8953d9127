"""Whether anybody is at an address, by a question that costs nothing: which models there are.

Imports aiohttp: import this module only when something is to be asked.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp

from komep_dataset.config.config import Endpoint
from komep_dataset.inference.wire.addresses import at, batches_at, key_header, proxy_for
from komep_dataset.replies.faults import advice_for
from komep_dataset.system import run_async

SECONDS = 5.0  # after which an address that takes no connection is nobody's
UNCONNECTED = (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError)
Got = Callable[[str], Awaitable[tuple[int, bytes]]]


class UnreachedError(Exception):
    """Nobody takes a connection: why, and what to do."""


@asynccontextmanager
async def session_at(url: str, secret: str | None) -> AsyncIterator[Got]:
    """Yields what asks an address for a path (`/models`, `/batches`) and gives status and body."""
    # Who takes a connection and says nothing is there; who takes none is not.
    limit = aiohttp.ClientTimeout(total=SECONDS, sock_connect=SECONDS * 0.9)
    async with aiohttp.ClientSession(headers=key_header(url, secret), timeout=limit) as session:

        async def got(path: str) -> tuple[int, bytes]:
            address = at(batches_at(url)[0] if path == "/batches" else url, path)
            async with session.get(address, allow_redirects=False, proxy=proxy_for(url)) as reply:
                return reply.status, await reply.read()

        yield got


async def models_at(got: Got) -> tuple[int, bytes]:
    """Status and body of the list of models; (0, b"") where something answers that is no HTTP, or nothing in time.

    Raises `UnreachedError` where no connection is made within `SECONDS`.
    """
    end = time.monotonic() + SECONDS
    while True:
        try:
            return await got("/models")
        except aiohttp.ClientSSLError as error:
            raise UnreachedError(f"({error}); {advice_for(str(error))}") from None
        except UNCONNECTED as error:
            if time.monotonic() > end - 1:
                raise UnreachedError(f"({error}); start its server, or correct `endpoint`") from None
            await asyncio.sleep(0.5)
        except Exception:  # an answer that no list of models is says nothing about completions
            return 0, b""


def why_unreached(endpoint: Endpoint) -> str:
    """Why nobody can be asked at an endpoint's address, and what to do; "" where anything answers."""

    async def asked() -> str:
        async with session_at(endpoint.endpoint, endpoint.api_key()) as got:
            try:
                await models_at(got)
            except UnreachedError as error:
                return str(error)
        return ""

    return run_async(asked())
