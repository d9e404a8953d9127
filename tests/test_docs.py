"""README and docs: every command that is shown as one runs, links lead somewhere, both READMEs name the same commands.

Blocks of `sh` and `python` of a page run in order, in one folder that holds what a clone holds. A comment in front,
`<!-- not run: REASON -->`, leaves one out. Of the commands within a line those of README run, on stand-ins for what a
reader brings (`NOT_RUN` has the others, each with its reason); of all pages each is looked up with its options.
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
INLINE = re.compile(r"(?<!`)`((?:komep |python |accelerate launch |sbatch |pip install |make )[^`]+)`(?!`)")
NOT_RUN = {
    "make quickstart": "six minutes; by hand before a release",
    "make test": "it is what runs this",
    "pip install .": "tests/test_setup.py builds and unpacks what it installs",
    "komep preview pipeline.yaml": "asks endpoints: tests/pipeline/test_preview.py, of a server on this machine",
    "komep run pipeline.yaml": "asks endpoints: tests/pipeline/test_run.py, of a server on this machine",
    "accelerate launch --config_file accelerate_configs/zero3.yaml recipes/dpo.py --config "
    "recipes/llama-3.1-8b-instruct/dpo.yaml": "eight billion parameters: tests/recipes/test_distributed.py, of a tiny model",
    "python -m evaluation.run --model M --benchmark kormedmcqa --output results/M": "docs/evaluate.md, of the sample",
}
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


def commands(page: Path) -> list[str]:
    """The commands within the lines of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    return list(dict.fromkeys(INLINE.findall(text)))


@pytest.mark.slow
def test_the_commands_within_the_lines_of_readme_run(tmp_path):
    listed = commands(ROOT / "README.md")
    assert set(NOT_RUN) < set(listed), "a command with a reason that README does not have"
    (tmp_path / "new").mkdir()
    (tmp_path / "scored.jsonl").symlink_to(ROOT / "komep_dataset/samples/scored_generations.jsonl")
    own = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    own |= {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    build = "komep build scored.jsonl --output komep"
    for command in [build, *(one for one in listed if one not in (build, *NOT_RUN))]:
        command += " --help" * (command == "komep review")  # a family of commands
        where = tmp_path / (
            "new" if command == "komep init" else ""
        )  # writes beside no other file of these names
        done = subprocess.run(
            command.split(), cwd=where, env=os.environ | own, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-1000:]}\n{done.stderr[-1000:]}"
    snippet = "from datasets import load_dataset; assert load_dataset('komep')['train'].num_rows"
    subprocess.run([sys.executable, "-c", snippet], cwd=tmp_path, env=os.environ | own, check=True)


def apps() -> dict[str, typer.core.TyperCommand]:
    """Every command of komep by its words, `review sample` too, and every one of evaluation."""
    found = {}

    def add(words: str, command) -> None:
        found[words] = command
        for name, one in getattr(command, "commands", {}).items():
            add(f"{words} {name}", one)

    add("komep", typer.main.get_command(cli.app))
    for module in (run, compare, publish, experiment):
        add(f"python -m {module.__name__}", typer.main.get_command(module.app))
    return found


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
        elif line.startswith("python -m benchmarks."):
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
