"""MedQA, USMLE, four options (arXiv 2009.13081), in the copy and with the prompt of lm-evaluation-harness."""

from collections.abc import Mapping
from typing import Any

from evaluation.harness.english import english
from evaluation.harness.questions import Layout

HUB_ID = "GBaker/MedQA-USMLE-4-options-hf"
TEXT = "Question: {question}\n{options}"  # the harness's `doc_to_text` of `medqa_4options`


def convert(row: dict[str, Any]) -> dict[str, Any]:
    """The columns of `evaluation.harness.questions` of `sent1`, `ending0` to `ending3` and `label` (0 to 3), or of the authors' own
    `options` (an object by letter) and `answer_idx` (a letter)."""
    if isinstance(options := row.get("options"), Mapping) and "answer_idx" in row:
        return {"question": row.get("question"), **options, "answer": row["answer_idx"]}
    if "sent1" not in row:
        return row
    label = row.get("label")
    endings = {letter: row[f"ending{i}"] for i, letter in enumerate("ABCD") if f"ending{i}" in row}
    answer = label + 1 if isinstance(label, int) and not isinstance(label, bool) else label
    return {"question": row["sent1"], **endings, "answer": answer}


LAYOUT = Layout("ABCD", convert, test=("test",), fewshot=("fewshot", "train"), subject="medqa")
BENCHMARK = english(TEXT, "lm-evaluation-harness medqa_4options prompt", HUB_ID, LAYOUT)
