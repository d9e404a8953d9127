"""One short line for each logging step: where the run is, how it does, how fast it is and how long it will take."""

import time

from tqdm.auto import tqdm
from transformers import PrinterCallback, ProgressCallback, Trainer, TrainerCallback

# Name in the trainer's log entry -> name in the line.
TRAIN = {"loss": "loss", "rewards/accuracies": "accuracy", "rewards/margins": "margin"}
TRAIN |= {
    "gains/accuracies": "gain accuracy",
    "gains/margins": "nats gained",
}  # where a loss has another reward
HELD_OUT = {"eval_loss": "loss", "eval_gain_accuracy": "gain accuracy", "eval_margin": "margin"}


def clock(seconds: float) -> str:
    """Seconds as 1:02:03, or 2:03 where there are no hours."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def compose(
    step: int, steps: int, logs: dict[str, float], tokens_per_second: float | None, seconds_left: float | None
) -> str | None:
    """The line of a log entry; None for entries that are neither of a step nor of an evaluation.

    Args:
        step, steps: optimiser steps done, and of the whole run.
        tokens_per_second: without padding, evaluations left out; None = not known.
        seconds_left: None = not known.
    """
    held_out = "eval_loss" in logs
    if not held_out and "loss" not in logs:
        return None
    names = HELD_OUT if held_out else TRAIN
    figures = [f"{label} {logs[name]:.4f}" for name, label in names.items() if logs.get(name) is not None]
    if not held_out and tokens_per_second is not None:
        figures.append(f"{tokens_per_second:,.0f} tokens/s")
    if not held_out and seconds_left is not None:
        figures.append(f"{clock(seconds_left)} left")
    return "  ".join([f"step {step}/{steps}" + (" held-out" if held_out else ""), *figures])


class LogLines(TrainerCallback):
    """Writes `compose` of every log entry in the main process, above the progress bar where there is one."""

    seconds, first_step, first_tokens = 0.0, 0, 0

    def on_train_begin(self, args, state, control, **_):
        self.seconds, self.first_step, self.first_tokens = 0.0, state.global_step, state.num_input_tokens_seen

    def on_step_begin(self, args, state, control, **_):
        self.started = time.perf_counter()

    def on_step_end(self, args, state, control, **_):
        self.seconds += time.perf_counter() - self.started

    def on_log(self, args, state, control, logs=None, **_):
        rate = left = None
        done = state.global_step - self.first_step
        if done > 0 and self.seconds > 0:
            rate = (state.num_input_tokens_seen - self.first_tokens) / self.seconds or None
            left = (state.max_steps - state.global_step) * self.seconds / done
        line = compose(state.global_step, state.max_steps, logs or {}, rate, left)
        if line is not None and state.is_world_process_zero:
            tqdm.write(line)


class Bar(ProgressCallback):
    """The progress bar of `transformers` without its log entries, which `LogLines` writes."""

    def on_log(self, args, state, control, logs=None, **_):
        pass


def use_log_lines(trainer: Trainer) -> None:
    """Put our lines in the place of the raw entries that `transformers` prints."""
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    if not trainer.args.disable_tqdm:
        trainer.add_callback(Bar)
    trainer.add_callback(LogLines)
