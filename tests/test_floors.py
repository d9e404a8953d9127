"""The floors that `make floors` tries: every requirement has one, and what is deprecated is heard in every process."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import floors

ROOT = Path(__file__).resolve().parents[1]


def test_every_requirement_of_every_extra_has_a_floor():
    for environment in floors.ENVIRONMENTS.values():
        found = floors.floors(environment.extras)
        assert {"datasets", "polars", "pytest"} <= found.keys()
    apart = [floors.floors(extra)["transformers"] for extra in ("evaluation", "recipes")]
    assert apart[0] != apart[1]  # what is installed with both has the higher one
    assert (
        floors.floors("recipes,evaluation")["transformers"]
        == apart[1]
        == floors.floors("evaluation,recipes")["transformers"]
    )


def test_every_part_of_an_environment_is_there_and_every_extra_in_one():
    parts = {part for environment in floors.ENVIRONMENTS.values() for part in environment.tests}
    assert [part for part in parts if not (ROOT / "tests" / part).exists()] == []
    at_floors = ",".join(e.extras for e in floors.ENVIRONMENTS.values() if e.floors).split(",")
    extras = floors.configuration()["options.extras_require"]
    other_names = {name for name, of in extras.items() if of.startswith("komep[")}
    assert set(extras) - other_names == set(filter(None, at_floors))


def test_a_requirement_without_a_floor_is_named(tmp_path, monkeypatch):
    (tmp_path / "setup.cfg").write_text(
        "[options]\ninstall_requires =\n    polars\n[options.extras_require]\ndev =\n    pytest>=9\n"
    )
    monkeypatch.setattr(floors, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=r"setup.cfg: polars: no floor"):
        floors.floors("")


@pytest.mark.slow
def test_a_python_that_is_too_old_is_not_taken():
    found = floors.pythons()
    assert sys.version_info[1] in found and min(found) == 11


def test_what_is_deprecated_is_heard_behind_every_filter(tmp_path):
    (tmp_path / "trl.py").write_text(
        "import logging, warnings\n"
        "warnings.warn('`a` goes in 2.0', FutureWarning)\n"
        "warnings.warn('nothing of that kind')\n"
        "logging.getLogger('trl.trainer').warning('b is DEPRECATED: use c')\n"
        "logging.getLogger('other').warning('deprecated, too')\n"
    )
    code = "import warnings, tests.deprecations; warnings.simplefilter('ignore'); import trl"
    told = tmp_path / "told.txt"
    environment = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "KOMEP_DEPRECATIONS": str(told), "PATH": ""}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
    said = told.read_text().splitlines()
    assert said == [
        "trl, used by __main__: `a` goes in 2.0",
        "trl, used by trl: b is DEPRECATED: use c",
    ]
