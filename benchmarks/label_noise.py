"""Is the expected share of flipped pairs the true one? A simulation in which the truth is known.

    python -m benchmarks.label_noise [--questions 1500] [--seeds 3]

Five models answer questions; each unit is true or false; a judge with known sensitivity and specificity says
what it takes it for; the pairs are those that the project's own rules pick from the judge's verdicts.
Compared, by margin: the share of flips that `komep_dataset.audit.flip_model` expects from the verdicts alone, and
the true one. The worlds differ in where the truth comes from; only `as modelled` is what the estimate
assumes. `flat` is what the same formula expects without a prior fitted to the set; `error` the mean distance
of expected and true share over bins of the margin.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import expit, logit

from komep_dataset.audit.flip_model import Judge, Prior, flip_probabilities
from komep_dataset.audit.label_noise import answer_counts, by_margin, recommend_min_margin
from komep_dataset.pairs.rules import select_pairs
from komep_dataset.schema import ScoredGeneration, polars_schema

MODELS = {"a": 0.35, "b": 0.45, "c": 0.6, "d": 0.7, "e": 0.8}  # mean share of true units
JUDGES = {
    "perfect": Judge(1.0, 1.0),
    "good": Judge(0.95, 0.9),
    "fair": Judge(0.85, 0.8),
    "lenient": Judge(0.95, 0.5),
    "poor": Judge(0.65, 0.6),
}
PURITIES = (0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True, slots=True)
class World:
    """Where the truth comes from: `shares(rng, means, questions)` gives [question, model] true shares;
    `shared` is the share of units that answers to one question have in common, verdict included."""

    shares: Callable
    shared: float = 0.0


def modelled(rng, means, questions, ease=0.8, precision=4.0):
    centre = expit(logit(means)[None, :] + ease * rng.normal(size=(questions, 1)))
    return rng.beta(centre * precision, (1 - centre) * precision)


def all_or_little(rng, means, questions):
    """An answer is either nearly right or nearly wrong."""
    return np.where(rng.random((questions, len(means))) < means[None, :], 0.95, 0.15)


def normal_logits(rng, means, questions):
    """Hard questions are hard for all, and for some models more than for others."""
    return expit(
        logit(means)[None, :]
        + 1.5 * rng.normal(size=(questions, 1))
        + rng.normal(size=(questions, len(means)))
    )


def alike(rng, means, questions):
    """All models have the same share, in every question: margins are luck alone."""
    return np.full((questions, len(means)), 0.6)


WORLDS = {
    "as modelled": World(modelled),
    "all or little": World(all_or_little),
    "hard questions": World(normal_logits),
    "all alike": World(alike),
    "shared units": World(modelled, shared=0.4),
}


def simulate(world: World, judge: Judge, questions: int, seed: int) -> pl.DataFrame:
    """Scored generations; the text of a unit begins with `t` or `f`, its truth."""
    rng = np.random.default_rng(seed)
    shares = world.shares(rng, np.array(list(MODELS.values())), questions)
    rows = []
    for question in range(questions):
        pool = _units(rng, np.full(12, shares[question].mean()), judge, "s")
        for model, share in zip(MODELS, shares[question], strict=True):
            own = _units(rng, np.full(rng.integers(3, 9), share), judge, "o")
            drawn = rng.permutation(12)
            units = [pool[drawn[i]] if rng.random() < world.shared else own[i] for i in range(len(own))]
            rows.append(_generation(f"{question:016x}", model, units, " " * int(rng.integers(1, 50))))
    return pl.DataFrame(rows, schema=polars_schema(ScoredGeneration))


def _units(rng, shares, judge: Judge, kind: str) -> list[dict]:
    true = rng.random(len(shares)) < shares
    called = rng.random(len(shares)) < np.where(true, judge.sensitivity, 1 - judge.specificity)
    return [
        {"text": f"{'t' if t else 'f'}{kind}{i}", "verdict": "true" if c else "false"}
        for i, (t, c) in enumerate(zip(true, called, strict=True))
    ]


def _generation(question_id: str, model: str, units: list[dict], padding: str) -> dict:
    score = sum(u["verdict"] == "true" for u in units) / len(units)
    response = model + padding.replace(" ", ".")
    named = {"question_id": question_id, "model": model, "question": question_id, "category": "simulated"}
    return named | {"response": response, "units": units, "dahl_score": score, "status": "scored"}


def true_flips(pairs: pl.DataFrame, scored: pl.DataFrame) -> np.ndarray:
    """1 where the rejected answer has the larger true share, 0.5 where they are equal, else 0."""
    truth = scored.select(
        "question_id",
        "model",
        share=pl.col("units").list.eval(pl.element().struct.field("text").str.starts_with("t")).list.mean(),
    )
    for side in ("chosen", "rejected"):
        own = truth.rename({"model": f"{side}_model", "share": f"{side}_truth"})
        pairs = pairs.join(own, on=["question_id", f"{side}_model"], how="left", maintain_order="left")
    gap = (pairs["chosen_truth"] - pairs["rejected_truth"]).to_numpy()
    return (gap < -1e-9) + 0.5 * (np.abs(gap) <= 1e-9)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of each pair: margin, expected probability to be flipped, and whether it is (0, 0.5, 1).

    `flat`: what is expected by a prior that knows nothing, and so takes the luck of the best for quality.
    """

    margin: np.ndarray
    expected: np.ndarray
    true: np.ndarray
    flat: np.ndarray

    def bins(self) -> list[tuple[dict, float]]:
        """Each bin of the margin with what is expected, and the true share."""
        return [
            (expected, true["flipped"])
            for expected, true in zip(
                by_margin(self.margin, self.expected), by_margin(self.margin, self.true), strict=True
            )
        ]

    def calibration_error(self) -> float:
        """Mean of |expected - true| over the bins, weighted by pairs."""
        return sum(e["pairs"] * abs(e["flipped"] - t) for e, t in self.bins()) / len(self.margin)


