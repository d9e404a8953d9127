"""One manner for every command: how it is asked for help, kept quiet, interrupted, and what its options mean.

`komep`, `python -m evaluation.…` and the scripts beside the recipes are made of this.
"""

import inspect
import io
import logging
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from functools import wraps
from typing import Annotated, Any, NoReturn

import typer

from komep_dataset.errors import doing, ended
from komep_dataset.system import print_every_sign

WRITES = "nothing is lost: an output is put in place when it is whole, and what was there before is as it was"
READS = "nothing was written"
ASKS = "replies so far are kept and are not asked for again"

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings and errors alone, no progress.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print what libraries log, and the traceback behind an error.")
]
EXAMPLES = "Examples:"  # where they begin in the docstring of a command, a line each


class _WarningsAlone(io.TextIOBase):
    """Standard output of a quiet command: what is a warning goes to standard error."""

    def write(self, text: str) -> int:
        for line in text.splitlines():
            if line.startswith("warning: "):
                print(line, file=sys.stderr)
        return len(text)


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
        doing.kept, doing.at_once, doing.verbose = kept, False, verbose
        if verbose:
            logging.basicConfig(level=logging.INFO)
        if not quiet:
            return function(**given)
        for of in ("TQDM_DISABLE", "HF_DATASETS_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_PROGRESS_BARS"):
            os.environ[of] = "1"
        with redirect_stdout(_WarningsAlone()):
            return function(**given)

    added = [
        inspect.Parameter(one, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
        for one, annotation in more.items()
    ]
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *added])
    run.__annotations__ = {p.name: p.annotation for p in run.__signature__.parameters.values()}
    text, epilog = said(function.__doc__)
    app.command(name, help=text, epilog=epilog, **settings)(run)


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
