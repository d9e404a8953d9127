"""Whether a value fits a type: the place of the first misfit, and what a message says of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from komep_dataset.schema import Reason
from komep_dataset.tables.values import Scalar, check_value, kind_of, stands_for_none


@dataclass
class Inner:
    text: str
    score: float | None


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (1, float),
        (True, bool),
        ("a/b", Path),
        ([], list[str]),
        ([{"text": "a", "score": None}], list[Inner]),
        ({"a": [1]}, Mapping[str, Any]),
        (False, Scalar),
        (None, Any),
        ([True], list[Any]),
    ],
)
def test_a_value_that_fits(value, hint):
    assert check_value(value, hint, False, "x", exact=True) is None


@pytest.mark.parametrize(
    ("value", "hint", "misfit"),
    [
        (None, str, ("x", Reason.MISSING_FIELD, "no value")),
        (True, int, ("x", Reason.WRONG_TYPE, "expected a whole number, got true")),
        (1, bool, ("x", Reason.WRONG_TYPE, "expected true or false, got 1")),
        (1.0, int, ("x", Reason.WRONG_TYPE, "expected a whole number, got 1.0")),
        (["a", 1], list[str], ("x[1]", Reason.WRONG_TYPE, "expected a string, got 1")),
        ({"text": "a", "score": "1"}, Inner, ("x.score", Reason.WRONG_TYPE, 'expected a number, got "1"')),
        ([{"score": 1}], tuple[Inner, ...], ("x[0].text", Reason.MISSING_FIELD, "no value")),
        ([1], Scalar, ("x", Reason.WRONG_TYPE, "expected a plain value, got [1]")),
        ("a" * 70, list[str], ("x", Reason.WRONG_TYPE, f'expected a list, got "{"a" * 56}…')),
    ],
)
def test_the_first_misfit_by_its_place(value, hint, misfit):
    assert check_value(value, hint, False, "x") == misfit


def test_keys_that_are_too_many_or_too_few_where_they_must_be_exact():
    place, reason, detail = check_value({"text": "a"}, Inner, False, "x", exact=True)
    assert (place, reason) == ("x", Reason.BAD_VALUE) and detail == "expected the keys text, score, got text"
    assert check_value({"text": "a"}, Inner, False, "x") is None


def test_what_may_be_a_secret_is_told_by_its_kind():
    assert (
        check_value("sk-secret", int, False, "x", quote=kind_of)[2] == "expected a whole number, got a string"
    )
    assert kind_of({"api_key": "sk-secret"}) == "keys and values" and kind_of(b"") == "a bytes"


def test_cells_that_stand_for_none():
    """Of pandas, R, MySQL, PostgreSQL; what spreadsheets in several languages leave of a formula."""
    for cell in ["NA", "nan", "None", "<NA>", "NaT", "\\N", "NULL", "(null)", "#N/A", " #NAME? ", "#REF!", "#DIV/0!",
                 "#이름?", "#BEZUG!", "#¡VALOR!", "#NV", "Err:502", "#REF", "#Н/Д", "####", "-1.#IND", "[object Object]"]:  # fmt: skip
        assert stands_for_none(cell), cell
    for cell in [
        "Na",
        "nano",
        "None of these.",
        "NA is sodium",
        "no",
        "-",
        "없음",
        "#1",
        "N",
        "A",
        "# title!",
        "#고혈압",
        "#1 choice",
        "#HTN",
        "Wow!",
    ]:
        assert not stands_for_none(cell), cell
