"""What a run was and what came of it: `run.json` before training, `training_summary.json` after it."""

import json
import math
import platform
import resource
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from datasets import Dataset
from transformers import Trainer, TrainerState, TrainingArguments
from trl import ModelConfig

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import write_text
from komep_dataset.progress import counted
from training.checkpoints import numbered
from training.flags import RecipeArguments
from training.output_folder import EXTENDABLE, SETTINGS, SUMMARY
from training.pairs import rows_hash

PACKAGES = ("komep", "torch", "transformers", "trl", "accelerate", "datasets", "peft", "deepspeed")
SHAPING = (
    *("learning_rate", "lr_scheduler_type", "warmup_steps", "weight_decay", "max_grad_norm", "optim"),
    *("max_steps", "num_train_epochs", "max_length", "beta", "loss_type", "loss_weights", "label_smoothing"),
    *("ld_alpha", "f_divergence_type", "seed", "train_sampling_strategy", "bf16", "fp16"),
    *("completion_only_loss", "packing", "padding_free", "assistant_only_loss", "neftune_noise_alpha"),
    *("adam_beta1", "adam_beta2", "adam_epsilon", "lr_scheduler_kwargs", "data_seed"),
    *("label_smoothing_factor", "use_weighting", "sync_ref_model", "reference_free", "chat_template_path"),
)
OF_MODEL = ("model_revision", "load_in_4bit", "load_in_8bit")
OF_LORA = (
    *("lora_r", "lora_alpha", "lora_dropout", "lora_target_modules", "lora_modules_to_save"),
    *("use_rslora", "use_dora"),
)
FIGURES = (
    *("pairs", "loss", "reward_accuracy", "margin", "gain_accuracy", "policy_accuracy"),
    *("policy_accuracy_per_token", "logps_chosen", "logps_rejected"),
)


