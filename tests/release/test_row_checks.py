"""Each check of rows names the file, the row and the column, and leaves sound rows alone."""

from collections import Counter

import polars as pl
import pytest

from komep_dataset.release.row_checks import (
    check_gaps,
    check_order,
    check_scripts,
    check_splits,
    compare_rows,
    count_scripts,
    without_nulls,
)
from komep_dataset.schema import Question
from komep_dataset.tables.problems import Check

IDS = ["0000000000000000", "00000064ffffffff", "0000000a00000000"]


def rows(ids, split="test", **columns) -> pl.DataFrame:
    """Rows of a table of questions as they are read from a file of a release."""
    frame = pl.DataFrame(
        {"question_id": ids} | {name: "x" for name in ("question", "category", "language", "source")}
    )
    frame = frame.with_columns(pl.lit("f").alias("_name"), pl.lit(split).alias("_split"))
    return frame.with_row_index("_row", 1).with_columns(pl.col("_row").cast(pl.Int64), **columns)


def found(check: Check) -> list[tuple]:
    return [(one.file, one.line, one.column) for one in check.findings]


@pytest.fixture
def check():
    return Check("c", "x")


def test_nulls(check):
    frame = rows(IDS, category=pl.when(pl.col("_row") != 2).then(pl.lit("x")))
    assert without_nulls(check, frame, Question)["question_id"].to_list() == [IDS[0], IDS[2]]
    assert found(check) == [("f", 2, "category")]


def test_order_and_keys_that_stand_twice(check):
    check_order(check, rows([*IDS, IDS[2]]), ("question_id",), "_split")
    assert found(check) == [("f", 3, "question_id"), ("f", 4, "question_id")]
    assert [one.detail.split(" ", 1)[1] for one in check.findings] == [
        "comes after a row with a higher key",
        "stands twice",
    ]
    sound = Check("c", "x")
    check_order(sound, rows(sorted(IDS)), ("question_id",), "_split")
    assert found(sound) == []


def test_gaps(check):
    last = Counter({"f": 0})
    check_gaps(check, rows(IDS), last)
    check_gaps(check, rows(IDS).with_columns(_row=pl.col("_row") + 4), last)
    assert [place[:2] for place in found(check)] == [("f", 5)] and last["f"] == 7


def test_splits(check):
    check_splits(check, rows([*IDS, "zz"]))  # 0 and 100 are of `test`, 10 is not
    assert sorted(found(check)) == [("f", 3, "question_id"), ("f", 4, "question_id")]


def test_cells(check):
    expected = rows(IDS[:2]).drop("_name", "_row", "_split")
    compare_rows(check, "en", rows(IDS[1:], source=pl.lit("y")), expected, Question)
    assert sorted(found(check)) == [("en", 0, ""), ("f", 1, "source"), ("f", 2, "question_id")]


def test_a_config_whose_texts_are_of_another_language():
    def pairs(*texts):
        return pl.DataFrame(
            [
                {name: [{"role": "user", "content": text}] for name, text in zip(("prompt", "chosen", "rejected"), one, strict=True)}
                for one in texts
            ]
        )  # fmt: skip

    korean, english = (
        ("감기는 무엇인가?", "병입니다", "COPD"),
        ("What is the word 감기?", "A cold.", "감기는 병이다"),
    )
    names = ("COPD?", "COPD", "FEV1")
    assert count_scripts(pairs(korean, english, names), "en") == {"rows": 3, "korean": 1}
    assert count_scripts(pairs(korean, names), "ko") == {"rows": 2, "none": 1, "foreign": 0}
    prose, half = ("a", "b", "A cold is mild."), (korean[0], korean[1], "It is a mild disease.")
    for config, given, found in (
        ("en", (korean, korean, english), "2 of 3 pairs are Korean by their"),
        ("ko", (names,), "1 of 1 pairs are without a Hangul letter by their"),
        ("ko", (prose,), "1 of 1 pairs have a text that is not Korean by its"),
        # each of the texts is looked at: a Korean question and one Korean answer make no Korean pair
        ("ko", (korean, korean, korean, half), "1 of 4 pairs have a text that is not Korean by its"),
        ("ko", (korean, (korean[0], "Metformin 500 mg", "ECG")), None),
        ("en", (korean, english), None),
    ):
        check = Check("card", "")
        check_scripts(check, config, count_scripts(pairs(*given), config))
        assert [one.detail.partition(" script")[0] for one in check.findings] == [found] * bool(found)
