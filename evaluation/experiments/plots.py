"""The plots of an experiment: for each benchmark every change with its interval, as SVG files and inside the page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from evaluation.experiments.results import Arm
from evaluation.statistics.forest import OFFSET, STYLES, short
from komep_dataset.files.outputs import write_text

PLOTS = "plots"


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawn plot: its file beside the report, the same as an address that holds it, and what it shows in words."""

    title: str
    path: str
    data: str
    words: str


def in_words(arms: Sequence[Arm]) -> str:
    """What the plot shows, for who cannot see it."""
    parts = []
    for arm in arms:
        c = arm.changes["robust"]
        low, high = (100 * end for end in c.interval)
        parts.append(f"{arm.title} {100 * c.difference:+.1f} points ({low:+.1f} to {high:+.1f})")
    return "; ".join(parts)


def draw_changes(title: str, arms: Sequence[Arm]) -> str:
    """A forest plot of one benchmark's changes under both readings, as SVG; the same arms give the same text."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "komep", "axes.unicode_minus": False, "font.size": 9}):
        figure = Figure(figsize=(8, 1.4 + 0.4 * len(arms)), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        for reading, (marker, colour, meaning) in STYLES.items():
            changes = [arm.changes[reading] for arm in arms]
            heights = [len(arms) - 1 - i + OFFSET[reading] for i in range(len(arms))]
            middle = [100 * c.difference for c in changes]
            ends = [[100 * (c.difference - c.interval[0]) for c in changes],
                    [100 * (c.interval[1] - c.difference) for c in changes]]  # fmt: skip
            clipped = [[max(0.0, end) for end in side] for side in ends]
            axes.errorbar(
                middle,
                heights,
                xerr=clipped,
                fmt=marker,
                color=colour,
                capsize=2,
                label=f"letters read {meaning}",
            )
        axes.axvline(0, color="#333333", linewidth=1)
        axes.set_yticks(range(len(arms)), [short(arm.title) for arm in reversed(arms)])
        axes.set_xlabel("change of accuracy, points, with 95% intervals over questions and seeds")
        axes.set_title(title, loc="left", fontweight="bold")
        axes.grid(axis="x", color="#DDDDDD", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["left", "right", "top"]].set_visible(False)
        figure.legend(loc="outside lower right", ncols=2, frameon=False)
        out = BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue().decode()


def draw_plots(arms: dict[str, list[Arm]], root: Path) -> list[Plot]:
    """One plot a benchmark that has any change, written to `plots/`."""
    found = []
    for title, group in arms.items():
        compared = [arm for arm in group if arm.changes]
        if not compared:
            continue
        svg = draw_changes(title, compared)
        path = root / PLOTS / f"{title}.svg"
        write_text(path, svg)
        data = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
        found.append(Plot(title, path.relative_to(root).as_posix(), data, in_words(compared)))
    return found