def finite(value: Any) -> Any:
    """The value with NaN and infinities, which JSON lacks, as None; all the way down."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, content: dict) -> None:
    """Write into a folder of ours, without NaN and infinities."""
    write_text(path, json.dumps(finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def effective_batch(args: TrainingArguments) -> int:
    """Pairs per optimiser step: processes * batch of each * accumulated batches."""
    return args.world_size * args.per_device_train_batch_size * args.gradient_accumulation_steps


def describe_batch(args: TrainingArguments) -> str:
    """The effective batch and what it is made of, in one line."""
    return (
        f"effective batch: {counted(args.world_size, 'process')} x {counted(args.per_device_train_batch_size, 'pair')} "
        f"x {args.gradient_accumulation_steps} accumulated = {counted(effective_batch(args), 'pair')} a step"
    )


def describe_dataset(script_args: RecipeArguments, train: Dataset) -> dict[str, Any]:
    """Which data a run saw: name, config, version of the release, fingerprint and hash of its train split, limits.

    The fingerprint of `datasets` changes with a file's date, so that a copy of the same file is another one to it.
    """
    config, used = script_args.dataset_config, train.info.config_name
    if config is not None and config != used:  # another was the only one; a file has none
        config = None if Path(script_args.dataset_name).is_file() else used
    return {
        "name": script_args.dataset_name,
        "config": config,
        "version": str(train.info.version) if train.info.version else None,
        "fingerprint": train._fingerprint,
        "sha256": rows_hash(train),
        "limit": script_args.limit,
        "max_train_pairs": script_args.max_train_pairs,
        "max_test_pairs": script_args.max_test_pairs,
        "test_split": script_args.dataset_test_split,
    }


def describe_settings(
    method: str, args: TrainingArguments, model_args: ModelConfig, dataset: dict[str, Any], **more: Any
) -> dict[str, Any]:
    """Everything that shapes the trained model, ready for JSON; equal settings mean the same run.

    `more`: settings of the recipe's own, by name.
    """
    values = args.to_dict()
    settings = {
        "method": method,
        "model": model_args.model_name_or_path,
        "dtype": model_args.dtype,
        "dataset": dataset,
        "effective_batch": effective_batch(args),
        **{name: values[name] for name in SHAPING if name in values},
        **more,
        "use_peft": model_args.use_peft,
        **{
            name: getattr(model_args, name) for name in (*OF_MODEL, *(OF_LORA if model_args.use_peft else ()))
        },
    }
    return json.loads(json.dumps(finite(settings), default=sorted))  # as it reads back from the file


def check_same_run(folder: Path, settings: dict[str, Any]) -> bool:
    """Whether the folder holds this very run, trained to its end; nothing of another run is ever overwritten.

    Raises:
        KomepError: the folder holds a run with other settings, or a settings file that cannot be read.
    """
    of_value = (folder / SUMMARY).is_file() or numbered(folder) or any(folder.glob("*.safetensors"))
    if not of_value:
        return False
    try:
        before = json.loads((folder / SETTINGS).read_text("utf-8"))
    except ValueError as error:
        raise KomepError(f"{folder / SETTINGS}: not JSON ({error}); take another --output_dir") from error
    changed = [
        key for key in before if not _same(before[key], settings.get(key))
    ]  # an older version recorded fewer
    for key in changed:
        if key not in EXTENDABLE or 0 < settings[key] < before[key]:
            raise KomepError(
                f"{folder} holds a run with {_differing(key, before[key], settings.get(key))}; "
                "take another --output_dir, or remove that folder"
            )
    return not changed and (folder / SUMMARY).is_file()


def _differing(key: str, was: Any, now: Any) -> str:
    """What a setting was and is; of data what their user set, and only where that is the same, that they have other rows."""
    if not (isinstance(was, dict) and isinstance(now, dict)):
        return f"{key} = {was!r}, this one has {now!r}"
    of_rows = ("fingerprint", "sha256", "version")
    names = [name for name in was if was[name] != now.get(name) and name not in of_rows]
    told = [f"{name} = {was[name]!r}, this one has {now.get(name)!r}" for name in names]
    return f"{key}: " + ("; ".join(told) or f"other rows in {was.get('name')}")


def _same(before: Any, now: Any) -> bool:
    """Whether a setting is what it was; data by what both versions recorded, and by their rows where both hashed them."""
    if not (isinstance(before, dict) and isinstance(now, dict) and "fingerprint" in before):
        return before == now
    by = "fingerprint" if before.keys() & now.keys() >= {"sha256"} else "sha256"
    return all(before[name] == now.get(name) for name in before if name != by)


def peak_memory_gib() -> dict[str, float | None]:
    """Largest memory of any process so far, in GiB: resident in the host, allocated on the GPU."""
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if platform.system() == "Darwin" else 1024)
    device = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    peaks = gather_object([(host, device)])
    host, device = (max(column) / 2**30 for column in zip(*peaks, strict=True))
    return {"host": round(host, 3), "device": round(device, 3) if device else None}


def installed_versions() -> dict[str, str | None]:
    """Version of Python and of each package that the figures depend on; None = not installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def pick_evaluation(metrics: dict[str, float] | None) -> dict[str, float] | None:
    """The held-out figures of one evaluation under the names of `pair_metrics`; None = there was none."""
    if metrics is None:
        return None
    return {**{name: metrics.get(f"eval_{name}") for name in FIGURES}, "seconds": metrics.get("eval_runtime")}


def compare_evaluations(evaluation: dict[str, dict | None]) -> str:
    """The held-out figures before and after training as a table of plain text."""
    before, after = evaluation["before"], evaluation["after"]
    if not after:
        return "no test split: nothing was evaluated"
    rows = [f"{'held-out pairs: ' + str(after['pairs']):<28}{'before':>10}{'after':>10}"]
    for name in FIGURES[1:-2]:
        sides = [(side or {}).get(name) for side in (before, after)]
        if sides == [None, None]:  # the method has no such figure
            continue
        values = (math.nan if value is None else value for value in sides)
        rows.append(f"{name:<28}" + "".join(f"{value:>10.4f}" for value in values))
    return "\n".join(rows)


