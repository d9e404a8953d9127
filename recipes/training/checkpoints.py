"""Checkpoints of a run: which one it goes on from, what is wrong with one, and which of them are its own.

None is written over or removed but the run's own, which is known by the copy of `run.json` inside.
"""

import json
import os
import pickletools
import re
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerState, TrainingArguments
from transformers.trainer_pt_utils import safe_globals

from komep_dataset.errors import KomepError, said_by
from komep_dataset.files.outputs import write_text
from komep_dataset.inference.weights import weights_fault
from training.output_folder import EXTENDABLE, SETTINGS


def find_checkpoint(folder: Path, args: TrainingArguments) -> tuple[str | None, TrainerState]:
    """Checkpoint to go on from (the one that is wanted, else the last whole one in the output folder, else None), its state.

    Raises:
        KomepError: the one that is wanted is no checkpoint, or there are only such as a run cannot go on from.
    """
    wanted, refusal = args.resume_from_checkpoint, None
    if wanted is not None:
        state = read_state(Path(wanted))
        if state is None:
            raise KomepError(
                f"--resume_from_checkpoint {wanted}: no checkpoint there (no whole trainer_state.json)"
            )
        if lacks := lacks_of(Path(wanted), state, args):
            raise unusable(Path(wanted), lacks)
        say_begins_anew(Path(wanted), state, args)
        return wanted, state
    for _, path in reversed(numbered(folder)):
        state = read_state(path)
        lacks = "was not written to its end" if state is None else lacks_of(path, state, args)
        if not lacks:
            say_begins_anew(path, state, args)
            return str(path), state
        if os.environ.get("RANK", "0") == "0":
            print(f"warning: {path} {lacks} and is passed over")
        if state is not None:
            refusal = refusal or unusable(path, lacks)
    if refusal is not None:
        raise refusal
    return None, TrainerState()


def read_state(checkpoint: Path) -> TrainerState | None:
    """State of a checkpoint; None where it is missing, cut short or spoilt: it is written last, so all else is whole with it."""
    try:
        state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        numbers = type(state.global_step) is type(state.max_steps) is int and state.global_step > 0
        return state if numbers and all(isinstance(entry, dict) for entry in state.log_history) else None
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def lacks_of(checkpoint: Path, state: TrainerState, args: TrainingArguments) -> str:
    """What keeps a run from going on from a checkpoint, in words; empty where nothing does."""
    if damaged := damaged_files(checkpoint, args):
        return f"is damaged ({', '.join(damaged)})"
    missing = missing_states(checkpoint, args)
    return f"has no state of the {missing}" if missing and not is_over(state, args) else ""


def damaged_files(checkpoint: Path, args: TrainingArguments) -> list[str]:
    """Files that a full disk or a bad copy left short or spoilt, or did not leave, and what is wrong with each."""
    saved = [path for path in sorted(checkpoint.rglob("*.pt*")) if path.suffix in (".pt", ".pth")]
    states = [path for path in saved if path.parent == checkpoint]
    configs = [checkpoint / name for name in ("config.json", "adapter_config.json")]
    looked = [(path, _pickle_fault(path)) for path in saved]
    looked += [(path, _state_fault(path)) for path, fault in looked if not fault and path in states]
    looked += [(path, _json_fault(path)) for path in configs if path.is_file()]
    found = [f"{path.relative_to(checkpoint)}: {fault}" for path, fault in looked if fault]
    if not found and (kept := optimizer_of(checkpoint, args)) is not None:
        moments = [
            t for state in kept.get("state", {}).values() for t in state.values() if torch.is_tensor(t)
        ]
        if not kept.get("state", True):
            found.append("optimizer.pt: holds no state")
        elif not any(moment.any() for moment in moments if moment.ndim):
            found.append("optimizer.pt: all its moments are 0")
    fault = weights_fault(checkpoint)
    if not any(checkpoint.glob("*model*.safetensors")):  # DeepSpeed and FSDP have folders of theirs
        elsewhere = args.deepspeed_plugin is not None or is_sharded(args)
        fault = None if elsewhere else "no weights (model.safetensors)"
    if fault:
        found.append(fault)
    return found


def optimizer_of(checkpoint: Path, args: TrainingArguments) -> dict[str, Any] | None:
    """The saved state of an optimiser that keeps moments; None where it lies elsewhere, or plain SGD keeps nothing."""
    file = checkpoint / "optimizer.pt"
    if "ada" not in str(args.optim).lower() or not file.is_file():
        return None
    return torch.load(file, map_location="cpu", mmap=True, weights_only=True)


