"""How answers are ranked, which every rule goes by."""

import polars as pl

from komep_dataset.pairs.candidates import firsts, ranked


def test_the_order_is_score_then_units_then_length_then_row():
    answers = pl.DataFrame(
        {
            "question_id": ["q"] * 5 + ["r"] * 2,
            "_low": [0.5, 1.0, 1.0, 1.0, 0.5, 0.2, 0.4],
            "_high": [0.5, 1.0, 1.0, 1.0, 0.5, 0.2, 0.4],
            "_true": [2, 1, 3, 3, 1, 1, 1],
            "_false": [2, 0, 0, 0, 1, 4, 4],
            "_length": [9, 1, 8, 7, 9, 1, 1],
        }
    )
    best, worst = ranked(answers, True), ranked(answers, False)
    assert best["_row"].to_list() == [3, 2, 1, 0, 4, 6, 5]
    assert worst["_row"].to_list() == [0, 4, 2, 3, 1, 5, 6]
    assert (firsts(best).to_list(), firsts(worst).to_list()) == ([3, 6], [0, 5])
