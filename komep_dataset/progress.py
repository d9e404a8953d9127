"""What is told while something runs: one progress bar for every long stage, on a terminal alone; and notes."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

HEARERS: list[Callable[[str], None]] = []  # whoever called by Python; the last one is told


def tell(line: str) -> None:
    """Say something on standard error, or to the last of `HEARERS`."""
    if HEARERS:
        HEARERS[-1](line)
    else:
        print(line, file=sys.stderr)


@contextmanager
def hearing(hearer: Callable[[str], None]) -> Iterator[None]:
    """Have what is told within told to `hearer` alone."""
    HEARERS.append(hearer)
    try:
        yield
    finally:
        HEARERS.remove(hearer)


def counted(n: int, noun: str) -> str:
    """A number and what it counts: `1 question`, `1,200 questions`, `2 processes`."""
    return f"{n:,} {noun}{'' if n == 1 else 'es' if noun.endswith('s') else 's'}"


@contextmanager
def progress_bar(
    description: str, total: float | None, unit: str = "rows", done: float = 0
) -> Iterator[Callable[[float], None]]:
    """Show a bar on standard error while the block runs.

    Args:
        description: what is being done.
        total: how many units there are, or None if nobody knows.
        unit: what is counted; `"bytes"` shows megabytes.
        done: how many are done already.

    Yields:
        a function to call with how many more units are done.
    """
    if not _may_be_drawn():
        yield lambda more=1: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task) -> Text:
            return Text(f"{task.speed:,.1f} {unit}/s" if task.speed else "")

    console = Console(stderr=True)
    if unit == "bytes":
        counters = (DownloadColumn(), TransferSpeedColumn())
    else:
        counters = (MofNCompleteColumn(), Rate())
    columns = (TextColumn("[bold]{task.description}"), BarColumn(), *counters, TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(description, total=total, completed=done)
        yield partial(bar.advance, task)


def _may_be_drawn() -> bool:
    """Whether standard error is a terminal, or a variable may make rich take it for one; where not, rich need not load."""
    try:
        return sys.stderr.isatty() or not {"FORCE_COLOR", "TTY_COMPATIBLE"}.isdisjoint(os.environ)
    except (AttributeError, ValueError):  # no standard error, or a closed one
        return False
