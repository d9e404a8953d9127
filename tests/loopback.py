"""A small OpenAI-compatible server on the loopback address: deterministic answers, counted calls, faults on
demand.

It stands in for a hosted model: real HTTP, no model. What it answers depends on the request alone:

- a model name that begins with `splitter` gives the sentences of the last message, one a line;
- one that begins with `checker` gives `True` or `False` by a hash of the last message;
- any other gives three sentences made from the model's name, the seed and the last message.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Fault:
    """An answer other than a completion.

    `reset` cuts the connection instead, `cut` after half of the body; `stall` is how many seconds it takes. `raw`
    gives what is written to the connection, HTTP or not, before it is closed.
    """

    status: int = 500
    body: str | bytes = "{}"
    headers: dict[str, str] = field(default_factory=dict)
    reset: bool = False
    cut: bool = False
    stall: float = 0.0
    raw: Callable[[], Iterable[bytes]] | None = None


FaultPlan = Callable[[dict, int], "Fault | None"]


def last_text(body: dict) -> str:
    return body["prompt"] if "prompt" in body else body["messages"][-1]["content"]


def answer(body: dict) -> str:
    """The deterministic answer to a request."""
    text, model = last_text(body), body["model"]
    if model.startswith("splitter"):
        inner = text.removeprefix("<answer>\n").removesuffix("\n</answer>")
        return "\n".join(s for s in re.split(r"(?<=[.!?])\s+", inner) if s)
    digest = hashlib.sha256(f"{model} {body.get('seed')} {text}".encode()).hexdigest()
    if model.startswith("checker"):
        return "True." if int(digest, 16) % 3 else "False."
    return f"Fact {digest[:6]} holds. Fact {digest[6:12]} holds. Fact {digest[12:18]} holds."


class Loopback:
    """The server's state: what it was sent and how it answers."""

    def __init__(
        self, reply: Callable[[dict], str] = answer, faults: FaultPlan | None = None, delay: float = 0.0
    ):
        self.reply, self.faults, self.delay = reply, faults, delay
        self.finish_reason = "stop"
        self.usage: dict | None = {"prompt_tokens": 7, "completion_tokens": 5}
        self.models = 501  # status of a question for the models; most stand-ins have no such address
        self.models_body = "{}"
        self.batches = None  # the batch API, where there is one: `tests.batches.Batches`
        self.calls: list[dict] = []  # bodies in order of arrival, faults included
        self.authorizations: list[str | None] = []
        self.keys: list[str | None] = []  # the same of the batch API
        self.paths: list[str] = []
        self.in_flight = self.most_in_flight = 0
        self.answered: Counter[str] = Counter()  # completions sent, by the request's content
        self._attempts: dict[str, int] = {}
        self._lock = threading.Lock()

    def arrive(self, path: str, authorization: str | None, body: dict) -> Fault | None:
        """Count a call; returns the fault planned for it (attempts count from 1 for equal bodies)."""
        with self._lock:
            self.calls.append(body)
            self.paths.append(path)
            self.authorizations.append(authorization)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            key = json.dumps(body, sort_keys=True)
            attempt = self._attempts[key] = self._attempts.get(key, 0) + 1
        time.sleep(self.delay)
        return self.faults(body, attempt) if self.faults else None

    def leave(self) -> None:
        with self._lock:
            self.in_flight -= 1

    @property
    def repeats(self) -> int:
        """Completions that were sent again for a request that had had one."""
        return sum(self.answered.values()) - len(self.answered)

    def count_answer(self, body: dict) -> None:
        with self._lock:
            self.answered[json.dumps(body, sort_keys=True)] += 1

    def completion(self, path: str, body: dict) -> dict:
        text = self.reply(body)
        choice = {"message": {"role": "assistant", "content": text}} if "chat" in path else {"text": text}
        done = {"choices": [{"index": 0, "finish_reason": self.finish_reason} | choice]}
        return done | ({"usage": self.usage} if self.usage is not None else {})


def _handler(state: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = (
            True  # headers and body are two packets: the second would wait for an acknowledgement
        )

        def do_POST(self):
            if self._batches():
                return
            body = json.loads(self._read())
            fault = state.arrive(self.path, self.headers.get("Authorization"), body)
            try:
                if fault is None:
                    state.count_answer(body)
                    self._send(200, json.dumps(state.completion(self.path, body)), {})
                    return
                time.sleep(fault.stall)
                if fault.raw or fault.reset:
                    self.close_connection = True
                    for data in fault.raw() if fault.raw else ():
                        self.wfile.write(data)
                    self.connection.close()
                else:
                    self._send(fault.status, fault.body, fault.headers, fault.cut)
            finally:
                state.leave()

        def do_GET(self):
            if not self._batches():
                self._send(state.models, state.models_body, {})

        def _batches(self) -> bool:
            """Whether the request was one of the batch API, and has its answer."""
            if state.batches is None or not re.search("/(files|batches)", self.path):
                return False
            state.keys.append(self.headers.get("Authorization"))
            kind = self.headers.get("Content-Type", "")
            answer = state.batches.answer(self.command, self.path, self._read(), kind)
            if answer.reset:
                self.close_connection = True
                self.connection.close()
            else:
                time.sleep(answer.stall)
                self._send(answer.status, answer.body, answer.headers)
            return True

        def _read(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def _send(self, status: int, text: str | bytes, headers: dict[str, str], cut: bool = False):
            data = text.encode() if isinstance(text, str) else text
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if cut else data)
            self.close_connection = self.close_connection or cut

        def log_message(self, *_):
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, *_):
        """A client that was killed leaves a broken pipe: no noise."""


@contextmanager
def loopback(state: Loopback | None = None):
    """Serve on a free port while the block runs; yields (state, address up to `/v1`)."""
    state = state or Loopback()
    server = _Server(("127.0.0.1", 0), _handler(state))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state, f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


def nobodys_address() -> str:
    """An address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
