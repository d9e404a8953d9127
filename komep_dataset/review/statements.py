"""What a reviewer finds beside the two answers of a pair: their statements, and the passages that the judge had of either."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from komep_dataset.review.blinding import ANSWERS
from komep_dataset.schema import EVIDENCE, Citation


@dataclass(frozen=True, slots=True)
class Beside:
    """`units`: side -> {`text`, `verdict`}, in their order. `passages` are those of both answers, sorted, each once: which
    statement one speaks for, and that a statement has none, would tell the verdict."""

    units: Mapping[str, list[dict[str, str]]]
    passages: tuple[Citation, ...]


def beside_pairs(scored: pl.DataFrame, keys: Mapping[str, tuple[str, str, str]]) -> dict[str, Beside]:
    """`pair_id` -> what stands beside its answers in rows of `scored`; `keys`: `pair_id` -> (`question_id`, `chosen_model`,
    `rejected_model`)."""
    cited = [EVIDENCE] if EVIDENCE in scored.columns else []
    rows = scored.select("question_id", "model", "units", *cited).iter_rows(named=True)
    answers = {(row["question_id"], row["model"]): row for row in rows}
    found = {}
    for pair, (id, *models) in keys.items():
        rows = [answers[id, model] for model in models]
        units = {side: row["units"] or [] for side, row in zip(ANSWERS, rows, strict=True)}
        said = (Citation(**one) for row in rows for one in row.get(EVIDENCE) or () if one["id"])
        once = {(one.title, one.id, one.quotation): one for one in said}
        found[pair] = Beside(units, tuple(once[key] for key in sorted(once)))
    return found
