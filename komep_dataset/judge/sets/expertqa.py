"""ExpertQA (arXiv 2309.07852): claims of six systems' answers to experts' questions, judged by those who asked."""

from collections.abc import Iterator, Mapping
from typing import Any

from komep_dataset.judge.sets.registry import LabelledSet
from komep_dataset.judge.statements import Statement, label_of
from komep_dataset.languages import language_of

REVISION = "expert-revision"  # an expert's own text among scored generations: nobody judged it
LABELS = {
    "Definitely correct": True,
    "Probably correct": True,
    "Likely incorrect": False,
    "Definitely incorrect": False,
}


def statements(row: Mapping[str, Any]) -> Iterator[Statement | None]:
    """Of a question with its `answers` as published, or of a scored generation with its `units`."""
    if "answers" in row:
        category = row["metadata"]["field"]
        claims = [claim for answer in row["answers"].values() for claim in answer.get("claims") or ()]
        said = [(claim["claim_string"], LABELS.get(claim["correctness"])) for claim in claims]
    else:
        category = row.get("category") or ""
        units = row["units"] if row.get("model") != REVISION else ()
        said = [(unit["text"], label_of(unit["verdict"], "unknown")) for unit in units]
    for text, label in said:
        known = label is not None and text.strip()
        yield Statement(text.strip(), label, language_of(text), category, row["question"]) if known else None


FILES = ("expert_build_input.jsonl", "r2_compiled*.jsonl", "rand_*.jsonl", "domain_*.jsonl")
TOLD = "ExpertQA's r2_compiled or lfqa JSONL, or scored generations with experts' verdicts"
SET = LabelledSet("expertqa", TOLD, FILES, statements)
