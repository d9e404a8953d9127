"""The output folder of a run: whose it is, who holds it, and which of its checkpoints the run may write over or remove.

A folder is ours by its `run.json`, the first file that a run writes, and a checkpoint by the copy of it inside.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from accelerate.utils import gather_object
from transformers import TrainingArguments

from komep_dataset.errors import KomepError
from komep_dataset.files.locks import locked
from komep_dataset.files.outputs import check_folder, check_writable, json_with, write_text

SUMMARY, SETTINGS = "training_summary.json", "run.json"
# A run may be lengthened when it is resumed; every other change would mix two runs in one model.
EXTENDABLE = ("max_steps", "num_train_epochs")
OPTION = "--output_dir"


@contextmanager
def held_output(args: TrainingArguments) -> Iterator[None]:
    """Hold the output folder in the first process, for all of a launch.

    Raises `KomepError`, in every process, where the folder is somebody else's, cannot be written, or another run holds
    it.
    """
    with ExitStack() as held:
        refusal = []
        if args.process_index == 0:
            try:
                place = check_folder(Path(args.output_dir), _is_ours, f"{SETTINGS} of a recipe", OPTION)
                check_writable(place, OPTION)
                # In the folder, not beside it: containers may share nothing but the folder.
                held.enter_context(locked(place / SETTINGS))
            except KomepError as error:
                refusal = [str(error)]
        if refusals := gather_object(refusal):
            raise KomepError(refusals[0])
        yield


def _is_ours(folder: Path) -> bool:
    """Whether the settings of a run lie there, or nothing but what a kill left of their first writing."""
    path = folder / SETTINGS
    begun = all(entry.name.startswith(f".{SETTINGS}.") for entry in folder.iterdir())
    return json_with("method", "model", "dataset")[0](path) if path.is_file() else begun


def numbered(folder: Path) -> list[tuple[int, Path]]:
    """(step, folder) of all that is called `checkpoint-STEP`, in order; links are not among them."""
    found = [(re.fullmatch(r"checkpoint-(\d+)", path.name), path) for path in folder.glob("checkpoint-*")]
    return sorted(
        (int(name[1]), path) for name, path in found if name and path.is_dir() and not path.is_symlink()
    )


def begin_checkpoint(checkpoint: Path) -> None:
    """Make the folder of a checkpoint, and mark it; one of that name that is not this run's is moved out of the way."""
    if os.path.lexists(checkpoint) and not _is_own(checkpoint):
        kept = next(
            path for n in range(1, 1000) if not os.path.lexists(path := Path(f"{checkpoint}.kept-{n}"))
        )
        checkpoint.rename(kept)
        print(f"{checkpoint} was not of this run: kept as {kept.name}")
    write_text(checkpoint / SETTINGS, (checkpoint.parent / SETTINGS).read_text("utf-8"))


def rotate(newest: Path, limit: int | None, best: str | None) -> None:
    """Remove the oldest checkpoints of this run beyond a limit, and none that holds what a trainer did not write.

    Args:
        newest: just written, and never removed: what it holds, a trainer writes.
        limit: how many may stay; None or 0 = all.
        best: one that is never removed either.
    """
    if not limit or limit < 0:
        return
    written = _names(newest)
    own = [path for _, path in numbered(newest.parent) if _is_own(path) and _names(path) <= written]
    spare = [path for path in own if path not in (newest, Path(best or newest))]
    spare.sort(key=lambda path: (path / "trainer_state.json").is_file())  # first those that a kill cut off
    for path in spare[: max(0, len(own) - limit)]:
        shutil.rmtree(path, ignore_errors=True)


def _is_own(checkpoint: Path) -> bool:
    """Whether a checkpoint is a real folder with the settings of the run beside it, but for its length."""
    try:
        mark, settings = (
            json.loads((folder / SETTINGS).read_text("utf-8")) for folder in (checkpoint, checkpoint.parent)
        )
    except (OSError, ValueError):
        return False
    return not checkpoint.is_symlink() and all(
        settings.get(key) == value for key, value in mark.items() if key not in EXTENDABLE
    )


def _names(checkpoint: Path) -> set[str]:
    """Names of all that lies in a checkpoint, without their numbers: of steps, of processes, of shards."""
    return {re.sub(r"\d+", "N", path.relative_to(checkpoint).as_posix()) for path in checkpoint.rglob("*")}
