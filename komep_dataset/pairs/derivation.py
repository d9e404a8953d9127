"""From the scored generations of some questions to everything that a release says of them: one way for all.

`komep build` writes what this gives, `komep verify` compares a release with it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from komep_dataset import dahl
from komep_dataset.languages import is_korean
from komep_dataset.pairs.candidates import RULES
from komep_dataset.pairs.options import PairRules
from komep_dataset.pairs.rules import select_pairs, to_release
from komep_dataset.schema import Origin, Pair, Reason, Reject, Status

STAGE = "build"
# What the gates say of some pairs: reason and detail of those that go, None of those that stay; [] = all stay.
Gate = Callable[[pl.DataFrame], Sequence[tuple[str, str] | None]]


@dataclass(frozen=True, slots=True)
class Derived:
    """What follows from some complete generations: rows of `en` and `ko`, and what has none, sorted by key."""

    pairs: pl.DataFrame
    en: pl.DataFrame
    ko: pl.DataFrame
    rejects: list[Reject]


def derive(frame: pl.DataFrame, rules: PairRules, gate: Gate | None = None) -> Derived:
    """Pairs and rejects of complete generations, one row a (`question_id`, `model`), of whole questions.

    Args:
        frame: the generations.
        rules: of the pairs.
        gate: says which of the selected pairs go all the same; see `gates.trial.run.Gates`.
    """
    chosen, dropped = select_pairs(frame, rules.min_margin, rules.pairs)
    rejects = [Reject(STAGE, *row) for row in dropped.iter_rows()]
    if gate is not None:
        chosen, gone = _through(gate, chosen, rules.pairs)
        rejects += gone
    wanted = pl.lit(True) if rules.origin == "all" else pl.col("origin") == rules.origin
    korean, untranslated = to_release(chosen.filter(wanted), "ko")
    rejects += [_untranslated(row, rules.pairs) for row in untranslated.iter_rows(named=True)]
    if rules.origin != "all":
        others = chosen.filter(~wanted)
        rejects += [_other_origin(row, rules.pairs) for row in others.iter_rows(named=True)]
    rejects.sort(key=lambda r: (r.key, r.reason))
    return Derived(chosen, to_release(chosen, "en")[0], korean, rejects)


def _through(gate: Gate, pairs: pl.DataFrame, selection: str) -> tuple[pl.DataFrame, list[Reject]]:
    """The pairs that a gate lets through, and the rejects of the others."""
    decisions = gate(pairs)
    if not any(decisions):
        return pairs, []
    stays = pl.Series([decision is None for decision in decisions], dtype=pl.Boolean)
    gone = zip(pairs.filter(~stays).iter_rows(named=True), filter(None, decisions), strict=True)
    return pairs.filter(stays), [Reject(STAGE, pair_key(pair, selection), *why) for pair, why in gone]


def _untranslated(pair: dict[str, Any], selection: str) -> Reject:
    missing = [c for c in ("question_ko", "chosen_ko", "rejected_ko") if not (pair[c] or "").split()]
    detail = f"no {', '.join(missing)}: in `en` only"
    return Reject(STAGE, pair_key(pair, selection), Reason.UNTRANSLATED.value, detail)


def _other_origin(pair: dict[str, Any], selection: str) -> Reject:
    where = "in no config" if pair["origin"] == Origin.NATIVE.value else "not in `ko`"
    detail = f"{pair['origin']}, and --origin wants another: {where}"
    return Reject(STAGE, pair_key(pair, selection), Reason.OTHER_ORIGIN.value, detail)


def pair_key(pair: dict[str, Any], selection: str) -> str:
    """The key of a pair in `rejects.jsonl`."""
    return pair["question_id"] if RULES[selection].one_a_question else "/".join(pair[c] for c in Pair.KEY)


@dataclass
class Tally:
    """Counts that grow while parts of a release pass; each number is counted here and nowhere else."""

    rows: int = 0
    questions: int = 0
    pairs: int = 0
    native: int = 0
    native_foreign: int = 0
    own_scores: int = 0
    identical_korean: int = 0
    statuses: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))
    scores: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))  # model -> score -> rows

    def add(self, frame: pl.DataFrame, pairs: pl.DataFrame) -> None:
        """Count the generations of some questions and the pairs that they gave."""
        self.rows += frame.height
        self.questions += frame["question_id"].n_unique()
        self.pairs += pairs.height
        native = pairs.filter(pl.col("origin") == Origin.NATIVE.value)
        self.native += native.height
        self.native_foreign += native.filter(~(is_korean("chosen_ko") & is_korean("rejected_ko"))).height
        self.identical_korean += pairs.filter(pl.col("chosen_ko") == pl.col("rejected_ko")).height
        scored = frame.filter(pl.col("status") == Status.SCORED.value)
        self.own_scores += scored.filter(pl.col("units").list.len() == 0).height
        for model, status, n in frame.group_by("model", "status").len().iter_rows():
            self.statuses[model][status] += n
        for model, score, n in scored.group_by("model", "dahl_score").len().iter_rows():
            self.scores[model][score] += n

    def facts(self) -> dict[str, Any]:
        """The counts as `build.json` has them."""
        models = {}
        for model in sorted(self.statuses):
            score = dahl.model_score_of_counts(self.scores[model])
            statuses = {s.value: self.statuses[model][s.value] for s in Status}
            models[model] = {"dahl": asdict(score) if score else None, "statuses": statuses}
        return {
            "generations": self.rows,
            "questions": self.questions,
            "pairs": self.pairs,
            "native": self.native,
            "native_foreign": self.native_foreign,
            "scores_without_units": self.own_scores,
            "identical_korean": self.identical_korean,
            "models": models,
        }
