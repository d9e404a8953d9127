"""What the columns of a release mean, as its pairs were made."""

from collections.abc import Mapping
from typing import Any

from komep_dataset.pairs.strategies.registry import RULES
from komep_dataset.pairs.told import goes_by_score, score_name
from komep_dataset.schema import column_docs, records_of


def docs_of(config: str, facts: Mapping[str, Any]) -> dict[str, str]:
    """Column -> meaning, of a config of a release with these facts."""
    docs, options = column_docs(records_of(facts)[config]), facts["options"]
    if config == "scored":
        return docs
    score = score_name(options)
    changed = {f"{side}_score": f"{score} of the {side} answer, 0 to 1" for side in ("chosen", "rejected")}
    if (name := options["pairs"]) != next(iter(RULES)):
        by = f"by `--pairs {name}`"
        changed |= {s: f"one assistant message: the answer {s} {by}" for s in ("chosen", "rejected")}
    if not goes_by_score(options):
        changed["score_margin"] = "chosen_score - rejected_score, -1 to 1: the rule does not go by it"
    return docs | changed