def count_parameters(model: torch.nn.Module, trainable: bool) -> int:
    """Parameters, or only the trained ones; under ZeRO-3 a tensor is empty and `ds_numel` has its size."""
    chosen = (p for p in model.parameters() if p.requires_grad or not trainable)
    return sum(getattr(p, "ds_numel", p.numel()) for p in chosen)


def share_above_limit(lengths: list[int], limit: int | None) -> float:
    """Share of lengths above a limit, in tokens; 0 where there is none."""
    return 0.0 if limit is None else sum(length > limit for length in lengths) / len(lengths)


def mean_loss(history: list[dict[str, Any]], steps: int, loss: float, more: int) -> float | None:
    """Mean training loss of a resumed run over all its steps, as far as the earlier ones were logged.

    Args:
        history: log of the checkpoint; each loss in it is the mean since the one before.
        steps: those of the checkpoint.
        loss, more: mean over the steps since then, and how many these are.

    Returns:
        None where no loss is known.
    """
    total, counted, last = loss * more, more, 0
    for entry in history:
        if "loss" in entry and entry["step"] <= steps:
            total, counted = total + entry["loss"] * (entry["step"] - last), counted + entry["step"] - last
            last = entry["step"]
    return total / counted if counted else None


def summarise(
    trainer: Trainer,
    settings: dict[str, Any],
    loaded: int,
    rejects: list[dict[str, str]],
    result: dict[str, float],
    before: dict[str, float] | None,
    after: dict[str, float] | None,
    resumed: TrainerState,
) -> dict[str, Any]:
    """The content of `training_summary.json`.

    Args:
        trainer: after training and its last evaluation; one of ours, which tells `lengths` of its data.
        settings: from `describe_settings`.
        loaded: pairs of both splits before any was left out.
        rejects: those left out.
        result: metrics that `trainer.train` returned.
        before, after: metrics of the evaluations before and after training, if there is a test split.
        resumed: state of the checkpoint that this run went on from; a new one when there was none.

    Returns:
        Counts, shares (0 to 1), seconds, GiB. `seconds` is training alone, without evaluations, in this run;
        `tokens_seen` (without padding; both answers, each with the prompt) is that of the resumed runs too.
    """
    state, args = trainer.state, trainer.args
    entries = state.log_history[len(resumed.log_history) :]
    evaluations = [entry["eval_runtime"] for entry in entries if "eval_runtime" in entry]
    in_training = evaluations[:-1] if after else evaluations
    seconds = result["train_runtime"] - sum(in_training)
    tokens = state.num_input_tokens_seen - resumed.num_input_tokens_seen
    steps = state.global_step - resumed.global_step
    pairs = {"train": trainer.pairs, "test": len(trainer.eval_dataset or ())}
    model = trainer.accelerator.unwrap_model(trainer.model)
    return {
        **settings,
        "world_size": args.world_size,
        "distributed_type": trainer.accelerator.distributed_type.name,
        "device": args.device.type,
        "steps": state.global_step,
        "resumed_from_step": resumed.global_step,
        "epochs": state.epoch,
        "pairs": pairs,
        "dropped": dict(Counter(row["reason"] for row in rejects)),
        "share_dropped": len(rejects) / loaded,
        "share_truncated": share_above_limit(trainer.lengths(trainer.train_dataset), args.max_length),
        "parameters": count_parameters(model, trainable=False),
        "trainable_parameters": count_parameters(model, trainable=True),
        "tokens_seen": state.num_input_tokens_seen,
        "seconds": round(seconds, 3),
        "seconds_per_step": seconds / max(1, steps),
        "tokens_per_second": tokens / seconds if tokens else None,
        "peak_memory_gib": peak_memory_gib(),
        "train_loss": mean_loss(resumed.log_history, resumed.global_step, result["train_loss"], steps),
        "evaluation": {"before": pick_evaluation(before), "after": pick_evaluation(after)},
        "versions": installed_versions(),
    }
