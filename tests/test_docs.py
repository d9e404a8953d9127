"""README and docs: every command that is shown as one runs, links lead somewhere, both READMEs name the same commands.

Blocks of `sh` and `python` of a page run in order, in one folder that holds what a clone holds. A comment in front,
`<!-- not run: REASON -->`, leaves one out. Commands within a line are looked up here, with their options; they run in
test_docs_commands.py.
"""

import re
import subprocess

import pytest
import typer

from evaluation import compare, experiment, publish, run
from komep_dataset import cli
from tests import warm
from tests.docs_pages import BLOCK, PAGES, ROOT, apps, blocks, commands
from tests.docs_workspace import clone, environment
from tests.docs_workspace import run as start

LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(
    r"\b(?:komep (?:[a-z]+)|`make [a-z]+`|evaluation\.[a-z]+|recipes/[a-z]+\.py|load_dataset\(\"\w+\")"
)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
def test_commands_and_snippets_run(page, tmp_path):
    folder = clone(tmp_path / "clone")
    own = environment(folder)
    for language, text in blocks(page):
        done = start(text, folder, own, python=language == "python")
        assert done.returncode == 0, f"{text}\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "log.md"], ids=lambda page: page.name
)
def test_commands_within_lines_exist_and_have_their_options(page):
    known, targets = apps(), set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    extras = set(
        re.findall(r"^(\w+) =", (ROOT / "setup.cfg").read_text("utf-8").split("extras_require]")[1], re.M)
    )
    for line in commands(page):
        words = line.split()
        given = {re.match(r"-+[\w-]*", word)[0] for word in words if word.startswith("-")}
        if words[0] == "make":
            assert targets.issuperset(word for word in words[1:] if word.islower()), line
        elif words[0] == "pip":
            assert extras.issuperset(re.findall(r"\w+", "".join(re.findall(r"\[[\w,]+\]", line)))), line
        elif line.startswith("python -m benchmarks.") and "…" not in line:
            module = ROOT / words[2].replace(".", "/")
            assert module.is_dir() or module.with_suffix(".py").is_file(), line
        elif found := next((known[name] for n in (4, 3, 2) if (name := " ".join(words[:n])) in known), None):
            options = {option for one in found.params for option in (*one.opts, *one.secondary_opts)}
            assert {"-m", "-h", "--help", *options}.issuperset(given), line
        elif words[0] == "komep":
            assert words[1] in ("--help", "--version", "…"), line
        for path in re.findall(
            r"(?:recipes|accelerate_configs|examples|benchmarks)/[\w./-]+\.(?:py|yaml|sh|slurm)", line
        ):
            assert (ROOT / path).is_file(), line


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
    assert commands(ROOT / "README.md") == commands(ROOT / "README.ko.md")
    assert BLOCK.findall(english) == BLOCK.findall(korean)
    for text in (english, korean):
        assert len(text.split()) <= 900 and len(text.splitlines()) <= 120


@pytest.mark.slow
def test_the_page_on_failures_says_which_commands_have_an_option():
    """It read as if all had `--limit`, `--json` and `--config`."""
    programs = {"": cli.app, "evaluation.run": run.app, "evaluation.compare": compare.app}
    programs |= {"evaluation.publish": publish.app, "evaluation.experiment": experiment.app}
    wide = warm.COLLECTED | {"COLUMNS": "200"}
    script = [warm.python(), "recipes/lengths.py", "--help"]  # it begins with torch
    helped = subprocess.run(script, cwd=ROOT, env=wide, capture_output=True, text=True, check=True).stdout
    have_it = {}
    for name, app in programs.items():
        command = typer.main.get_command(app)
        have_it |= getattr(command, "commands", {name: command})
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    rows = re.findall(r"^\| `(--\w+)` \|[^|]*\|((?: `[\w.]+`)+)", page, re.M)
    assert len(rows) == 4
    for option, named in rows:
        have = {
            name
            for name, one in have_it.items()
            if any(option in param.opts and not getattr(param, "hidden", False) for param in one.params)
        } | ({"lengths.py"} if f"{option} " in helped else set())
        assert have == set(re.findall(r"[\w.]+", named)), option


def test_the_page_of_tables_is_what_the_schema_says():
    made = subprocess.run(
        [warm.python("komep"), "docs/tables.py"], cwd=ROOT, capture_output=True, text=True, check=True,
        env=warm.COLLECTED | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert made.stdout == (ROOT / "docs/tables.md").read_text("utf-8")
