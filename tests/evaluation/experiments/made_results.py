"""Made results of an experiment, whose truth is known."""

from pathlib import Path

import yaml

from evaluation.experiments.cells import MODEL, make_cells
from evaluation.experiments.matrix import read_matrix
from evaluation.experiments.plan import write_plan
from evaluation.experiments.state import SUMMARY, write_config
from evaluation.harness.output import Prediction, write_evaluation

ROOT = Path(__file__).resolve().parents[3]
QUESTIONS = 400


def matrix_of(tmp_path: Path, **changes):
    content = yaml.safe_load((ROOT / "evaluation/experiments/smoke.yaml").read_text("utf-8"))
    recipes = {"recipes": "recipes/smollm2-135m", "parameters": 0.1}
    content["models"] = [{"name": name, "path": f"models/{name}", **recipes} for name in ("one", "two")]
    content |= {"results": str(tmp_path / "results"), **changes}
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump(content), "utf-8")
    matrix = read_matrix(path)
    cells = make_cells(matrix)
    write_plan(matrix, cells)
    return matrix, cells, path


def fill(cell, title: str, right: float, readable: float = 1.0) -> None:
    """An evaluation in which the first share of questions is right, and the first share can be read."""
    rows = []
    for index in range(QUESTIONS):
        letter = ("A" if index < right * QUESTIONS else "B") if index < readable * QUESTIONS else ""
        rows.append(Prediction("doctor", index, "A", f"{letter}.", letter, letter))
    accuracy = sum(row.paper == "A" for row in rows) / QUESTIONS
    scores = dict.fromkeys(("accuracy", "accuracy_robust"), accuracy)
    scores |= dict.fromkeys(("parse_rate", "parse_rate_robust"), readable)
    cell.outputs[title].mkdir(parents=True, exist_ok=True)
    results = {"benchmark": title, "model": cell.model_path, "shots": 5, "n": QUESTIONS, "interval": [0.1, 0.2],
               "interval_robust": [0.1, 0.3],
               **scores, "config": {}}  # fmt: skip
    write_evaluation(cell.outputs[title], rows, results)
    write_config(cell)
    if cell.language:
        (cell.folder / MODEL).mkdir(exist_ok=True)
        (cell.folder / MODEL / SUMMARY).write_text("{}", "utf-8")
