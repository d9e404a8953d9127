"""A loopback endpoint for benchmarks: one asyncio process, little HTTP, deterministic answers, faults, counts.

What it answers depends on the request alone, by the model's name: `splitter` gives the lines of the text it is sent
that end in a full stop, `checker` says True or False by a hash, any other model gives `facts` sentences. With faults
on, a share of the requests fails once, in one of five ways. `GET /stats` tells what was asked.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import multiprocessing
import re
from collections import Counter
from contextlib import contextmanager
from urllib.request import ProxyHandler, build_opener

FAULT_PERCENT = 2
# Status, headers, body; None closes the connection instead.
FAULTS = (
    (429, "Retry-After: 0\r\n", b"{}"),
    (503, "", b'{"error": "overloaded"}'),
    (200, "", b"<html><body>502 Bad Gateway</body></html>"),
    (200, "", b'{"choices": [{"message": {"content": "Tr'),
    None,
)


class Judge:
    """Answers and counts; `answered` holds a digest of every request that was given a completion."""

    def __init__(self, facts: int, faulty: bool):
        self.facts, self.faulty = facts, faulty
        self.calls: Counter[str] = Counter()
        self.faults = self.repeats = self.in_flight = self.most_in_flight = 0
        self.answered: set[bytes] = set()
        self.failed_once: set[bytes] = set()

    def answer(self, data: bytes) -> bytes | None:
        """The HTTP answer to a request's body, or None to close the connection."""
        body = json.loads(data)
        digest = hashlib.sha256(data).digest()[:16]
        self.calls[body["model"]] += 1
        if (
            self.faulty
            and digest[0] * 256 + digest[1] < 65536 * FAULT_PERCENT / 100
            and digest not in self.failed_once
        ):
            self.failed_once.add(digest)
            self.faults += 1
            fault = FAULTS[digest[2] % len(FAULTS)]
            return fault and http(*fault)
        self.repeats += digest in self.answered
        self.answered.add(digest)
        text = self.text(body, digest)
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": len(data) // 4, "completion_tokens": len(text) // 4 + 1}
        return http(200, "", json.dumps({"choices": [choice], "usage": usage}).encode())

    def text(self, body: dict, digest: bytes) -> str:
        if body["model"] == "checker":
            return "True" if digest[3] % 4 else "False"
        asked = body["messages"][-1]["content"]
        if body["model"] == "splitter":
            return "\n".join(re.findall(r"Fact \w+ of \w+ holds\.", asked))
        return " ".join(f"Fact {n} of {digest.hex()[:12]} holds." for n in range(self.facts))

    def stats(self) -> bytes:
        facts = {"calls": dict(self.calls), "faults": self.faults, "repeats": self.repeats}
        return http(200, "", json.dumps(facts | {"most_in_flight": self.most_in_flight}).encode())


def http(status: int, headers: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Constant(Judge):
    """Says True to everything and reads nothing, so that the clients are what is measured."""

    def __init__(self, facts: int, faulty: bool):
        super().__init__(facts, faulty)
        choice = {"index": 0, "message": {"role": "assistant", "content": "True."}, "finish_reason": "stop"}
        body = {"choices": [choice], "usage": {"prompt_tokens": 70, "completion_tokens": 2}}
        self._answer = http(200, "", json.dumps(body).encode())

    def answer(self, data: bytes) -> bytes:
        return self._answer


class Connection(asyncio.Protocol):
    """HTTP/1.1 with a Content-Length, one request after the other; each is answered after `delay` seconds."""

    def __init__(self, judge: Judge, delay: float):
        self._judge, self._delay, self._waits = judge, delay, b""

    def connection_made(self, transport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._waits += data
        while b"\r\n\r\n" in self._waits:
            head, _, body = self._waits.partition(b"\r\n\r\n")
            if head.startswith(b"GET"):
                self._waits = body
                self._transport.write(self._judge.stats())
                continue
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            if len(body) < length:
                return
            self._waits = body[length:]
            self._judge.in_flight += 1
            self._judge.most_in_flight = max(self._judge.most_in_flight, self._judge.in_flight)
            asyncio.get_running_loop().call_later(self._delay, self._send, body[:length])

    def _send(self, body: bytes) -> None:
        self._judge.in_flight -= 1
        answer = self._judge.answer(body)
        if self._transport.is_closing():
            return
        if answer is None:
            self._transport.close()
        else:
            self._transport.write(answer)


def _serve(kind: type[Judge], delay: float, facts: int, faulty: bool, port) -> None:
    async def main() -> None:
        judge = kind(facts, faulty)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(judge, delay), "127.0.0.1", 0, backlog=2048)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


@contextmanager
def serving(delay: float, facts: int = 3, faulty: bool = False, kind: type[Judge] = Judge):
    """Serve from a process of its own while the block runs; yields its address without a path."""
    context = multiprocessing.get_context("spawn")
    port = context.Queue()
    process = context.Process(target=_serve, args=(kind, delay, facts, faulty, port), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{port.get(timeout=30)}"
    finally:
        process.terminate()
        process.join()


def stats_of(address: str) -> dict:
    """What a server has been asked so far."""
    with build_opener(ProxyHandler({})).open(f"{address}/stats", timeout=30) as reply:
        return json.load(reply)
