"""`report.md`, `report.html`, `report.csv` and the plots of an experiment: every number from the cells' own files."""

import base64
import csv
import io
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from evaluation.experiments.cells import Cell
from evaluation.experiments.matrix import BASE, Matrix, Published
from evaluation.experiments.results import Arm, decide, link, read_arms
from evaluation.experiments.state import CONFIG, DONE, STATE, read_json, status
from evaluation.experiments.verdicts import GAIN
from evaluation.harness.output import PREDICTIONS, Evaluation
from evaluation.kormedmcqa.scoring import wilson_interval
from evaluation.statistics.comparison import READINGS, Change, shown_p
from evaluation.statistics.forest import OFFSET, STYLES, short
from komep_dataset.explorer.plots import to
from komep_dataset.files.outputs import write_text
from komep_dataset.templates import Said, own, policy, say, speaking

PLOTS = "plots"
TEMPLATES = Path(__file__).parent / "templates"
TRANSFER = (
    ("en", "ko", say("Transfer, English to Korean: trained on en, asked in ko; robust rules")),
    ("ko", "en", say("Transfer, Korean to English: trained on ko, asked in en; robust rules")),
)
COLUMNS = (
    "benchmark", "variant", "model", "method", "trained_on", "seeds", "n", "reading", "base", "tuned", "points",
    "relative_percent", "low", "high", "p", "p_holm", "parsed_base", "parsed_tuned", "parsing", "knowledge", "problems",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table, ready to be shown, words as `say` gives them; links are (text, address) pairs."""

    name: str
    seeds: str
    n: str
    base: str
    tuned: str
    points: str
    relative: str
    interval: str
    p: str
    parsed: str
    parsing: str
    knowledge: str
    problems: tuple[Said, ...]
    links: tuple[tuple[Said, str], ...]


def base_figures(base: Evaluation, reading: str) -> tuple[float, float, Sequence[float]]:
    """(accuracy, share of replies that give a letter, 95% interval of the accuracy) of a base under one reading."""
    if reading == "raw":
        right = sum(one.raw == one.answer for one in base.predictions)
        n = len(base.predictions)
        return right / n, sum(one.raw != "" for one in base.predictions) / n, wilson_interval(right, n)
    suffix, said = "" if reading == "paper" else "_robust", base.results
    return said[f"accuracy{suffix}"], said[f"parse_rate{suffix}"], said[f"interval{suffix}"]


def relative(base: float, difference: float) -> str:
    """A change as a share of the base, in percent; nothing where the base is 0."""
    return f"{100 * difference / base:+.1f}%" if base else "–"


def _links(arm: Arm, root: Path) -> tuple[tuple[Said, str], ...]:
    found = []
    for cell in arm.cells:
        output = cell.outputs[arm.benchmark.title]
        paths = ((say("predictions"), output / PREDICTIONS), (say("config"), cell.folder / CONFIG),
                 (say("command"), cell.folder / "commands.sh"))  # fmt: skip
        for text, path in paths:
            if path.is_file():
                named = text if cell.seed is None else say("{file} {seed}", file=text, seed=cell.seed)
                found.append((named, link(path, root)))
    return tuple(found)


def table_row(arm: Arm, reading: str, root: Path) -> Row:
    """An arm under one reading; what is missing shows as a dash, and why stands beside it."""
    blank = dict.fromkeys(("tuned", "points", "relative", "interval", "p", "parsing", "knowledge"), "–")
    shown = {**blank, "base": "–", "parsed": "–"}
    if arm.base:
        accuracy, parsed, ends = base_figures(arm.base, reading)
        shown |= {"base": f"{100 * accuracy:.1f}", "parsed": f"{100 * parsed:.0f}"}
        if arm.method == BASE:
            shown["interval"] = to(*(f"{100 * end:.1f}" for end in ends))
    if arm.changes:
        c = arm.changes[reading]
        low, high = c.interval
        shown |= {
            "base": f"{100 * c.base:.1f}",
            "tuned": f"{100 * c.tuned:.1f}",
            "points": f"{100 * c.difference:+.1f}",
            "relative": relative(c.base, c.difference),
            "interval": to(f"{100 * low:+.1f}", f"{100 * high:+.1f}"),
            "p": shown_p(c.p_holm),
            "parsed": f"{100 * c.parse_rate_base:.0f} → {100 * c.parse_rate_tuned:.0f}",
            "parsing": f"{100 * c.split.parsing / arm.n:+.1f}",
            "knowledge": f"{100 * c.split.knowledge / arm.n:+.1f}",
        }
    seeds = "" if arm.method == BASE else say("{n} of {all}", n=len(arm.measured), all=len(arm.cells))
    return Row(
        name=arm.title, seeds=seeds, n=str(arm.n or "–"), problems=arm.problems, links=_links(arm, root),
        **shown,
    )  # fmt: skip


def ours(matrix: Matrix, arms: dict[str, list[Arm]], published: Published) -> str:
    """What this experiment measured where a published figure stands: points and relative, under the paper's reading."""
    if not published.model:
        return "–"
    measure = next((m for m in matrix.benchmarks if m.language == published.tested), None)
    wanted = (matrix.variants[0].name, published.model, published.method, published.language)
    for arm in arms.get(measure.title, ()) if measure else ():
        if (arm.variant, arm.model, arm.method, arm.language) == wanted and arm.changes:
            c = arm.changes["paper"]
            share, base = relative(c.base, c.difference), f"{100 * c.base:.1f}%"
            return say("{change}, {share} of {base}", change=points(c), share=share, base=base)
    return say("not measured")


def csv_text(arms: dict[str, list[Arm]], readings: Collection[str]) -> str:
    """Every arm and reading, a line each; shares as fractions from 0 to 1, points as such."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for title, group in arms.items():
        for arm in group:
            for reading in readings:
                head = [
                    title,
                    arm.variant,
                    arm.model,
                    arm.method,
                    arm.language,
                    len(arm.measured),
                    arm.n,
                    reading,
                ]
                writer.writerow([*head, *_numbers(arm, reading), "; ".join(arm.problems)])
    return out.getvalue()


def _numbers(arm: Arm, reading: str) -> list[Any]:
    c = arm.changes[reading] if arm.changes else None
    if c is None:
        accuracy, parsed, _ = base_figures(arm.base, reading) if arm.base else ("", "", ())
        return [accuracy, *[""] * 7, parsed, *[""] * 3]
    split = (c.split.parsing / arm.n, c.split.knowledge / arm.n)
    share = 100 * c.difference / c.base if c.base else ""
    return [
        c.base, c.tuned, 100 * c.difference, share, *(100 * end for end in c.interval), c.p_value, c.p_holm,
        c.parse_rate_base, c.parse_rate_tuned, *(100 * part for part in split),
    ]  # fmt: skip


def _tables(matrix: Matrix, arms: dict[str, list[Arm]]) -> list[dict[str, Any]]:
    """One block a benchmark and reading, and one for each direction of transfer."""
    found, root = [], matrix.results
    for title, group in arms.items():
        for reading, meaning in matrix.readings.items():
            rows = [table_row(arm, reading, root) for arm in group]
            found.append(
                {"title": say("{benchmark}: {reading}", benchmark=title, reading=say(meaning)), "rows": rows}
            )
    for trained, tested, name in TRANSFER:
        rows = [
            table_row(arm, "robust", root)
            for group in arms.values()
            for arm in group
            if arm.language == trained and arm.benchmark.language == tested
        ]
        if rows:
            found.append({"title": name, "rows": rows})
    return found


def _took(step: str, seconds: float) -> Said:
    """`train 65 s`, `evaluate medqa 12 s`."""
    what, _, benchmark = step.partition("-")
    facts = {"step": say(what), "n": f"{seconds:.0f}"}
    return (
        say("{step} {benchmark} {n} s", benchmark=benchmark, **facts)
        if benchmark
        else say("{step} {n} s", **facts)
    )


def _cell_lines(cells: Sequence[Cell], root: Path) -> list[dict[str, Any]]:
    lines = []
    for cell in cells:
        state, error = status(cell)
        found = read_json(cell.folder / STATE) or {}
        paths = (
            (say("config"), cell.folder / CONFIG),
            (say("command"), cell.folder / "commands.sh"),
            (say("state"), cell.folder / STATE),
        )
        lines.append(
            {
                "name": cell.name,
                "state": say(state),
                "seconds": [_took(step, s) for step, s in found.get("seconds", {}).items()],
                "error": error,
                "shared": "" if cell.owner == cell.name else say("training of {cell}", cell=cell.owner),
                "links": [(text, link(path, root)) for text, path in paths if path.is_file()],
            }
        )
    return lines


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawn plot: its file beside the report, the same as an address that holds it, and what it shows in words."""

    title: str
    path: str
    data: str
    words: Sequence[Said]


def points(change: Change) -> Said:
    """A change with its interval, in words."""
    low, high = (f"{100 * end:+.1f}" for end in change.interval)
    return say(
        "{change} points ({low} to {high})", change=f"{100 * change.difference:+.1f}", low=low, high=high
    )


def in_words(arms: Sequence[Arm]) -> list[Said]:
    """What the plot shows, for who cannot see it."""
    return [say("{model} {change}", model=arm.title, change=points(arm.changes["robust"])) for arm in arms]


def draw_changes(title: str, arms: Sequence[Arm]) -> str:
    """A forest plot of one benchmark's changes under both readings, as SVG; the same arms give the same text."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "komep", "axes.unicode_minus": False, "font.size": 9}):
        figure = Figure(figsize=(8, 1.4 + 0.4 * len(arms)), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        for reading, (marker, colour) in STYLES.items():
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
                label=READINGS[reading],
            )
        axes.axvline(0, color="#333333", linewidth=1)
        axes.set_yticks(range(len(arms)), [short(arm.title) for arm in reversed(arms)])
        axes.set_xlabel("change of accuracy, points, with 95% intervals over questions and seeds")
        axes.set_title(title, loc="left", fontweight="bold")
        axes.grid(axis="x", color="#DDDDDD", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["left", "right", "top"]].set_visible(False)
        figure.legend(loc="outside lower right", ncols=2, frameon=False)
        out = io.BytesIO()
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


def report_values(
    matrix: Matrix, cells: Sequence[Cell], file: Path
) -> tuple[dict[str, Any], dict[str, list[Arm]]]:
    """All that the templates name, and the arms behind it."""
    arms, root = read_arms(matrix, cells), matrix.results
    lines = _cell_lines(cells, root)
    values = {
        "name": matrix.name,
        "file": file.as_posix(),
        "caution": matrix.caution,
        "tables": _tables(matrix, arms),
        "statements": decide(matrix, arms),
        "meaning": READINGS,
        "published": [(one, ours(matrix, arms, one)) for one in matrix.published],
        "cells": lines,
        "done": sum(line["state"] == DONE for line in lines),
        "gain": f"{100 * GAIN:g}",
        "seeds": len(matrix.seeds),
    }
    return values, arms


def _template(name: str) -> Template:
    engine = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=".html." in name, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    engine.globals["say"] = say
    engine.filters["cell"] = lambda text: (
        str(text).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
    )
    return engine.get_template(name)


def write_report(matrix: Matrix, cells: Sequence[Cell], file: Path) -> Path:
    """Write the three files and the plots into the results folder, each replaced in one step.

    Returns:
        the path of the HTML page.
    """
    values, arms = report_values(matrix, cells, file)
    values["plots"] = draw_plots(arms, matrix.results)
    css, script = (
        (TEMPLATES / "report.css").read_text("utf-8"),
        own("page_language.js") + (TEMPLATES / "report.js").read_text("utf-8"),
    )
    korean = json.loads((TEMPLATES / "report_ko.json").read_text("utf-8"))
    views = {}
    for language in ("en", "ko"):
        with speaking(language, korean):
            views[language] = Markup(_template("report_view.html.j2").render(values, language=language))
    inlined = {
        "css": Markup(css),
        "script": Markup(script),
        "policy": policy(css, script) + "; img-src data:",
    }
    write_text(matrix.results / "report.md", _template("report.md.j2").render(values))
    write_text(
        matrix.results / "report.html", _template("report.html.j2").render(values, views=views, **inlined)
    )
    write_text(matrix.results / "report.csv", csv_text(arms, matrix.readings))
    return matrix.results / "report.html"
