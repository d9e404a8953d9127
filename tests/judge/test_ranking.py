"""What errors do to the ranking, against closed forms and sums over all outcomes."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from komep_dataset.judge.ranking import Rates, Sides, pair_sides, simulate
from komep_dataset.pairs.generations import read_scored
from komep_dataset.release.build import build
from komep_dataset.samples import SAMPLE_INPUT


def exact(pair: Sides, rates: Rates) -> tuple[float, float, float]:
    """(flipped, tied, lost) of one pair by summing over every outcome, with no draw at all."""

    def chance(k: int, n: int, p: float) -> float:
        return math.comb(n, k) * p**k * (1 - p) ** (n - k)

    def called(true: int, false: int) -> dict[int, float]:
        read_true, read_false = rates.true_true + rates.true_false, rates.false_true + rates.false_false
        readable = read_true**true * read_false**false
        share_true = rates.true_true / read_true if read_true else 0.0
        share_false = rates.false_true / read_false if read_false else 0.0
        found: dict[int, float] = {}
        for a in range(true + 1):
            for b in range(false + 1):
                p = readable * chance(a, true, share_true) * chance(b, false, share_false)
                found[a + b] = found.get(a + b, 0.0) + p
        return found

    chosen, rejected = (
        called(pair.chosen_true, pair.chosen_false),
        called(pair.rejected_true, pair.rejected_false),
    )
    nc, nr = pair.chosen_true + pair.chosen_false, pair.rejected_true + pair.rejected_false
    flipped = sum(p * q for a, p in chosen.items() for b, q in rejected.items() if a * nr < b * nc)
    tied = sum(p * q for a, p in chosen.items() for b, q in rejected.items() if a * nr == b * nc)
    return flipped, tied, 1 - sum(chosen.values()) * sum(rejected.values())


def test_one_true_unit_against_one_false_one_flips_as_the_closed_form_says():
    rates = Rates(true_true=0.8, true_false=0.2, false_true=0.3, false_false=0.7)
    found = simulate([Sides(1, 0, 0, 1)] * 200, rates, draws=500, seed=1)
    flipped = 0.2 * 0.3  # the true one called false and the false one true
    assert found.flipped.mean == pytest.approx(flipped, abs=4 * math.sqrt(flipped * (1 - flipped) / 100_000))
    assert found.tied.mean == pytest.approx(0.8 * 0.3 + 0.2 * 0.7, abs=0.01) and found.lost.mean == 0
    assert exact(Sides(1, 0, 0, 1), rates) == pytest.approx((0.06, 0.38, 0.0))


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(*[st.integers(0, 4)] * 4).filter(lambda t: t[0] + t[1] and t[2] + t[3]),
    st.tuples(*[st.integers(0, 100).map(lambda percent: percent / 100)] * 4),
)
def test_the_simulation_agrees_with_the_sum_over_all_outcomes(counts, raw):
    pair = Sides(*counts)
    rates = Rates(raw[0], (1 - raw[0]) * raw[1], raw[2], (1 - raw[2]) * raw[3])
    found = simulate([pair] * 100, rates, draws=200)
    for share, p in zip((found.flipped, found.tied, found.lost), exact(pair, rates), strict=True):
        assert share.mean == pytest.approx(p, abs=6 * math.sqrt(max(p * (1 - p), 1e-4) / 20_000))


def test_the_same_seed_gives_the_same_ranking_and_no_pairs_give_none():
    pairs, rates = [Sides(3, 1, 1, 3), Sides(2, 0, 1, 1)], Rates(0.9, 0.1, 0.2, 0.7)
    assert simulate(pairs, rates, draws=50) == simulate(pairs, rates, draws=50)
    assert simulate(pairs, rates, draws=50) != simulate(pairs, rates, draws=50, seed=1)
    assert simulate([], rates) is None


def test_the_pairs_of_the_sample_are_those_that_the_build_makes(tmp_path):
    sides = pair_sides(read_scored([SAMPLE_INPUT]))
    assert len(sides) == build([], tmp_path / "komep").facts["pairs"]
    assert len(pair_sides(read_scored([tmp_path / "komep"]))) == len(
        sides
    )  # a release does as well as a table
    for s in sides:
        chosen, rejected = s.chosen_true + s.chosen_false, s.rejected_true + s.rejected_false
        assert s.chosen_true * rejected > s.rejected_true * chosen
