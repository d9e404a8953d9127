"""From the folders of cells to the rows of a report: paired comparisons by `evaluation.statistics.comparison`, and their states."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.experiments.cells import Cell, base_of
from evaluation.experiments.matrix import BASE, Matrix, Measure
from evaluation.experiments.state import evaluated, status
from evaluation.experiments.verdicts import STATEMENTS, Effect, Statement, Verdict
from evaluation.harness.output import Evaluation, read_evaluation
from evaluation.statistics.comparable import in_order_of
from evaluation.statistics.comparison import READINGS, Change, change, compare_all
from evaluation.statistics.significance import holm
from komep_dataset.errors import KomepError
from komep_dataset.templates import Said, say


@dataclass(frozen=True, slots=True)
class Arm:
    """All seeds of one (variant, model, method, language) on one benchmark, beside their base."""

    benchmark: Measure
    variant: str
    model: str
    method: str
    language: str
    cells: tuple[Cell, ...]  # one a seed; of a base the one
    measured: tuple[str, ...]  # cells whose evaluation is there
    problems: tuple[Said, ...]  # what is missing or failed, cell by cell
    n: int = 0
    changes: dict[str, Change] | None = None  # reading -> change from base; None where a side is missing
    base: Evaluation | None = None

    @property
    def title(self) -> str:
        language = f" {self.language}" if self.language else ""
        return f"{self.model} {self.method}{language}" + (f" [{self.variant}]" if self.variant else "")


def _groups(cells: Sequence[Cell]) -> dict[tuple[str, str, str, str], list[Cell]]:
    groups: dict[tuple[str, str, str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.variant, cell.model, cell.method, cell.language), []).append(cell)
    return groups


def _read(cell: Cell, title: str) -> tuple[Evaluation | None, Said | None]:
    """The evaluation of a cell if it is there, else why it is not."""
    folder = cell.outputs[title]
    if evaluated(folder):
        try:
            return read_evaluation(folder), None
        except KomepError as error:
            return None, say("{cell}: {state}", cell=cell.name, state=str(error))
    state, error = status(cell)
    last = error.splitlines()[-1].strip() if error else ""
    told = say("{state} ({error})", state=say(state), error=last[:200]) if last else say(state)
    return None, say("{cell}: {state}", cell=cell.name, state=told)


def _arm(
    measure: Measure,
    key: tuple[str, str, str, str],
    group: Sequence[Cell],
    cells: Sequence[Cell],
    readings: Collection[str],
) -> Arm:
    variant, model, method, language = key
    read = [(cell, *_read(cell, measure.title)) for cell in group]
    found = [evaluation for _, evaluation, _ in read if evaluation]
    problems = [problem for *_, problem in read if problem]
    arm = Arm(
        measure, variant, model, method, language, tuple(group), tuple(c.name for c, e, _ in read if e), ()
    )
    base_cell = base_of(cells, group[0])
    base, problem = _read(base_cell, measure.title) if base_cell else (None, say("no base in this plan"))
    arm = replace(arm, base=base, n=base.results["n"] if base else found[0].results["n"] if found else 0)
    if method != BASE and problem:
        problems.append(say("base: {problem}", problem=problem))
    if method != BASE and found and base:
        try:
            comparison = compare_all(base, [found])[0]
            changes = {reading: getattr(comparison, reading) for reading in READINGS}
            tuned = [in_order_of(base, one) for one in found]
            more = {r: change([base.predictions], tuned, r) for r in readings if r not in changes}
            arm = replace(arm, changes=changes | more)
        except KomepError as error:
            problems.append(say(str(error)))
    return replace(arm, problems=tuple(problems))


def _with_holm(arms: Sequence[Arm]) -> list[Arm]:
    """p-values corrected over all comparisons of one benchmark, each reading for itself."""
    compared = [arm for arm in arms if arm.changes]
    readings = compared[0].changes if compared else ()
    corrected = {r: iter(holm([arm.changes[r].p_value for arm in compared])) for r in readings}
    return [
        replace(arm, changes={r: replace(arm.changes[r], p_holm=next(corrected[r])) for r in readings})
        if arm.changes
        else arm
        for arm in arms
    ]


def read_arms(matrix: Matrix, cells: Sequence[Cell]) -> dict[str, list[Arm]]:
    """Benchmark title -> its arms, base first, with changes where both sides are there."""
    return {
        measure.title: _with_holm(
            [_arm(measure, key, group, cells, matrix.readings) for key, group in _groups(cells).items()]
        )
        for measure in matrix.benchmarks
    }


def effects_of(
    matrix: Matrix, arms: dict[str, list[Arm]], statement: Statement, reading: str
) -> tuple[list[Effect], list[str], str]:
    """(effects, models without one, benchmark) that a statement is about: plain variant, first benchmark of a language."""
    measure = next((m for m in matrix.benchmarks if m.language == statement.tested), None)
    if measure is None:
        return [], [model.name for model in matrix.models], ""
    first = matrix.variants[0].name
    chosen = {
        arm.model: arm.changes[reading]
        for arm in arms[measure.title]
        if arm.changes
        and (arm.variant, arm.method, arm.language) == (first, statement.method, statement.trained)
    }
    sizes = {arm.model: (arm.n, len(arm.measured)) for arm in arms[measure.title] if arm.method == statement.method
             and (arm.variant, arm.language) == (first, statement.trained)}  # fmt: skip
    effects = [Effect(name, c.difference, *c.interval, *sizes[name]) for name, c in chosen.items()]
    return effects, [m.name for m in matrix.models if m.name not in chosen], measure.title


@dataclass(frozen=True, slots=True)
class Decided:
    """A statement with its verdict under each reading."""

    statement: Statement
    benchmark: str
    models: int
    verdicts: dict[str, Verdict]

    @property
    def rule(self) -> str:
        """The rule in words: the first line of its function's docstring."""
        return (self.statement.rule.__doc__ or "").strip()


def decide(matrix: Matrix, arms: dict[str, list[Arm]]) -> list[Decided]:
    """Every statement of the paper, decided by its rule."""
    found = []
    for statement in STATEMENTS:
        verdicts, benchmark, models = {}, "", 0
        for reading in READINGS:
            effects, missing, benchmark = effects_of(matrix, arms, statement, reading)
            verdicts[reading], models = statement.rule(effects, missing), len(effects)
        found.append(Decided(statement, benchmark, models, verdicts))
    return found


def link(path: Path, root: Path) -> str:
    """A path relative to the report's folder, with forward slashes."""
    return path.relative_to(root).as_posix()
