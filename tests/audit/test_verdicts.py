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
    lengths = {"chosen_longer_share": 0.44, "chosen_longer_interval": [0.42, 0.46]}
    said = {
        equal: verdicts(figures | {"length": lengths | {"equal": equal}})["length"] for equal in (0, 1500)
    }
    assert said[0].startswith("the chosen answer is the longer one in 44% (42 to 46) of pairs: below chance")
    of = "of the pairs whose answers differ in length (equal: 1,500), the chosen one is longer in 44% (42 to 46): below"
    assert said[1500].startswith(of)  # 44% of those alone
    first = {"model": "a", "hits": 6, "n": 9, "share": 0.6, "interval": [0, 1], "of_all": 0.51}
    wins = verdicts(figures | {"wins": {"models": ["a"], "win_share": [first]}})["wins"]
    assert wins == "a wins 51% of all pairs: more than half; `komep build --balance-models` caps that"
