"""The bias figures as tables for a terminal: verdicts first, then what is behind them."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from komep_dataset.audit.verdicts import percent
from komep_dataset.progress import counted

MOST_ROWS = 12  # of models and of categories that a table shows


def tables(measured: Mapping[str, Any]) -> list[RenderableType]:
    """The figures as rich tables: verdicts first, then lengths, win matrix, margins."""
    wins, margins = measured["wins"], measured["margins"]
    found = [_verdict_table(measured), _figures(measured), wins and _win_table(wins)]
    found.append(margins and _margin_table(margins, measured["label_noise"]))
    return [table for table in found if table is not None]


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_header=bool(columns))
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left")
    return table


def _verdict_table(measured: Mapping[str, Any]) -> RenderableType:
    splits = ", ".join(f"{split} {n:,}" for split, n in measured["splits"].items())
    where = f"the config {measured['config']}" if measured["config"] else measured["source"]
    table = _table(f"{counted(measured['pairs'], 'pair')} of {where} ({splits})")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, line in measured["verdicts"].items():
        told = any(word in line for word in ("above chance", "below chance", "more than half", ": uneven"))
        table.add_row(name.removeprefix("baseline: "), Text(line, style="bold" if told else ""))
    return table


def _figures(measured: Mapping[str, Any]) -> RenderableType:
    table, found = _table("Length in characters", "", "value", "95% interval"), measured["length"]
    table.add_row("mean, chosen", f"{found['chosen_mean']:,.0f}", "")
    table.add_row("mean, rejected", f"{found['rejected_mean']:,.0f}", "")
    half = "half: {:.2f} to {:.2f}".format(*found["ratio_quartiles"])
    table.add_row("chosen / rejected, median", f"{found['ratio_median']:.2f}", half)
    for name, one in found["correlation"].items():
        value, interval = one["value"], one["interval"]
        cells = ("-", "") if value is None else (f"{value:+.3f}", f"{interval[0]:+.3f} to {interval[1]:+.3f}")
        table.add_row(f"correlation with the label ({name.replace('_', '-')})", *cells)
    return table


def _win_table(found: Mapping[str, Any]) -> RenderableType:
    order = sorted(range(len(found["models"])), key=lambda i: -found["win_share"][i]["hits"])[:MOST_ROWS]
    ranks = [str(rank + 1) for rank in range(len(order))]
    table = _table("Wins (row over column)", "", "wins", "of its pairs", *ranks)
    for rank, i in zip(ranks, order, strict=True):
        own, cells = found["win_share"][i], (str(found["matrix"][i][j]) for j in order)
        share = percent(own["share"], own["interval"])
        table.add_row(Text(f"{rank} {own['model']}"), f"{own['hits']:,}", share, *cells)
    if len(found["models"]) > len(order):
        table.caption = f"{len(order)} of {len(found['models'])} models; `--json` has all"
    return table


def _margin_table(found: Mapping[str, Any], noise: Mapping[str, Any] | None) -> RenderableType:
    """Margins as bars; with label noise, the expected flips of each bin."""
    if noise:
        table = _table("Expected flips by margin", "margin", "pairs", "flipped")
        for one in noise["bins"]:
            edges = f"{one['low']:.1f} to {one['high']:.1f}"
            table.add_row(edges, f"{one['pairs']:,}", f"{one['flipped']:.1%}")
        return table
    table = _table("Margins", "margin", "pairs")
    table.add_column("")
    edges, counts = found["histogram"]["edges"], found["histogram"]["counts"]
    for (low, high), count in zip(pairwise(edges), counts, strict=True):
        table.add_row(f"{low:.1f} to {high:.1f}", f"{count:,}", "█" * round(30 * count / max(counts)))
    return table
