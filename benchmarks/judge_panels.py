"""Which judges, and which way of agreeing, give truer pairs: one judge or several, on verdicts of people.

    python -m benchmarks.judge_panels [--hidden 0.05 0.1 0.2] [--wrong 0.05 0.1] [--together 0 0.5] [--draws 20]

The material and what counts are those of `benchmarks.unknown_units`. Each judge leaves units without a verdict and says the
opposite on others; `together`: in this part of its units it does what all judges do there, as models that were trained on the
same texts err on the same units. Units that are false are hidden three times as often as true ones. `calls`: questions to a judge
for each unit.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.unknown_units import (
    BIAS,
    factbench,
    frame_of,
    in_groups,
    pairs_by,
    spread,
    whole_answers,
    wrong_way,
)
from komep_dataset.config.config import ALL, APPEAL, MAJORITY
from komep_dataset.pairs.utility import UNKNOWN_UNITS
from komep_dataset.schema import Status, Verdict
from komep_dataset.scores.agreement import Answered, agreed, hanging, is_open
from tests.real_data import DATA

# Name -> (judges, their agreement).
PANELS = {
    "one judge": (1, ALL),
    "2, all": (2, ALL),
    "2, appeal": (2, APPEAL),
    "3, all": (3, ALL),
    "3, majority": (3, MAJORITY),
    "3, appeal": (3, APPEAL),
}
JUDGES = 3
HEAD = f"{'hidden':<8}{'wrong':<7}{'together':<10}{'judges':<13}{'calls':<7}{'unknown':<9}{'way':<8}{'pairs':<18}the wrong way round"
Answers = list[list[list[str]]]  # answer, unit -> a verdict of each judge


@dataclass(frozen=True, slots=True)
class World:
    """How judges err."""

    hidden: float
    wrong: float
    together: float


def said_by_judges(rows: list[dict], world: World, draw: np.random.Generator) -> Answers:
    """What each judge says of each unit of each answer."""
    rates = dict(zip(("true", "false"), BIAS["false"], strict=True))
    found = []
    for row in rows:
        units = []
        for unit in row["units"]:
            truth = unit["verdict"]
            shared, own = draw.random(2), draw.random((JUDGES, 2))
            like_all = draw.random(JUDGES) < world.together
            lots = [shared if same else one for same, one in zip(like_all, own, strict=True)]
            units.append([_verdict(truth, *lot, world.hidden * rates[truth], world.wrong) for lot in lots])
        found.append(units)
    return found


def _verdict(truth: str, hides: float, errs: float, hidden: float, wrong: float) -> str:
    if hides < hidden:
        return Verdict.UNKNOWN.value
    return truth if errs >= wrong else "false" if truth == "true" else "true"


def combined(
    rows: list[dict], said: Answers, panel: tuple[int, str], way: str
) -> tuple[list[list[str]], float]:
    """The verdicts of a panel, and how often a judge was asked for each unit."""
    judges, agreement = panel
    said = [[unit[:judges] for unit in units] for units in said]
    if agreement != APPEAL:
        return [[agreed(unit, agreement) for unit in units] for units in said], float(judges)
    keys = [(row["question_id"], row["model"]) for row in rows]
    asked = [[unit[:1] for unit in units] for units in said]

    def ask_next(due) -> None:
        for key, whole, units in zip(keys, said, asked, strict=True):
            for at, unit in enumerate(units):
                if len(unit) < judges and due(key, unit):
                    units[at] = whole[at][: len(unit) + 1]

    for _ in range(judges - 1):
        ask_next(lambda key, unit: is_open(unit))
    now = [[agreed(unit, agreement) for unit in units] for units in asked]
    answers = [
        Answered(*k, len(r["response"] or ""), tuple(v)) for k, r, v in zip(keys, rows, now, strict=True)
    ]
    hang = hanging(answers, way, 0.0)
    ask_next(lambda key, unit: len(unit) == 1 and (*key, unit[0]) in hang)
    for _ in range(judges - 2):
        ask_next(lambda key, unit: is_open(unit))
    calls = sum(len(unit) for units in asked for unit in units) / sum(map(len, asked))
    return [[agreed(unit, agreement) for unit in units] for units in asked], calls


def framed(rows: list[dict], verdicts: list[list[str]]):
    found = []
    for row, own in zip(rows, verdicts, strict=True):
        units = [{"text": u["text"], "verdict": v} for u, v in zip(row["units"], own, strict=True)]
        status = Status.UNPARSED if Verdict.UNKNOWN in own else Status.SCORED
        found.append({**row, "units": units, "dahl_score": None, "status": status.value})
    return frame_of(found)


def measured(
    rows: list[dict], grouped: bool, world: World, draws: int
) -> Iterator[tuple[str, str, np.ndarray]]:
    """(panel, way, (draws, 4): pairs, share the wrong way round, calls a unit, share of unknown units)."""
    found: dict[tuple[str, str], list] = {key: [] for key in product(PANELS, UNKNOWN_UNITS)}
    for seed in range(draws):
        draw = np.random.default_rng(seed)
        frame = frame_of(in_groups(rows, draw) if grouped else rows)
        some = frame.to_dicts()
        truth = {(r["question_id"], r["model"]): r["dahl_score"] for r in some}
        said = said_by_judges(some, world, draw)
        for (name, panel), way in product(PANELS.items(), UNKNOWN_UNITS):
            verdicts, calls = combined(some, said, panel, way)
            unknown = np.mean([v == Verdict.UNKNOWN for own in verdicts for v in own])
            pairs = pairs_by(framed(some, verdicts))[way]
            found[name, way].append(
                (len(pairs), wrong_way(pairs, truth) / max(len(pairs), 1), calls, unknown)
            )
    return ((*key, np.array(figures)) for key, figures in found.items())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real material")
    parser.add_argument("--hidden", type=float, nargs="+", default=[0.05, 0.1, 0.2])
    parser.add_argument("--wrong", type=float, nargs="+", default=[0.05, 0.1])
    parser.add_argument("--together", type=float, nargs="+", default=[0.0, 0.5])
    parser.add_argument("--draws", type=int, default=20)
    arguments = parser.parse_args()
    if not (arguments.data / "expertqa").is_dir():
        parser.error(f"{arguments.data}: the real material is not here; name its folder with --data")
    materials = {
        "ExpertQA": (whole_answers(arguments.data), False),
        "FactBench in fives": (factbench(arguments.data / "factbench" / "claims.jsonl"), True),
    }
    for name, (rows, grouped) in materials.items():
        print(f"\n{name}, wholly judged: {len(rows)} answers\n{HEAD}")
        for wrong, hidden, together in product(arguments.wrong, arguments.hidden, arguments.together):
            for panel, way, figures in measured(
                rows, grouped, World(hidden, wrong, together), arguments.draws
            ):
                pairs, share = (spread(figures[:, i], form) for i, form in enumerate((".0f", ".1%")))
                calls, unknown = figures[:, 2].mean(), figures[:, 3].mean()
                print(
                    f"{hidden:<8.0%}{wrong:<7.0%}{together:<10.0%}{panel:<13}{calls:<7.2f}{unknown:<9.1%}{way:<8}{pairs:<18}{share}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
