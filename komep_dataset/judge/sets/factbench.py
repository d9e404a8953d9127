"""FactBench of Factcheck-Bench (arXiv 2311.09000): claims of ChatGPT's answers, judged by annotators with the web."""

from collections.abc import Iterator, Mapping
from typing import Any

from komep_dataset.judge.sets.registry import LabelledSet
from komep_dataset.judge.statements import Statement, label_of
from komep_dataset.languages import language_of


def statements(row: Mapping[str, Any]) -> Iterator[Statement | None]:
    """Of an answer with `claims` and `claim_labels`, or of one `claim` with a `label`, as in subtask 4."""
    many = "claims" in row
    claims = row["claims"] if many else [row["claim"]]
    labels = row["claim_labels"] if many else [row["label"]]
    question, category = row.get("prompt"), str(row.get("source") or "subtask 4")
    for text, said in zip(claims or (), labels or (), strict=True):
        label = label_of(said, "unknown", "not_enough_evidence", "NA")
        yield None if label is None else Statement(text.strip(), label, language_of(text), category, question)


TOLD = "Factbench.jsonl of Factcheck-GPT, or its subtask4_claim_factuality.jsonl"
SET = LabelledSet("factbench", TOLD, ("*actbench*.jsonl", "claims.jsonl"), statements)
