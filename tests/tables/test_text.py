"""Rows as text for people."""

from komep_dataset.tables.text import table


def test_the_first_column_to_the_left_the_others_to_the_right():
    assert table([["", "n", "share"], ["all", "12", "50%"], ["a long name", "3", ""]]).splitlines() == [
        "              n  share",
        "all          12    50%",
        "a long name   3",
    ]
