"""Every figure that a GPU owes us, step by step, in order of worth; one line of JSON each, written at once.

    bash benchmarks/gpu/check.sh                                 # installs wheels where some lie in .gpu/, then this
    python -m benchmarks.gpu.check --device cpu --tiny           # the same steps on tiny shapes: a rehearsal
    python -m benchmarks.gpu.check --only dpo-trl dpo-recipe --seconds 120

Each step runs in a process of its own, forked from one that has everything imported, and is ended at its limit; one
that fails is a line that says why, and the others go on. No step begins that has no time left (`--seconds`, nine minutes
unless told otherwise: what is worth most has had its turn by then). `check.jsonl` in the output folder gets the lines,
`check.log` what the steps printed; `benchmarks.gpu.render` makes the tables of them.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.gpu import evaluation, prepare, training
from benchmarks.gpu.setting import QUIET, Setting
from benchmarks.trainings import ROOT

LINES, LOG = "check.jsonl", "check.log"
CHECK, STEP = "KOMEP_GPU_CHECK", "KOMEP_GPU_STEP"  # variables by which what was launched is found again
ROOM = 40 * 2**30  # bytes that models, adapters and data take
# Without it torch asks CUDA itself whether there is a card, after which no fork may use it.
FORKABLE = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}
PLAIN = ("--activation_checkpointing", "false")
SHARED = ("--share_prompts", "true")
PACKED = (*PLAIN, "--padding_free", "true")
LIGER = ("--use_liger_kernel", "true")
FULL = {"lora": False, "recipe": "llama-3.1-8b-instruct/dpo"}
TOPOLOGIES = ("ddp", "cpu", "zero2", "zero3", "fsdp2", "zero3_offload")
REHEARSED = ("cpu", "cpu_zero2", "cpu_zero3")


@dataclass(frozen=True, slots=True)
class Step:
    """A function that takes a `Setting` and a `Say`, its arguments, and after how many seconds it is ended."""

    run: Callable[..., None]
    limit: float


def step(function: Callable[..., None], limit: float, **arguments: Any) -> Step:
    return Step(functools.partial(function, **arguments), limit)


def all_steps(tiny: bool) -> dict[str, Step]:
    """Every step by its name, in order of worth; `card` and `prepare` come first, for the others need them."""
    train = functools.partial(step, training.training)
    batches = ((4, 2), (4,)) if tiny else ((256, 128, 32), (64, 128, 16))
    return {
        "card": step(prepare.card, 30),
        "prepare": step(prepare.prepare, 120),
        "shared-attention": step(evaluation.shared_attention, 30),
        "runner": step(evaluation.runner, 90, model="8b", dtype="bfloat16", batches=batches[0]),
        "dpo-trl": train(60, side="trl", lever="defaults"),
        "dpo-recipe": train(90, side="ours", lever="recipe"),
        "harness": step(evaluation.harness, 150, model="8b", dtype="bfloat16", batches=batches[1]),
        "dpo-liger": train(60, side="ours", lever="liger", more=(*PLAIN, *LIGER), accumulated=2),
        "dpo-plain": train(75, side="ours", lever="no checkpointing", more=PLAIN, profiled=True),
        "dpo-packed": train(60, side="ours", lever="no padding", more=PACKED, profiled=True),
        "dpo-packed-liger": train(60, side="ours", lever="no padding, liger", more=(*PACKED, *LIGER), profiled=True),
        "dpo-packed-32": train(75, side="ours", lever="no padding, liger, 32 pairs", more=(*PACKED, *LIGER), batch=32, accumulated=4),
        "dpo-shared": train(60, side="ours", lever="prompts shared", more=(*PLAIN, *SHARED), accumulated=2),
        "dpo-grouped": train(60, side="ours", lever="grouped by length", more=(*PLAIN, "--train_sampling_strategy", "group_by_length")),
        "dpo-reference": train(60, side="ours", lever="reference asked in every step", more=(*PLAIN, "--precompute_ref_log_probs", "false")),
        "dpo-adapters": train(60, side="ours", lever="adapters as peft runs them", more=PLAIN, peft_adapters=True),
        "small-model": step(prepare.small_model, 90),
        "runner-small-float32": step(evaluation.runner, 60, model="small", dtype="float32", batches=batches[0][-1:], questions=60),
        "harness-small-float32": step(evaluation.harness, 60, model="small", dtype="float32", batches=(4,) if tiny else (16, 64), questions=60),
        "runner-small-bfloat16": step(evaluation.runner, 60, model="small", dtype="bfloat16", batches=batches[0][-1:], questions=60),
        "harness-small-bfloat16": step(evaluation.harness, 60, model="small", dtype="bfloat16", batches=(4,) if tiny else (16, 64), questions=60),
        "letters": step(evaluation.letters, 30),
        "topologies": step(training.topologies, 240, names=REHEARSED if tiny else TOPOLOGIES),
        "memory-lora-8b": train(45, side="ours", lever="memory", config="fixed", steps=5, batch=4),
        "memory-lora-1b": train(45, side="ours", lever="memory", model="1b", config="fixed", steps=5, batch=4),
        "memory-full-1b": train(45, side="ours", lever="memory", model="1b", config="fixed", steps=5, batch=8, **FULL),
        "orpo": train(60, side="ours", lever="recipe", method="orpo", recipe="llama-3.1-8b-instruct/orpo-lora", accumulated=2),
        "sft": train(60, side="ours", lever="recipe", method="sft", recipe="llama-3.1-8b-instruct/sft-lora"),
        "dpo-full": train(120, side="ours", lever="full", steps=8, accumulated=2, **FULL),
        "reference-hash": step(training.reference_hash, 60),
    }  # fmt: skip


def append(path: Path, line: dict[str, Any]) -> None:
    """Add a line and see it on the disk: what was measured outlives whatever ends this program."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def one_line(error: BaseException) -> str:
    """What an error says, in one line."""
    said = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def child(name: str, setting: Setting, output: Path) -> None:
    """One step, in its own process and process group; its words go to the log."""
    os.setsid()
    log = os.open(output / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ[STEP] = name
    import torch

    if setting.device == "cuda" and torch.cuda._is_in_bad_fork():  # what was imported did touch the card
        program = [sys.executable, "-m", "benchmarks.gpu.check", "--alone", name, "--work", str(setting.work)]
        os.execv(sys.executable, [*program, "--output", str(output), *(["--tiny"] if setting.tiny else [])])
    sys.exit(alone(name, setting, output))


def alone(name: str, setting: Setting, output: Path) -> int:
    """Run one step and write its lines; the exit code."""
    print(f"===== {name}", flush=True)
    os.environ.update(QUIET)
    started = time.perf_counter()

    def say(line: dict[str, Any]) -> None:
        append(output / LINES, {"step": name, "at": round(time.perf_counter() - started, 1), **line})

    log = output / LOG
    before = log.stat().st_size if log.is_file() else 0
    try:
        all_steps(setting.tiny)[name].run(setting, say)
    except Exception as error:
        said = log.read_bytes()[before:].decode("utf-8", "replace") if log.is_file() else ""
        words = [line for line in said.splitlines() if line.startswith("error: ")]  # of a recipe
        traceback.print_exc()
        say({"failed": words[-1] if words else one_line(error)})
        return 1
    return 0


def end_launched(step: str | None = None) -> None:
    """End every process that a step launched, or any step: some launchers' workers leave its process group."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            found = process.environ()
            if found.get(CHECK) == os.environ[CHECK] and found.get(STEP) in (
                {step} if step else found.values()
            ):
                process.kill()


def end_origin() -> None:
    """End the process that steps are forked from: after an interruption it would go on with its imports, seconds of them."""
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if "multiprocessing.forkserver" in " ".join(process.cmdline()):
                process.kill()


def run_step(name: str, limit: float, setting: Setting, output: Path) -> bool:
    """Run one step, for so many seconds at the most, and end all that it leaves; whether it ended well."""
    begun = time.monotonic()
    process = multiprocessing.get_context("forkserver").Process(target=child, args=(name, setting, output))
    process.start()
    try:
        process.join(limit)
    finally:
        late = process.is_alive()
        if late:
            process.kill()
            process.join()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        end_launched(name)
    spent = time.monotonic() - begun
    if late:
        append(output / LINES, {"step": name, "failed": f"ended after {spent:.0f} s"})
    elif process.exitcode not in (0, 1):
        append(output / LINES, {"step": name, "failed": f"the process ended with {process.exitcode}"})
    well = not late and process.exitcode == 0
    print(f"{name:<24} {spent:6.1f} s  {'done' if well else 'FAILED'}", flush=True)
    return well


def run_steps(names: list[str], setting: Setting, output: Path, seconds: float) -> int:
    """Run the steps one after the other; how many did not end well."""
    os.environ.setdefault(CHECK, uuid.uuid4().hex)
    multiprocessing.get_context("forkserver").set_forkserver_preload(["benchmarks.gpu.preload"])
    planned, started, failed = all_steps(setting.tiny), time.monotonic(), 0
    try:
        for name in names:
            left = seconds - (time.monotonic() - started)
            if left < 5:
                append(
                    output / LINES, {"step": name, "failed": f"not begun: {seconds:.0f} s were to be used"}
                )
                failed += 1
            else:
                failed += not run_step(name, min(planned[name].limit, left), setting, output)
    finally:
        end_launched()
        end_origin()
    return failed


def command(args: argparse.Namespace) -> str:
    """The command of a call without its folders, which are a machine's own."""
    said = ["python -m benchmarks.gpu.check", f"--device {args.device}", f"--seconds {args.seconds:.0f}"]
    said += ["--tiny"] if args.tiny else []
    lists = {"--only": args.only, "--without": args.without}
    return " ".join([*said, *(f"{flag} {' '.join(names)}" for flag, names in lists.items() if names)])


def main(words: list[str] | None = None) -> int:
    """Parse, check what is there, run; the exit code is 0 where every step ended well."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="tiny shapes, a few questions: a rehearsal")
    parser.add_argument(
        "--output", type=Path, default=Path("results/gpu-check"), help="folder for the figures"
    )
    parser.add_argument(
        "--work", type=Path, help="folder for models and data; one on the memory disk by default"
    )
    parser.add_argument("--seconds", type=float, default=540.0, help="no step goes on after them")
    parser.add_argument("--only", nargs="+", help="these steps, in this order, and what they need")
    parser.add_argument("--without", nargs="+", default=[], help="all steps but these")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    args = parser.parse_args(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    planned = all_steps(args.tiny)
    if unknown := [name for name in [*(args.only or []), *args.without] if name not in planned]:
        sys.exit(f"error: no step {', '.join(unknown)}; there are {', '.join(planned)}")
    try:
        args.output.mkdir(parents=True, exist_ok=True)
        output = args.output.resolve()
        if args.alone:
            return alone(args.alone, Setting(args.device, args.tiny, args.work), output)
        set_environment(args.device)
        if args.device == "cuda" and not has_gpu():
            sys.exit(
                "error: no GPU that PyTorch can use; --device cpu --tiny rehearses the check without one"
            )
        return run(args, list(planned), output)
    except OSError as error:  # a full disk, a folder that cannot be written
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print(f"interrupted; {output / LINES} has what was measured", file=sys.stderr)
        return 130


def set_environment(device: str) -> None:
    """What every process of the check is to find."""
    os.environ.update(FORKABLE | QUIET)
    # Scripts that are launched find the project as if it were installed.
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(path)
    if device == "cuda":
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")  # trainers would take all of several by themselves


def has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def run(args: argparse.Namespace, planned: list[str], output: Path) -> int:
    """Find a working folder, run the steps in it; the exit code."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > (0 if args.tiny else ROOM)
    work = args.work or Path(tempfile.mkdtemp(prefix="komep-gpu-", dir=memory if roomy else None))
    os.environ["HF_DATASETS_CACHE"] = str(work.resolve() / "datasets")  # read where `datasets` is imported
    # DeepSpeed compiles there, and waits without end for the lock of a compilation that was killed.
    os.environ["TORCH_EXTENSIONS_DIR"] = str(work.resolve() / "extensions")
    setting = Setting(args.device, args.tiny, work.resolve())
    setting.start_over()
    # No figure without what it was measured on.
    names = [name for name in args.only or planned if name not in args.without]
    first = ["card"] if setting.is_prepared() else ["card", "prepare"]
    names = [*first, *(name for name in names if name not in first)]
    append(output / LINES, {
        "step": "begin", "date": time.strftime("%Y-%m-%d"), "device": args.device,
        "rehearsal": args.tiny or args.device == "cpu", "command": command(args),
    })  # fmt: skip
    try:
        failed = run_steps(names, setting, output, args.seconds)
    finally:
        if args.work is None:
            shutil.rmtree(work, ignore_errors=True)
    print(f"{output / LINES}: {len(names)} steps, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
