"""The plan: what the shipped files take, and whose folder the results go into."""

import pytest
import yaml

from evaluation.experiment import main
from evaluation.experiments.cells import base_of
from evaluation.experiments.plan import cell_cost, check_plan, plan_lines, write_plan
from evaluation.experiments.state import write_config
from komep_dataset.errors import KomepError
from tests.evaluation.experiments.files import FILES, SMOKE, cells_of, experiment
from tests.places import NOWHERE, SOMEBODYS, UNSPEAKABLE, snapshot, with_files

pytestmark = pytest.mark.usefixtures("from_the_root")  # where the paths of experiment files start


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_shipped_files_plan(path):
    matrix, cells = cells_of(path)
    names = [cell.name for cell in cells]
    assert len(set(names)) == len(names)
    trained = [cell for cell in cells if cell.language]
    assert all(base_of(cells, cell) in cells[: len(matrix.models)] for cell in trained)  # bases come first
    text = "\n".join(plan_lines(matrix, cells))
    assert all(name in text for name in names) and "arithmetic" in text and matrix.estimate.source in text
    seeds = [cell.seed for cell in trained]
    assert seeds == sorted(seeds)  # every comparison has a first seed before any has a second


def test_the_smoke_plan_fits_into_an_hour():
    matrix, cells = cells_of(SMOKE)
    assert len(cells) == 13
    assert sum(cell_cost(matrix, cell).seconds for cell in cells) < 3600


def test_results_of_another_plan_are_refused_and_a_larger_one_is_not(tmp_path):
    matrix, cells = cells_of(experiment(tmp_path))
    write_plan(matrix, cells)
    for cell in cells:
        write_config(cell)
    check_plan(*cells_of(experiment(tmp_path)))
    check_plan(*cells_of(experiment(tmp_path, seeds=[0, 1, 2])))
    with pytest.raises(KomepError, match=r"training.flags.max_train_pairs: 8 there, 6 here"):
        changed = yaml.safe_load(SMOKE.read_text("utf-8"))["recipe"] | {"max_train_pairs": 6}
        check_plan(*cells_of(experiment(tmp_path, recipe=changed)))
    with pytest.raises(KomepError, match="name: 'smoke' there, 'other' here"):
        check_plan(*cells_of(experiment(tmp_path, name="other")))


OF_OTHERS = {
    "a plan of others": with_files(plan_json='{"milestones": []}'),
    "cells of others": with_files(cells__biology_txt="mitosis"),
}


PLACES = SOMEBODYS | OF_OTHERS | NOWHERE | UNSPEAKABLE


@pytest.mark.parametrize("option", ["--plan", "--report", "--submit"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_results_go_into_a_folder_of_ours_alone(place, option, tmp_path, capsys):
    results = place(tmp_path)
    path = experiment(tmp_path, results=str(results))
    before = snapshot(tmp_path)
    with pytest.raises(SystemExit) as done:
        main([str(path), option])
    error = capsys.readouterr().err
    assert done.value.code == 1 and error.startswith("error: results ") and str(results)[:9] in error
    assert error.count("\n") == 1 and snapshot(tmp_path) == before


def test_a_plan_that_was_killed_at_its_first_file_is_gone_on_with(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / ".plan.json.writing-0a1b.json").touch()
    matrix, cells = cells_of(experiment(tmp_path))
    check_plan(matrix, cells)
    write_plan(matrix, cells)
    check_plan(matrix, cells)
