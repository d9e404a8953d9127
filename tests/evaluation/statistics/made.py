"""Made evaluations to compare; gold is always A."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from evaluation.compare import main
from evaluation.harness.output import Evaluation, Prediction, write_evaluation

CONFIG = {
    "questions_sha256": "q",
    "fewshot_sha256": "f",
    "chat_template": False,
    "max_new_tokens": 8,
    "protocol": "q 1",
    "stops": ["Q:", "."],
}


LETTERS = st.sampled_from(["", *"ABCDE"])


# Gold is always A; each question has a letter before and one after.
ANSWERS = st.lists(st.tuples(LETTERS, LETTERS, st.sampled_from(["doctor", "nurse"])), min_size=1, max_size=60)


def predictions(letters: list, subjects: list) -> list:
    rows = enumerate(zip(letters, subjects, strict=True))
    return [Prediction(subject, index, "A", letter, letter, letter) for index, (letter, subject) in rows]


def evaluation(letters: list, subjects: list, name: str = "m", **changes) -> Evaluation:
    results = {
        "benchmark": "kormedmcqa",
        "model": name,
        "shots": 5,
        "n": len(letters),
        "config": dict(CONFIG),
    }
    results["config"] |= changes.pop("config", {})
    return Evaluation(Path(name), results | changes, tuple(predictions(letters, subjects)))


def two(rows: list) -> tuple[Evaluation, Evaluation]:
    before, after, subjects = map(list, zip(*rows, strict=True))
    return evaluation(before, subjects, "base"), evaluation(after, subjects, "tuned")


def arm(right: np.ndarray, name: str = "m") -> list[Evaluation]:
    """One evaluation a seed out of 0/1 (seeds, questions): A is right, B is wrong."""
    subjects = ["x"] * right.shape[1]
    runs = [
        evaluation(["A" if r else "B" for r in row], subjects, f"{name}/seed-{i}")
        for i, row in enumerate(right)
    ]
    return runs


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(list(arguments))
    printed = capsys.readouterr()
    return done.value.code, printed.out, printed.err


def seeds_of(folder: Path, letters: list, count: int) -> str:
    subjects = ["doctor"] * 5 + ["nurse"] * 5
    for seed in range(count):
        run = evaluation(letters[seed:] + letters[:seed], subjects, f"{folder.name}/{seed}")
        (folder / f"seed-{seed}").mkdir(parents=True)
        write_evaluation(folder / f"seed-{seed}", run.predictions, run.results)
    return str(folder)
