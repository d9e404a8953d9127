"""The state of cells on disk, written by several runs at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from evaluation.experiments.plan import check_plan, write_plan
from evaluation.experiments.state import write_config, write_state
from tests.evaluation.experiments.files import cells_of, experiment

pytestmark = pytest.mark.usefixtures("from_the_root")  # where the paths of experiment files start


def test_two_experiments_write_into_one_folder_at_once(tmp_path):
    """As jobs of Slurm do: each writes the plan, and the definition and state of a cell."""
    matrix, cells = cells_of(experiment(tmp_path))

    def write(number: int) -> None:
        for _ in range(20):
            write_plan(matrix, cells)
            write_config(cells[0])
            write_state(cells[0], "running", step=f"step {number}")
            check_plan(matrix, cells)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert {p.name for p in matrix.results.rglob("*")} == {
        "plan.json",
        "cells",
        cells[0].name,
        "config.json",
        "state.json",
    }