def outcome(world: World, judge: Judge, questions: int, seed: int) -> Outcome:
    """One simulated set: what is expected of its pairs, and what is true."""
    scored = simulate(world, judge, questions, seed)
    pairs, _ = select_pairs(scored)
    counts = answer_counts(scored)
    flat = Prior(dict.fromkeys(MODELS, 0.0), precision=2.0, ease=0.01)
    return Outcome(
        margin=pairs["score_margin"].to_numpy(),
        expected=flip_probabilities(pairs, counts, judge),
        true=true_flips(pairs, scored),
        flat=flip_probabilities(pairs, counts, judge, flat),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=1500)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    for world_name, world in WORLDS.items():
        print(f"\n{world_name}: {options.questions} questions, {options.seeds} seeds")
        print(
            f"{'judge':10}{'flipped':>9}{'expected':>10}{'flat':>8}{'error':>8}  purity reached at the margin for a wanted one"
        )
        for judge_name, judge in JUDGES.items():
            runs = [outcome(world, judge, options.questions, seed) for seed in range(options.seeds)]
            print(judge_name.ljust(10) + _line(runs))
            if world_name == "as modelled" and judge_name == "fair":
                fair = runs
        if world_name == "as modelled":
            _print_bins(fair[0])


def _line(runs: list[Outcome]) -> str:
    true, expected, flat = (
        np.mean([getattr(r, name).mean() for r in runs]) for name in ("true", "expected", "flat")
    )
    error = np.mean([r.calibration_error() for r in runs])
    return f"{true:9.1%}{expected:10.1%}{flat:8.1%}{error:8.2%}  " + "  ".join(
        _reached(runs, p) for p in PURITIES
    )


def _reached(runs: list[Outcome], purity: float) -> str:
    """The true purity of what is kept at the recommended margin, and the share of pairs kept."""
    found = [(recommend_min_margin(r.margin, r.expected, purity), r) for r in runs]
    kept = [
        (1 - r.true[r.margin > f["min_margin"]].mean(), f["pairs"] / len(r.margin))
        for f, r in found
        if f["min_margin"] is not None
    ]
    if not kept:
        return f"{purity:.0%}: not reached"
    pure, share = np.mean(kept, axis=0)
    return f"{purity:.0%}: {pure:.1%} (keeps {share:.0%})"


def _print_bins(one: Outcome) -> None:
    print("\n  the judge `fair`, first seed:  margin     pairs  expected    true")
    for expected, true in one.bins():
        print(
            f"{expected['low']:31.1f} to {expected['high']:.1f}{expected['pairs']:8}{expected['flipped']:10.1%}{true:8.1%}"
        )


if __name__ == "__main__":
    main()
