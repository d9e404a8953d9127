"""What a plan will take: seconds, GPU hours and disk, from stated rates, with the arithmetic to read.

Two kinds of rates. Measured ones: tokens a second of each method on this machine (`training`), which is what a CPU run
states. Derived ones: parameters x operations a token / (devices x `flops` x `utilisation`), which is what is stated
where nothing was measured; `measured` names a file like docs/gpu/rates.yaml, which has `flops` and `utilisation` of a
card and its seconds a question. A training of n pairs sees n x `pair_tokens[language]` tokens an epoch (both answers,
each with its prompt; SFT sees half of them), an evaluation reads `question_tokens` and writes `reply_tokens` a question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from komep_dataset.config.yaml_records import read_yaml

if TYPE_CHECKING:
    from evaluation.experiments.cells import Cell
    from evaluation.experiments.matrix import Matrix

# Operations a parameter and token: forward 2, backward 4, forward again for activation checkpointing 2; DPO asks the
# reference once more (2).
OPERATIONS = {"dpo": 10, "orpo": 8, "sft": 8}
SIDES = {"dpo": 1.0, "orpo": 1.0, "sft": 0.5}  # share of a pair's tokens that a method trains on


@dataclass(frozen=True, slots=True)
class Cost:
    """What a cell takes, and how that was worked out."""

    training: float  # seconds
    evaluation: float  # seconds
    disk: float  # bytes
    arithmetic: tuple[str, ...]

    @property
    def seconds(self) -> float:
        return self.training + self.evaluation


def training_cost(matrix: Matrix, cell: Cell) -> tuple[float, str]:
    """Seconds of a training, and the sum as text."""
    rates, method = matrix.estimate, cell.method
    limit = cell.config["training"]["flags"].get("max_train_pairs")
    pairs = rates.pairs if limit is None else min(int(limit), rates.pairs or int(limit))
    held = cell.config["training"]["flags"].get("max_test_pairs")
    test = rates.test_pairs if held is None else min(int(held), rates.test_pairs or int(held))
    tokens, times = rates.pair_tokens.get(cell.language, 0.0), epochs(cell)
    per_second, shown = training_speed(matrix, cell)
    # The held-out pairs are read twice, forward alone: a third of what training on them takes.
    seconds = rates.startup + (times * pairs * SIDES[method] + 2 * test / 3) * tokens / per_second
    side = "" if SIDES[method] == 1 else f" x {SIDES[method]:g} (one answer)"
    return seconds, (
        f"{method} {cell.language}: {rates.startup:.0f} s start + ({times:g} epoch(s) x {pairs:,} pairs x "
        f"{tokens:,.0f} tokens{side} + "
        f"2 x {test:,} held-out pairs x {tokens:,.0f} / 3) / {per_second:,.0f} tokens/s{shown} = {seconds:,.0f} s"
    )


def epochs(cell: Cell) -> float:
    """`num_train_epochs` of a training: the experiment's flag, else the recipe's, else the trainers' default of 3."""
    training = cell.config["training"]
    recipe = read_yaml(Path(training["recipe"])) or {}
    return float(training["flags"].get("num_train_epochs", recipe.get("num_train_epochs", 3)))


def training_speed(matrix: Matrix, cell: Cell) -> tuple[float, str]:
    """Tokens a second of all devices together, and how that follows from the rates."""
    rates, method = matrix.estimate, cell.method
    for name in (f"{method}.{cell.language}", method):
        if name in rates.training:
            return rates.training[name], ""
    parameters = matrix.model(cell.model).parameters
    if not (rates.flops and parameters):
        return 1000.0, " (no rate stated: a guess)"
    speed = rates.devices * rates.flops * rates.utilisation / (OPERATIONS[method] * parameters * 1e9)
    return speed, (
        f" (= {rates.devices} x {rates.flops / 1e12:.0f} TFLOP/s x {rates.utilisation:g} / "
        f"({OPERATIONS[method]} x {parameters:g} x 10^9))"
    )


