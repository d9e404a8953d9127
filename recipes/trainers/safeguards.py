"""What all trainers here add to TRL's: a long run is not lost to a signal, nor to a loss that is no number.

- SIGTERM (what Slurm and most schedulers send first) saves a checkpoint at the end of the step and ends the program
  with exit code 0; `training_summary.json` is then missing, and the same command goes on from the checkpoint. A job
  that must requeue itself tests for that file: `[ -f OUT/training_summary.json ] || scontrol requeue $SLURM_JOB_ID`.
  It is enough that one process of the run gets the signal. A launcher of several processes that gets it kills them
  after 30 seconds (torch elastic; TORCH_ELASTIC_SHUTDOWN_TIMEOUT), which step and checkpoint must fit into.
- A loss or gradient that is not finite stops the run before the next checkpoint, with the step and the question ids
  of its batch.
- No checkpoint is written over or removed but the run's own (`training/output_folder.py`).
"""

import math
import os
import signal
import threading
from pathlib import Path

import torch
from accelerate.utils import gather_object, reduce
from datasets import Dataset
from training.checkpoints import begin_checkpoint, rotate
from transformers import TrainerCallback, TrainingArguments
from transformers.integrations import is_deepspeed_zero3_enabled

from komep_dataset.errors import KomepError
from trainers.adapters import fuse_adapters, leave_inputs


class GuardedTrainer:
    """Mixin for a trainer: keeps the batches of the step in progress, sees a loss that is not finite, has a `watch`.

    A trainer says with `chosen_columns` which columns of its dataset make the chosen conversation when put in a row,
    and with `chosen_rows(inputs)` which ids and which attention mask they became in a batch.
    """

    def __init__(self, *args, **kwargs):
        self.step_batches, self.step_finite = [], []
        self.pairs = len(kwargs["train_dataset"])  # before rows are joined by packing
        super().__init__(*args, **kwargs)
        check_topology(self.accelerator.distributed_type.name)
        if self.args.bf16 or self.args.fp16:
            leave_inputs(self.model)
        if not (self.is_fsdp_enabled or is_deepspeed_zero3_enabled()):
            fuse_adapters(self.model)
        # PEFT's card, written with every adapter, over the one that a user may have edited.
        if hasattr(self.model, "create_or_update_model_card"):
            self.model.create_or_update_model_card = lambda output_dir: None
        walk_only_to_switch(self.model)
        self.args.logging_nan_inf_filter = (
            False  # `Watch` ends the run; the filter asks the card after every batch
        )
        self.watch = Watch(self)
        self.add_callback(self.watch)

    def create_model_card(self, *_, **__) -> None:
        """None of TRL's, which would overwrite the recipe's own beside every checkpoint and at a push."""

    def _save_checkpoint(self, model, trial):
        """Trainer's, without its rotation, which removes whatever folder is called `checkpoint-…`."""
        checkpoint = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        limit = self.args.save_total_limit
        if self.args.should_save:
            begin_checkpoint(checkpoint)
        self.accelerator.wait_for_everyone()
        self.args.save_total_limit = None
        super()._save_checkpoint(model, trial)
        self.args.save_total_limit = limit
        if self.args.should_save:
            rotate(checkpoint, limit, self.state.best_model_checkpoint)

    def training_step(self, model, inputs, *args, **kwargs):
        self.step_batches.append(inputs)
        loss = super().training_step(model, inputs, *args, **kwargs)
        self.step_finite.append(
            torch.isfinite(loss).all()
        )  # read when the step ends: a card that is asked waits
        return loss

    def _init_training_state(self, max_steps, num_update_steps_per_epoch, num_train_epochs, *args, **kwargs):
        """Trainer's, which would take one more step where a checkpoint of the last one lies inside an epoch."""
        first, skipped = super()._init_training_state(
            max_steps, num_update_steps_per_epoch, num_train_epochs, *args, **kwargs
        )
        return (num_train_epochs, 0) if self.state.global_step >= max_steps else (first, skipped)

    def _issue_warnings_after_load(self, load_result):
        """Trainer's, but for weights that a checkpoint holds once and the model uses twice, as embeddings and as head."""
        tied = getattr(self.model, "all_tied_weights_keys", None) or {}
        missing = [name for name in load_result.missing_keys if name not in tied]
        super()._issue_warnings_after_load(load_result._replace(missing_keys=missing))

    def question_ids(self) -> list[str]:
        """Question ids of the step in progress, in the order of the dataset."""
        rows = []
        for ids, mask in map(self.chosen_rows, self.step_batches):
            rows += [row[kept.bool()].tolist() for row, kept in zip(ids, mask, strict=True)]
        return find_questions(self.train_dataset, self.chosen_columns, rows)


