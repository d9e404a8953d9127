"""Where a request goes: the address with a path, the header of a key, the proxy."""

import re
import urllib.request
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def at(url: str, path: str) -> str:
    """An address with a path behind it, before its query; one that holds the path of completions already keeps it once."""
    base, mark, query = url.partition("?")
    base = base.rstrip("/").removesuffix("/embeddings").removesuffix("/completions").removesuffix("/chat")
    return f"{base}{path}{mark}{query}"


def key_header(url: str, secret: str | None) -> dict[str, str]:
    """The header that a key goes in, if there is one: `Authorization`, but `api-key` where the address has an `api-version`, as Azure wants
    it and OpenAI's own client for it sends it; a token of Entra, a JWT, is a bearer's there too."""
    if not secret:
        return {}
    azure = "api-version=" in url and not (secret.startswith("eyJ") and secret.count(".") == 2)
    return {"api-key": secret} if azure else {"Authorization": f"Bearer {secret}"}


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for an address; a loopback address never goes through one.

    aiohttp's own `trust_env` looks this up, and reads .netrc, for every request.
    """
    parts = urlsplit(url)
    if parts.hostname in LOOPBACK or urllib.request.proxy_bypass(parts.netloc):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def batches_at(url: str) -> tuple[str, str]:
    """(the address of files and batches, what comes before the path of completions in the lines of a file).

    With Azure both stand beside the deployments, of which the lines name one as their model, and paths begin without /v1.
    """
    return re.sub("/deployments/[^/?]+", "", url), "" if "api-version=" in url else "/v1"
