"""The page of the metric, without gradio."""

from evaluation.dahl import app
from evaluation.dahl.scoring import score


def test_the_page_shows_the_metrics_numbers():
    problem, scores, categories, rows = app.evaluate_table([*app.EXAMPLES, ["", "", ""]], "strict")
    found = score(
        [["True", "True", "False"], ["참", "거짓"], ["Not true"], []], "strict", ["", "", "", "I don't know."]
    )
    assert problem == "" and scores[0] == ["DAHL score", f"{found['dahl_score']:.3f}"]
    assert scores[2][1] == "2 of 4 (50.0%)" and "abstained 1" in scores[3][1]
    assert [row[0] for row in categories] == ["drugs", "hormones"] and categories[1][3] == "-"
    assert [row[2:] for row in rows] == [
        [2, 1, 0, "0.667"],
        [1, 1, 0, "0.500"],
        [0, 0, 1, "-"],
        [0, 0, 0, "-"],
    ]
    assert (
        app.evaluate_table([["", "", None]], "strict")[0]
        == "there is nothing to score: predictions are empty"
    )
