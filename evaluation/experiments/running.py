"""Running cells: each step a process of its own, its output in a log, its state on disk before and after.

A step runs in a process group of its own. Stopped (SIGTERM, Ctrl-C), we stop the group and wait: the recipe saves a
checkpoint; stopped again while we wait, we kill it. Killed (SIGKILL), the group may live on: the next run finds it by a
variable in its environment and stops it first, so that no two processes ever write into one folder; one that it cannot
see, in another container, holds the lock of its folder, and the cell fails with that message. A second run waits for a
step that another one is at, so that cells of several jobs may share a release or a training.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from evaluation.experiments.cells import Cell
from evaluation.experiments.commands import Step, script, steps
from evaluation.experiments.estimates import duration
from evaluation.experiments.matrix import Matrix
from evaluation.experiments.plan import cell_cost
from evaluation.experiments.state import (
    DONE,
    FAILED,
    RUNNING,
    STATE,
    STOPPED,
    done,
    read_json,
    write_config,
    write_state,
)
from komep_dataset.errors import doing
from komep_dataset.files.locks import locked
from komep_dataset.files.outputs import write_text
from komep_dataset.progress import tell

MARK = "KOMEP_EXPERIMENT_STEP"  # in the environment of every process of a step: the file that it makes
ERROR_LINES = 12
PATIENCE = 280.0  # seconds that a stopped step has to save a checkpoint, as in recipes/multi_node.slurm
TELL_AFTER = 2.0  # seconds after which one who waits for that is told


class StepFailed(Exception):
    """A step ended without its result; the text is what its log ends with."""


def log_tail(path: Path, lines: int = ERROR_LINES) -> str:
    """The last lines of a log that say something."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 20_000))
        text = file.read().decode("utf-8", errors="replace").replace("\r", "\n")
        return "\n".join([line.rstrip() for line in text.split("\n") if line.strip()][-lines:])
    return ""


def left_over(mark: str) -> list[int]:
    """Processes of a killed run that still work on a step (Linux; elsewhere none is found)."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(folder.name) != os.getpid() and wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def end_left_over(mark: str, patience: float = PATIENCE) -> None:
    """Stop what works on a step, as a killed run leaves it: SIGTERM, and SIGKILL if that is not enough."""
    begun = time.monotonic()
    told: set[int] = set()
    quiet = True
    while pids := left_over(mark):
        waited = time.monotonic() - begun
        late = waited > patience
        if quiet and waited > TELL_AFTER:
            most = f"at most {patience:.0f} s; Ctrl-C again kills it"
            tell(f"waiting for the step that makes {mark} to save what it has and end, {most}")
            quiet = False
        for pid in pids if late else set(pids) - told:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        told |= set(pids)
        time.sleep(0.1)


def run_step(step: Step, log: Path) -> None:
    """Run a step to its end; where another run is at this step, wait for it first.

    Raises:
        StepFailed: it ended without its result.
        KeyboardInterrupt: we were stopped (Ctrl-C, SIGTERM), and the step with us.
    """
    mark = str(step.result.resolve())
    folder = step.result.resolve().parent
    with locked(
        folder.with_name(f"{folder.name}.step"), wait=True
    ):  # the step itself holds the folder's own lock
        end_left_over(mark)
        if step.done:
            return
        with log.open("ab") as file:
            file.write(f"$ {step.shown()}\n".encode())
            file.flush()
            process = None
            try:
                process = subprocess.Popen(
                    step.command,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    env=os.environ | {MARK: mark},
                    start_new_session=True,
                )
                doing.groups.add(process.pid)
                code = process.wait()
            except BaseException:
                if process:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGTERM)
                end_left_over(mark)  # also what was started as the signal came
                if process:
                    process.wait()
                raise
            finally:
                if process:
                    doing.groups.discard(process.pid)
    if code != 0 or not step.done:
        raise StepFailed(f"{step.name} ended with {code}:\n{log_tail(log)}")


def run_cell(matrix: Matrix, cell: Cell) -> tuple[str, str]:
    """Run what is missing of a cell.

    Returns:
        its state, `done` or `failed`, and the last error lines.
    """
    write_config(cell)
    write_text(cell.folder / "commands.sh", script(matrix, cell))
    started, seconds, failures = (
        time.monotonic(),
        dict((read_json(cell.folder / STATE) or {}).get("seconds", {})),
        [],
    )
    try:
        for step in steps(matrix, cell):
            if step.done:
                continue
            write_state(cell, RUNNING, step=step.name, seconds=seconds)
            begun = time.monotonic()
            try:
                run_step(step, cell.folder / f"{step.name}.log")
            except StepFailed as failure:
                failures.append(str(failure))
                if step.name in ("build", "train"):  # nothing further can be done; another benchmark can
                    break
                continue
            seconds[step.name] = round(time.monotonic() - begun, 1)
    except KeyboardInterrupt:
        write_state(cell, STOPPED, seconds=seconds)
        raise
    state, error = (FAILED, "\n".join(failures)) if failures else (DONE, "")
    took = round(time.monotonic() - started, 1)
    write_state(cell, state, seconds=seconds, took=took, **({"error": error} if failures else {}))
    return state, error


def run_cells(matrix: Matrix, cells: Sequence[Cell], retry_failed: bool = True) -> int:
    """Run what is missing of the cells, in order; a cell that fails is marked and the rest goes on.

    Prints a line a cell: done and left, what it took, and the time left by the estimates, corrected by what the cells
    of this run took in fact.

    Returns:
        how many cells failed (now, or before if they are kept).
    """
    estimated = {cell.name: cell_cost(matrix, cell).seconds for cell in cells}
    todo = [cell for cell in cells if not done(cell)]
    spent = planned = 0.0
    failed = 0
    for number, cell in enumerate(todo, 1):
        before = read_json(cell.folder / STATE) or {}
        if before.get("state") == FAILED and not retry_failed:
            failed += 1
            continue
        print(f"[{number}/{len(todo)}] {cell.name}: about {duration(estimated[cell.name])}", flush=True)
        begun = time.monotonic()
        # What is left of a cell says nothing about what a cell takes.
        whole = not any(step.done for step in steps(matrix, cell) if step.name != "build")
        state, error = run_cell(matrix, cell)
        took = time.monotonic() - begun
        failed += state == FAILED
        if state == DONE and whole:
            spent, planned = spent + took, planned + estimated[cell.name]
        ratio = spent / planned if planned else 1.0
        left = ratio * sum(estimated[one.name] for one in todo[number:])
        line = f"[{number}/{len(todo)}] {cell.name}: {state} in {duration(took)}"
        print(f"{line}; {len(todo) - number} left, about {duration(left)}", flush=True)
        if error:
            print("  " + error.replace("\n", "\n  "), file=sys.stderr, flush=True)
    return failed
