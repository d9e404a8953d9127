"""DPO by our recipe against `trl dpo`: same model, same pairs, same device, same batch, in one run.

    python -m benchmarks.train --model models/smollm2-135m

    python -m benchmarks.random_model --shape llama-8b --output models/random-llama-8b    # with a GPU
    python -m benchmarks.train --model models/random-llama-8b --recipe llama-3.1-8b-instruct/dpo-lora --pairs-a-step 8 \
        --config ko --lora --no-activation-checkpointing

TRL keeps its defaults but for bf16 on a CPU, for which one without the instructions takes minutes a step: the peer is the
one that a user would end up with. With `--lora` both sides train the same adapters. Each side is its own process, as a
user would start it. Seconds a step are those that the trainer itself counts, without the reference's
log-probabilities, which the recipe computes once and keeps for later runs; the wall seconds of the whole processes,
with everything, stand beside. `mfu` is the share of the device's matrix rate, measured in the same run, that the layers'
linear maps alone account for: 6 operations a token and weight, 4 where the weight is frozen; attention, the head
and what is computed twice are not counted. Prints one line of JSON.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.trainings import LORA, as_words, call, launch_dpo, layer_weights, matrix_rate

# TRL's own script, and what it took at the most, in GiB: of the host's memory, and of the GPU's.
TRL = """
import atexit, resource, runpy, sys, torch
def peak():
    device = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, device / 2**30)
atexit.register(peak)
runpy.run_module("trl.scripts.dpo", run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True, slots=True)
class Task:
    """What both sides do: DPO of a model on a config of a release."""

    model: Path
    release: Path
    config: str
    steps: int
    pairs_a_step: int
    lora: bool
    device: str  # cpu or cuda

    def words(self, batch: int) -> list[str]:
        """Flags that both sides take, for so many pairs of a process."""
        words = as_words(
            model_name_or_path=self.model, dataset_name=self.release, dataset_config=self.config, max_steps=self.steps,
            seed=0, per_device_train_batch_size=batch, save_strategy="no",
        )  # fmt: skip
        return words + (LORA if self.lora else [])

    def of_ours(self, recipe: str, batch: int) -> list[str]:
        """And what our recipe takes beside, by a file under recipes/."""
        more = as_words(
            config=f"recipes/{recipe}.yaml", global_batch_size=self.pairs_a_step, gradient_accumulation_steps=1,
            max_train_pairs=self.pairs_a_step * self.steps, max_test_pairs=1,
        )  # fmt: skip
        return self.words(batch) + more


def build_sample(output: Path) -> Path:
    """The release of the sample, in this folder."""
    call([sys.executable, "-m", "komep_dataset.cli", "build", "--pairs", "all", "--output", str(output)])
    return output


def trl_defaults(task: Task, folder: Path) -> dict[str, Any]:
    """Seconds a step, wall seconds and peak memory of TRL's own script."""
    words = task.words(task.pairs_a_step) + as_words(
        output_dir=folder / "trl", eval_strategy="no", report_to="none"
    )
    on_cpu = ["--use_cpu", *as_words(bf16="false")] if task.device == "cpu" else []
    text, wall = call([sys.executable, "-c", TRL, *words, *on_cpu])
    host, device = re.findall(r"peak ([\d.]+) ([\d.]+)", text)[-1]
    seconds = float(re.findall(r"train_runtime'?: '?([\d.]+)", text)[-1]) / task.steps
    return {"seconds_per_step": seconds, "wall": wall, "peak": {"host": float(host), "device": float(device)}}


def utilisation(summary: dict[str, Any], weights: int, rate: float) -> float | None:
    """Share of the matrix rate; None where both answers of a pair share a prompt, so that fewer tokens are run."""
    if summary.get("prompts_shared"):
        return None
    operations = 4 if summary["use_peft"] else 6
    return operations * weights * summary["tokens_seen"] / summary["seconds"] / rate


def main(
    model: Annotated[Path, typer.Option(help="Folder of a model.")],
    steps: Annotated[
        int, typer.Option(help="Optimiser steps of each side; the first is slower on both.")
    ] = 12,
    pairs_a_step: Annotated[int, typer.Option(help="Pairs of a batch.")] = 4,
    config: Annotated[str, typer.Option(help="Config of the release.")] = "en",
    release: Annotated[
        Path | None, typer.Option(help="A release. [default: the sample's, built here]")
    ] = None,
    recipe_config: Annotated[
        str, typer.Option("--recipe", help="Ours: file under recipes/.")
    ] = "smollm2-135m/dpo",
    lora: Annotated[bool, typer.Option("--lora", help="Adapters of rank 16 on every linear map.")] = False,
    activation_checkpointing: Annotated[
        bool | None, typer.Option(help="Ours. [default: as the recipe has it]")
    ] = None,
) -> None:
    """Train on both sides, print the ratio of seconds a step."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    again = activation_checkpointing
    more = [] if again is None else as_words(activation_checkpointing=str(again).lower())
    alone = ("--num_processes", "1") if device == "cuda" else ()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            release = release or build_sample(folder / "komep")
            task = Task(model.resolve(), release.resolve(), config, steps, pairs_a_step, lora, device)
            words, topology = task.of_ours(recipe_config, pairs_a_step), "cpu" if device == "cpu" else "ddp"
            ours = launch_dpo([*words, *more], folder / "ours", topology, *alone)
            theirs = trl_defaults(task, folder)
        except RuntimeError as error:
            sys.exit(str(error))
    rate = matrix_rate(device, "bfloat16" if ours["bf16"] else "float32")
    used = utilisation(ours, layer_weights(model), rate)
    print(
        json.dumps(
            {
                "model": model.name,
                "recipe": recipe_config,
                "lora": lora,
                "steps": steps,
                "pairs_a_step": pairs_a_step,
                "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
                "seconds_a_step_trl": round(theirs["seconds_per_step"], 2),
                "seconds_a_step_ours": round(ours["seconds_per_step"], 2),
                "ratio": round(theirs["seconds_per_step"] / ours["seconds_per_step"], 2),
                "wall_trl": round(theirs["wall"], 1),
                "wall_ours": round(ours["wall"], 1),
                "tokens_a_second_ours": round(ours["tokens_per_second"]),
                "matrix_rate_tflops": round(rate / 1e12, 2),
                "mfu": None if used is None else round(used, 3),
                "peak_gib_trl": {key: round(value, 2) for key, value in theirs["peak"].items()},
                "peak_gib_ours": ours["peak_memory_gib"],
                "versions": {key: ours["versions"][key] for key in ("torch", "trl", "transformers")},
            }
        )
    )


if __name__ == "__main__":
    typer.run(main)