def check_topology(runs: str) -> None:
    """Raise `KomepError` where a launch file asks for sharding that this machine leaves out without a word."""
    asked = [kind for kind in ("DEEPSPEED", "FSDP") if os.environ.get(f"ACCELERATE_USE_{kind}") == "true"]
    if asked and runs not in asked:
        raise KomepError(
            f"the launch file asks for {asked[0]}, and {runs} would run in its place; without a GPU take "
            "accelerate_configs/cpu_zero3.yaml, which shards on the CPU, or cpu.yaml"
        )


def walk_only_to_switch(model: torch.nn.Module) -> None:
    """Let `train()` return at once where the model trains already: Trainer calls it before every batch.

    It walks all modules, of which a model with adapters has thousands, while the card has nothing to do.
    """
    walk, walked = model.train, None

    def train(mode: bool = True) -> torch.nn.Module:
        nonlocal walked
        if walked is not mode:
            walk(mode)
        walked = mode
        return model

    model.train = train


def find_questions(dataset: Dataset, columns: tuple[str, ...], rows: list[list[int]]) -> list[str]:
    """Question ids (else row numbers) of those rows of a tokenised dataset whose columns, joined, are among `rows`."""
    wanted, found = {tuple(row) for row in rows}, []
    parts = zip(*(dataset[column] for column in columns), strict=True)
    for index, part in enumerate(parts):
        if tuple(token for ids in part for token in ids) in wanted:
            found.append(dataset[index].get("question_id") or f"row {index}")
    return found


def any_process(args: TrainingArguments, *flags: bool) -> list[bool]:
    """Each flag, true where it is true in any process; every process must call it at the same step."""
    if args.world_size == 1:
        return list(flags)
    total = reduce(torch.tensor(flags, dtype=torch.float32, device=args.device), reduction="sum")
    return [value > 0 for value in total.tolist()]


class Watch(TrainerCallback):
    """Stops a run at the end of a step: on SIGTERM with a checkpoint, on a loss that is no number with an error."""

    def __init__(self, trainer: GuardedTrainer):
        self.trainer = trainer
        self.signalled = self.interrupted = False

    def on_train_begin(self, args, state, control, **_):
        if threading.current_thread() is threading.main_thread():  # only there can a handler be set
            self.before = signal.signal(signal.SIGTERM, self._remember)

    def on_train_end(self, args, state, control, **_):
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self.before)

    def _remember(self, *_) -> None:
        self.signalled = True
        if os.environ.get("RANK", "0") == "0":
            print("SIGTERM: a checkpoint is written at the end of this step", flush=True)

    def on_step_begin(self, args, state, control, **_):
        self.trainer.step_batches.clear()
        self.trainer.step_finite.clear()

    def on_step_end(self, args, state, control, **_):
        stop, broken = any_process(args, self.signalled, not torch.stack(self.trainer.step_finite).all())
        if broken:
            self._give_up(state.global_step, "the loss is not finite")
        if stop:  # of all processes at the same step
            self.interrupted = True
            control.should_save = control.should_training_stop = True
            control.should_evaluate = False  # the scheduler does not wait long
        return control

    def on_log(self, args, state, control, logs=None, **_):
        # Under fp16 an infinite gradient is normal: the scaler leaves that step out.
        norm = (logs or {}).get("grad_norm")
        if norm is not None and not math.isfinite(norm) and not args.fp16:
            self._give_up(state.global_step, "the gradient is not finite")

    def _give_up(self, step: int, what: str) -> None:
        ids = gather_object(self.trainer.question_ids())
        raise KomepError(
            f"step {step}: {what}; question ids of its batch: {', '.join(dict.fromkeys(ids)) or 'not known'}. Nothing "
            "was saved at this step. Lower --learning_rate, look at these rows, or train in bf16 rather than fp16"
        )
