"""The pages of README and docs, and the commands in them."""

import re
from functools import cache
from pathlib import Path

import typer

from evaluation import compare, experiment, publish, run
from komep_dataset import cli

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"(?:^<!-- (not run: .+?) -->\n)?^```(sh|python)\n(.*?)^```", re.M | re.S)
INLINE = re.compile(r"(?<!`)`((?:komep |python |accelerate launch |sbatch |pip install |make )[^`]+)`(?!`)")
CALL = re.compile(r"(?<!`)`((?:komep\.\w+|load_dataset)\([^`]+)`(?!`)")


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, text) of the blocks that run."""
    return [(language, text) for note, language, text in BLOCK.findall(page.read_text("utf-8")) if not note]


def commands(page: Path) -> list[str]:
    """The commands within the lines of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    return list(dict.fromkeys(INLINE.findall(text)))


@cache
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
