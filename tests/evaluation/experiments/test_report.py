"""The report from made result sets whose truth is known: verdicts, tables, missing cells, hostile texts."""

import csv
import random
from pathlib import Path

import pytest
import yaml

from benchmarks.verdict_rules import Study, judge, rates, truth, worlds
from evaluation.experiments.cells import MODEL, make_cells
from evaluation.experiments.matrix import read_matrix
from evaluation.experiments.plan import write_plan
from evaluation.experiments.report import report_values, write_report
from evaluation.experiments.state import SUMMARY, write_config, write_state
from evaluation.experiments.verdicts import Effect, bounds, improves_all, no_gain, works
from evaluation.harness.output import Prediction, write_evaluation

ROOT = Path(__file__).resolve().parents[3]
QUESTIONS = 400


@pytest.fixture(autouse=True)
def from_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


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


def test_report_of_a_known_truth(tmp_path):
    """DPO gains 20 points everywhere, ORPO gains for one model and loses for the other, one cell failed, the rest is missing."""
    published = [
        {"text": "theirs", "value": "+43.96%", "model": "one", "method": "dpo"},
        {"text": "x", "value": "1"},
    ]
    matrix, cells, path = matrix_of(tmp_path, name="known", published=published)
    titles = [m.title for m in matrix.benchmarks]
    for cell in cells:
        if cell.method == "base":
            for title in titles:
                fill(cell, title, 0.4)
        elif cell.method == "dpo" and cell.language == "ko":
            fill(cell, titles[0], 0.6)
            fill(cell, titles[1], 0.2)
        elif cell.method == "orpo" and cell.language == "ko":
            fill(cell, titles[0], 0.6 if cell.model == "one" else 0.2)
    failed = next(cell for cell in cells if cell.method == "sft")
    write_config(failed)
    write_state(failed, "failed", error="out of memory\n<script>alert(1)</script> | x")
    values, _ = report_values(matrix, cells, path)
    said = [d.verdicts["paper"].outcome for d in values["statements"]]
    assert said == ["confirmed", "confirmed", "undecided", "confirmed", "undecided"]
    own, none = (own for _, own in values["published"])
    assert own.startswith("+20.0 points (") and own.endswith("+50.0% of 40.0%") and none == "–"
    page = write_report(matrix, cells, path)
    html, text = page.read_text("utf-8"), (page.parent / "report.md").read_text("utf-8")
    assert "<script>alert(1)" not in html and "&lt;script&gt;alert(1)" in html and "<script" not in text
    assert "http://" not in html and "https://" not in html  # nothing is fetched
    assert f"{failed.name}: failed" in html and "missing" in html
    with (page.parent / "report.csv").open(encoding="utf-8") as file:
        rows = {
            (r["benchmark"], r["model"], r["method"], r["trained_on"], r["reading"]): r
            for r in csv.DictReader(file)
        }
    row = rows[titles[0], "one", "dpo", "ko", "paper"]
    assert [float(row[name]) for name in ("base", "tuned", "points", "relative_percent")] == pytest.approx(
        [0.4, 0.6, 20, 50]
    )
    assert float(row["low"]) < 20 < float(row["high"]) and float(row["p"]) < float(row["p_holm"]) < 0.001
    assert rows[titles[0], "two", "sft", "en", "paper"]["tuned"] == ""
    for address in html.split('href="')[1:]:
        assert (page.parent / address.split('"')[0]).is_file()


def test_what_became_readable_is_told_from_what_became_known(tmp_path):
    matrix, cells, path = matrix_of(tmp_path, name="readable", seeds=[0])
    for cell in cells:
        fill(cell, matrix.benchmarks[0].title, 0.6, 0.3 if cell.method == "base" else 1.0)
    values, _ = report_values(matrix, cells, path)
    row = next(r for r in values["tables"][0]["rows"] if r.name == "one dpo ko")
    assert (row.points, row.parsed, row.parsing, row.knowledge) == ("+30.0", "30 → 100", "+30.0", "+0.0")


def test_an_interval_without_width_excludes_nothing_on_few_questions():
    flat = Effect("m", 0.0, 0.0, 0.0, n=40)
    assert bounds(flat) == pytest.approx((-0.075, 0.075)) and not no_gain(flat)
    assert improves_all([flat]).outcome == works([flat]).outcome == "undecided"
    assert improves_all([Effect("m", 0.0, 0.0, 0.0, n=3009)]).outcome == "refuted"


def test_more_models_never_make_a_refutation_easier():
    rng = random.Random(0)
    for _ in range(200):
        middle, half = rng.uniform(-0.1, 0.1), rng.uniform(0, 0.1)
        effect = Effect("m", middle, middle - half, middle + half, n=rng.randint(50, 5000))
        assert no_gain(effect, 1) or not no_gain(effect, 5)


@pytest.mark.parametrize("world", ["none", "all improve", "harm"])
def test_rules_on_known_effects(world):
    """A small piece of benchmarks/verdict_rules.py: hardly a false alarm, and few misses of a large effect."""
    changes = worlds(3, 0.1)[world]
    for rule, said in judge(changes, Study(questions=1500, seeds=3, spread=0.005), studies=8).items():
        found = rates(said, truth(rule, changes))
        assert found[1] <= 1 / 8, (rule, said)
        if world != "none":
            assert found[0] >= 7 / 8, (rule, said)
