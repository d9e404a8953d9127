"""A copy of the package into which a test plugs files, run as its own `komep`."""

import os
import shutil
import subprocess
from pathlib import Path

from tests import warm

PACKAGE = Path(__file__).resolve().parents[2] / "komep_dataset"


def plug(folder: Path, **gates: str) -> Path:
    """Copy the package into a folder and write each text as a module of `gates/`; returns the folder."""
    shutil.copytree(
        PACKAGE, folder / "komep_dataset"
    )  # with what is compiled of it, half a second of each start
    for name, text in gates.items():
        (folder / "komep_dataset" / "gates" / f"{name}.py").write_text(text, "utf-8")
    return folder


def python(folder: Path, *arguments: str, fails: bool = False) -> str:
    """What Python says with the copy in a folder as its package, run there."""
    environment = os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"}
    done = subprocess.run(
        [warm.python("komep"), *arguments], capture_output=True, text=True, cwd=folder, env=environment
    )
    assert bool(done.returncode) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def komep(folder: Path, *arguments: str, fails: bool = False) -> str:
    """What a command of the copy says."""
    return python(folder, "-m", "komep_dataset.cli", *arguments, fails=fails)
