"""The curves of a run as a PNG: what the trainer logged at each step, and the held-out pairs where they were looked at."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from komep_dataset.files.outputs import replacing

CURVES = "curves.png"
# Title of a panel -> (name in a log entry of training, name in one of an evaluation, value by chance).
PANELS = {
    "loss": ("loss", "eval_loss", None),
    "margin": ("rewards/margins", "eval_margin", 0.0),
    "reward accuracy": ("rewards/accuracies", "eval_reward_accuracy", 0.5),
    "gain accuracy": ("gains/accuracies", "eval_gain_accuracy", 0.5),
}
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
        title: (points(entries, a), points(entries, b), start) for title, (a, b, start) in PANELS.items()
    }
    if not found["gain accuracy"][0] and found["gain accuracy"][1] == found["reward accuracy"][1]:
        del found["gain accuracy"]
    return {title: panel for title, panel in found.items() if panel[0] or panel[1]}


def draw_curves(entries: list[dict], path: Path, title: str) -> bool:
    """Draw the log entries of a trainer (`state.log_history`) into a PNG.

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
    matplotlib.use("Agg")  # no window
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(shown), figsize=(3.6 * len(shown), 3.2), squeeze=False)
    for axis, (name, (train, held_out, start)) in zip(axes[0], shown.items(), strict=True):
        if start is not None:
            axis.axhline(start, color=INK, linewidth=0.8, linestyle=":", label="chance")
        if train:
            axis.plot(*zip(*train, strict=True), color=TRAIN, linewidth=1.5, label="training")
        if held_out:
            axis.plot(
                *zip(*held_out, strict=True), color=HELD_OUT, linewidth=1.5, marker="o", label="held-out"
            )
        axis.set_title(name, fontsize=10, color=INK, loc="left")
        axis.set_xlabel("step", fontsize=9, color=INK)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8, colors=INK)
    drawn = {}  # label -> line, of all panels
    for axis in axes[0]:
        drawn |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    figure.suptitle(title, fontsize=11, color=INK, x=0.01, ha="left")
    figure.legend(
        drawn.values(),
        drawn,
        loc="lower center",
        ncols=len(drawn),
        frameon=False,
        fontsize=9,
        bbox_to_anchor=(0.5, -0.02),
    )
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    with replacing(path) as beside:
        figure.savefig(beside, dpi=150, format="png")
    pyplot.close(figure)
    return True
