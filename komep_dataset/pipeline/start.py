"""`komep init`: the files that one begins with, written for this project, to be changed."""

from __future__ import annotations

import shutil
from pathlib import Path

from komep_dataset.errors import KomepError
from komep_dataset.samples import SAMPLES


def init(folder: Path = Path()) -> list[Path]:
    """Write a commented pipeline.yaml, a table of questions and two scored answers, as JSONL and for a spreadsheet, into a folder.

    Raises:
        KomepError: one of the files is there already (all of them are named), or the folder cannot be written.
    """
    if folder.is_file():
        raise KomepError(
            f"{folder}: is a file, and what is wanted is a folder to write into: komep init FOLDER; `komep build {folder}` reads a table"
        )
    files = {folder / one.name: one for one in sorted((SAMPLES / "start").iterdir())}
    if there := [str(path) for path in files if path.exists()]:
        raise KomepError(f"{', '.join(there)}: there already; give another folder: komep init FOLDER")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copyfile(source, path)) for path, source in files.items()]
    except BaseException as error:  # a part of them would be in the way of the same command
        for path in files:
            path.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise KomepError(f"{folder}: cannot be written ({error.strerror})") from None
