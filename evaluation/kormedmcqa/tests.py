"""Cases of the metric, in the form of the Hub's metric folders: what `compute` returns for given inputs.

All texts were written for this project. `tests/evaluation/kormedmcqa` runs every case.
"""

test_cases = [
    {
        "predictions": ["정답: B", "정답은 C이다", "비타민 D 결핍"],
        "references": [2, 3, 4],
        "result": {"n": 3, "accuracy": 2 / 3, "accuracy_robust": 2 / 3, "parse_rate_robust": 2 / 3},
    },
    {
        "predictions": ["B", "⑤", "B 또는 C", ""],
        "references": ["B", "E", "C", "A"],
        "result": {"accuracy": 0.5, "accuracy_robust": 0.5, "exact_match_raw": 0.25, "parse_rate": 0.5},
    },
    {
        "predictions": ["정답: A", "정답: A", "정답: A", "정답: B"],
        "references": [1, 1, 1, 1],
        "subjects": ["doctor", "doctor", "doctor", "nurse"],
        "result": {"accuracy": 0.75, "accuracy_macro": 0.5, "accuracy_robust_macro": 0.5},
    },
    {
        "predictions": ["yes", "Answer: no", "The answer is E."],
        "references": ["A", "B", "C"],
        "options": [["yes", "no", "maybe"]] * 3,
        "result": {"accuracy": 0.0, "accuracy_robust": 2 / 3, "parse_rate_robust": 2 / 3},
    },
]
