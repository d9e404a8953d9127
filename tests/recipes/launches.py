"""Recipes started as processes of their own, by a launcher or without one, as on a machine without GPUs."""

import os
import subprocess
from pathlib import Path

from tests import warm
from tests.recipes.tiny_runs import BETA, RECIPES, flags

ROOT = RECIPES.parent
STEPS = 6
# Of 50 milliseconds a step: long enough for a signal to arrive in between.
LONG = {"max_steps": 60, "logging_steps": 5, "max_test_pairs": 2, "num_train_epochs": 1000}
ENDLESS = LONG | {"max_steps": 6000}  # for what is ended
LORA = {
    "use_peft": "true",
    "lora_target_modules": "all-linear",
    "lora_r": 4,
    "lora_dropout": 0.0,
    "learning_rate": 5e-3,
}
# The launcher's changes for two CPU processes, which a file for GPUs needs.
TWO = ("--num_processes", "2", "--mixed_precision", "no")


def six_steps(model: Path, release: Path, output: Path, batch: int, **more) -> list[str]:
    """Command line of a process with so many pairs at once; a step has eight pairs, however many processes there are."""
    settings = {
        "max_steps": STEPS,
        "beta": BETA,
        "per_device_train_batch_size": batch,
        "global_batch_size": 8,
    }
    return flags(model, release, output, **settings | more)


def furthest(found: list[float], expected: list[float]) -> float:
    """Largest relative difference, step by step."""
    return max(abs(f - e) / abs(e) for f, e in zip(found, expected, strict=True))


def environment() -> dict[str, str]:
    """That of a user's shell on a machine without GPUs."""
    found = {key: value for key, value in os.environ.items() if key != "ACCELERATE_USE_CPU"}
    return found | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONUNBUFFERED": "1"}


def begin(words: list[str], python: str | None = None, **more) -> subprocess.Popen:
    """A Python program of words, begun, warm if not told which Python; what it says and what it complains of come as one."""
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen([python or warm.python(), *words], cwd=ROOT, env=environment() | more, **output)


def launch(
    config: str,
    method: str,
    arguments: list[str],
    *launcher: str,
    port: int = 0,
    python: str | None = None,
    **more: str,
) -> subprocess.Popen:
    """`accelerate launch --config_file accelerate_configs/<config>.yaml recipes/<method>.py …`, begun.

    What is more than plain processes goes through `cpu_launch.py`, whose docstring says why, and which can do several
    runs: `arguments` may go on with "+", a method and its arguments. `more` goes into the environment.
    `python` is that of the launcher; of several processes it starts warm ones all the same.
    """
    words = ["-m", "accelerate.commands.launch", "--main_process_port", str(port), *launcher]
    words += ["--config_file", f"accelerate_configs/{config}.yaml"]
    plain = config in ("cpu", "ddp") and "+" not in arguments
    words += [f"recipes/{method}.py"] if plain else ["tests/recipes/cpu_launch.py", method]
    more = {"DS_ACCELERATOR": "cpu", "PYTHON_EXEC": warm.python()} | more
    return begin([*words, *arguments], python, **more)


def finish(*launches: subprocess.Popen) -> None:
    """Wait for launches, and show what they said where one failed."""
    said = [process.communicate(timeout=400)[0] for process in launches]
    assert [process.returncode for process in launches] == [0] * len(launches), "\n".join(said)[-6000:]


def wait_for(process: subprocess.Popen, words: str) -> str:
    """What the program said until a line began with `words`."""
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith(words):
            return said
    raise AssertionError(f"ended with {process.wait()}: {said}")


def workers(launcher: int) -> list[int]:
    """Process ids of the recipes that a launcher started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(
                line.split(":", 1) for line in status.read_text("utf-8").splitlines() if ":" in line
            )
        except OSError:
            continue  # it ended in between
        if int(fields["PPid"]) == launcher:
            found.append(int(fields["Pid"]))
    return sorted(found)
