"""Which two answers to a question may pair: the rules of `komep build --pairs`, each registered under its name.

A rule takes the scored rows of whole questions, in order of (`question_id`, `model`), with the counts `_true` and
`_false` and the `_length` of the response, and gives candidates (see `joined`); margins and texts are looked at later.
Where units have no verdict, an answer's score may be an interval (`with_bounds`): it can be chosen for its lowest
score, and rejected for its highest, so that a margin holds whatever those units are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from komep_dataset.languages import is_native
from komep_dataset.schema import Origin, Status

if TYPE_CHECKING:
    import polars as pl

NOT_BLANK = r"[^\s\x1c-\x1f]"  # as Python's `str.split` sees it


@dataclass(frozen=True, slots=True)
class PairRule:
    """A rule by its name: what the command says of it, whether a question has one pair at most, its candidates."""

    name: str
    help: str
    one_a_question: bool
    candidates: Callable[[pl.DataFrame], pl.DataFrame]


RULES: dict[str, PairRule] = {}
UNKNOWN_UNITS = "reject", "drop", "bounds"


def with_bounds(frame: pl.DataFrame, unknown_units: str) -> pl.DataFrame:
    """The rows that may pair, with their lowest score `_low` and their highest `_high`, which are `dahl_score` where all
    units have a verdict.

    Args:
        frame: generations with the counts `_true` and `_false` of their units, and `_units`, how many they have.
        unknown_units: what becomes of the others, one of `UNKNOWN_UNITS`.
    """
    import polars as pl

    scored = pl.col("status") == Status.SCORED.value
    true, known, units = pl.col("_true"), pl.col("_true") + pl.col("_false"), pl.col("_units")
    if unknown_units == "reject":
        return frame.filter(scored).with_columns(_low="dahl_score", _high="dahl_score")
    partly = (pl.col("status") == Status.UNPARSED.value) & (known > 0)
    low, high = (
        (true / known,) * 2 if unknown_units == "drop" else (true / units, (units - pl.col("_false")) / units)
    )
    return frame.filter(scored | partly).with_columns(
        _low=pl.coalesce("dahl_score", low), _high=pl.coalesce("dahl_score", high)
    )


def pair_rule(name: str, help: str, *, one_a_question: bool = False) -> Callable:
    """Register the function below it as a rule."""

    def register(candidates: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable:
        RULES[name] = PairRule(name, help, one_a_question, candidates)
        return candidates

    return register


@pair_rule("best-worst", "one pair a question", one_a_question=True)
def best_worst(scored: pl.DataFrame) -> pl.DataFrame:
    """One candidate for each question with two or more scored answers."""
    import polars as pl

    enough = scored.filter(pl.len().over("question_id") >= 2)
    # Only what is sorted by is sorted, and only numbers: rows come in order of question and model. The texts are taken
    # for the two answers that stand first.
    keys = enough.select(
        pl.col("question_id").rle_id().alias("_question"), "_low", "_high", "_true", "_false", "_length"
    ).with_row_index("_row")

    def first(by: list[str], descending: list[bool]) -> pl.DataFrame:
        ordered = keys.sort(["_question", *by, "_row"], descending=[False, *descending, False])
        rows = ordered.filter(pl.col("_question").ne_missing(pl.col("_question").shift(1)))["_row"]
        return enough[rows].with_columns(_native=is_native())

    best = first(["_low", "_true", "_length"], [True, True, False])
    worst = first(["_high", "_false", "_length"], [False, True, True])
    return joined(best, worst)


@pair_rule("all", "every ordered pair")
def all_ordered(scored: pl.DataFrame) -> pl.DataFrame:
    """Every ordered pair of two answers to one question with the higher score first; equal or meeting ones once."""
    import polars as pl

    sides = scored.with_columns(_native=is_native())
    pairs = joined(sides, sides)
    higher = pl.col("chosen_score") > pl.col("rejected_score")
    lower = pl.col("rejected_low") > pl.col("chosen_high")
    return pairs.filter(higher | (~lower & (pl.col("chosen_model") < pl.col("rejected_model"))))


def joined(chosen: pl.DataFrame, rejected: pl.DataFrame) -> pl.DataFrame:
    """Pairs of the rows of two frames, which need a column `_native`, question by question; as a rule gives them."""
    import polars as pl

    columns = {
        "model": "_model",
        "_low": "_low",
        "_high": "_high",
        "response": "",
        "response_ko": "_ko",
        "_native": "_native",
    }
    one, other = (
        frame.select("question_id", *more, **{f"{side}{end}": name for name, end in columns.items()})
        for side, frame, more in (
            ("chosen", chosen, ("question", "category", "question_ko")),
            ("rejected", rejected, (pl.col("question_ko").alias("_other_question_ko"),)),
        )
    )
    native = pl.col("chosen_native") & pl.col("rejected_native")
    # Where the answers of one question spell it in two ways, the pair takes the chosen answer's spelling.
    spelled = ("question_ko", "_other_question_ko")
    return one.join(other, on="question_id").with_columns(
        chosen_score="chosen_low",
        rejected_score="rejected_high",
        question_ko=pl.coalesce(pl.when(pl.col(c).str.contains(NOT_BLANK)).then(pl.col(c)) for c in spelled),
        origin=pl.when(native).then(pl.lit(Origin.NATIVE.value)).otherwise(pl.lit(Origin.TRANSLATED.value)),
    )
