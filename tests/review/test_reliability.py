"""Krippendorff's alpha, beside the package that people use and the example that its author computed."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from komep_dataset.review.reliability import reliability

krippendorff = pytest.importorskip("krippendorff", reason="comes with the extra [dev]")

VALUES = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), min_size=2, max_size=12)


@given(VALUES)
def test_alpha_is_that_of_the_package(items):
    ours = reliability(list(enumerate(items)))
    several = [values for values in items if len(values) > 1]
    assert ours.items == len(several)
    if len({value for values in several for value in values}) < 2:
        assert ours.alpha is None
        return
    counts = [[values.count(name) for name in "abc"] for values in items]
    theirs = krippendorff.alpha(value_counts=counts, level_of_measurement="nominal")
    assert ours.alpha == pytest.approx(theirs, abs=1e-12) and ours.low <= ours.high


def test_alpha_of_the_published_example():
    """Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), C: four observers, twelve units, nominal: 0.743."""
    observers = (
        "1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 .",
    )  # fmt: skip
    units = zip(*(line.split() for line in observers), strict=True)
    found = reliability([(n, [v for v in values if v != "."]) for n, values in enumerate(units)])
    assert found.alpha == pytest.approx(0.743, abs=5e-4) and found.items == 11


def test_agreement_on_what_nearly_all_say_is_no_luck_once_names_are_mirrored():
    """Two reviewers who err in 10% and in 25% of pairs: 70% the same, where a coin gives 50%: alpha 0.4."""
    dice = random.Random(1)

    def say(error: float) -> str:
        return "rejected" if dice.random() < error else "chosen"

    items = [(n, (say(0.1), say(0.25))) for n in range(1500)]
    turned = {"chosen": "rejected", "rejected": "chosen"}
    assert reliability(items).alpha == pytest.approx(-0.04, abs=0.08)
    found = reliability(items, turned)
    assert found.alpha == pytest.approx(0.4, abs=0.06) and found.low < 0.4 < found.high
    # the same as a package has it that is given every pair in both orders, but for the term of small samples
    both = [*items, *((n, tuple(map(turned.get, values))) for n, values in items)]
    counts = [[values.count(name) for name in turned] for _, values in both]
    theirs = krippendorff.alpha(value_counts=counts, level_of_measurement="nominal")
    assert found.alpha == pytest.approx(theirs, abs=1e-3)


def test_statements_of_one_pair_are_drawn_together():
    items = [(n // 10, ("a", "a") if n // 10 % 2 else ("a", "b")) for n in range(100)]
    alone = reliability([(n, values) for n, (_, values) in enumerate(items)])
    together = reliability(items)
    assert together.alpha == alone.alpha and together.high - together.low > 1.5 * (alone.high - alone.low)
