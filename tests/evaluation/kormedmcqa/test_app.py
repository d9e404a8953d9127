"""The page of the metric, without gradio."""

from evaluation.kormedmcqa import app


def test_the_page_shows_scores_subjects_and_rows():
    """The page's tables without gradio; how it looks was checked in a browser."""
    problem, scores, subjects, rows = app.evaluate_table([*app.EXAMPLES, ["", None, ""]])
    assert problem == ""
    assert scores[0] == ["accuracy (6 questions)", "16.7%", "66.7%"]
    assert [row[0] for row in subjects] == ["doctor", "nurse", "pharm"]
    assert rows[1][2:] == ["C", "-", "C", "only robust right"]
    assert rows[5][1] == '{"answer": "<b>D</b>"}'


def test_the_page_names_the_bad_row():
    problem, *tables = app.evaluate_table([["A", "1", ""], ["B", "9", ""]])
    assert problem.startswith("references[1]") and "'9'" in problem
    assert tables == [[], [], []]
    assert "nothing to score" in app.evaluate_table([["", "", ""]])[0]
