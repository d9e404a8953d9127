"""The curves of a run, as a PNG and as a table: what the trainer logged at each step, and the held-out pairs where they were
looked at."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from komep_dataset.files.outputs import replacing, write_text
from komep_dataset.languages import plot_fonts

CURVES, TABLE = "curves.png", "curves.csv"
# Title of a panel -> (name in a log entry of training, name in one of an evaluation, value where nothing is learnt, its axis).
PANELS = {
    "loss": ("loss", "eval_loss", None, "loss, lower is better"),
    "margin": ("rewards/margins", "eval_margin", 0.0, "reward, chosen − rejected"),
    "reward accuracy": (
        "rewards/accuracies",
        "eval_reward_accuracy",
        0.5,
        "share of pairs: chosen has more reward",
    ),
    "gain accuracy": ("gains/accuracies", "eval_gain_accuracy", 0.5, "share of pairs: chosen gained more"),
}
# Column of the table -> name in a log entry of training, in one of an evaluation.
COLUMNS = {panel.replace(" ", "_"): names[:2] for panel, names in PANELS.items()}
COLUMNS |= {"learning_rate": ("learning_rate", None), "grad_norm": ("grad_norm", None)}
TRAIN, HELD_OUT, INK = "#8a9bb0", "#c44e2c", "#444444"


def with_start(history: list[dict], before: dict[str, Any] | None) -> list[dict]:
    """Log entries of a run, with the figures of the untrained model at step 0 where no entry has them."""
    if not before or any("eval_loss" in entry and entry["step"] == 0 for entry in history):
        return history
    return [{"step": 0, **{f"eval_{name}": value for name, value in before.items()}}, *history]


def points(entries: Iterable[dict], name: str | None) -> list[tuple[int, float]]:
    """(step, value) of every entry that has the name, in order; the last one where a step has several."""
    return sorted({entry["step"]: entry[name] for entry in entries if entry.get(name) is not None}.items())


def panels(entries: list[dict]) -> dict[str, tuple[list, list, float | None]]:
    """Title -> (points of training, of held-out pairs, value by chance), of panels with any points.

    The panel `gain accuracy` is left out where `reward accuracy` has its points, as DPO's has.
    """
    found = {
        title: (points(entries, a), points(entries, b), start) for title, (a, b, start, _) in PANELS.items()
    }
    if not found["gain accuracy"][0] and found["gain accuracy"][1] == found["reward accuracy"][1]:
        del found["gain accuracy"]
    return {title: panel for title, panel in found.items() if panel[0] or panel[1]}


def write_table(entries: list[dict], path: Path, batch: int) -> None:
    """Write what the curves show as CSV, a row a step and split: `step`, `pairs_seen` (step x `batch`), `split` (`train`,
    `held_out`), and the figures, empty where there is none."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(("step", "pairs_seen", "split", *COLUMNS))
    for side, split in enumerate(("train", "held_out")):
        curves = [dict(points(entries, names[side])) for names in COLUMNS.values()]
        for step in sorted({step for curve in curves for step in curve}):
            table.writerow((step, step * batch, split, *(curve.get(step) for curve in curves)))
    write_text(path, out.getvalue())


def draw_curves(entries: list[dict], path: Path, title: str, batch: int) -> bool:
    """Draw the log entries of a trainer (`state.log_history`) into a PNG, over steps and over pairs seen (step x `batch`).

    Returns:
        Whether it was drawn: without matplotlib, or without anything logged, there is no picture.
    """
    try:
        import matplotlib
    except ImportError:
        return False
    shown = panels(entries)
    if not shown:
        return False
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"font.family": plot_fonts(), "axes.unicode_minus": False}):
        wide, high = max(4.2 * len(shown), 6.5), 4.2
        figure = Figure(figsize=(wide, high), dpi=150)
        FigureCanvasAgg(figure)
        # Inches around and between the panels: a layout that measures all texts takes longer than the drawing itself.
        left, right, between = 0.9, 0.2, 1.0
        panel = (wide - left - right + between) / len(shown) - between
        figure.subplots_adjust(left / wide, 0.75 / high, 1 - right / wide, 1 - 0.95 / high, between / panel)
        axes = figure.subplots(1, len(shown), squeeze=False)[0]
        for axis, (name, (train, held_out, start)) in zip(axes, shown.items(), strict=True):
            if start is not None:
                axis.axhline(start, color=INK, linewidth=0.8, linestyle=":", label="nothing learnt")
            if train:
                marker = {"marker": "."} if len(train) < 3 else {}  # one point is no line
                axis.plot(*zip(*train, strict=True), color=TRAIN, linewidth=1.5, label="training", **marker)
            if held_out:
                axis.plot(
                    *zip(*held_out, strict=True), color=HELD_OUT, linewidth=1.5, marker="o", label="held out"
                )
            axis.set_title(name, fontsize=11, color=INK, loc="left")
            axis.set_ylabel(PANELS[name][3], fontsize=8.5, color=INK)
            axis.set_xlabel("optimiser step", fontsize=8.5, color=INK)
            axis.xaxis.get_major_locator().set_params(integer=True)
            seen = axis.secondary_xaxis(
                "top", functions=(lambda step: step * batch, lambda pairs: pairs / batch)
            )
            seen.set_xlabel("pairs seen", fontsize=8.5, color=INK)
            seen.xaxis.get_major_locator().set_params(integer=True, nbins=5)
            seen.tick_params(labelsize=8, colors=INK)
            axis.spines["right"].set_visible(False)
            axis.tick_params(labelsize=8, colors=INK)
        drawn = {}  # label -> line, of all panels
        for axis in axes:
            drawn |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
        figure.suptitle(title, fontsize=12, color=INK, x=0.01, ha="left", parse_math=False)
        figure.legend(drawn.values(), drawn, loc="lower center", ncols=len(drawn), frameon=False, fontsize=9)
        with replacing(path) as beside:
            figure.canvas.print_png(beside)  # `savefig` draws twice, for figures whose size may still change
    return True
