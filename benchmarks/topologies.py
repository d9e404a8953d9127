"""The DPO recipe on one topology after another: the same losses, and what each costs in seconds and memory.

    python -m benchmarks.topologies --model models/smollm2-135m cpu cpu_zero2 cpu_zero3
    python -m benchmarks.topologies --model models/random-llama-8b --recipe llama-3.1-8b-instruct/dpo --pairs-a-step 8 \
        --processes 1 zero2 zero3 fsdp2 zero3_offload    # with a GPU

Each file of `accelerate_configs/` is a run of the same steps over the same pairs. `loss_difference` is the largest
relative difference of a step's loss from the first topology's; a topology that fails (memory, say) is a row with the
line that says why, and the others go on. Prints a line of JSON each; `ratio` is the first one's seconds a step over this
one's.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.train import Task, build_sample
from benchmarks.trainings import ROOT, as_words, launch_dpo, reason

CONFIGS = ROOT / "accelerate_configs"


def loss_difference(losses: list[float], reference: list[float]) -> float:
    """Largest relative difference of two series of equally many losses."""
    return max(abs(loss - other) / abs(other) for loss, other in zip(losses, reference, strict=True))


def row(topology: str, found: dict[str, Any], first: dict[str, Any]) -> dict[str, Any]:
    """What is printed of one run, beside the first."""
    return {
        "topology": topology,
        "distributed_type": found["distributed_type"],
        "processes": found["world_size"],
        "pairs_a_step": found["effective_batch"],
        "loss_difference": round(loss_difference(found["losses"], first["losses"]), 5),
        "seconds_a_step": round(found["seconds_per_step"], 2),
        "ratio": round(first["seconds_per_step"] / found["seconds_per_step"], 2),
        "tokens_a_second": round(found["tokens_per_second"]),
        "peak_gib": found["peak_memory_gib"],
    }


def main(
    topologies: Annotated[list[str], typer.Argument(help="Names of files in accelerate_configs/.")],
    model: Annotated[Path, typer.Option(help="Folder of a model.")],
    steps: Annotated[int, typer.Option(help="Optimiser steps of each run.")] = 6,
    pairs_a_step: Annotated[int, typer.Option(help="Pairs a step, over all processes.")] = 4,
    processes: Annotated[
        int | None, typer.Option(help="Of every topology. [default: as its file has it]")
    ] = None,
    config: Annotated[str, typer.Option(help="Config of the release.")] = "en",
    release: Annotated[
        Path | None, typer.Option(help="A release. [default: the sample's, built here]")
    ] = None,
    recipe_config: Annotated[str, typer.Option("--recipe", help="File under recipes/.")] = "smollm2-135m/dpo",
    lora: Annotated[bool, typer.Option("--lora", help="Adapters of rank 16 on every linear map.")] = False,
) -> None:
    """Run every topology and print what it was like."""
    import torch
    from accelerate.commands.config.config_args import load_config_from_file

    for topology in topologies:
        if not (CONFIGS / f"{topology}.yaml").is_file():
            sys.exit(f"{topology}: one of {', '.join(sorted(file.stem for file in CONFIGS.glob('*.yaml')))}")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    first = None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            release = (release or build_sample(folder / "komep")).resolve()
        except RuntimeError as error:
            sys.exit(str(error))
        task = Task(model.resolve(), release, config, steps, pairs_a_step, lora, device)
        for topology in topologies:
            count = processes or load_config_from_file(str(CONFIGS / f"{topology}.yaml")).num_processes
            if pairs_a_step % count:
                sys.exit(f"{topology}: {pairs_a_step} pairs a step cannot be shared by {count} processes")
            # Grouped by length, as the configs have it, the pairs of a step depend on the number of processes.
            words = task.of_ours(recipe_config, pairs_a_step // count) + as_words(
                train_sampling_strategy="random"
            )
            try:
                found = launch_dpo(words, folder / topology, topology, "--num_processes", str(count))
            except RuntimeError as error:
                print(json.dumps({"topology": topology, "failed": reason(str(error))}), flush=True)
                continue
            first = first or found
            print(json.dumps(row(topology, found, first)), flush=True)


if __name__ == "__main__":
    typer.run(main)
