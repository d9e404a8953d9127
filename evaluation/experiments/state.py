"""What lies on disk of a cell: its definition, its state, and whether it is done."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation.experiments.cells import Cell
from evaluation.harness.output import PREDICTIONS, RESULTS
from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import write_json

CONFIG, STATE = "config.json", "state.json"
SUMMARY = "training_summary.json"
RUNNING, DONE, FAILED, STOPPED, MISSING = "running", "done", "failed", "stopped", "missing"


def read_json(path: Path) -> Any:
    """The content, or None where there is no file.

    Raises `KomepError` where it is not JSON.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise KomepError(f"{path}: cannot be read ({error}); remove it, its cell is then run again") from None


def write_config(cell: Cell) -> None:
    """Write what defines a cell, with its digest, and where what it shares lies."""
    shared = {title: str(path) for title, path in cell.outputs.items() if path.parent != cell.folder}
    content = {"cell": cell.name, "sha256": cell.digest, "defines": cell.config, "model": cell.model_path}
    write_json(cell.folder / CONFIG, content | ({"shared": shared} if shared else {}), default=str)


def write_state(cell: Cell, state: str, **more: Any) -> None:
    """Write what a cell is doing, or how it ended."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    write_json(cell.folder / STATE, {"state": state, "sha256": cell.digest, "at": at, **more}, default=str)


def trained(cell: Cell) -> bool:
    """Whether the training of a cell is there, complete; a base has none to do."""
    return not cell.language or (Path(cell.model_path) / SUMMARY).is_file()


def evaluated(folder: Path) -> bool:
    """Whether an evaluation is there, complete."""
    return (folder / RESULTS).is_file() and (folder / PREDICTIONS).is_file()


def done(cell: Cell) -> bool:
    """Whether all of a cell is there: its files say so, whatever its state says."""
    return (cell.folder / CONFIG).is_file() and trained(cell) and all(map(evaluated, cell.outputs.values()))


def done_cells(cells: Sequence[Cell]) -> list[str]:
    """Names of the cells that are done."""
    return [cell.name for cell in cells if done(cell)]


def status(cell: Cell) -> tuple[str, str]:
    """(state, last error lines) of a cell for the report; `running` of a killed run shows as stopped."""
    if done(cell):
        return DONE, ""
    state = read_json(cell.folder / STATE) or {"state": MISSING}
    if state["state"] == FAILED:
        return FAILED, str(state.get("error", ""))
    return (MISSING, "") if state["state"] == MISSING else (STOPPED, "")
