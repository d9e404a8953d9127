"""From the folders of cells to rows."""

import pytest

from evaluation.experiments.report import csv_text, report_values
from evaluation.harness.output import Prediction
from tests.evaluation.experiments.made_results import fill, matrix_of

pytestmark = pytest.mark.usefixtures("from_the_root")  # where the paths of experiment files start


def test_a_third_reading_takes_bare_letters_alone(tmp_path):
    matrix, cells, path = matrix_of(tmp_path, name="raw", seeds=[0, 1], raw=True)
    for cell in cells:
        fill(cell, matrix.benchmarks[0].title, 0.6, 0.5 if cell.method == "base" else 1.0)
    values, arms = report_values(matrix, cells, path)
    titles = [table["title"].split(": ")[1] for table in values["tables"][:3]]
    assert titles == list(matrix.readings.values()) and "bare letter" in titles[0]
    raw, paper = (values["tables"][i]["rows"] for i in (0, 1))
    # Every reply of these is a letter and a full stop, or nothing; of a base, the made-up interval stands in its file.
    assert [r for r in raw if r.seeds] == [r for r in paper if r.seeds]
    row = next(r for r in raw if r.name == "one dpo ko")
    assert (row.base, row.points, row.parsed, row.parsing) == ("50.0", "+10.0", "50 → 100", "+10.0")
    lines = csv_text(arms, matrix.readings).splitlines()
    assert {line.split(",")[7] for line in lines[1:]} == {"raw", "paper", "robust"}
    (tmp_path / "plain").mkdir()
    plain, cells, path = matrix_of(tmp_path / "plain", name="raw", seeds=[0, 1])
    assert "raw" not in plain.readings and len(report_values(plain, cells, path)[0]["tables"]) < len(
        values["tables"]
    )


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("B", "B"),
        (" b.\n", "B"),
        ("(C)", "C"),
        ("정답은 B", ""),
        ("B. 이는", ""),
        ("", ""),
        ("F", ""),
        ("A B", ""),
    ],
)
def test_what_is_a_bare_letter(reply, letter):
    assert Prediction("s", 0, "A", reply, "", "").raw == letter


def test_what_became_readable_is_told_from_what_became_known(tmp_path):
    matrix, cells, path = matrix_of(tmp_path, name="readable", seeds=[0])
    for cell in cells:
        fill(cell, matrix.benchmarks[0].title, 0.6, 0.3 if cell.method == "base" else 1.0)
    values, _ = report_values(matrix, cells, path)
    row = next(r for r in values["tables"][0]["rows"] if r.name == "one dpo ko")
    assert (row.points, row.parsed, row.parsing, row.knowledge) == ("+30.0", "30 → 100", "+30.0", "+0.0")
