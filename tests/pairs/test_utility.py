"""F1@K: its values, the words for it, and what it makes of a set in which precision picks the emptier answer."""

import polars as pl
import pytest

from komep_dataset.pairs.utility import f1_at_k, is_utility, same_utility, units_wanted, with_f1, with_k
from tests.pairs.answers import answers, pairs


@pytest.mark.parametrize(
    ("true", "units", "k", "value"),
    [
        (0, 4, 5, 0.0),
        (4, 4, 8, 2 / 3),  # precision 1, recall 1/2
        (3, 4, 3, 6 / 7),  # precision 3/4, recall 1
        (20, 25, 10, 8 / 9),  # more than K is not better
        (1, 1, 1, 1.0),
    ],
)
def test_the_values_are_those_of_its_source(true, units, k, value):
    frame = pl.DataFrame({"true": [true], "units": [units]})
    assert frame.select(f1_at_k(pl.col("true"), pl.col("units"), float(k))).item() == pytest.approx(value)


def test_what_is_a_utility():
    for good in ("precision", "f1", "f1@12", "f1@8.5", "f1@0.5"):
        assert is_utility(good)
    bad = [
        "",
        "f1@",
        "f1@0",
        "f1@0.0",
        "f1@-3",
        "f1@nan",
        "f1@inf",
        "f1@1e3",
        "F1@3",
        "f1@3 ",
        "f1@３",
        "recall",
        3,
        None,
    ]
    for one in [*bad, f"f1@{'9' * 400}"]:
        assert not is_utility(one)
    assert [units_wanted(one) for one in ("precision", "f1", "f1@12")] == [None, None, 12.0]
    assert [with_k(12.0), with_k(8.5), with_k(1234567.0)] == ["f1@12", "f1@8.5", "f1@1234567"]


def test_a_base_has_its_k_for_whoever_asks_for_f1():
    said = [same_utility(one, "f1@12") for one in (None, "f1", "f1@12", "f1@9", "precision")]
    assert said == [True, True, True, False, False]
    assert not same_utility("f1", "precision")


def test_only_what_is_scored_by_units_has_an_f1():
    frame = answers({"a": "ttf", "b": "tu", "c": "ff"})
    frame = pl.concat(
        [frame, frame.head(1).with_columns(model=pl.lit("own"), units=pl.lit([], frame["units"].dtype))]
    )
    true = pl.col("units").list.eval(pl.element().struct.field("verdict") == "true").list.sum().cast(pl.Int64)
    assert with_f1(frame, "f1@4", true)["f1_at_k"].to_list() == [4 / 7, None, 0.0, None]
    assert with_f1(frame, "precision", true) is frame


def test_a_planted_set_in_which_precision_picks_the_emptier_answer():
    """Written for this project: `brief` says one true thing, `full` nine and a false one, `wrong` much that is false."""
    planted = answers(
        *({"brief": "t", "full": "t" * (9 - n % 3) + "f", "wrong": "ttffffff"} for n in range(12))
    )
    assert set(pairs(planted)) == {("brief", "wrong")}
    assert set(pairs(planted, utility="f1@9")) == {("full", "brief")}
    assert set(pairs(planted, utility="f1@9", pairs="best-median")) == {("full", "wrong")}
    # With nothing wanted beyond one unit, F1 is a matter of precision alone.
    assert set(pairs(planted, utility="f1@1")) == {("brief", "wrong")}


def test_open_units_bound_it():
    frame = answers({"a": "ttuu", "b": "ff"})
    assert pairs(frame, utility="f1@4") == []
    made = {way: pairs(frame, utility="f1@4", unknown_units=way) for way in ("drop", "bounds")}
    assert made == {"drop": [("a", "b")], "bounds": [("a", "b")]}
    assert pairs(answers({"a": "ttuu", "b": "tttf"}), utility="f1@4", unknown_units="bounds") == []
