"""Experiment files for tests, made of `smoke.yaml`."""

import time
from pathlib import Path

import yaml

from evaluation.experiments.cells import make_cells
from evaluation.experiments.matrix import read_matrix

ROOT = Path(__file__).resolve().parents[3]
SMOKE = ROOT / "evaluation/experiments/smoke.yaml"
FILES = sorted((ROOT / "evaluation/experiments").glob("*.yaml"))


def experiment(tmp_path: Path, **changes) -> Path:
    """smoke.yaml with other values, its results in a folder of the test."""
    content = yaml.safe_load(SMOKE.read_text("utf-8")) | {"results": str(tmp_path / "results")} | changes
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}), "utf-8")
    return path


def cells_of(path: Path):
    matrix = read_matrix(path)
    return matrix, make_cells(matrix)


def wait_for(path: Path, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.02)
