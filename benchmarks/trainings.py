"""How benchmarks start a training, what they read of it, and the two rates that its speed is held against."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def as_words(**flags: Any) -> list[str]:
    """Flags as words of a command line."""
    return [word for name, value in flags.items() for word in (f"--{name}", str(value))]


LORA = as_words(
    use_peft="true", lora_target_modules="all-linear", lora_r=16, lora_alpha=32, lora_dropout="0.0"
)


def call(command: list[str], **environment: str) -> tuple[str, float]:
    """(what a process said, its wall seconds).

    Raises:
        RuntimeError: it failed; the command and what it said.
    """
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, errors="replace"
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-8000:]}")
    return done.stdout + done.stderr, time.perf_counter() - started


def reason(failed: str) -> str:
    """The line of a failed call that says why: the first below the command that names an error, else the last."""
    lines = [line.strip() for line in failed.splitlines() if line.strip()]
    return next((line for line in lines[1:] if "rror:" in line), lines[-1])


def launch_dpo(
    words: list[str], output: Path, topology: str, *launcher: str, **environment: str
) -> dict[str, Any]:
    """Launch the DPO recipe under a file of accelerate_configs/.

    Returns:
        Its summary, with `losses` of each step, `wall` seconds of its processes, and all that was `said`.

    Raises:
        RuntimeError: it failed.
    """
    command = [sys.executable, "-m", "accelerate.commands.launch", "--quiet", *launcher]
    command += ["--config_file", f"accelerate_configs/{topology}.yaml", "recipes/dpo.py", *words]
    said, wall = call([*command, "--output_dir", str(output), "--logging_steps", "1"], **environment)
    return summary_of(output) | {"losses": losses_of(output), "wall": wall, "said": said}


def summary_of(output: Path) -> dict[str, Any]:
    return json.loads((output / "training_summary.json").read_text("utf-8"))


def losses_of(output: Path) -> list[float]:
    """The loss of each logged step of a training that lies there."""
    history = json.loads((output / "trainer_state.json").read_text("utf-8"))["log_history"]
    return [entry["loss"] for entry in history if "loss" in entry]


def layer_weights(model: Path) -> int:
    """Weights of the linear maps of a model's layers: without embeddings, head and norms; nothing is loaded."""
    import torch
    from transformers import AutoConfig, AutoModel

    with torch.device("meta"):
        layers = AutoModel.from_config(AutoConfig.from_pretrained(model))
    return sum(map_.weight.numel() for map_ in layers.modules() if isinstance(map_, torch.nn.Linear))


def matrix_rate(device: str, dtype: str) -> float:
    """Operations a second of the best of ten products of square matrices, after three that warm up."""
    import torch

    size = 8192 if device == "cuda" else 2048
    left, right = (torch.randn(size, size, device=device, dtype=getattr(torch, dtype)) for _ in range(2))
    return 2 * size**3 / best_seconds(lambda: left @ right, device, calls=10, warm=3)


def best_seconds(work: Callable[[], Any], device: str, calls: int = 5, warm: int = 2) -> float:
    """Seconds of the best of some calls, after others that warm up."""
    import torch

    spent = []
    for _ in range(warm + calls):
        started = time.perf_counter()
        made = work()
        if device == "cuda":
            torch.cuda.synchronize()
        spent.append(time.perf_counter() - started)
        del made
    return min(spent[warm:])
