"""Figures as plain values: what the templates draw, and the table behind it. Pure geometry, no markup.

Plots are SVG in a box of 400 by 206; bars are rows of a table with a track each, 0 to 100 wide.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from math import log
from typing import Any

from komep_dataset.templates import say

BOX = (400, 206)
LEFT, RIGHT, TOP, BOTTOM = 44, 384, 28, 166  # of the plot's own area; labels lie outside it
HEAT_LEVELS = 5  # colours of a share: 0 = none, 5 = all
NUMBER = re.compile(r"([-+]?[\d.,]+%?(( to |~)[-+]?[\d.,]+%?)?)|–|same|같음")


@dataclass(frozen=True)
class Figure:
    """One figure: `plot` names the macro that draws `data`; `header` and `rows` are the table of its numbers."""

    key: str
    title: str
    reading: str  # one sentence, computed: what this shows
    plot: str = ""  # `columns`, `curve`, `bars`, `heat`, or nothing but the table
    data: Mapping[str, Any] = field(default_factory=dict)
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    wide: bool = False

    @classmethod
    def of(
        cls, key: str, title: str, reading: str, plot: str = "", data: Any = None, header: Sequence[str] = (),
        rows: Iterable[tuple[str, ...]] = (), wide: bool = False,
    ) -> "Figure":  # fmt: skip
        """A figure with its title and header in the language of the page."""
        return cls(key, say(title), reading, plot, data or {}, tuple(map(say, header)), tuple(rows), wide)

    @cached_property  # the template asks for every cell
    def numeric(self) -> tuple[bool, ...]:
        """For each column of the table, whether it holds numbers, to be set to the right."""
        return tuple(all(map(NUMBER.fullmatch, cells)) for cells in zip(*self.rows, strict=True))


@dataclass(frozen=True, slots=True)
class Bar:
    """A row with a track: label, what is written beside it, its value and interval, from 0 to 1."""

    label: str
    number: str
    value: float
    low: float | None = None
    high: float | None = None
    link: str = ""


def bars(rows: Sequence[Bar], reference: float | None = None, hidden: int = 0) -> dict[str, Any]:
    """Rows of bars; `reference` draws a line across all tracks; the last `hidden` rows wait behind a switch."""

    def percent(value: float) -> float:
        return round(100 * min(max(value, 0.0), 1.0), 2)

    def span(row: Bar) -> tuple[float, float] | None:
        return None if None in (row.low, row.high) else (percent(row.low), percent(row.high))

    placed = [{"bar": row, "width": percent(row.value), "span": span(row)} for row in rows]
    first = len(placed) - hidden
    mark = None if reference is None else percent(reference)
    return {"first": placed[:first], "more": placed[first:], "reference": mark}


def columns(
    labels: Sequence[str], series: Mapping[str, Sequence[float]], unit: str, ticks: Sequence[str] = ()
) -> dict[str, Any]:
    """A histogram of one or two series.

    Args:
        labels: one a bin, in full, for the table and the marks' titles.
        series: name -> one count a bin.
        unit: what is counted, as the title of the upright axis.
        ticks: what stands under the bins (empty where a bin has no label); default `labels`.
    """
    top = nice_ceiling(max((max(values, default=0) for values in series.values()), default=0))
    step = (RIGHT - LEFT) / max(len(labels), 1)
    width = step * (0.86 if len(series) == 1 else 0.42)
    rectangles = [
        {
            "kind": "ab"[s],
            "x": round(LEFT + step * i + (step - width * len(series)) / 2 + width * s, 2),
            "y": round(_height(value, top), 2),
            "width": round(width, 2),
            "height": round(BOTTOM - _height(value, top), 2),
            "title": f"{label}: {value:,} {name if len(series) > 1 else unit}",
        }
        for s, (name, values) in enumerate(series.items())
        for i, (label, value) in enumerate(zip(labels, values, strict=True))
    ]
    marks = [(round(LEFT + step * (i + 0.5), 2), text) for i, text in enumerate(ticks or labels) if text]
    names = list(zip("ab", series, strict=False)) if len(series) > 1 else []
    return _axes(top) | {"rectangles": rectangles, "ticks": marks, "names": names}


def curve(points: Sequence[tuple[float, float, float | None, float | None]], top: float) -> dict[str, Any]:
    """A line of (x from 0 to 1, y, low, high), with a whisker where a point has an interval."""
    placed = [
        (round(LEFT + (RIGHT - LEFT) * x, 2), *(None if v is None else round(_height(v, top), 2) for v in ys))
        for x, *ys in points
    ]
    marks = [(round(LEFT + (RIGHT - LEFT) * i / 5, 2), f"{i / 5:.1f}") for i in range(6)]
    line = [(x, y) for x, y, _, _ in placed]
    return _axes(top, "{:.0%}".format) | {
        "points": line,
        "line": " ".join(f"{x},{y}" for x, y in line),
        "whiskers": [(x, low, high) for x, _, low, high in placed if None not in (low, high)],
        "ticks": marks,
    }


def cloud(points: Sequence[tuple[int, float]], fifths: Sequence[tuple[int, int, float]]) -> dict[str, Any]:
    """Dots of (length, score from 0 to 1) with lengths on a logarithmic axis, and a line through the means of (low, high, mean)."""
    sizes = [max(size, 1) for one in (*points, *fifths) for size in one[: len(one) - 1]]
    first, last = 0.9 * min(sizes), 1.1 * max(sizes)
    place = lambda size: LEFT + (RIGHT - LEFT) * log(max(size, 1) / first) / log(last / first)  # noqa: E731 - a scale
    line = [(round(place((a * b) ** 0.5), 2), round(_height(mean, 1.0), 2)) for a, b, mean in fifths]
    digits = (1, 2, 5) if last < 50 * first else (1,)
    steps = [digit * 10**power for power in range(len(str(int(last)))) for digit in digits]
    return _axes(1.0, "{:g}".format) | {
        "cloud": [(round(place(size), 1), round(_height(score, 1.0), 1)) for size, score in points],
        "points": line,
        "line": " ".join(f"{x},{y}" for x, y in line),
        "ticks": [(round(place(size), 2), f"{size:,}") for size in steps if first <= size <= last],
    }


def heat(names: Sequence[str], matrix: Sequence[Sequence[int]], link: Callable[..., str]) -> dict[str, Any]:
    """A matrix of shares: cell [a][b] is how often `a` was chosen, of all pairs of `a` and `b`, with the address of these."""

    def won(a: str, b: str, n: int, losses: int) -> dict[str, Any]:
        share = n / (n + losses) if n + losses else None
        to = link(chosenModel=a, rejectedModel=b) if n else ""
        level = round((share or 0) * HEAT_LEVELS)
        return {"n": n, "of": n + losses, "share": share, "level": level, "link": to}

    rows = zip(names, matrix, zip(*matrix, strict=True), strict=True)
    cells = [[won(a, *one) for one in zip(names, row, column, strict=True)] for a, row, column in rows]
    return {"names": list(names), "cells": cells}


def nice_ceiling(value: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is no less than `value`, at least 1.

    >>> [nice_ceiling(v) for v in (0, 1, 3, 18, 21, 501)]
    [1, 1, 5, 20, 50, 1000]
    """
    sizes = (digit * 10**power for power in count() for digit in (1, 2, 5))
    return next(size for size in sizes if size >= value)


def _height(value: float, top: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * min(max(value / top, 0.0), 1.0)


def _axes(top: float, text: Callable[[float], str] | None = None) -> dict[str, Any]:
    """The axes, with `text` beside the upright one, or whole numbers alone."""
    text = text or (lambda value: f"{value:,.0f}" if value == int(value) else "")
    grid = [(round(_height(value, top), 2), text(value)) for value in (0.0, 0.5 * top, top)]
    return {"box": BOX, "left": LEFT, "right": RIGHT, "bottom": BOTTOM, "grid": grid}


def cell(value: float | None, form: str = ",") -> str:
    """A number of a table; a dash where there is none."""
    return "–" if value is None else format(value, form)


def to(low: str, high: str) -> str:
    return say("{low} to {high}", low=low, high=high)


def spread(interval: Sequence[float], form: str = ".1%") -> str:
    return to(*(format(end, form) for end in interval))
