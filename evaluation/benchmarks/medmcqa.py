"""MedMCQA, Indian medical entrance exams (PMLR 174:248), validation split: the answers of its test are not public."""

from typing import Any

from evaluation.harness.english import english
from evaluation.harness.questions import Layout

HUB_ID = "openlifescienceai/medmcqa"
TEXT = "Question: {question}\nChoices:\n{options}"  # the harness's `doc_to_text` of `medmcqa`


def convert(row: dict[str, Any]) -> dict[str, Any]:
    """`opa` to `opd`, `cop` (0 to 3) and `exp` as columns of `evaluation.harness.questions`."""
    if "opa" not in row:
        return row
    right = row.get("cop")
    options = {letter: row[f"op{letter.lower()}"] for letter in "ABCD" if f"op{letter.lower()}" in row}
    answer = right + 1 if isinstance(right, int) and not isinstance(right, bool) else right
    head = {"question": row["question"]} if "question" in row else {}
    return {**head, **options, "answer": answer, "cot": row.get("exp")}


LAYOUT = Layout("ABCD", convert, test=("validation", "test"), fewshot=("fewshot", "train"), subject="medmcqa")
BENCHMARK = english(TEXT, "lm-evaluation-harness medmcqa prompt", HUB_ID, LAYOUT)
