"""MedQA, USMLE, four options (arXiv 2009.13081), in the copy and with the prompt of lm-evaluation-harness."""

from __future__ import annotations

from typing import Any

from evaluation.benchmarks.english import english, one_subject, option_lines
from evaluation.harness.questions import Layout, Question

HUB_ID = "GBaker/MedQA-USMLE-4-options-hf"


def text(question: Question) -> str:
    """The harness's `doc_to_text` of `medqa_4options`, up to the answer line."""
    return f"Question: {question.question}\n{option_lines(question)}"


def convert(row: dict[str, Any]) -> dict[str, Any]:
    """`sent1`, `ending0` to `ending3` and `label` (0 to 3) as columns of `evaluation.harness.questions`."""
    if "sent1" not in row:
        return row
    label = row.get("label")
    endings = {letter: row[f"ending{i}"] for i, letter in enumerate("ABCD") if f"ending{i}" in row}
    answer = label + 1 if isinstance(label, int) and not isinstance(label, bool) else label
    return {"question": row["sent1"], **endings, "answer": answer}


LAYOUT = Layout("ABCD", convert, test=("test",), fewshot=("fewshot", "train"), subject="medqa")
BENCHMARK = english(
    "medqa", one_subject("medqa", HUB_ID, LAYOUT), text, "lm-evaluation-harness medqa_4options prompt"
)
