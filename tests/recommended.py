"""An error recommends only options that its command has: what is looked at in every test that runs one.

`conftest.py` has the last lines of commands read here, of those in this process and of those in processes of their own.
"""

import importlib.util
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EVALUATION = ("run", "compare", "publish", "experiment", "quickstart")
RECIPES = ("dpo", "orpo", "sft")  # whose flags are TRL's
OPTION = re.compile(r"(?<![\w./-])--[a-z][\w-]*\w")
# A command that a sentence names; options that follow it are its own, up to the end of the clause.
NAMED = re.compile(
    r"komep(?: review)? [a-z]+|(?:python -m )?evaluation\.[a-z]+|(?:python )?recipes/[\w/-]+\.py|"
    r"accelerate launch|lm_eval|llama-server|pip install|hf (?:up|down)load|sbatch"
)
CLAUSE = re.compile(r"[;:](?=\s)|\.(?=\s)|[`()\n]")
# Programs of others: their options are theirs.
OTHERS = ("accelerate", "lm_eval", "llama-server", "pip", "hf", "sbatch")
# What a message quotes of lm_eval's settings, and options of the gates that tests plug in.
NO_ADVICE = frozenset(("--fewshot_as_multiturn", "--banned", "--wide"))


def leaves(command, name: str) -> Iterator[tuple[str, object]]:
    """(what a user types, the parsed command) of every command of an application."""
    if hasattr(command, "commands"):
        for word, one in command.commands.items():
            yield from leaves(one, f"{name} {word}")
    else:
        yield name, command


@cache
def typer_commands() -> dict[str, object]:
    """What a user types -> command, of `komep`, `python -m evaluation.…` and the scripts beside the recipes."""
    from typer.main import get_command

    from komep_dataset.cli import app

    found = dict(leaves(get_command(app), "komep"))
    for name in EVALUATION:
        module = import_module(f"evaluation.{name}")
        found |= leaves(get_command(module.app), f"python -m evaluation.{name}")
    for script in ("recipes/smollm2-135m/export.py",):
        found |= leaves(get_command(_script(script).app), f"python {script}")
    return found


def _script(path: str):
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def options_of(command: str) -> frozenset[str]:
    """The options of what a user types, hidden ones too."""
    name = Path(command).stem
    if command.startswith("python recipes/") and name in (*RECIPES, "lengths"):
        sys.path.insert(0, str(ROOT / "recipes"))
        try:
            module = import_module(name)
        finally:
            sys.path.remove(str(ROOT / "recipes"))
        if name in RECIPES:
            from training.flags import RecipeParser

            parser = RecipeParser(module.ARGUMENTS)
            return frozenset(parser._option_string_actions) | {"--config"}
        from typer.main import get_command

        params = get_command(module.app).params
    else:
        params = typer_commands()[command].params
    return frozenset(flag for one in params for flag in (*one.opts, *one.secondary_opts)) | {"--help"}


def command_of(words: Sequence[str]) -> str:
    """What a user types of a command line, without what is given to it; "" for what is none of ours."""
    for place, word in enumerate(words):
        path = Path(word)
        if (
            word == "komep_dataset.cli"
            or path.name == "komep"
            or path.parts[-2:] == ("komep_dataset", "cli.py")
        ):
            given = [one for one in words[place + 1 :] if not one.startswith("-")]
            depth = 2 if given[:1] == ["review"] else 1
            return " ".join(["komep", *given[:depth]])
        if word.startswith("evaluation."):
            return f"python -m {word}"
        if path.suffix == ".py" and "recipes" in path.parts:
            return f"python {Path(*path.parts[path.parts.index('recipes') :])}"
    return ""


def known(command: str) -> bool:
    """Whether it is a command of ours, whose options are known."""
    recipe = re.fullmatch(r"python recipes/(\w+)\.py", command)
    return command in typer_commands() or (recipe is not None and recipe[1] in (*RECIPES, "lengths"))


def owners(text: str) -> Iterator[tuple[str, str]]:
    """(option, the command that a sentence names before it in its clause, or "") of every option in a text."""
    for found in OPTION.finditer(text):
        start = max((cut.end() for cut in CLAUSE.finditer(text, 0, found.start())), default=0)
        named = [full(one[0]) for one in NAMED.finditer(text, start, found.start())]
        yield found[0], next((one for one in reversed(named) if known(one) or one.split()[0] in OTHERS), "")


def full(command: str) -> str:
    """A command that a sentence names, as it is typed."""
    if command.startswith(("evaluation.", "recipes/")):
        return f"python {'-m ' * command.startswith('evaluation.')}{command}"
    return command


def unknown_options(line: str, command: str) -> list[str]:
    """Options that a line of a command recommends, and that neither it nor the command that the line names has."""
    return [
        f"{option} of {owner}"
        for option, owner in ((option, named or command) for option, named in owners(line))
        if owner.split()[0] not in OTHERS and option not in options_of(owner) | NO_ADVICE
    ]


def check(said: str, words: Sequence[str]) -> None:
    """Fail where the error of a command line recommends an option that it has not; what was typed may be repeated."""
    line = said[said.rfind("error: ") :] if "error: " in said else ""
    command = command_of(words) if OPTION.search(line) else ""
    typed = {word.split("=")[0] for word in words}
    if command and known(command):
        lacking = [one for one in unknown_options(line, command) if one.split()[0] not in typed]
        assert not lacking, f"{command}: recommends {', '.join(lacking)}: {line}"


running: list[Sequence[str]] = []  # command lines in this process, the innermost last


@contextmanager
def as_command(*words: str) -> Iterator[None]:
    """What runs within is this command line."""
    running.append(words)
    try:
        yield
    finally:
        running.pop()


def look_at_every_end() -> None:
    """Have the last line of each command read, in this process and in those that it starts."""
    import subprocess

    from typer.testing import CliRunner

    from komep_dataset import errors
    from komep_dataset.commands import manner

    told, start, communicate = errors.told, manner.start, subprocess.Popen.communicate
    invoke = CliRunner.invoke

    def told_and_read(error):
        code, line = told(error)
        if running:
            check(line, running[-1])
        return code, line

    def start_and_read(app, program, arguments=None):
        with as_command(*program.split(), *(sys.argv[1:] if arguments is None else arguments)):
            start(app, program, arguments)

    def communicate_and_read(process, *given, **more):
        out, err = communicate(process, *given, **more)
        words = process.args if isinstance(process.args, list | tuple) else []
        if process.returncode and isinstance(text := err or out, str):
            check(text, list(map(str, words)))
        return out, err

    def invoke_and_read(runner, app, args=None, **more):
        done = invoke(runner, app, args, **more)
        if isinstance(done.exception, errors.KomepError):  # of `komep` alone, of which tests ask so
            check(f"error: {done.exception}", ["komep", *(args or ())])
        return done

    errors.told, manner.start = told_and_read, start_and_read
    subprocess.Popen.communicate, CliRunner.invoke = communicate_and_read, invoke_and_read
