"""What a reviewer reads beside an answer: its statements with their verdicts, and the passages that these rest on."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from komep_dataset.schema import EVIDENCE, Citation

SIGNS = {"true": "✓", "false": "✗", "unknown": "?"}
SIDES = ("chosen", "rejected")
# Why a statement has no verdict, in both languages of the sheet.
REASONS = {
    "not_addressed": "구절로 판단할 수 없음 (the passages do not decide)",
    "contradictory": "구절끼리 어긋남 (the passages contradict each other)",
    "unread": "판정을 읽지 못함 (no readable verdict that names a passage)",
    "disagreed": "판정이 서로 다름 (votes or judges disagree)",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A statement of an answer, its verdict, why that is unknown (else ""), and the passages that it rests on."""

    text: str
    verdict: str
    why: str
    sources: tuple[Citation, ...]

    @property
    def lines(self) -> str:
        """The statement and its sources as text, a line each."""
        said = [f"{SIGNS[self.verdict]} {self.text}"] + ([f"  {self.why}"] if self.why else [])
        for one in self.sources:
            place = ", ".join(dict.fromkeys(filter(None, (one.title, one.id, one.url))))
            said.append(f"  “{one.quotation}” ({place})")
        return "\n".join(said)


def judged_answers(scored: pl.DataFrame) -> dict[tuple[str, str], list[Judged]]:
    """(question id, model) -> the statements of each answer that was judged by passages.

    Args:
        scored: rows of `scored`, of any release.
    """
    if EVIDENCE not in scored.columns:
        return {}
    found = {}
    for id, model, units, evidence in scored.select("question_id", "model", "units", EVIDENCE).iter_rows():
        cited = [Citation(**one) for one in evidence or ()]
        if evidence is not None:
            found[id, model] = [
                Judged(
                    unit["text"],
                    unit["verdict"],
                    next((REASONS[one.reason] for one in cited if one.unit == n and one.reason), ""),
                    tuple(one for one in cited if one.unit == n and one.id),
                )
                for n, unit in enumerate(units)
            ]
    return found


def of_pairs(
    scored: pl.DataFrame, keys: Mapping[str, tuple[str, str, str]]
) -> dict[str, dict[str, list[Judged]]]:
    """`pair_id` -> side -> statements, of the pairs of which an answer was judged by passages.

    Args:
        scored: rows of `scored`.
        keys: `pair_id` -> (`question_id`, `chosen_model`, `rejected_model`).
    """
    answers = judged_answers(scored)
    found = {
        pair: {side: answers.get((id, model), []) for side, model in zip(SIDES, models, strict=True)}
        for pair, (id, *models) in keys.items()
    }
    return {pair: sides for pair, sides in found.items() if any(sides.values())}
