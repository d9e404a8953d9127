"""A page that scores pasted generations: all scores, scores per subject, and what each reading found in each row.

    python evaluation/kormedmcqa/app.py        # needs gradio (requirements.txt); a Space on the Hub runs the same

The page is our own because `evaluate.utils.launch_gradio_widget` does not run on current versions of gradio. Every
cell is shown as text, never as HTML or Markdown. The functions up to `page` need no gradio.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType


def _scoring() -> ModuleType:
    """`scoring` of this folder, whatever the folder is called: on the Hub it is the root of the Space."""
    folder, name = Path(__file__).resolve().parent, "kormedmcqa_metric"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return importlib.import_module(f"{name}.scoring")


INPUTS = ["prediction", "reference", "subject"]
SCORES = ["score", "by the paper's cascade", "by the robust rules"]
SUBJECTS = ["subject", "n", "accuracy", "accuracy (robust)", "parse rate", "parse rate (robust)"]
ROWS = ["row", "prediction", "gold", "paper", "robust", "outcome"]
EXAMPLES = [  # written for this page
    ["정답: B", "2", "doctor"],
    ["정답은 C이다. 나머지는 만성기에 쓴다.", "3", "doctor"],
    ["A는 금기이고 B는 효과가 늦다. 따라서 ⑤가 가장 안전하다.", "E", "nurse"],
    ["비타민 D 결핍을 의심한다.", "1", "nurse"],
    ["B 또는 C", "B", "pharm"],
    ['{"answer": "<b>D</b>"}', "D", "pharm"],
]
Table = list[list[object]]


def columns(table: Sequence[Sequence[object]]) -> tuple[list[str], list[str], list[str] | None]:
    """Predictions, references and subjects of the pasted table; empty rows at its end are left out.

    Subjects are None where that column is empty. An empty prediction is a reply without text.
    """
    cells = [["" if cell is None else str(cell) for cell in row] for row in table]
    while cells and not any(cell.strip() for cell in cells[-1]):
        cells.pop()
    predictions, references, subjects = ([row[i] for row in cells] for i in range(3))
    subjects = [subject.strip() for subject in subjects]
    return predictions, references, subjects if any(subjects) else None


def score_table(scores: Mapping[str, object]) -> Table:
    """All scores, a line each, the two readings side by side."""

    def share(name: str) -> str:
        return f"{scores[name]:.1%}"

    def interval(name: str) -> str:
        low, high = scores[name]
        return f"{low:.1%} to {high:.1%}"

    return [
        [f"accuracy ({scores['n']} questions)", share("accuracy"), share("accuracy_robust")],
        ["95% interval (Wilson)", interval("interval"), interval("interval_robust")],
        ["accuracy, mean of subjects", share("accuracy_macro"), share("accuracy_robust_macro")],
        ["parse rate", share("parse_rate"), share("parse_rate_robust")],
        ["bare gold letter", share("exact_match_raw"), ""],
        ["cut while thinking", scores["cut_thinking"], ""],
    ]


def subject_table(scores: Mapping[str, object]) -> Table:
    """A line a subject, in order of first appearance."""
    names = ("accuracy", "accuracy_robust", "parse_rate", "parse_rate_robust")
    return [
        [name, group["n"], *(f"{group[key]:.1%}" for key in names)]
        for name, group in scores["subjects"].items()
    ]


def row_table(predictions: Sequence[str], references: Sequence[object]) -> Table:
    """A line a reply: what each reading found ("-" for nothing), and which of them is right."""
    scoring = _scoring()
    opened = any(map(scoring.opened_in_prompt, predictions))
    table = []
    for number, (prediction, reference) in enumerate(zip(predictions, references, strict=True), 1):
        found = scoring.read_reply(scoring.read, prediction, reference, opened=opened)
        right = [name for name in ("paper", "robust") if getattr(found, name) == found.answer]
        outcome = {0: "neither right", 1: f"only {''.join(right)} right", 2: "both right"}[len(right)]
        table.append([number, prediction, found.answer, found.paper or "-", found.robust or "-", outcome])
    return table


def evaluate_table(table: Sequence[Sequence[object]]) -> tuple[str, Table, Table, Table]:
    """What is wrong with the pasted table ("" if nothing), and the three tables of results, empty if anything is."""
    try:
        predictions, references, subjects = columns(table)
        scores = _scoring().score(predictions, references, subjects)
    except ValueError as error:
        return f"{error} (rows are counted from 0)", [], [], []
    return "", score_table(scores), subject_table(scores), row_table(predictions, references)


def page():
    """The page, as gradio's Blocks."""
    import gradio as gr

    def show(table: Sequence[Sequence[object]]):
        problem, *tables = evaluate_table(table)
        return gr.Textbox(value=problem, visible=bool(problem)), *tables

    def text_table(headers: list[str], label: str, widths: list[str], **settings):
        return gr.Dataframe(
            headers=headers,
            datatype="str",  # never "html" or "markdown": a generation may hold either
            type="array",
            label=label,
            wrap=True,
            column_widths=widths,
            column_count=len(headers),
            **settings,
        )

    with gr.Blocks(title="KorMedMCQA metric") as blocks:
        gr.Markdown(
            "# KorMedMCQA metric\n"
            "Paste generations, one a row, each with its gold answer (1 to 5 or A to E) and, if you like, a subject. "
            "The letter is read twice: by the cascade of the paper, and by rules that know Korean particles, "
            "corrections and hedges. Rows can be pasted from a spreadsheet, or dropped as a CSV "
            "file with these three columns. Examination questions say nothing about fitness for clinical use."
        )
        pasted = text_table(
            INPUTS,
            "Generations",
            ["70%", "15%", "15%"],
            value=EXAMPLES,
            row_count=len(EXAMPLES),
            interactive=True,
        )
        button = gr.Button("Score", variant="primary")
        problem = gr.Textbox(label="Problem", visible=False, interactive=False)
        scores = text_table(SCORES, "Scores", ["40%", "30%", "30%"], interactive=False)
        subjects = text_table(
            SUBJECTS, "By subject", ["25%", "10%", "15%", "20%", "15%", "15%"], interactive=False
        )
        rows = text_table(ROWS, "Row by row", ["6%", "50%", "8%", "8%", "8%", "20%"], interactive=False)
        button.click(show, inputs=pasted, outputs=[problem, scores, subjects, rows], api_name="score")
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
