"""Templates are compiled once, and kept as Python keeps its modules."""

import os
import subprocess
import sys

import pytest
from jinja2 import Environment, FileSystemLoader

from komep_dataset.templates import Compiled

TEMPLATE = "{{ a }} & {{ b }}"
CODE = """
import sys
from jinja2 import Environment, FileSystemLoader
from komep_dataset.templates import Compiled
made = Environment(loader=FileSystemLoader(sys.argv[1]), bytecode_cache=Compiled(sys.argv[2]), autoescape=sys.argv[2] == "markup")
compiled = []
compile = Environment.compile
Environment.compile = lambda *a, **k: compiled.append(a) or compile(*a, **k)
print(made.get_template("x.j2").render(a="<", b=1), len(compiled))
"""


@pytest.fixture
def rendered(tmp_path):
    """A process's render of a template: what it said and how many templates it compiled."""
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "x.j2").write_text(TEMPLATE)

    def run(kind: str = "markup", **more: str) -> str:
        own = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | more
        command = [sys.executable, "-c", CODE, str(folder), kind]
        done = subprocess.run(command, capture_output=True, text=True, env=own)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return folder, run


def test_a_template_is_compiled_once_for_all_processes_and_anew_when_it_or_what_was_kept_changed(rendered):
    folder, run = rendered
    assert run(PYTHONDONTWRITEBYTECODE="1") == "&lt; & 1 1" and not (folder / "__pycache__").exists()
    assert (run(), run()) == ("&lt; & 1 1", "&lt; & 1 0")
    assert run("text") == "< & 1 1"  # not what was compiled for pages
    (kept,) = (folder / "__pycache__").glob("*markup*")
    kept.write_bytes(kept.read_bytes()[:40])
    assert (run(), run()) == ("&lt; & 1 1", "&lt; & 1 0")
    (folder / "x.j2").write_text("{{ b }}")
    assert (run(), run()) == ("1 1", "1 0")
    assert len(list((folder / "__pycache__").iterdir())) == 2


def test_a_folder_that_takes_nothing_is_no_trouble(tmp_path):
    (tmp_path / "x.j2").write_text(TEMPLATE)
    (tmp_path / "__pycache__").write_text("a file")
    environment = Environment(loader=FileSystemLoader(tmp_path), bytecode_cache=Compiled())
    assert environment.get_template("x.j2").render(a=1, b=2) == "1 & 2"
