"""A benchmark whose material is not there says so in one line, without a traceback."""

import subprocess
from pathlib import Path

import pytest

from tests import warm


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["retrieval"], "nowhere: the real material is not here"),
        (
            ["translation_checks", "--debian", "nowhere"],
            "--debian nowhere: no Translation-en, Translation-ko",
        ),
        (["export_loaders", "nowhere"], "nowhere: no such folder; `komep build` makes a release"),
    ],
)
def test_material_that_is_not_there_is_named_in_one_line(words, named):
    command = [warm.python("komep"), "-m", f"benchmarks.{words[0]}", *words[1:]]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parents[2],
        env=warm.COLLECTED | {"KOMEP_REAL_DATA": "nowhere"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert named in done.stderr.splitlines()[-1]
