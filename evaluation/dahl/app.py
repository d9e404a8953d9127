"""A page that scores pasted verdicts: the DAHL score, scores by category, and every response's own.

    python evaluation/dahl/app.py        # needs gradio and komep; a Space on the Hub runs the same

The page is our own because `evaluate.utils.launch_gradio_widget` does not run on current versions of gradio. Every
cell is shown as text, never as HTML or Markdown. The functions up to `page` need no gradio.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

INPUTS = ["response", "verdicts, one a unit, between semicolons", "category"]
SCORES = ["", "value"]
CATEGORIES = ["category", "n", "scored", "DAHL score", "95% interval"]
ROWS = ["row", "response", "true", "false", "unknown", "score"]
EXAMPLES = [  # written for this page
    ["Aspirin inhibits platelets. It is given once a day. It is an opioid.", "True.; True.; False.", "drugs"],
    ["헤파린은 항응고제이다. 먹는 약이다.", "참입니다; 거짓", "drugs"],
    ["Insulin raises blood glucose.", "Not true", "hormones"],
    ["I don't know.", "", "hormones"],
]
Table = list[list[object]]


def _scoring() -> ModuleType:
    """`scoring` beside this file, whatever the folder is called: on the Hub it is the root of the Space."""
    spec = importlib.util.spec_from_file_location("dahl_scoring", Path(__file__).with_name("scoring.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def columns(table: Sequence[Sequence[object]]) -> tuple[list[str], list[list[str]], list[str] | None]:
    """Responses, their verdicts, and their categories (None where that column is empty); empty rows are left out."""
    cells = [["" if cell is None else str(cell).strip() for cell in row] for row in table]
    cells = [row for row in cells if any(row)]
    verdicts = [[part.strip() for part in re.split(r"[;\n]", row[1]) if part.strip()] for row in cells]
    categories = [row[2] for row in cells]
    return [row[0] for row in cells], verdicts, categories if any(categories) else None


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(ends: Sequence[float] | None) -> str:
    return "-" if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}"


def score_table(scores: Mapping[str, object]) -> Table:
    """All scores, a line each."""
    return [
        ["DAHL score", _share(scores["dahl_score"])],
        ["95% interval (Student's t)", _interval(scores["interval"])],
        ["responses with a score", f"{scores['n_scored']} of {scores['n']} ({scores['good_share']:.1%})"],
        ["responses by status", ", ".join(f"{name} {n}" for name, n in scores["statuses"].items())],
        ["units by verdict", ", ".join(f"{name} {n}" for name, n in scores["verdicts"].items())],
    ]


def category_table(scores: Mapping[str, object]) -> Table:
    """A line a category, in order of first appearance."""
    return [
        [name, group["n"], group["n_scored"], _share(group["dahl_score"]), _interval(group["interval"])]
        for name, group in scores["categories"].items()
    ]


def evaluate_table(table: Sequence[Sequence[object]], mode: str) -> tuple[str, Table, Table, Table]:
    """What is wrong with the pasted table ("" if nothing), and the tables of results, empty if anything is."""
    scoring = _scoring()
    responses, verdicts, categories = columns(table)
    try:
        scores = scoring.score(verdicts, mode, responses, categories)
    except ValueError as error:
        return str(error), [], [], []
    rows = []
    for number, (text, given, value) in enumerate(zip(responses, verdicts, scores["scores"], strict=True), 1):
        counts = scoring.score([given], mode)["verdicts"]
        rows.append([number, text, *counts.values(), _share(value)])
    return "", score_table(scores), category_table(scores), rows


def page():
    """The page, as gradio's Blocks."""
    import gradio as gr

    def show(table: Sequence[Sequence[object]], mode: str):
        problem, *tables = evaluate_table(table, mode)
        return gr.Textbox(value=problem, visible=bool(problem)), *tables

    def text_table(headers: list[str], label: str, **settings):
        return gr.Dataframe(
            headers=headers,
            datatype="str",  # never "html" or "markdown": a response may hold either
            type="array",
            label=label,
            wrap=True,
            column_count=len(headers),
            **settings,
        )

    with gr.Blocks(title="DAHL metric") as blocks:
        gr.Markdown(
            "# DAHL metric\n"
            "Paste responses, one a row, each with the checker's verdicts on its atomic statements. A response's score "
            "is the share of its statements that are true. A score is as good as the checker, and says nothing about "
            "fitness for clinical use."
        )
        widths = ["50%", "35%", "15%"]
        pasted = text_table(
            INPUTS,
            "Responses",
            value=EXAMPLES,
            row_count=len(EXAMPLES),
            column_widths=widths,
            interactive=True,
        )
        mode = gr.Radio(
            ["strict", "paper"], value="strict", label="Mode", info="paper: as DAHL's reference code"
        )
        button = gr.Button("Score", variant="primary")
        problem = gr.Textbox(label="Problem", visible=False, interactive=False)
        scores = text_table(SCORES, "Scores", column_widths=["35%", "65%"], interactive=False)
        categories = text_table(CATEGORIES, "By category", interactive=False)
        rows = text_table(
            ROWS, "By response", column_widths=["7%", "53%", "10%", "10%", "10%", "10%"], interactive=False
        )
        shown = {"inputs": [pasted, mode], "outputs": [problem, scores, categories, rows]}
        button.click(show, **shown, api_name="score")
        blocks.load(show, **shown, api_name=False)  # the examples' scores, at once
    return blocks


def theme():
    """gradio's default look in the system's own fonts: nothing is fetched, and Hangul has one face."""
    import gradio as gr

    return gr.themes.Default(
        font=["system-ui", "Noto Sans KR", "Noto Sans CJK KR", "sans-serif"],
        font_mono=["ui-monospace", "Noto Sans Mono CJK KR", "monospace"],
    )


if __name__ == "__main__":
    page().launch(theme=theme())
