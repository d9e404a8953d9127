"""The sample: places by stratum, terciles of margins, the same pairs for the same seed."""

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from komep_dataset.review.drawing import ReviewPair, allocate, draw, margin_terciles

SIZES = st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(1, 40), min_size=1, max_size=9)


def largest_remainders(sizes: dict, n: int) -> dict:
    """Hamilton's method, as textbooks have it."""
    total = sum(sizes.values())
    places = {name: n * size // total for name, size in sizes.items()}
    left = sorted(sizes, key=lambda name: (-(n * sizes[name] % total), name))
    for name in left[: n - sum(places.values())]:
        places[name] += 1
    return places


@given(SIZES, st.integers(1, 300))
def test_places_are_proportional_and_every_stratum_has_one(sizes, n):
    places = allocate(sizes, n)
    n = min(n, sum(sizes.values()))
    assert sum(places.values()) == n
    assert all(0 <= places[name] <= size for name, size in sizes.items())
    plain = largest_remainders(sizes, n)
    if n < len(sizes) or all(plain.values()):
        assert places == plain
    else:
        assert all(places.values())
        # what the first places cost is taken from strata that have more, never to make one poorer than another
        assert all(
            places[name] <= max(1, math.ceil(n * size / sum(sizes.values()))) for name, size in sizes.items()
        )


@given(st.lists(st.sampled_from([0.1, 0.25, 0.5, 0.75, 1.0]), min_size=1))
def test_terciles_keep_equal_margins_together_and_rise(margins):
    found = margin_terciles(margins)
    of = dict(zip(margins, found, strict=True))
    assert [of[m] for m in margins] == found
    assert [of[m] for m in sorted(of)] == sorted(of.values(), key=("low", "middle", "high").index)


def test_terciles_of_distinct_margins_are_thirds():
    assert margin_terciles([0.9, 0.1, 0.5, 0.2, 0.6, 0.8]) == [
        "high",
        "low",
        "middle",
        "low",
        "middle",
        "high",
    ]


def some_pairs(n: int) -> list[ReviewPair]:
    strata = [("x", "native", "low"), ("x", "translated", "high"), ("y", "translated", "low")]
    return [ReviewPair(f"p{i:04}", *strata[min(i % 7, 2)], *[""] * 6) for i in range(n)]


def test_pairs_in_doubt_fill_a_sample_up_to_a_half_and_are_stratified_too():
    pairs = some_pairs(700)
    doubtful = {p.pair_id for p in pairs[:140]}
    sample = draw(pairs, 70, seed=1, first=doubtful)
    of = Counter((p.pair_id in doubtful, p.stratum) for p in sample)
    strata = [pairs[i].stratum for i in range(3)]
    assert of[True, strata[0]] == of[True, strata[1]] and 0 < of[True, strata[0]] < of[True, strata[2]]
    assert (
        len(sample) == 70 and 35 <= sum(n for (doubt, _), n in of.items() if doubt) <= 45
    )  # the rest has some
    assert sample == draw(pairs, 70, 1, doubtful) != draw(pairs, 70, 2, doubtful)
    few = {p.pair_id for p in pairs[::100]}
    assert few < {p.pair_id for p in draw(pairs, 70, 1, few)} and len(draw(pairs, 70, 1, few)) == 70
    assert draw(pairs, 70, 1, {"elsewhere"}) == draw(pairs, 70, 1)
    assert {p.pair_id for p in draw(pairs, 1, 1, few)} < few


def test_a_sample_is_drawn_by_stratum_and_by_seed():
    pairs = some_pairs(700)
    sample = draw(pairs, 70, seed=1)
    assert Counter(p.stratum for p in sample) == {
        pairs[0].stratum: 10,
        pairs[1].stratum: 10,
        pairs[2].stratum: 50,
    }
    assert sample == sorted(set(sample), key=lambda p: p.pair_id)
    assert sample == draw(pairs, 70, seed=1) != draw(pairs, 70, seed=2)
    assert draw(pairs, 9999, seed=1) == pairs
    hits = Counter(p.pair_id for seed in range(300) for p in draw(pairs[:70], 7, seed))
    assert len(hits) == 70 and max(hits.values()) < 70  # 30 expected: no pair is preferred
