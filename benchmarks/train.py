"""DPO by our recipe against `trl dpo`: same model, same pairs, same device, same batch, both in float32, in one run.

    python -m benchmarks.train --model models/smollm2-135m

TRL keeps its defaults but for bf16, for which a CPU without the instructions takes minutes a step: the peer is the one
that a user would end up with. Each side is its own process, as a user would start it. Seconds a step are those that
the trainer itself counts, without the reference's log-probabilities, which the recipe computes once and keeps for later
runs; the wall seconds of the whole processes, with everything, stand beside. Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).resolve().parents[1]
PAIRS_A_STEP = 4


def call(command: list[str], **environment: str) -> tuple[str, float]:
    """(standard output, wall seconds) of a process; its errors end this program."""
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout + done.stderr, time.perf_counter() - started


def trl_defaults(model: Path, release: Path, folder: Path, steps: int, config: str) -> tuple[float, float]:
    """(seconds a step, wall seconds) of TRL's own script."""
    text, wall = call(
        [
            *(sys.executable, "-m", "trl.scripts.dpo", "--model_name_or_path", str(model)),
            *(
                "--dataset_name",
                str(release),
                "--dataset_config",
                config,
                "--output_dir",
                str(folder / "trl"),
            ),
            *("--per_device_train_batch_size", str(PAIRS_A_STEP), "--max_steps", str(steps), "--seed", "0"),
            *("--save_strategy", "no", "--eval_strategy", "no", "--report_to", "none", "--use_cpu"),
            *("--bf16", "false"),
        ]
    )
    return float(re.findall(r"train_runtime'?: '?([\d.]+)", text)[-1]) / steps, wall


def recipe(model: Path, release: Path, folder: Path, steps: int, config: str, *more: str) -> dict:
    """The summary of our recipe, with the wall seconds of the process."""
    output = folder / "ours"
    _, wall = call(
        [
            *(sys.executable, "-m", "accelerate.commands.launch", "--quiet", "--config_file"),
            *("accelerate_configs/cpu.yaml", "recipes/dpo.py", "--config", "recipes/smollm2-135m/dpo.yaml"),
            *("--model_name_or_path", str(model), "--dataset_name", str(release), "--dataset_config", config),
            *("--output_dir", str(output), "--max_steps", str(steps), "--save_strategy", "no", "--seed", "0"),
            *("--max_train_pairs", str(PAIRS_A_STEP * steps), "--max_test_pairs", "1", *more),
        ]
    )
    return json.loads((output / "training_summary.json").read_text("utf-8")) | {"wall": wall}


def main(
    model: Annotated[Path, typer.Option(help="Folder of a model.")],
    steps: Annotated[
        int, typer.Option(help="Optimiser steps of each side; the first is slower on both.")
    ] = 12,
    config: Annotated[str, typer.Option(help="Config of the sample's release.")] = "en",
) -> None:
    """Build the sample, train on both sides, print the ratio of seconds a step."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        release = folder / "komep"
        call([sys.executable, "-m", "komep_dataset.cli", "build", "--pairs", "all", "--output", str(release)])
        ours = recipe(model.resolve(), release, folder, steps, config)
        theirs, their_wall = trl_defaults(model.resolve(), release, folder, steps, config)
    print(
        json.dumps(
            {
                "model": model.name,
                "steps": steps,
                "pairs_a_step": PAIRS_A_STEP,
                "device": ours["device"],
                "seconds_a_step_trl": round(theirs, 2),
                "seconds_a_step_ours": round(ours["seconds_per_step"], 2),
                "ratio": round(theirs / ours["seconds_per_step"], 2),
                "wall_trl": round(their_wall, 1),
                "wall_ours": round(ours["wall"], 1),
                "peak_gib_ours": ours["peak_memory_gib"]["host"],
                "versions": {key: ours["versions"][key] for key in ("torch", "trl", "transformers")},
            }
        )
    )


if __name__ == "__main__":
    typer.run(main)
