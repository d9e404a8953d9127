"""README and docs: every command that is shown as one runs, links lead somewhere, both READMEs name the same commands.

Blocks of `sh` and `python` of a page run in order, in one folder that holds what a clone holds. A comment in front,
`<!-- not run: REASON -->`, leaves one out.
"""

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

from evaluation import compare, experiment, publish, run
from komep_dataset import cli

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"(?:^<!-- (not run: .+?) -->\n)?^```(sh|python)\n(.*?)^```", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(
    r"\b(?:komep (?:[a-z]+)|`make [a-z]+`|evaluation\.[a-z]+|recipes/[a-z]+\.py|load_dataset\(\"\w+\")"
)
MADE = {".git", "komep", "results", "report.html"}  # in a clone, by commands


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, text) of the blocks that run."""
    return [(language, text) for note, language, text in BLOCK.findall(page.read_text("utf-8")) if not note]


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
def test_commands_and_snippets_run(page, tmp_path):
    folder = tmp_path / "clone"
    folder.mkdir()
    for one in ROOT.iterdir():
        if one.name not in MADE:
            (folder / one.name).symlink_to(one)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    own = {"PATH": path, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    for language, text in blocks(page):
        program = ["bash", "-euo", "pipefail", "-c"] if language == "sh" else [sys.executable, "-c"]
        done = subprocess.run(
            [*program, text], cwd=folder, env=os.environ | own, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{text}\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_a_file_and_a_heading(page):
    for link in LINK.findall(page.read_text("utf-8")):
        if "://" in link:
            continue
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if heading and target.suffix == ".md":
            heads = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.M)
            assert heading in {
                re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in heads
            }, link


def test_both_readmes_name_the_same_commands_and_are_short():
    english, korean = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.ko.md"))
    assert set(COMMAND.findall(english)) == set(COMMAND.findall(korean)) != set()
    assert BLOCK.findall(english) == BLOCK.findall(korean)
    for text in (english, korean):
        assert len(text.split()) <= 900 and len(text.splitlines()) <= 120


def test_the_page_on_failures_says_which_commands_have_an_option(monkeypatch):
    """It read as if all had `--limit`, `--json` and `--config`."""
    monkeypatch.syspath_prepend(str(ROOT / "recipes"))  # as the scripts there are started
    apps = {"": cli.app, "evaluation.run": run.app, "evaluation.compare": compare.app}
    apps |= {
        "evaluation.publish": publish.app,
        "evaluation.experiment": experiment.app,
        "lengths.py": import_module("lengths").app,
    }
    commands = {}
    for name, app in apps.items():
        command = typer.main.get_command(app)
        commands |= getattr(command, "commands", {name: command})
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    rows = re.findall(r"^\| `(--\w+)` \|[^|]*\|((?: `[\w.]+`)+)", page, re.M)
    assert len(rows) == 4
    for option, named in rows:
        have = {
            name
            for name, one in commands.items()
            if any(option in param.opts and not getattr(param, "hidden", False) for param in one.params)
        }
        assert have == set(re.findall(r"[\w.]+", named)), option


def test_the_page_of_tables_is_what_the_schema_says():
    made = subprocess.run(
        [sys.executable, "docs/tables.py"], cwd=ROOT, capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert made.stdout == (ROOT / "docs/tables.md").read_text("utf-8")
