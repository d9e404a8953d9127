"""A forest plot of comparisons: every model's change in accuracy with its interval, in total and by subject."""

import sys
import textwrap
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.statistics.comparison import READINGS, Change, Comparison, shown_p, with_seeds
from komep_dataset.errors import KomepError, require
from komep_dataset.files.outputs import replacing, text_with
from komep_dataset.languages import plot_fonts

# Wong's palette (Nature Methods 8, 2011): blue and vermilion stay apart for colour-blind readers.
STYLES = {"paper": ("o", "#0072B2"), "robust": ("D", "#D55E00")}  # marker and colour of a reading
OFFSET = {"paper": 0.17, "robust": -0.17}  # of a reading's mark from the middle of its row
PLOT = "forest.png"  # beside the results, where nobody says another place
DRAWN_BY = "KoMeP, evaluation.compare"  # in the file: what another program has drawn is not replaced
MARK = text_with(DRAWN_BY.encode(), "plot of a comparison")
NAME_WIDTH, SUBJECT_WIDTH = 60, 20  # characters that have room; a longer name is cut in its middle


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the plot; a heading has no changes."""

    label: str
    n: int = 0
    changes: dict[str, Change] | None = None
    total: bool = False  # the row of all questions


def short(name: str, width: int = NAME_WIDTH) -> str:
    """A name of at most `width` characters, cut in its middle."""
    half = (width - 1) // 2
    return name if len(name) <= width else f"{name[:half]}…{name[-half:]}"


def forest_rows(comparisons: Sequence[Comparison]) -> list[Row]:
    """The plot's lines from top to bottom: for each model its name, all questions, and its subjects if several."""
    rows = []
    for c in comparisons:
        rows.append(Row(short(with_seeds(c.tuned, c.seeds_tuned))))
        rows.append(Row("all questions", c.n, {r: getattr(c, r) for r in STYLES}, total=True))
        for name, subject in c.subjects.items() if len(c.subjects) > 1 else ():
            rows.append(Row(short(name, SUBJECT_WIDTH), subject.n, {r: getattr(subject, r) for r in STYLES}))
    return rows


def _limits(rows: Sequence[Row]) -> tuple[float, float]:
    """Ends of the axis in points: every interval and zero, with some room."""
    ends = [100 * end for row in rows for c in (row.changes or {}).values() for end in c.interval]
    low, high = min([*ends, 0.0]), max([*ends, 0.0])
    room = max(0.06 * (high - low), 0.5)
    return low - room, high + room


def _draw_row(axes: Any, y: float, row: Row, several: bool) -> None:
    """Marks, intervals and numbers of one row; columns beside the axes are in shares of its width."""
    beside = axes.get_yaxis_transform()
    weight = "bold" if row.total else "normal"
    axes.text(-0.36, y, row.label, transform=beside, va="center", ha="left", weight=weight)
    axes.text(-0.03, y, f"{row.n:,}", transform=beside, va="center", ha="right")
    for reading, (marker, colour) in STYLES.items():
        change = row.changes[reading]
        at, middle = y + OFFSET[reading], 100 * change.difference
        low, high = (100 * end for end in change.interval)
        axes.plot([low, high], [at, at], color=colour, linewidth=2.2 if row.total else 1.4, zorder=2)
        axes.plot(
            middle, at, marker, color=colour, markersize=8 if row.total else 6,
            markerfacecolor=colour if row.total else "white", markeredgewidth=1.4, zorder=3,
        )  # fmt: skip
        p = change.p_holm if several else change.p_value
        cells = ((1.10, f"{middle:+.1f}"), (1.36, f"{low:+.1f} to {high:+.1f}"), (1.53, shown_p(p)))
        for x, text in cells:
            axes.text(
                x, at, text, transform=beside, va="center", ha="right", color=colour, weight=weight, size=8.5
            )


def _draw_heads(axes: Any, y: float, several: bool) -> None:
    beside = axes.get_yaxis_transform()
    heads = ((-0.03, "n"), (1.10, "change"), (1.36, "95% interval"), (1.53, "p (Holm)" if several else "p"))
    for x, text in heads:
        axes.text(x, y, text, transform=beside, va="center", ha="right", size=9, color="#333333")


