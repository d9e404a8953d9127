"""PubMedQA, the 1,000 labelled questions (arXiv 1909.06146): yes, no or maybe, given the abstract.

The options are lettered, so that one reading serves all benchmarks; lm-evaluation-harness compares the words
instead and takes a copy that no current `datasets` can load. The published test half is a list of identifiers
that no copy on the Hub carries, so all labelled questions but the worked examples are asked. Figures of other
reports do therefore not compare.
"""

from typing import Any

from evaluation.harness.english import english
from evaluation.harness.questions import Layout

HUB_ID = "qiaojin/PubMedQA"
DECISIONS = ("yes", "no", "maybe")
TEXT = "{question}\n{options}"  # the abstract is a part of the question


def convert(row: dict[str, Any]) -> dict[str, Any]:
    """`question`, `context.contexts`, `final_decision` and `long_answer` as columns of `evaluation.harness.questions`."""
    if "final_decision" not in row:
        return row
    context = row.get("context")
    parts = context.get("contexts") if isinstance(context, dict) else context
    abstract = "\n".join(map(str, parts)) if isinstance(parts, list | tuple) else str(parts or "")
    decision = row["final_decision"]
    answer = DECISIONS.index(decision) + 1 if decision in DECISIONS else decision
    options = dict(zip("ABC", DECISIONS, strict=True))
    asked = {"question": row["question"]} if "question" in row else {}
    if isinstance(asked.get("question"), str) and asked["question"].strip():
        asked["question"] = f"Abstract: {abstract}\nQuestion: {asked['question']}"
    return {**asked, **options, "answer": answer, "cot": row.get("long_answer")}


LAYOUT = Layout("ABC", convert, test=("test", "train"), fewshot=("fewshot", "train"), subject="pubmedqa")
BENCHMARK = english(TEXT, "KoMeP pubmedqa 1", HUB_ID, LAYOUT, "pqa_labeled")
