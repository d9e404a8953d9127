"""One manner for every command: how it is asked for help, kept quiet, interrupted, and what its options mean.

`komep`, `python -m evaluation.…` and the scripts beside the recipes are made of this.
"""

import inspect
import io
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from functools import wraps
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from komep_dataset.errors import KomepError, doing, ended
from komep_dataset.progress import hearing
from komep_dataset.system import print_every_sign

WRITES = "nothing is lost: an output is put in place when it is whole, and what was there before is as it was"
READS = "nothing was written"
ASKS = "replies so far are kept and are not asked for again"

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings and errors alone, no progress.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print what libraries log, and the traceback behind an error.")
]
RECIPES = ("dpo", "orpo", "sft")  # of a clone
EXAMPLES = "Examples:"  # where they begin in the docstring of a command, a line each


class _WarningsAlone(io.TextIOBase):
    """Standard output of a quiet command: what is a warning goes to standard error."""

    def write(self, text: str) -> int:
        for line in text.splitlines():
            if line.startswith("warning: "):
                print(line, file=sys.stderr)
        return len(text)


@contextmanager
def quietly() -> Iterator[None]:
    """Print warnings and errors alone within: what `--quiet` means."""
    for of in ("TQDM_DISABLE", "HF_DATASETS_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_PROGRESS_BARS"):
        os.environ[of] = "1"
    with (
        hearing(lambda line: None if line.startswith("note: ") else print(line, file=sys.stderr)),
        redirect_stdout(_WarningsAlone()),
    ):
        yield


def talk() -> None:
    """Print what libraries log, and the traceback behind an error: what `--verbose` means."""
    doing.verbose = True
    logging.basicConfig(level=logging.INFO)


class _Command(TyperCommand):
    """A command whose help has its options under headlines, where they name some (`rich_help_panel`)."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As click does it, which takes whatever stands behind an option as its value, be it the next option."""
        takes = {
            name: getattr(one, "nargs", 1)
            and not getattr(one, "is_flag", False)
            and not getattr(one, "count", False)
            for one in self.get_params(ctx)
            if one.param_type_name == "option"
            for name in (*one.opts, *one.secondary_opts)
        }
        before = args[: args.index("--")] if "--" in args else args
        for option, value in pairwise(before):
            if takes.get(option) and value in takes:
                raise KomepError(
                    f"{option}: its value is missing; {value}, which follows, is an option", exit_code=2
                )
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        parts: dict[str, list[tuple[str, str]]] = {}
        for one in self.get_params(ctx):
            if shown := one.get_help_record(ctx):
                kind = "Arguments" if one.param_type_name == "argument" else "Options"
                parts.setdefault(getattr(one, "rich_help_panel", None) or kind, []).append(shown)
        for title, rows in parts.items():
            with formatter.section(title):
                formatter.write_dl(rows)


class _Group(TyperGroup):
    """Commands, and where what is none of them runs from."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and (place := of_the_clone(args[0])):
            raise KomepError(f"komep has no command {args[0]}: {place}", exit_code=2)
        return super().resolve_command(ctx, args)


def of_the_clone(word: str) -> str:
    """How to start what a word means that only a clone has; "" where it means nothing of it."""
    name = Path(word.removeprefix("evaluation.")).name.removesuffix(".py")
    method = RECIPES[0] if word in ("train", "training", "recipes") else name
    if word in ("evaluation", "evaluate", "eval"):
        start = "python -m evaluation.run"
    elif name in ("compare", "experiment") or (name in ("run", "publish") and word != name):
        start = f"python -m evaluation.{name}"
    elif method in RECIPES:
        start = f"accelerate launch recipes/{method}.py --config recipes/MODEL/{method}.yaml"
    else:
        start = {"lengths": "python recipes/lengths.py", "quickstart": "make quickstart"}.get(name, "")
    where = "that runs from the root of a clone of the project, which pip does not install: cd CLONE, then"
    return start and f"{where} {start}"


def new_app(docstring: str = "", **settings: Any) -> typer.Typer:
    """An application whose help is plain text: typer's rich panels give a plain flag the type `<bool>`.

    `docstring`: of an application of several commands, as that of one command.
    """
    text, epilog = said(docstring)
    return typer.Typer(
        help=text or None,
        epilog=epilog,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        cls=_Group,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
        **settings,
    )


def add(
    app: typer.Typer,
    function: Callable[..., Any],
    name: str | None = None,
    *,
    kept: str = WRITES,
    lists: tuple[str, Callable[[], Iterable[tuple[str, str]]]] | None = None,
    **settings: Any,
) -> None:
    """Make a function a command of an application.

    Args:
        function: its docstring is the help, with examples at the end.
        kept: what stays when it is interrupted.
        lists: what `--list` lists, and a function of (name, what it is).
        settings: of typer's `command`.
    """
    signature = inspect.signature(function, eval_str=True)
    more = {"quiet": Quiet, "verbose": Verbose}
    if lists:
        more["listed"] = Annotated[bool, _list_option(*lists)]

    @wraps(function)
    def run(quiet: bool, verbose: bool, listed: bool = False, **given: Any) -> Any:
        doing.kept, doing.at_once, doing.verbose = kept, False, False
        if verbose:
            talk()
        with quietly() if quiet else nullcontext():
            return function(**given)

    added = [
        inspect.Parameter(one, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
        for one, annotation in more.items()
    ]
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *added])
    run.__annotations__ = {p.name: p.annotation for p in run.__signature__.parameters.values()}
    text, epilog = said(function.__doc__)
    app.command(name, cls=_Command, help=text, epilog=epilog, **settings)(run)


def said(docstring: str) -> tuple[str, str | None]:
    """Help and examples of a docstring; click keeps the lines of what begins with a backspace."""
    text, _, examples = inspect.cleandoc(docstring).partition(EXAMPLES)
    return text.strip(), f"\b\n{EXAMPLES}\n{examples.strip(chr(10))}" if examples else None


def _list_option(what: str, entries: Callable[[], Iterable[tuple[str, str]]]) -> Any:
    def show(wanted: bool) -> None:
        if wanted:
            found = list(entries())
            width = max(len(name) for name, _ in found)
            print("\n".join(f"{name:<{width}}  {text}".rstrip() for name, text in found))
            raise typer.Exit

    return typer.Option("--list", callback=show, is_eager=True, help=f"List the {what}, and exit.")


def start(app: typer.Typer, program: str, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run an application as `program`; bad input gives a message and an exit code, never a traceback."""
    print_every_sign()
    ended(lambda: app(args=arguments, prog_name=program, standalone_mode=False))
