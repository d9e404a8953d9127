"""Rules that decide statements, where the truth is known."""

import random

import pytest

from benchmarks.verdict_rules import Study, judge, rates, truth, worlds
from evaluation.experiments.verdicts import Effect, bounds, improves_all, no_gain, works


def test_an_interval_without_width_excludes_nothing_on_few_questions():
    flat = Effect("m", 0.0, 0.0, 0.0, n=40)
    assert bounds(flat) == pytest.approx((-0.075, 0.075)) and not no_gain(flat)
    assert improves_all([flat]).outcome == works([flat]).outcome == "undecided"
    assert improves_all([Effect("m", 0.0, 0.0, 0.0, n=3009)]).outcome == "refuted"


def test_more_models_never_make_a_refutation_easier():
    rng = random.Random(0)
    for _ in range(200):
        middle, half = rng.uniform(-0.1, 0.1), rng.uniform(0, 0.1)
        effect = Effect("m", middle, middle - half, middle + half, n=rng.randint(50, 5000))
        assert no_gain(effect, 1) or not no_gain(effect, 5)


@pytest.mark.parametrize("world", ["none", "all improve", "harm"])
def test_rules_on_known_effects(world):
    """A small piece of benchmarks/verdict_rules.py: hardly a false alarm, and few misses of a large effect."""
    changes = worlds(3, 0.1)[world]
    for rule, said in judge(changes, Study(questions=1500, seeds=3, spread=0.005), studies=8).items():
        found = rates(said, truth(rule, changes))
        assert found[1] <= 1 / 8, (rule, said)
        if world != "none":
            assert found[0] >= 7 / 8, (rule, said)