def evaluation_cost(matrix: Matrix, cell: Cell, title: str) -> tuple[float, str]:
    """Seconds of one evaluation, and the sum as text."""
    rates = matrix.estimate
    measure = next(m for m in matrix.benchmarks if m.title == title)
    n, start = measure.questions, rates.evaluation_startup
    if measure.language in rates.seconds_per_question:
        each = rates.seconds_per_question[measure.language]
        return (
            start + n * each,
            f"{title}: {start:.0f} s start + {n:,} questions x {each:.4g} s = {start + n * each:,.0f} s",
        )
    parameters = matrix.model(cell.model).parameters * 1e9
    if not (rates.flops and parameters):
        return start + n, f"{title}: {start:.0f} s start + {n:,} questions x 1 s (no rate stated: a guess)"
    # Prompts run at half of training's share of the peak; a token of a reply waits for one pass over the weights.
    reading = 2 * parameters * rates.question_tokens / (rates.devices * rates.flops * rates.utilisation / 2)
    writing = rates.reply_tokens * rates.decode_step / rates.batch / rates.devices
    seconds = start + n * (reading + writing)
    return seconds, (
        f"{title}: {start:.0f} s start + {n:,} questions x (2 x {parameters / 1e9:g} x 10^9 x "
        f"{rates.question_tokens:.0f} tokens / ({rates.devices} x {rates.flops / 1e12:.0f} TFLOP/s x "
        f"{rates.utilisation / 2:g}) + {rates.reply_tokens:.0f} tokens x {rates.decode_step:g} s / {rates.batch} / "
        f"{rates.devices}) = {seconds:,.0f} s"
    )


def cell_cost(matrix: Matrix, cell: Cell) -> Cost:
    """What a cell takes; a training or evaluation that another cell owns costs nothing here."""
    training, disk, lines = 0.0, 0.0, []
    if cell.language and cell.owner == cell.name:
        training, line = training_cost(matrix, cell)
        rates, parameters = matrix.estimate, matrix.model(cell.model).parameters * 1e9
        disk = parameters * (rates.bytes_per_parameter + rates.checkpoint_bytes_per_parameter)
        lines.append(line)
    evaluation = 0.0
    for title, folder in cell.outputs.items():
        if folder.parent == cell.folder:
            seconds, line = evaluation_cost(matrix, cell, title)
            evaluation += seconds
            lines.append(line)
    return Cost(training, evaluation, disk, tuple(lines))


def duration(seconds: float) -> str:
    """Seconds as `50 s`, `12 min` or `3.4 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def plan_lines(matrix: Matrix, cells: Sequence[Cell], done: Sequence[str] = ()) -> list[str]:
    """The plan as text: cells, what is shared, what it takes, with the arithmetic of each kind of cell once."""
    costs = {cell.name: cell_cost(matrix, cell) for cell in cells}
    left = [cell for cell in cells if cell.name not in done]
    seconds = sum(costs[cell.name].seconds for cell in left)
    training = sum(costs[cell.name].training for cell in left)
    rates = matrix.estimate
    releases = sorted({str(cell.release) for cell in cells if cell.release})
    shared = [cell for cell in cells if cell.owner != cell.name]
    lines = [
        f"{matrix.name}: {len(cells)} cells ({sum(not c.language for c in cells)} base, "
        f"{sum(bool(c.language) for c in cells)} trained), {len(done)} done; results in {matrix.results}",
        f"shared: {len(releases)} release(s); {len(shared)} cell(s) use the training of another; every base is "
        "evaluated once; DPO's reference log-probabilities are cached by content by the recipe; a subject's few-shot "
        "prefix is computed once an evaluation (its keys and values belong to one model's weights, so not across cells)",
        f"rates: {rates.source}",
        "arithmetic:",
    ]
    for model in matrix.models:
        lines.append(f"  {model.name}:")
        sums = (line for cell in cells if cell.model == model.name for line in costs[cell.name].arithmetic)
        lines += [f"    {line}" for line in dict.fromkeys(sums)]  # alike for all seeds: each once
    lines += ["cells, in order:"]
    lines += [
        f"  {'done' if cell.name in done else duration(costs[cell.name].seconds):>8}  {cell.name}"
        + (f"  (training of {cell.owner})" if cell.owner != cell.name else "")
        for cell in cells
    ]
    hours = (
        f" = {seconds / 3600 * rates.devices:,.1f} GPU hours on {rates.devices} GPUs" if rates.gpus else ""
    )
    disk = sum(cost.disk for cost in costs.values())
    lines += [
        f"to do: {len(left)} cells, {duration(seconds)} one after the other ({duration(training)} of it training){hours}",
        f"disk: {disk / 1e9:,.1f} GB (each training: {rates.bytes_per_parameter:g} bytes a parameter for the model and "
        f"{rates.checkpoint_bytes_per_parameter:g} for the checkpoint that it keeps)",
    ]
    return lines
