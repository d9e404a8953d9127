"""The Python face: `import komep_dataset as komep`, then a function for every command."""

import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

import komep_dataset as komep
from komep_dataset.cli import app

ROOT = Path(__file__).resolve().parents[1]
NAMES = [name for name in komep.__all__ if name != "__version__"]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_there_and_says_what_it_does(name):
    found = getattr(komep, name)
    assert name in dir(komep) and inspect.getdoc(found)
    if inspect.isfunction(found):
        assert inspect.signature(found).return_annotation is not inspect.Signature.empty


def test_every_command_has_its_function():
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    [review] = [group.typer_instance for group in app.registered_groups if group.name == "review"]
    commands |= {f"review_{c.name or c.callback.__name__}" for c in review.registered_commands}
    assert {"make_questions" if name == "questions" else name for name in commands} <= set(NAMES)


def test_no_module_takes_the_place_of_a_function():
    for name in NAMES:
        found = getattr(komep, name)
        importlib.import_module(inspect.getmodule(found).__name__)
        assert isinstance(found, ModuleType) == (name in ("dahl", "pairs", "schema")), name
        assert getattr(komep, name) is found
        if not isinstance(found, ModuleType):
            with pytest.raises(ModuleNotFoundError):
                importlib.import_module(f"komep_dataset.{name}")


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="module 'komep_dataset' has no attribute 'nothing'"):
        komep.nothing  # noqa: B018
    assert not hasattr(komep, "utils")


def test_importing_the_package_imports_nothing_else():
    others = "{m.split('.')[0] for m in sys.modules} - sys.stdlib_module_names - {'__main__'}"
    command = [sys.executable, "-S", "-c", f"import sys, komep_dataset; print({others})"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "{'komep_dataset'}", done.stdout + done.stderr


def test_a_review_by_functions_alone(tmp_path):
    folder = komep.build(None, tmp_path / "komep").folder
    [sheet] = komep.review_sample(folder, str(tmp_path), n=2, reviewers=1)
    sheet = sheet / "review.csv"
    better = pl.Series("better", ["A", ""])
    pl.read_csv(sheet).with_columns(better).write_csv(sheet)
    with pytest.warns(UserWarning, match="1 of 2 pairs have an answer"):
        record, files = komep.review_import(str(sheet), folder, str(tmp_path))
        assert record == komep.review_import([sheet], folder, tmp_path)[0]
    assert record["pairs"] == 1 and files == [tmp_path / "review.json", tmp_path / "corrections.jsonl"]
    table, rows, changed = komep.review_apply([folder / "scored"], files[1], tmp_path / "corrected.parquet")
    assert table.is_file() and rows and changed == 0


def test_a_release_by_functions_alone(tmp_path):
    built = komep.build(None, tmp_path / "komep")
    assert all(check.ok for check in komep.verify(built.folder))
    assert {m.model for m in komep.models(komep.read_scored([built.folder]))} == set(built.facts["models"])
