"""Lines of judgement follow their rules."""

from komep_dataset.audit.verdicts import verdicts


def test_verdicts_follow_their_rules(figures):
    def line(interval, questions=30):
        one = {"name": "length", "accuracy": 0.62, "interval": interval, "test_pairs": 99}
        told = verdicts(figures | {"baselines": [one | {"test_questions": questions}]})
        return told["baseline: length"]

    told = "length alone is right in 62% (55 to 69) of 99 held-out pairs"
    assert line([0.55, 0.69]) == told + ": above chance"
    few = told.replace(" is ", " was ") + "; 19 questions are too few to conclude from"
    assert line([0.55, 0.69], questions=19) == few
    assert line([0.49, 0.69]).endswith("not told from chance")
    assert line([0.4, 0.49]).endswith("below chance")
    first = {"model": "a", "hits": 6, "n": 9, "share": 0.6, "interval": [0, 1], "of_all": 0.51}
    wins = verdicts(figures | {"wins": {"models": ["a"], "win_share": [first]}})["wins"]
    assert wins == "a wins 51% of all pairs: more than half; `komep build --balance-models` caps that"
