"""Cases of the metric, in the form of the Hub's metric folders: what `compute` returns for given inputs.

All texts were written for this project. `tests/evaluation/dahl` runs every case.
"""

test_cases = [
    {
        "predictions": [["True.", "True"], ["True", "False."]],
        "result": {"dahl_score": 0.75, "n": 2, "n_scored": 2, "good_share": 1.0, "scores": [1.0, 0.5]},
    },
    {
        "predictions": [["참입니다", "거짓입니다"], ["Not true."], []],
        "result": {
            "dahl_score": 0.5,
            "interval": None,
            "scores": [0.5, None, None],
            "statuses": {"scored": 1, "unparsed": 1, "abstained": 0, "empty": 1},
            "verdicts": {"true": 1, "false": 1, "unknown": 1},
        },
    },
    {
        "predictions": [["Not true."], [], ["True or false?"]],
        "mode": "paper",
        "result": {"dahl_score": 0.5, "n_scored": 2, "scores": [1.0, 0.0, None]},
    },
    {
        "predictions": [[{"text": "Heparin is an anticoagulant.", "verdict": "true"}], [], []],
        "responses": ["Heparin is an anticoagulant.", "I don't know.", ""],
        "result": {"dahl_score": 1.0, "statuses": {"scored": 1, "unparsed": 0, "abstained": 1, "empty": 1}},
    },
]
