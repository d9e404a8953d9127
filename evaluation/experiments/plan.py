"""A plan: what its cells take, as text with the arithmetic, and whether a results folder holds it or another one."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.experiments.cells import Cell
from evaluation.experiments.estimates import duration, evaluation_cost, training_cost
from evaluation.experiments.matrix import Matrix, Measure
from evaluation.experiments.state import CONFIG, read_json
from evaluation.statistics.chance import CHANGED, detectable_difference
from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import check_folder, check_writable, json_with, write_json
from komep_dataset.progress import counted
from komep_dataset.tables.problems import flat

PLAN = "plan.json"


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


def cell_cost(matrix: Matrix, cell: Cell) -> Cost:
    """What a cell takes; a training or evaluation that another cell owns costs nothing here."""
    rates, parameters = matrix.estimate, matrix.model(cell.model).parameters
    training, disk, lines = 0.0, 0.0, []
    if cell.language and cell.owner == cell.name:
        training, line = training_cost(rates, cell.method, cell.config["training"], parameters)
        disk = parameters * 1e9 * (rates.bytes_per_parameter + rates.checkpoint_bytes_per_parameter)
        lines.append(line)
    evaluation = 0.0
    for measure in matrix.benchmarks:
        if cell.outputs[measure.title].parent == cell.folder:
            seconds, line = evaluation_cost(
                rates, measure.title, measure.questions, measure.language, parameters
            )
            evaluation += seconds
            lines.append(line)
    return Cost(training, evaluation, disk, tuple(lines))


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
        f"{matrix.name}: {counted(len(cells), 'cell')} ({sum(not c.language for c in cells)} base, "
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
    lines += ["smallest effects that the questions show (paired, 5%, in 4 of 5 cases):"]
    lines += [
        f"  {line}" for measure in matrix.benchmarks for line in _detectable(measure, len(matrix.seeds))
    ]
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
        f"to do: {counted(len(left), 'cell')}, {duration(seconds)} one after the other ({duration(training)} of it training){hours}",
        f"disk: {disk / 1e9:,.1f} GB (each training: {rates.bytes_per_parameter:g} bytes a parameter for the model and "
        f"{rates.checkpoint_bytes_per_parameter:g} for the checkpoint that it keeps)",
    ]
    return lines


def _detectable(measure: Measure, seeds: int) -> Iterator[str]:
    """The smallest differences that a benchmark can show, in points, by the share of answers that a training changes.

    With several seeds the mean over them is compared: where they change the same answers, it shows no more than one seed does;
    where each changes others, about as much as one that changes so many times fewer. How far the seeds' accuracies lie apart
    comes on top.
    """
    n = measure.questions
    if n < 1:
        yield f"{measure.title}: how many questions is not stated (`questions`)"
        return
    shares = []
    for changed in CHANGED:
        most, least = (detectable_difference(n, share) for share in (changed, changed / seeds))
        ends = dict.fromkeys(f"{100 * one:.1f}" for one in (least, most) if one is not None)
        shown = f"{' to '.join(ends)} points" if ends else "none"
        shares.append(f"{shown} where {changed:.0%} of the answers change")
    yield f"{measure.title}, {counted(n, 'question')}, {counted(seeds, 'seed')}: {'; '.join(shares)}"


def first_difference(before: Any, after: Any) -> str | None:
    """`KEY: A there, B here` for the first key in which two configs differ; None where they are equal."""
    one, other = (flat(json.loads(json.dumps(v, default=str)), lists=False) for v in (before, after))
    for key in {**one, **other}:
        there, here = one.get(key, "nothing"), other.get(key, "nothing")
        if there != here:
            return f"{key}: {there!r} there, {here!r} here"
    return None


def check_plan(matrix: Matrix, cells: Sequence[Cell]) -> None:
    """Raise `KomepError` where the results folder holds something else, or another plan: another name, or a cell
    defined otherwise.

    Cells may be added (a seed, a model); those that are there stay what they are.
    """
    check_writable(
        check_folder(matrix.results, _holds_plan, f"{PLAN} of an experiment", "results"), "results"
    )
    plan = read_json(matrix.results / PLAN)
    if plan is None:
        return
    advice = "take another folder (`results`), or remove this one"
    if plan.get("name") != matrix.name:
        raise KomepError(
            f"{matrix.results} holds another plan: name: {plan.get('name')!r} there, {matrix.name!r} here; {advice}"
        )
    for cell in cells:
        config = read_json(cell.folder / CONFIG)
        difference = None if config is None else first_difference(config.get("defines", {}), cell.config)
        if difference:
            raise KomepError(f"{matrix.results} holds another plan: cell {cell.name}: {difference}; {advice}")


def _holds_plan(folder: Path) -> bool:
    """Whether the plan lies there, or nothing but what a kill left of its first writing."""
    path = folder / PLAN
    begun = all(entry.name.startswith(f".{PLAN}.") for entry in folder.iterdir())
    return json_with("name", "cells")[0](path) if path.is_file() else begun


def write_plan(matrix: Matrix, cells: Sequence[Cell]) -> None:
    """Write what the plan is: its name and the digest of each cell."""
    write_json(
        matrix.results / PLAN, {"name": matrix.name, "cells": {cell.name: cell.digest for cell in cells}}
    )
