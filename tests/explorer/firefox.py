"""Firefox without a driver of another project: its own remote protocol, Marionette, is JSON over a socket."""

import json
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def firefox(program: str, profile: Path, port: int, language: str):
    """A headless Firefox; gives a function that sends a command of Marionette and returns what it answers."""
    profile.mkdir()
    (profile / "user.js").write_text(
        f'user_pref("intl.accept_languages", "{language}"); user_pref("marionette.port", {port});'
    )
    command = [program, "--headless", "--no-remote", "--marionette", "--profile", str(profile)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with _connected(port) as stream:
            _read(stream)  # it says hello

            def send(name: str, **values):
                message = json.dumps([0, 1, f"WebDriver:{name}", values]).encode()
                stream.write(b"%d:%s" % (len(message), message))
                stream.flush()
                _, _, error, answer = _read(stream)
                assert error is None, error
                return answer

            send("NewSession", capabilities={})
            yield send
    finally:
        process.terminate()
        process.wait()


def _connected(port: int):
    for _ in range(240):
        try:
            return socket.create_connection(("127.0.0.1", port)).makefile("rwb")
        except OSError:
            time.sleep(0.25)
    raise TimeoutError("Firefox did not start")


def _read(stream):
    digits = b""
    while (one := stream.read(1)) != b":":
        digits += one
    return json.loads(stream.read(int(digits)))