def _pickle_fault(path: Path) -> str:
    """What is wrong with the frame of a file that torch saved: a zip, in which a pickle describes tensors; none is run."""
    if not zipfile.is_zipfile(path):
        return "cut short"
    try:
        with zipfile.ZipFile(path) as parts:
            for name in [name for name in parts.namelist() if name.endswith("data.pkl")] or ["data.pkl"]:
                for _ in pickletools.genops(parts.read(name)):
                    pass
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        return f"spoilt ({said_by(error):.100})"
    return ""


def _state_fault(path: Path) -> str:
    """What is wrong with the state of an optimiser, a scheduler or random numbers, read as the trainer reads it."""
    try:
        with safe_globals():
            saved = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except Exception as error:  # whatever a spoilt pickle makes of itself
        return f"cannot be read ({type(error).__name__})"
    inner = saved.get("state", {}) if isinstance(saved, dict) else saved
    return "" if isinstance(inner, dict) else f"holds a {type(inner).__name__} in place of a state"


def _json_fault(path: Path) -> str:
    try:
        return "" if isinstance(json.loads(path.read_text("utf-8")), dict) else "no config"
    except (OSError, ValueError):
        return "cut short or spoilt"


def missing_states(checkpoint: Path, args: TrainingArguments) -> str:
    """What of a run's state a checkpoint lacks, in words; empty where a run under these settings can go on from it.

    transformers takes a new optimiser then, and a learning rate that warms up again, without a word.
    """
    if args.deepspeed_plugin is not None:  # DeepSpeed keeps all of it in one folder
        return "" if any(checkpoint.glob("global_step*/*")) else "optimiser under DeepSpeed"
    sharded = is_sharded(args)
    states = {"optimiser" + " under FSDP" * sharded: "optimizer*" if sharded else "optimizer.pt"}
    states["learning-rate scheduler"] = "scheduler.pt"
    return " and ".join(name for name, files in states.items() if not any(checkpoint.glob(files)))


def say_begins_anew(checkpoint: Path, state: TrainerState, args: TrainingArguments) -> None:
    """Print what of a checkpoint's state is gone, so that a run goes on from it a little otherwise than without a break."""
    if is_over(state, args) or os.environ.get("RANK", "0") != "0":
        return
    numbers = f"rng_state_{args.process_index}.pth" if args.world_size > 1 else "rng_state.pth"
    if not (checkpoint / numbers).is_file():
        print(
            f"warning: {checkpoint} has no {numbers}: dropout draws other numbers than in a run without a break"
        )
    saved = optimizer_of(checkpoint, args) or {}
    count = sum(len(group["params"]) for group in saved.get("param_groups", ()))
    if (known := len(saved.get("state", ()))) < count:
        print(
            f"warning: {checkpoint}: optimizer.pt holds the state of {known} of {count} parameters; for the others, unless nothing was "
            "learnt of them, the optimiser begins anew"
        )


def is_over(state: TrainerState, args: TrainingArguments) -> bool:
    """Whether a checkpoint is of a run's last step, behind which nothing is learnt."""
    if args.max_steps > 0:
        return state.global_step >= args.max_steps
    return state.global_step >= state.max_steps > 0 and args.num_train_epochs <= state.num_train_epochs


def is_sharded(args: TrainingArguments) -> bool:
    """Whether a launch shards the model by FSDP."""
    return bool(args.fsdp) or os.environ.get("ACCELERATE_USE_FSDP", "false").lower() in ("true", "1")


def unusable(checkpoint: Path, lacks: str) -> KomepError:
    """The error for a checkpoint that a run cannot go on from, or would go on from as another run."""
    if lacks.startswith("is damaged"):
        return KomepError(
            f"{checkpoint} {lacks}: copy it again, whole, go on from an earlier one (--resume_from_checkpoint), or move "
            "the checkpoints away to start again"
        )
    return KomepError(
        f"{checkpoint} {lacks}: it was saved with --save_only_model, in part, or by another kind of "
        "launch, and a run that goes on from it is another one. Go on from its weights as a new run (--model_name_or_path "
        f"{checkpoint} with another --output_dir), or move the checkpoints away to start again"
    )


def describe_interruption(args: TrainingArguments, step: int) -> str:
    """What becomes of a run that a signal ended, in one line."""
    after = "the same command goes on from there"
    if args.save_only_model:
        after = (
            "under --save_only_model its checkpoint has the weights alone, and the run cannot go on from it"
        )
    return f"interrupted at step {step}: {after}"


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
        print(f"warning: {checkpoint} was not of this run: kept as {kept.name}")
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
