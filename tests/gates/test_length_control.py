"""Length control keeps the most pairs that its rule allows, against brute force."""

import math

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from komep_dataset.gates.length_control import CALIPER, length_controlled
from tests.gates.narrow_pairs import kept_ids, pairs_of, shuffled


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=30))
def test_length_control_keeps_the_most_pairs_that_its_rule_allows(lengths):
    frame = pairs_of([{"chosen_length": c, "rejected_length": r} for c, r in lengths])
    kept = length_controlled(frame)
    ratios = [math.log(max(c, 1)) - math.log(max(r, 1)) for c, r in lengths]
    of_kept = [ratio for ratio, keep in zip(ratios, kept, strict=True) if keep]
    longer, shorter = ([abs(x) for x in ratios if x * sign > 0] for sign in (1, -1))
    fits = csr_array(np.array([[abs(a - b) <= CALIPER for b in shorter] for a in longer] or [[False]]))
    most = int((maximum_bipartite_matching(fits) >= 0).sum()) if shorter else 0
    assert sum(x > 0 for x in of_kept) == sum(x < 0 for x in of_kept) == most
    assert sum(x == 0 for x in of_kept) == ratios.count(0)
    assert abs(sum(of_kept)) <= CALIPER * most + 1e-9
    other = shuffled(frame)
    assert kept_ids(frame, kept) == kept_ids(other, length_controlled(other))


def test_length_control_takes_the_length_out_of_the_label():
    rng = np.random.default_rng(0)
    sizes = np.exp(rng.normal([5.3, 5.0], 0.5, size=(3000, 2))).astype(int)
    frame = pairs_of([{"chosen_length": int(c), "rejected_length": int(r)} for c, r in sizes])

    def correlation(of: pl.DataFrame) -> float:
        values = np.log(np.concatenate([of["chosen_length"], of["rejected_length"]]))
        return stats.pointbiserialr(np.repeat([1, 0], of.height), values).statistic

    kept = frame.filter(length_controlled(frame))
    assert correlation(frame) > 0.25 and abs(correlation(kept)) < 0.03
    assert kept.height > frame.height / 2


def test_no_pairs_no_trouble():
    assert len(length_controlled(pairs_of([{}]).clear())) == 0
