"""Cells: what they share, and how they are named."""

import subprocess

import pytest

from evaluation.experiments.cells import base_of, choose
from evaluation.experiments.commands import steps
from evaluation.experiments.plan import cell_cost
from tests import warm
from tests.evaluation.experiments.files import cells_of, experiment

pytestmark = pytest.mark.usefixtures("from_the_root")  # where the paths of experiment files start


def test_variants_that_train_alike_share(tmp_path):
    """An override of the evaluation trains nothing again; one of the release does; what is asked alike is asked once."""
    variants = [
        {"name": "chat", "methods": ["base", "dpo"], "evaluation": {"chat_template": True}},
        {"name": "margin", "methods": ["dpo"], "build": {"min_margin": 0.5}},
    ]
    matrix, cells = cells_of(experiment(tmp_path, variants=variants))
    chat = choose(cells, ["smollm2-135m.dpo.ko.seed-0.chat"])[0]
    assert chat.owner == "smollm2-135m.dpo.ko.seed-0" and cell_cost(matrix, chat).training == 0
    assert all(folder.parent == chat.folder for folder in chat.outputs.values())
    margin = choose(cells, ["smollm2-135m.dpo.ko.seed-0.margin"])[0]
    assert margin.owner == margin.name and margin.release != chat.release
    assert "--min-margin 0.5" in steps(matrix, margin)[0].shown()
    assert base_of(cells, chat).variant == "chat" and base_of(cells, margin).variant == ""
    assert "--chat-template" in steps(matrix, chat)[-1].shown()


def test_unknown_cells_are_refused_with_the_nearest(tmp_path):
    run = subprocess.run(
        [warm.python("komep"), "-m", "evaluation.experiment", str(experiment(tmp_path)), "--only", "smollm2-135m.dop.ko.seed-0"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 2 and "did you mean smollm2-135m.dpo.ko.seed-0?" in run.stderr
    assert "Traceback" not in run.stderr
