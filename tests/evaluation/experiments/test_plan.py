"""The plan: what the shipped files take, and whose folder the results go into."""

import pytest
import yaml

from evaluation.experiment import main
from evaluation.experiments.cells import base_of
from evaluation.experiments.commands import steps
from evaluation.experiments.plan import cell_cost, check_plan, plan_lines, write_plan
from evaluation.experiments.state import write_config
from evaluation.statistics.chance import detectable_difference
from komep_dataset.errors import KomepError
from tests.evaluation.experiments.files import FILES, ROOT, SMOKE, cells_of, experiment
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


def test_the_plan_says_what_the_questions_can_show():
    text = "\n".join(plan_lines(*cells_of(ROOT / "evaluation/experiments/llama-3.1-8b.yaml")))
    one, three = (detectable_difference(3009, share) for share in (0.1, 0.1 / 3))
    assert (
        f"kormedmcqa-0shot, 3,009 questions, 3 seeds: {100 * three:.1f} to {100 * one:.1f} points where 10% of"
        in text
    )
    assert "24 questions, 2 seeds: none where 10% of the answers change" in "\n".join(
        plan_lines(*cells_of(SMOKE))
    )


def test_a_variant_may_have_a_release_of_its_own(tmp_path):
    variant = {"name": "round-1", "methods": ["dpo"], "release": {"path": "work/komep-1"}}
    matrix, cells = cells_of(experiment(tmp_path, variants=[variant]))
    own = [cell for cell in cells if cell.variant == "round-1"]
    assert {str(cell.release) for cell in own} == {"work/komep-1"} and len(own) == 4
    assert all(cell.owner == cell.name for cell in own)
    first = steps(matrix, own[0])[0]
    assert first.name == "train" and "--dataset_name work/komep-1" in first.shown()  # nothing is built for it
    other = next(cell for cell in cells if cell.method == "dpo" and not cell.variant)
    assert steps(matrix, other)[0].name == "build"


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
