"""One Slurm script a cell, and a driver that submits them in order of value with their dependencies."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from evaluation.experiments.cells import Cell
from evaluation.experiments.matrix import Matrix
from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import write_text

SLURM, DRIVER = "slurm", "submit.sh"


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
