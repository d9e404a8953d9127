"""A Python process of its own that loads datasets and runs `komep` commands, one after the other.

What `datasets` and `huggingface_hub` read from the environment they read when they are imported, so a test
that needs another Hub, another cache or another version of `datasets` needs another process; this one is
started once and asked often. Run as a program, this file is that process: it reads a request a line and
writes an answer a line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLD = ROOT / ".venv-datasets3"


class Client:
    """The process behind `python`; `environment` replaces every HF_ variable around it."""

    def __init__(self, environment: dict[str, str], cwd: Path, python: Path | str = sys.executable):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "PYTEST_", "TRANSFORMERS_"))}
        self._process = subprocess.Popen(
            [str(python), __file__],
            env=kept | environment,
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _ask(self, **request):
        watch = threading.Timer(300, self._process.kill)
        watch.start()
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            watch.cancel()
        assert line, f"the client ended or hung at {request}"
        return json.loads(line)

    def komep(self, *arguments: object, **variables: str | None) -> tuple[int, str, str]:
        """(exit code, output, errors) of a command; variables are set before it, None unsets."""
        words = [str(a) for a in arguments]
        code, out, err = self._ask(komep=words, env=variables)
        from tests.recommended import check  # here: as a program this file finds it later

        check(err, ["komep", *words])
        return code, out, err

    def load(self, path: str, name: str | None = None, cwd: Path | None = None, **options) -> dict:
        """`load_dataset`: split -> [rows, a hash of them], or {"error": its message}."""
        return self._ask(load=[path, name], options=options, cwd=str(cwd) if cwd else None)

    def build(self, **arguments) -> dict:
        """The builder class instead of `load_dataset`: the same answer."""
        return self._ask(builder=arguments)

    def version(self) -> str:
        return self._ask(version=True)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(120)
        self._process.stdout.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def rows_hash(rows: list[dict]) -> str:
    """A hash of rows that does not depend on who read them, nor on the order of keys in a row."""
    import hashlib

    text = "\n".join(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _summary(loaded) -> dict:
    splits = loaded if isinstance(loaded, dict) else {str(loaded.split): loaded}
    rows = {split: list(part) for split, part in splits.items()}
    return {split: [len(found), rows_hash(found)] for split, found in rows.items()}


def _load(request: dict) -> dict:
    from datasets import load_dataset

    if request["cwd"]:
        os.chdir(request["cwd"])
    path, name = request["load"]
    try:
        return _summary(load_dataset(path, name, **request["options"]))
    except Exception as error:  # whatever it is, the test says what it should have been
        return {"error": f"{type(error).__name__}: {error}"}


def _build(arguments: dict) -> dict:
    from komep_dataset.komep import Komep

    builder = Komep(**arguments)
    builder.download_and_prepare()
    return _summary(builder.as_dataset())


def _komep(arguments: list[str], variables: dict[str, str | None]) -> tuple[int, str, str]:
    import contextlib
    import io

    from komep_dataset.cli import main

    for key, value in variables.items():
        os.environ.pop(key, None) if value is None else os.environ.update({key: value})
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["komep", *arguments]
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return code, out.getvalue(), err.getvalue()


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing but answers goes to the test
    for line in sys.stdin:
        request = json.loads(line)
        if "komep" in request:
            answer = _komep(request["komep"], request["env"])
        elif "load" in request:
            answer = _load(request)
        elif "builder" in request:
            answer = _build(request["builder"])
        else:
            import datasets

            answer = datasets.__version__
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    _serve()
