"""K-QA (arXiv 2401.14493): whether a model's answer to a patient's question says what physicians would, by three physicians."""

from collections.abc import Iterator, Mapping
from typing import Any

from komep_dataset.judge.sets.registry import LabelledSet
from komep_dataset.judge.statements import Statement

ENTAILED = {"Entailment": True, "Neutral": False, "Contradiction": False}


def statements(row: Mapping[str, Any]) -> Iterator[Statement]:
    """The claim of a row, which is true of the world, as a statement about the answer: that is what was labelled."""
    if not row["claim"].strip() or not row["answer"].strip():
        raise ValueError("claim and answer are text")
    text = f'The text "{row["answer"].strip()}" states or implies: {row["claim"].strip()}'
    label = ENTAILED[row["majority_label"]]
    yield Statement(text, label, "en", str(row["category_x"]).replace("_", " "), row["Question"].strip())


SET = LabelledSet("kqa", "K-QA's NLI_medical_annotator.csv", ("NLI_medical_annotator*.csv",), statements)
