"""Estimates are the arithmetic that is shown."""

import pytest

from evaluation.experiments.cells import choose
from evaluation.experiments.plan import cell_cost
from tests.evaluation.experiments.files import SMOKE, cells_of

pytestmark = pytest.mark.usefixtures("from_the_root")  # where the paths of experiment files start


def test_estimates_are_the_shown_arithmetic():
    matrix, cells = cells_of(SMOKE)
    cell = choose(cells, ["smollm2-135m.dpo.en.seed-0"])[0]
    rates = matrix.estimate
    by_hand = 35 + (8 * 400 + 2 * 4 * 400 / 3) / rates.training["dpo.en"]
    assert cell_cost(matrix, cell).training == pytest.approx(by_hand)
    assert cell_cost(matrix, cell).evaluation == pytest.approx(8 + 24 * 2.2 + 8 + 12 * 0.4)
    assert cell_cost(matrix, cell).disk == pytest.approx(0.135e9 * 4)
