"""A cell as commands: the steps that a user would type (build, train, evaluate), a shell file, a job for Slurm."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from evaluation.experiments.cells import Cell
from evaluation.experiments.matrix import Matrix
from evaluation.experiments.state import SUMMARY, evaluated
from evaluation.harness.output import RESULTS
from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import write_text
from komep_dataset.schema import BUILD_FILE

SLURM, DRIVER = "slurm", "submit.sh"
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
    scored = definition["scored"] if isinstance(definition["scored"], dict) else ()
    command = (*python, *scored, *options, "--output", str(cell.release))
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


# --- Slurm: a script a cell, and a driver that submits them in order of value with their dependencies ------------


def header(matrix: Matrix, cell: Cell, folder: Path) -> list[str]:
    """The #SBATCH lines; nothing that the file does not state is asked for."""
    asked = matrix.slurm
    options = {
        "job-name": f"{matrix.name}.{cell.name}",
        "nodes": "1",
        "ntasks": "1",
        "gpus-per-node": str(asked.gpus) if asked.gpus else "",
        "cpus-per-task": str(asked.cpus) if asked.cpus else "",
        "mem": asked.memory,
        "partition": asked.partition,
        "account": asked.account,
        "time": asked.time,
        "signal": "B:TERM@300",
        "open-mode": "append",
        "output": str(folder / f"{cell.name}.log"),
    }
    return [*(f"#SBATCH --{name}={value}" for name, value in options.items() if value), "#SBATCH --requeue"]


def cell_script(matrix: Matrix, cell: Cell, file: Path, folder: Path) -> str:
    """A job that runs one cell; stopped before its time limit, it saves a checkpoint and is queued again."""
    command = shlex.join(["python", "-m", "evaluation.experiment", str(file), "--only", cell.name])
    lines = [
        "#!/bin/bash",
        *header(matrix, cell, folder),
        "# Submitted from the root of the clone with its environment active; every node sees the same paths.",
        "set -uo pipefail",
        "export TORCH_ELASTIC_SHUTDOWN_TIMEOUT=${TORCH_ELASTIC_SHUTDOWN_TIMEOUT:-280}",
        f"{command} &",
        "child=$!",
        "trap 'kill -TERM \"$child\" 2>/dev/null' TERM",
        'wait "$child"',
        "status=$?",
        'if kill -0 "$child" 2>/dev/null; then wait "$child"; status=$?; fi # the first wait ended with the signal',
        'if ((status == 143)); then scontrol requeue "$SLURM_JOB_ID"; exit 0; fi # stopped, not failed',
        'exit "$status"',
    ]
    return "\n".join(lines) + "\n"


def needs(cell: Cell, cells: Sequence[Cell]) -> list[str]:
    """Cells of the same submission whose training or evaluations this one shares."""
    owners = {cell.owner, *(folder.parent.name for folder in cell.outputs.values())} - {cell.name}
    return [one.name for one in cells if one.name in owners]


def driver(matrix: Matrix, chosen: Sequence[Cell], folder: Path) -> str:
    """Submits every script; a cell waits for those that it shares with, however they end."""
    lines = ["#!/bin/bash", "# Run from the root of the clone: submits one job a cell, in order of value.", "set -euo pipefail",
             "declare -A job"]  # fmt: skip
    ordered: list[Cell] = []
    waiting = list(chosen)
    while waiting:  # what is shared first
        ready = [c for c in waiting if not set(needs(c, waiting)) - {c.name}]
        if not ready:
            raise KomepError("cells share in a circle")  # cannot be: an owner comes before who shares
        ordered += ready
        waiting = [c for c in waiting if c not in ready]
    for cell in ordered:
        after = ":".join(f"${{job[{name}]}}" for name in needs(cell, chosen))
        dependency = f'--dependency="afterany:{after}" ' if after else ""
        script = shlex.quote(str(folder / f"{cell.name}.slurm"))
        lines.append(
            f'job[{cell.name}]=$(sbatch --parsable {dependency}{script}); job[{cell.name}]="${{job[{cell.name}]%%;*}}"'
        )
        lines.append(f'echo "{cell.name}: ${{job[{cell.name}]}}"')
    return "\n".join(lines) + "\n"


def write_scripts(matrix: Matrix, chosen: Sequence[Cell], cells: Sequence[Cell], file: Path) -> Path:
    """Write all scripts; returns the driver's path."""
    folder = matrix.results / SLURM
    for cell in chosen:
        write_text(folder / f"{cell.name}.slurm", cell_script(matrix, cell, file, folder))
    write_text(folder / DRIVER, driver(matrix, chosen, folder))
    return folder / DRIVER
