"""How often are the verdict rules right? Result sets whose truth is known, through the project's own statistics.

    python -m benchmarks.verdict_rules [--studies 200] [--questions 435 3009] [--models 5] [--seeds 3]

A world gives each model a true change of accuracy. A question has a difficulty; a model's answers before and after share
it, so that most questions stay right or wrong, as in real runs; a training seed moves a model's change by a normal
draw (`--spread`, a standard deviation in accuracy). Each study draws answers, takes intervals by
`evaluation.statistics.significance` as `evaluation.compare` does, and asks every rule. A rule is *right* where it says what is true,
a *false alarm* where it says the opposite, and a *miss* where it stays undecided. Where the truth lies between the two
(a gain, but below `verdicts.GAIN`), neither word is right and only the shares are shown.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.experiments.verdicts import (
    CONFIRMED,
    GAIN,
    REFUTED,
    UNDECIDED,
    Effect,
    Verdict,
    differs,
    hardly_works,
    improves_all,
    works,
)
from evaluation.statistics.significance import pooled_interval

RULES: dict[str, Callable[..., Verdict]] = {
    "improves_all": improves_all,
    "differs": differs,
    "works": works,
    "hardly_works": hardly_works,
}
RESAMPLES = 1000
BASE_ACCURACY = 0.4
SHARED = 0.85  # correlation of a question's answers before and after


def worlds(models: int, size: float) -> dict[str, np.ndarray]:
    """True changes of the models: name -> (models,)."""
    half = models // 2
    mixed = np.array([size] * (models - half) + [0.0] * half)
    return {
        "none": np.zeros(models),
        "all improve": np.full(models, size),
        "mixed": mixed,
        "harm": np.full(models, -size),
        "one harmed": np.array([size] * (models - 1) + [-size]),
        # Where the rules are most easily wrong: a change just at the edge of what a word means.
        "one without": np.array([size] * (models - 1) + [0.0]),
        "at the line": np.full(models, GAIN),
    }


def truth(rule: str, changes: Sequence[float]) -> str | None:
    """What a rule ought to say; None where the truth lies between confirmed and refuted."""
    gains, none = [c >= GAIN for c in changes], [c <= 0 for c in changes]
    mean = float(np.mean(changes))
    if rule == "improves_all":
        return CONFIRMED if all(gains) else REFUTED if any(none) else None
    if rule == "differs":
        return CONFIRMED if any(gains) and any(none) else REFUTED if all(gains) or all(none) else None
    if rule == "works":
        return CONFIRMED if mean > 0 else REFUTED
    return CONFIRMED if mean <= 0 else REFUTED if mean > GAIN else None


@dataclass(frozen=True, slots=True)
class Study:
    """How a result set is drawn."""

    questions: int
    seeds: int
    spread: float


def draw_effect(rng: np.random.Generator, name: str, change: float, study: Study) -> Effect:
    """One model's effect, from answers to every question before and after, each seed with its own change."""
    from scipy.stats import norm

    common = rng.standard_normal(study.questions)

    def answers(accuracy: np.ndarray) -> np.ndarray:
        own = rng.standard_normal((len(accuracy), study.questions))
        ability = np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * own
        return (ability < norm.ppf(np.clip(accuracy, 0.001, 0.999))[:, None]).astype(np.int64)

    moved = BASE_ACCURACY + change + study.spread * rng.standard_normal(study.seeds)
    before, after = answers(np.array([BASE_ACCURACY])), answers(moved)
    low, high = pooled_interval(before, after, resamples=RESAMPLES)
    return Effect(name, float(after.mean() - before.mean()), low, high, study.questions, study.seeds)


def judge(changes: Sequence[float], study: Study, studies: int, seed: int = 0) -> dict[str, Counter]:
    """Rule -> how often it said what, over so many result sets of one world."""
    rng = np.random.default_rng(seed)
    said: dict[str, Counter] = {rule: Counter() for rule in RULES}
    for _ in range(studies):
        effects = [draw_effect(rng, f"model-{i}", change, study) for i, change in enumerate(changes)]
        for name, rule in RULES.items():
            said[name][rule(effects).outcome] += 1
    return said


def rates(said: Counter, right: str | None) -> tuple[float, float, float] | None:
    """(right, false alarm, miss) as shares; None where no word is right."""
    if right is None:
        return None
    n = sum(said.values())
    wrong = sum(said[word] for word in (CONFIRMED, REFUTED) if word != right)
    return said[right] / n, wrong / n, (said[UNDECIDED] / n if right != UNDECIDED else 0.0)


def main() -> None:
    """Print a line a world, size, n and rule."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--questions", type=int, nargs="+", default=[435, 3009])
    parser.add_argument("--models", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3])
    parser.add_argument("--spread", type=float, default=0.005)
    parser.add_argument("--sizes", type=float, nargs="+", default=[0.03, 0.10])
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print(
        "n, seeds, size, world, rule: right word | right, false alarm, miss | confirmed, refuted, undecided"
    )
    for questions in asked.questions:
        for seeds in asked.seeds:
            study = Study(questions, seeds, asked.spread)
            for size in asked.sizes:
                for world, changes in worlds(asked.models, size).items():
                    if world in ("none", "at the line") and size != asked.sizes[0]:
                        continue
                    said = judge(changes, study, asked.studies, asked.seed)
                    for rule, counts in said.items():
                        right = truth(rule, changes)
                        found = rates(counts, right)
                        shown = " ".join(f"{x:.3f}" for x in found) if found else "-"
                        words = " ".join(
                            f"{counts[w] / asked.studies:.2f}" for w in (CONFIRMED, REFUTED, UNDECIDED)
                        )
                        line = f"{questions:>5} {seeds} {size:.2f} {world:<11} {rule:<12} {right or '-':<9}"
                        print(f"{line} | {shown} | {words}", flush=True)


if __name__ == "__main__":
    main()
