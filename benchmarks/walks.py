"""How far one must go to follow the code from input to output: three walks, traced as their commands run.

    python benchmarks/walks.py           a line a walk: modules, arrows, functions, switches, late
    python benchmarks/walks.py --list    and its modules in order of first entry, with the functions called

build: the shipped sample becomes a release. score: one response gets its verdicts. evaluate: two questions
get their predictions. The last two ask a loopback server whose replies depend on the request alone. Each
walk has a fresh process; what that calls in `komep_dataset` and `evaluation` counts, in every thread.
Python that it starts as another process would not count (there is none), nor does what an import runs.

modules     files with a function that was called
arrows      distinct pairs (calling module, called module)
functions   distinct names by module; `<lambda>`, `<listcomp>` and their like count once a kind and module
switches    distinct pairs (function left, function entered) of two modules: a call crosses and its return
            crosses back, so two functions count twice, and a next row that goes the same way not at all
late        of the switches, those to `__getattr__`, by which Python looks up what is compiled or imported at its
            first use: who follows the code meets none of them

The caller is the Python frame below: what typer, a thread or a dataclass's `__init__` calls has none in the
project, and a generator or a coroutine is called by whoever resumes it.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import runpy
import sys
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).parent))
from loopback_judge import Judge, serving

ROOT = Path(__file__).resolve().parents[1]
UNITS = ("Anaemia is a lack of haemoglobin.", "It makes people tired.")
RESPONSE = {
    "question_id": "4de1af7ebe2eaefd", "model": "m", "question": "What is anaemia?", "category": "blood",
    "response": " ".join(UNITS), "prompt_protocol": "chat", "temperature": 0.6, "top_p": 0.9, "seed": 0,
    "max_new_tokens": 256, "finish_reason": "stop", "prompt_tokens": None, "completion_tokens": None,
}  # fmt: skip
ASKED = "--chat-template --benchmark kormedmcqa-sample --subjects doctor --limit 2"
WALKS = {  # what is typed after `python -m`
    "build": "komep_dataset.cli build --output komep",
    "score": "komep_dataset.cli score responses.jsonl --config pipeline.yaml --output scored.parquet",
    "evaluate": f"evaluation.run --backend openai --model answerer {ASKED} --output results --endpoint",
}
Function = tuple[str, str]  # module, name


class Fixed(Judge):
    def text(self, body: dict, digest: bytes) -> str:
        return {"splitter": "\n".join(UNITS), "checker": "True", "answerer": "A"}[body["model"]]


class Trace:
    """A profile function that keeps what is called, in order of first entry, and by whom."""

    def __init__(self) -> None:
        self.functions: dict[Function, None] = {}
        self.calls: set[tuple[Function, Function]] = set()

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call" or (called := function_of(frame)) is None:
            return
        caller = function_of(frame.f_back)
        known = called in self.functions and (caller is None or (caller, called) in self.calls)
        if not known and not being_imported(frame):
            self.functions[called] = None
            if caller:
                self.calls.add((caller, called))

    def counts(self) -> tuple[int, int, int, int, int]:
        crossing = {(a, b) for a, b in self.calls if a[0] != b[0]}
        arrows = {(a[0], b[0]) for a, b in crossing}
        return (
            len(self.modules()),
            len(arrows),
            len(self.functions),
            len(crossing | {(b, a) for a, b in crossing}),
            2 * sum(called[1] == "__getattr__" for _, called in crossing),
        )

    def modules(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for module, name in self.functions:
            names.setdefault(module, []).append(name)
        return names


@cache
def module_of(file: str) -> str | None:
    """The project's module in a file; None for a library's file and for a template."""
    path = Path(file)
    if path.suffix != ".py" or not any(
        path.is_relative_to(ROOT / p) for p in ("komep_dataset", "evaluation")
    ):
        return None
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def function_of(frame: FrameType | None) -> Function | None:
    """The project's function that a frame runs; None for a library's and for the body of a module."""
    if frame is None or frame.f_code.co_name == "<module>":
        return None
    module = module_of(frame.f_code.co_filename)
    return module and (module, frame.f_code.co_name)


def being_imported(frame: FrameType | None) -> bool:
    """Whether the body of a module of the project, other than the program's, waits for a frame."""
    while frame is not None:
        body = frame.f_code.co_name == "<module>" and module_of(frame.f_code.co_filename)
        if body and frame.f_globals["__name__"] != "__main__":
            return True
        frame = frame.f_back
    return False


def trace(command: list[str], folder: str) -> Trace:
    """Run a command in this process and this folder."""
    os.chdir(folder)
    sys.path.insert(0, str(ROOT))
    sys.argv = command
    traced, said, status = Trace(), io.StringIO(), None
    with redirect_stdout(said), redirect_stderr(said):
        threading.setprofile(traced)
        sys.setprofile(traced)
        try:
            runpy.run_module(command[0], run_name="__main__")
        except SystemExit as stop:
            status = stop.code
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    if status:
        raise RuntimeError(f"{' '.join(command)}: exit {status}\n{said.getvalue()}")
    return traced


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="modules and functions of every walk, too")
    listed = parser.parse_args().list
    print(f"{'walk':8}{'modules':>11}{'arrows':>11}{'functions':>11}{'switches':>11}{'late':>11}")
    with serving(0.0, kind=Fixed) as address, tempfile.TemporaryDirectory() as folder:
        url = f"{address}/v1"
        judges = {name: {"endpoint": url, "model": name} for name in ("splitter", "checker")}
        (Path(folder) / "pipeline.yaml").write_text(json.dumps(judges))
        (Path(folder) / "responses.jsonl").write_text(json.dumps(RESPONSE) + "\n")
        for walk, typed in WALKS.items():
            command = typed.split() + [url] * typed.endswith("--endpoint")
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
                traced = fresh.submit(trace, command, folder).result()
            print(f"{walk:8}" + "".join(f"{n:11}" for n in traced.counts()))
            if listed:
                print(*(f"  {module}: {', '.join(f)}" for module, f in traced.modules().items()), sep="\n")


if __name__ == "__main__":
    main()
