"""The steps of a cell as the command lines that a user would type: build, train, evaluate."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from evaluation.experiments.cells import Cell
from evaluation.experiments.matrix import Matrix
from evaluation.experiments.state import SUMMARY, evaluated
from evaluation.harness.output import RESULTS
from komep_dataset.schema import BUILD_FILE

SHORT = {"python -m accelerate.commands.launch": "accelerate launch", "python -m komep_dataset.cli": "komep"}


@dataclass(frozen=True, slots=True)
class Step:
    """One command; it is done when `result` is there."""

    name: str
    command: tuple[str, ...]
    result: Path

    @property
    def done(self) -> bool:
        return evaluated(self.result.parent) if self.result.name == RESULTS else self.result.is_file()

    def shown(self) -> str:
        """For a shell, with the commands by the names that a user knows."""
        text = shlex.join(["python" if word == sys.executable else word for word in self.command])
        return reduce(lambda found, pair: found.replace(*pair), SHORT.items(), text)


def flags(values: Mapping[str, Any], underscores: bool) -> list[str]:
    """`--name value` for each value; for `evaluation.run`, yes is the flag alone and no is nothing."""
    words = []
    for name, value in values.items():
        flag = f"--{name}" if underscores else f"--{name.replace('_', '-')}"
        if isinstance(value, bool) and not underscores:
            words += [flag] if value else []
        else:
            words += [flag, str(value).lower() if isinstance(value, bool) else str(value)]
    return words


def build_step(matrix: Matrix, cell: Cell) -> Step | None:
    """`komep build` for the release of a cell; None where it trains on a finished one, or on nothing."""
    definition = cell.config.get("training", {}).get("release", {"path": ""})
    if "path" in definition:
        return None
    options = flags(definition["build"], underscores=False)
    python = (sys.executable, "-m", "komep_dataset.cli", "build")
    command = (*python, *matrix.release.scored, *options, "--output", str(cell.release))
    return Step("build", command, Path(cell.release) / BUILD_FILE)


def train_step(matrix: Matrix, cell: Cell) -> Step | None:
    """`accelerate launch … recipes/METHOD.py`; None for a base."""
    if not cell.language:
        return None
    training, model = cell.config["training"], matrix.model(cell.model)
    launch = (
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--quiet",
        "--config_file",
        training["launch"],
    )
    processes = ("--num_processes", str(matrix.processes)) if matrix.processes else ()
    given = {
        "model_name_or_path": model.path,
        "dataset_name": cell.release,
        "dataset_config": cell.language,
        **training["flags"],
        "seed": cell.seed,
        "output_dir": cell.model_path,
    }
    recipe = (f"recipes/{cell.method}.py", "--config", training["recipe"])
    command = (*launch, *processes, *recipe, *flags(given, underscores=True))
    return Step("train", command, Path(cell.model_path) / SUMMARY)


def evaluate_steps(matrix: Matrix, cell: Cell) -> list[Step]:
    """`python -m evaluation.run …` for each benchmark; on several GPUs through the launcher, a process each."""
    several = matrix.processes is not None and matrix.processes > 1 and matrix.estimate.gpus
    launcher = ("-m", "accelerate.commands.launch", "--num_processes", str(matrix.processes))
    python = (sys.executable, *(launcher if several else ()), "-m", "evaluation.run")
    return [
        Step(
            f"evaluate-{title}",
            (
                *python, "--model", cell.model_path, "--benchmark", one["benchmark"],
                *flags(one["flags"], underscores=False), "--output", str(cell.outputs[title]),
            ),
            cell.outputs[title] / RESULTS,
        )
        for title, one in cell.config["evaluations"].items()
    ]  # fmt: skip


def steps(matrix: Matrix, cell: Cell) -> list[Step]:
    """All steps of a cell in order; those that are done are skipped when it runs."""
    first = [step for step in (build_step(matrix, cell), train_step(matrix, cell)) if step]
    return [*first, *evaluate_steps(matrix, cell)]


def script(matrix: Matrix, cell: Cell) -> str:
    """The steps as a shell file to read or to run from the root of the clone."""
    lines = [step.shown() for step in steps(matrix, cell)]
    return "\n".join(["#!/bin/sh", f"# {cell.name}: from the root of the clone", "set -e", *lines]) + "\n"
