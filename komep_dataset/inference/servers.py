"""`server: transformers | vllm | sglang`: a server of our own, on a free loopback port, while it is needed.

A folder with a PEFT adapter is served merged into its base: `transformers serve` takes no adapter, and vLLM only some kinds.
Run as a module, this file is the child: it asks to be ended with its parent, then becomes the server. Of the three,
`transformers serve` and vLLM 0.32 (on a CPU: `make test-vllm`) have been run; the command for SGLang is written after its
documentation (`python -m sglang.launch_server --help`) and is tested as a list of arguments only.
"""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib.util import find_spec
from pathlib import Path

from komep_dataset.config.config import Endpoint
from komep_dataset.errors import KomepError
from komep_dataset.inference.weights import is_adapter, no_folder, write_merged
from komep_dataset.system import end_with_parent

START_SECONDS = 900.0  # a large model takes minutes to load
SERVER_LOG = "server.log"
MERGED = ".merged-model"  # beside the log, while a server of an adapter runs
LOG_TAIL_LINES = 15
# What a server needs to be installed, and how it is installed.
NEEDS = {
    "transformers": (("transformers", "torch", "fastapi", "uvicorn", "openai"), 'pip install "komep[serve]"'),
    "vllm": (("vllm",), "pip install vllm"),
    "sglang": (("sglang",), 'pip install "sglang[all]"'),
}
# How the module of a server calls its model, the GPUs that share it, and the most requests in flight.
FLAGS = {
    "vllm": ("vllm.entrypoints.openai.api_server", "--model", "--tensor-parallel-size", "--max-num-seqs"),
    "sglang": ("sglang.launch_server", "--model-path", "--tp-size", "--max-running-requests"),
}


class LocalServers:
    """At most one server at a time: started when first asked for, kept while the same model is asked.

    Responders that share a server and a model, and differ in sampling alone, thus share one start.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None
        self._serves: tuple[str, str] | None = None
        self._url = ""
        self._merged: Path | None = None

    def address(self, endpoint: Endpoint, folder: Path) -> tuple[str, Callable[[], bool]]:
        """(address up to `/v1`, whether its server still runs) of an endpoint: its own, or that of a healthy server
        of ours, whose log goes to `folder`.

        Raises `KomepError` where what the server needs is not installed, where there is no such model folder, and
        with the end of the log if it does not come up.
        """
        if not endpoint.server:
            return endpoint.endpoint.rstrip("/"), lambda: True
        wanted = endpoint.server, endpoint.model
        if self._serves == wanted and self.is_up():
            return self._url, self.is_up
        self.stop()
        modules, install = NEEDS[endpoint.server]
        adapter = is_adapter(Path(endpoint.model))
        if adapter:
            modules, install = (*modules, "peft"), f"{install}, and pip install peft"
        if missing := [name for name in modules if find_spec(name) is None]:
            raise KomepError(
                f"`server: {endpoint.server}` needs {', '.join(missing)}; install it with: {install}"
            )
        if lost := no_folder(endpoint.model):
            raise KomepError(f"model {endpoint.model}: {lost}")
        port, log = _free_port(), folder / SERVER_LOG
        self._merged = folder / MERGED if adapter else None
        self._process = _start(serve_command(endpoint, port, self._merged), endpoint.model, log, self._merged)
        self._serves, self._url = wanted, f"http://127.0.0.1:{port}/v1"
        try:
            _wait_until_healthy(self._process, port, log, endpoint.model)
        except BaseException:
            self.stop()
            raise
        return self._url, self.is_up

    def is_up(self) -> bool:
        """Whether the server that was started last still runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End the server and whatever it started; safe to call again."""
        process, self._process, self._serves = self._process, None, None
        for ask in (signal.SIGTERM, signal.SIGKILL) if process else ():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, ask)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
                break
        if self._merged:
            shutil.rmtree(self._merged, ignore_errors=True)


_RUNNING: ContextVar[LocalServers | None] = ContextVar("running", default=None)


@contextmanager
def local_servers() -> Iterator[LocalServers]:
    """The servers of this block: those of the block around it, else new ones that end with it.

    Whoever asks several times, or several stages, opens one such block around all of it, and a model is started once.
    """
    if outer := _RUNNING.get():
        yield outer
        return
    servers = LocalServers()
    token = _RUNNING.set(servers)
    try:
        yield servers
    finally:
        _RUNNING.reset(token)
        servers.stop()


def model_fingerprint(model: str) -> str:
    """A hash over name, size and time of a model folder's files; empty for a name on the Hub.

    A folder that only bears a model's name, as that of its results may, is no model: it changes with every reply.
    """
    folder = Path(model)
    files = sorted(p for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []
    if not any(p.name in ("config.json", "adapter_config.json") or p.suffix == ".gguf" for p in files):
        return ""
    facts = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in files]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve_command(endpoint: Endpoint, port: int, merged: Path | None = None) -> list[str]:
    """The arguments, after the Python interpreter, that start a server for an endpoint on a loopback port.

    `merged` is where an adapter lies merged into its base. The model keeps the name that the requests give it
    (`transformers serve` is given none); nothing secret is among the arguments.
    """
    place, weights = ["--host", "127.0.0.1", "--port", str(port)], str(merged or endpoint.model)
    if endpoint.server == "transformers":
        return ["-m", "transformers.cli.transformers", "serve", weights, *place]
    module, model, gpus, limit = FLAGS[endpoint.server]
    named = ["-m", module, model, weights, "--served-model-name", endpoint.model]
    return [*named, gpus, str(endpoint.gpus), limit, str(endpoint.concurrency), *place]


def _start(serve: list[str], model: str, log: Path, merged: Path | None) -> subprocess.Popen:
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ)
    if Path(model).is_dir():
        environment["HF_HUB_OFFLINE"] = "1"
    own = [str(os.getpid()), model if merged else "", str(merged or "")]
    command = [sys.executable, "-m", "komep_dataset.inference.servers", *own, *serve]
    with log.open("wb") as output:
        # A session of its own: Ctrl-C reaches us first, and the whole group can be ended.
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )


def _wait_until_healthy(process: subprocess.Popen, port: int, log: Path, model: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    failed = f"was not ready after {START_SECONDS:.0f} s"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            failed = "ended while starting"
            break
        with suppress(OSError), opener.open(f"http://127.0.0.1:{port}/health", timeout=5) as reply:
            if reply.status == 200:
                return
        time.sleep(0.2)
    lines = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
    tail = "\n".join(f"  {line}" for line in lines[-LOG_TAIL_LINES:]) or "  (empty)"
    raise KomepError(f"the server for {model} {failed}; {log} ends:\n{tail}")


if __name__ == "__main__":
    parent, adapter, merged, *serve = sys.argv[1:]
    end_with_parent()
    if os.getppid() != int(parent):
        sys.exit("the process that wanted this server has ended")
    if adapter:
        try:
            write_merged(adapter, Path(merged))
        except KomepError as error:
            sys.exit(str(error))
    os.execv(sys.executable, [sys.executable, *serve])
