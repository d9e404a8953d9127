"""setup.py: what the installed package says of commands that run from a clone."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """What is installed from, without what other tests write."""
    source = tmp_path_factory.mktemp("source")
    shutil.copytree(ROOT / "komep_dataset", source / "komep_dataset", ignore=shutil.ignore_patterns("*.pyc"))
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    (source / "evaluation").mkdir()
    shutil.copy(ROOT / "evaluation" / "__init__.py", source / "evaluation")
    return source


@pytest.fixture(scope="module")
def site(source, tmp_path_factory):
    """The unpacked wheel, as pip puts it into site-packages."""
    site = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", source / "dist", "."], cwd=source, check=True)
    [wheel] = (source / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def run(module: str, *paths: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """`python -m module` with nothing installed but what lies on the paths."""
    return subprocess.run(
        [sys.executable, "-S", "-m", module],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_each_command_of_evaluation_says_where_it_runs_and_the_wheel_holds_nothing_else(site, tmp_path):
    commands = {path.stem for path in (ROOT / "evaluation").glob("*.py") if "__main__" in path.read_text()}
    assert {path.stem for path in (site / "evaluation").iterdir()} == commands
    assert {path.name for path in site.iterdir() if path.suffix != ".dist-info"} == {
        "evaluation",
        "komep_dataset",
    }
    for command in commands:
        found = run(f"evaluation.{command}", site, cwd=tmp_path)
        assert found.returncode == 2 and not found.stdout
        assert found.stderr.startswith(f"error: python -m evaluation.{command} runs from a clone")
        assert found.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("first", ["package", "wheel"])
def test_a_package_of_that_name_goes_before_what_the_wheel_says(site, tmp_path, first):
    package = tmp_path / "clone" / "evaluation"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "run.py").write_text("print('the real one')")
    paths = [package.parent, site] if first == "package" else [site, package.parent]
    assert run("evaluation.run", *paths, cwd=tmp_path).stdout == "the real one\n"


@pytest.mark.slow
def test_an_editable_installation_finds_the_evaluation_of_the_clone_from_any_folder(source, tmp_path):
    build = f"from setuptools import build_meta; build_meta.build_editable({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as archive:
        archive.extractall(tmp_path / "site")
    code = f"import site; site.addsitedir({str(tmp_path / 'site')!r}); import evaluation; print(evaluation.__file__)"
    found = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=tmp_path, env={}, capture_output=True, text=True
    )
    assert found.stdout == f"{source / 'evaluation' / '__init__.py'}\n", found.stderr