def _caption(comparisons: Sequence[Comparison]) -> str:
    seeds = any(c.seeds_base > 1 or c.seeds_tuned > 1 for c in comparisons)
    text = "Lines: 95% bootstrap intervals over questions"
    text += " and seeds; p: McNemar's exact test, or the sign-flip test for several seeds" if seeds else (
        "; p: McNemar's exact test"
    )  # fmt: skip
    return text + (", corrected by Holm over the models." if len(comparisons) > 1 else ".")


def _draw(comparisons: Sequence[Comparison]) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    rows, several, first = forest_rows(comparisons), len(comparisons) > 1, comparisons[0]
    height = 0.42 * len(rows) + 2.2
    figure = Figure(figsize=(9.6, height), dpi=160)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.215, 1.0 / height, 0.485, (height - 2.05) / height))
    for number, row in enumerate(rows):
        y = len(rows) - 1 - number
        if row.changes is None:
            axes.text(
                -0.40,
                y,
                row.label,
                transform=axes.get_yaxis_transform(),
                va="center",
                weight="bold",
                size=10.5,
            )
        else:
            if row.total:
                axes.axhspan(y - 0.5, y + 0.5, color="#F2F2F2", zorder=0, linewidth=0)
            _draw_row(axes, y, row, several)
    _draw_heads(axes, len(rows) - 0.25, several)
    axes.axvline(0, color="#333333", linewidth=1, zorder=1)
    axes.set_xlim(*_limits(rows))
    axes.set_ylim(-0.6, len(rows) - 0.5)
    axes.set_yticks([])
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.6, zorder=0)
    axes.set_axisbelow(True)
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.set_xlabel("change in accuracy, points (right of zero: better after)")
    base = short(with_seeds(first.base, first.seeds_base))
    figure.text(
        0.02, 1 - 0.28 / height, f"{first.benchmark}, {first.shots} shots: change from {base}",
        size=12, weight="bold", va="center",
    )  # fmt: skip
    marks = [
        Line2D([], [], color=colour, marker=marker, linewidth=1.6, markersize=6, label=READINGS[reading])
        for reading, (marker, colour) in STYLES.items()
    ]
    figure.legend(
        handles=marks,
        loc="center left",
        bbox_to_anchor=(0.012, 1 - 0.58 / height),
        ncols=2,
        frameon=False,
        fontsize=9,
    )
    figure.text(
        0.02, 0.22 / height, textwrap.fill(_caption(comparisons), 130), size=8, color="#444444", va="center"
    )
    return figure


def draw_forest(comparisons: Sequence[Comparison], path: Path) -> None:
    """Draw the comparisons into a .png or .svg file, replaced in one step.

    Names in Korean need a font with Korean letters; without one they are drawn as boxes by matplotlib's own font,
    which is said once on the standard error and is no failure. The same comparisons give the same file.

    Raises `KomepError` where the file cannot be written, or is not such a plot.
    """
    import matplotlib

    settings = {
        "font.family": plot_fonts(),
        "font.size": 9.5,
        "axes.unicode_minus": False,  # not every font with Korean letters has the minus sign
        "svg.hashsalt": "komep",  # ids in the file do not change from run to run
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        metadata = {"Creator": DRAWN_BY, "Date": None} if path.suffix == ".svg" else {"Software": DRAWN_BY}
        with replacing(path, *MARK) as beside:
            _draw(comparisons).savefig(beside, metadata=metadata)
    if any("missing from" in str(warning.message) for warning in caught):
        print(f"{path}: no font for some letters of the names, which are drawn as boxes", file=sys.stderr)


def draw_beside(comparisons: Sequence[Comparison], folder: Path) -> tuple[str, bool]:
    """Draw the plot into a folder of results; (what to tell the user, whether it was drawn)."""
    try:
        require("evaluation", "matplotlib")
        draw_forest(comparisons, folder / PLOT)
    except KomepError as error:
        return f"note: no forest plot: {error}", False
    return f"forest plot: {folder / PLOT}", True
