"""The one table with which `make quickstart` ends: what was built, what training did, what the evaluation says.

    python -m evaluation.quickstart --release komep --training results/quickstart/model \
        --base results/quickstart/base --tuned results/quickstart/dpo --report report.html

Every number in it stands in one of the files that it reads. It draws the forest plot of the comparison beside the results.
"""

if __name__ == "__main__":  # before what takes its time
    from komep_dataset.errors import interruptible

    interruptible("evaluation")

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Annotated, Any

import typer

from komep_dataset.commands.manner import READS, add, new_app, start
from komep_dataset.errors import KomepError
from komep_dataset.progress import counted
from komep_dataset.release.facts import read_facts

CAUTION = (
    "A 135M English model tuned on 58 questions written for this project: the table shows that every step of the "
    "machinery works. It says nothing about medicine, and neither model is fit to answer a medical question."
)


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table: what it is, before, after, and what goes with it."""

    name: str
    before: str
    after: str
    note: str = ""


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise KomepError(f"{path}: cannot be read ({error}); run `make quickstart` again") from None


def data_lines(facts: dict[str, Any]) -> list[Line]:
    """Rows from what a release says of itself: pairs and splits of each config."""
    rows = (f"{config}: {n['train']} train, {n['test']} test" for config, n in facts["rows"].items())
    return [
        Line("pairs built", "", f"{facts['pairs']}", f"--pairs {facts['options']['pairs']}"),
        Line("splits", "", "; ".join(rows)),
    ]


def training_lines(summary: dict[str, Any]) -> list[Line]:
    """Rows from training_summary.json: held-out pairs before and after.

    Before training, policy and reference are the same model, so that every margin is 0 and every pair a tie, which
    counts half: the share of pairs whose chosen answer the model itself finds likelier says more about the start.
    """
    before, after = summary["evaluation"]["before"] or {}, summary["evaluation"]["after"] or {}
    if not after:
        return [Line("held-out pairs", "", "none", "the release has no test split")]
    minutes = f"{counted(summary['steps'], 'step')}, {summary['seconds'] / 60:.1f} min"
    names = (
        ("loss", "held-out loss", _verdict(before.get("loss"), after.get("loss"))),
        (
            "reward_accuracy",
            "reward accuracy",
            f"on {after['pairs']} held-out pairs; 0.5 before, for all tie",
        ),
        ("margin", "reward margin", minutes),
        ("policy_accuracy", "chosen is likelier", "share of the held-out pairs, by the model alone"),
        ("policy_accuracy_per_token", "… per token", "the same with answers of any length on par"),
    )
    return [
        Line(label, _number(before.get(key)), _number(after.get(key)), note) for key, label, note in names
    ]


def _verdict(before: float | None, after: float | None) -> str:
    """Whether a loss of DPO got better; 0.693, the logarithm of 2, is that of a model that has learnt nothing."""
    told = "lower is better; 0.693 is nothing learnt"
    if before is None or after is None or round(before, 3) == round(after, 3):
        return told
    return f"it got {'better' if after < before else 'worse'}; {told}"


def answer_lines(told: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(prompt, answer before, answer after) of a recipe's answers.json, each on one line; [] where there are none."""
    sides = (told.get("prompts", ()), told.get("before", ()), told.get("after", ()))
    return [
        tuple(shorten(text, 240, placeholder=" …") or "(nothing)" for text in one)
        for one in zip(*sides, strict=False)
    ]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _share(value: float, interval: list[float] | None = None) -> str:
    text = f"{100 * value:.1f}%"
    return f"{text} ({100 * interval[0]:.0f} to {100 * interval[1]:.0f})" if interval else text


def evaluation_lines(base: dict[str, Any], tuned: dict[str, Any], comparison) -> list[Line]:
    """Rows from two results.json and their comparison: accuracy with its interval, p-value, parse rate."""
    lines = []
    for reading, suffix in (("paper", ""), ("robust", "_robust")):
        change = getattr(comparison, reading)
        note = f"change {100 * change.difference:+.1f} points, p = {change.p_value:.2f}"
        if not suffix:
            note += f"; {counted(base['n'], 'question')}, {counted(base['shots'], 'shot')}"
        own = (base["interval"], tuned["interval"]) if not suffix else (None, None)
        lines.append(
            Line(
                f"accuracy ({reading})",
                _share(base[f"accuracy{suffix}"], own[0]),
                _share(tuned[f"accuracy{suffix}"], own[1]),
                note,
            )
        )
        parse = f"parse_rate{suffix}"
        lines.append(Line(f"replies read ({reading})", _share(base[parse]), _share(tuned[parse])))
    lines.append(
        Line("letters given", _letters(base), _letters(tuned), "a model that always says one knows nothing")
    )
    return lines


def _letters(results: dict[str, Any]) -> str:
    given = results.get("letters", {}).get("paper", {})
    return ", ".join(f"{letter or 'none'} {count}" for letter, count in given.items() if count) or "–"


def main(
    release: Annotated[Path, typer.Option(help="The folder that `komep build` wrote.")],
    training: Annotated[Path, typer.Option(help="The folder of the tuned model.")],
    base: Annotated[Path, typer.Option(help="Results of the model before.")],
    tuned: Annotated[Path, typer.Option(help="Results of the model after.")],
    report: Annotated[Path, typer.Option(help="The HTML report.")],
) -> None:
    """Print the table with which `make quickstart` ends.

    Examples:
      python -m evaluation.quickstart --release komep --training results/quickstart/model --base results/quickstart/base
        --tuned results/quickstart/dpo --report report.html
      make quickstart
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from evaluation.harness.output import read_evaluation
    from evaluation.statistics.chance import warnings
    from evaluation.statistics.comparison import compare
    from evaluation.statistics.forest import draw_beside

    before, after = read_evaluation(base), read_evaluation(tuned)
    comparison = compare(before, after)
    lines = [
        *data_lines(read_facts(release)),
        *training_lines(_json(training / "training_summary.json")),
        *evaluation_lines(before.results, after.results, comparison),
    ]
    table = Table("", "before", "after", "", title="KoMeP quickstart")
    for line in lines:
        table.add_row(line.name, line.before, line.after, line.note)
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    for name, one in (("before", before.results), ("after", after.results)):
        for warning in warnings(one):
            console.print(f"{name}: {warning}")
    said_by_model = training / "answers.json"
    if said_by_model.is_file() and (answers := answer_lines(_json(said_by_model))):
        said = Table(
            "held-out question",
            "before",
            "after",
            title="What it answers (the beginning; nobody has checked it)",
            show_lines=True,
        )
        for line in answers:
            said.add_row(*map(escape, line))
        console.print(said)
    console.print(f"Accuracies on {before.results['benchmark']}, with 95% Wilson intervals. {CAUTION}")
    print(draw_beside([comparison], tuned)[0])
    print(f"model card, with curves: {(training / 'README.md').resolve()}")
    print(f"report: {report.resolve()}")


app = new_app()
add(app, main, kept=READS)


if __name__ == "__main__":
    start(app, "python -m evaluation.quickstart")
