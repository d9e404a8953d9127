"""From the folders of cells to rows."""

import pytest

from evaluation.experiments.report import report_values
from tests.evaluation.experiments.made_results import fill, matrix_of

pytestmark = pytest.mark.usefixtures("from_the_root")  # where the paths of experiment files start


def test_what_became_readable_is_told_from_what_became_known(tmp_path):
    matrix, cells, path = matrix_of(tmp_path, name="readable", seeds=[0])
    for cell in cells:
        fill(cell, matrix.benchmarks[0].title, 0.6, 0.3 if cell.method == "base" else 1.0)
    values, _ = report_values(matrix, cells, path)
    row = next(r for r in values["tables"][0]["rows"] if r.name == "one dpo ko")
    assert (row.points, row.parsed, row.parsing, row.knowledge) == ("+30.0", "30 → 100", "+30.0", "+0.0")
