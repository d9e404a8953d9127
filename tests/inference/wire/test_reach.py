"""Whether anybody is at an address: who answers anything is there, who refuses or does not take a connection is not."""

import asyncio
import socket

import aiohttp
import pytest

from komep_dataset.inference.wire import reach
from tests.loopback import Loopback, loopback, nobodys_address


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(reach, "SECONDS", 1.5)


def models(url: str) -> tuple[int, bytes]:
    async def asked():
        async with reach.session_at(url, None) as got:
            return await reach.models_at(got)

    return asyncio.run(asked())


@pytest.mark.parametrize("status", [200, 401, 404, 405, 500])
def test_any_answer_is_one_and_nothing_is_asked_of_a_model(status):
    with loopback(Loopback()) as (state, url):
        state.models = status
        assert models(url) == (status, b"{}") and not state.calls


def test_who_takes_the_connection_and_says_nothing_may_be_at_work(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        monkeypatch.setattr(reach, "SECONDS", 0.3)
        assert models(url) == (0, b"")


def test_nobody_is_there_after_a_while_in_which_a_server_may_begin():
    with pytest.raises(reach.UnreachedError, match=r"Connect call failed.*start its server"):
        models(nobodys_address())
    tried = []

    async def begins(path: str) -> tuple[int, bytes]:
        tried.append(path)
        if len(tried) == 1:
            raise aiohttp.ConnectionTimeoutError
        return 200, b"{}"

    assert asyncio.run(reach.models_at(begins)) == (200, b"{}") and tried == ["/models"] * 2


def test_an_address_that_takes_no_connection_is_nobodys():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        with pytest.raises(reach.UnreachedError, match="start its server"):
            models(f"http://127.0.0.1:{full.getsockname()[1]}/v1")
        for one in waiting:
            one.close()


def test_an_address_of_the_other_protocol_is_told_as_that():
    with (
        loopback(Loopback()) as (_, url),
        pytest.raises(reach.UnreachedError, match="write `http://` in `endpoint`"),
    ):
        models(url.replace("http:", "https:"))
