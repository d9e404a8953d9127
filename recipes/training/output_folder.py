"""The output folder of a run: whose it is, who holds it, whether it has room, and how it goes to the Hub.

A folder is ours by its `run.json`, the first file that a run writes.
"""

import math
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
from accelerate.utils import gather_object
from transformers import Trainer, TrainingArguments

from komep_dataset.errors import KomepError, said_by
from komep_dataset.files.locks import locked
from komep_dataset.files.outputs import check_folder, check_writable, json_with

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


def planned_checkpoints(args: TrainingArguments, pairs: int) -> int:
    """How many checkpoints lie on the disk at the same time once a run is over; at least the one of a SIGTERM."""
    batch = args.world_size * args.per_device_train_batch_size * args.gradient_accumulation_steps
    steps = (
        args.max_steps if args.max_steps > 0 else math.ceil(args.num_train_epochs * math.ceil(pairs / batch))
    )
    every = args.save_steps if args.save_steps >= 1 else max(1, args.save_steps * steps)
    saves = {"steps": steps // every, "epoch": math.ceil(args.num_train_epochs)}.get(args.save_strategy, 1)
    return int(max(1, min(saves, args.save_total_limit or saves)))


def space_needed(model: torch.nn.Module, args: TrainingArguments, checkpoints: int, adapter: bool) -> int:
    """Bytes that a run writes at the most, estimated: the model, and checkpoints of it with two moments of Adam.

    Args:
        model: under ZeRO-3 a tensor is empty and `ds_numel` has its size.
        checkpoints: how many are kept; one more lies there while the oldest is still to be removed.
        adapter: whether the adapter alone is saved.
    """
    sizes = [
        (getattr(p, "ds_numel", p.numel()), p.element_size(), p.requires_grad) for p in model.parameters()
    ]
    saved = sum(count * width for count, width, trained in sizes if trained or not adapter)
    moments = 12 if args.deepspeed_plugin is not None else 8  # bytes; DeepSpeed keeps float32 weights as well
    optimiser = 0 if args.save_only_model else sum(count * moments for count, _, trained in sizes if trained)
    return saved + (saved + optimiser) * (checkpoints + 1)


def check_space(trainer, adapter: bool) -> None:
    """Raise `KomepError` where the disk of the output folder has less free space than `space_needed`."""
    args, folder = trainer.args, Path(trainer.args.output_dir)
    there = len(list(folder.glob("checkpoint-*")))  # of a run that is resumed
    checkpoints = planned_checkpoints(args, len(trainer.train_dataset))
    needed = space_needed(trainer.model, args, max(0, checkpoints - there), adapter)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise KomepError(
            f"--output_dir {folder}: {free / 2**30:.1f} GiB free, and about {needed / 2**30:.1f} GiB needed for the "
            f"model and {checkpoints + 1} checkpoints; make room, lower --save_total_limit, or set "
            "--save_only_model true, after which an interrupted run cannot go on"
        )


def push(trainer: Trainer) -> None:
    """Upload the output folder without its checkpoints to the Hub.

    Raises:
        KomepError: the Hub refused, or cannot be reached; the model is saved all the same.
    """
    try:
        trainer.push_to_hub()
    except (
        Exception
    ) as error:  # huggingface_hub, and the HTTP client below it: the run is complete all the same
        folder = trainer.args.output_dir
        raise KomepError(
            f"{folder} is complete, and was not pushed ({said_by(error):.300}); try again with: "
            f"hf upload {trainer.hub_model_id} {folder} --exclude 'checkpoint-*/*'"
        ) from error
