"""What a rule of `komep build --pairs` is: which two answers to a question may pair. Each is a file in `strategies/`.

A rule takes the answers that may pair, of questions with two or more, in order of (`question_id`, `model`), with the counts `_true` and
`_false` and the `_length` of the response, and gives candidates (see `joined`); margins and texts are looked at later.
Where units have no verdict, an answer's score may be an interval (`utility.with_bounds`): it can be chosen for its lowest
score, and rejected for its highest, so that a margin holds whatever those units are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from komep_dataset.languages import is_native
from komep_dataset.options import Option
from komep_dataset.schema import Origin
from komep_dataset.system import late

pl = late("polars")

NOT_BLANK = r"[^\s\x1c-\x1f]"  # as Python's `str.split` sees it


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRule:
    """A rule by its name; `values` are those of the options of pairs, as attributes.

    Args:
        name: for `--pairs`.
        help: what the command says of it.
        order: of the list of rules; the first is the default.
        one_a_question: whether a question has one pair at most.
        candidates: (answers, values) -> pairs, one at least of each question.
        eligible: (answers, values) -> those that may pair under it; None: all.
        by_score: whether the chosen answer must score higher; without it a margin counts where `min_margin` is above 0.
        options: what a build may be told of it; they go with this rule alone.
        required: names of those without which it does nothing.
        settles: of those that are left to the data: name -> (value from the scores of all answers that may pair: columns
            `_low`, `_high` and `n`, how many have them; what that is, for people).
        models: values -> the models that it names, which must be in the data.
    """

    name: str
    help: str
    order: int
    candidates: Callable[[pl.DataFrame, Any], pl.DataFrame]
    one_a_question: bool = True
    eligible: Callable[[pl.DataFrame, Any], pl.DataFrame] | None = None
    by_score: bool = True
    options: tuple[Option, ...] = ()
    required: tuple[str, ...] = ()
    settles: Mapping[str, tuple[Callable[[pl.DataFrame], Any], str]] = field(default_factory=dict)
    models: Callable[[Any], Sequence[str]] = lambda values: ()


def ranked(answers: pl.DataFrame, best_first: bool) -> pl.DataFrame:
    """`_question` and `_row`, the numbers of a question and of an answer: of each question from best to worst, or the reverse.

    Best is the highest score, then more true units, then the shorter response, then the model name; worst the lowest score,
    then more false units, then the longer response, then the model name. Only what is sorted by is sorted, and only numbers:
    rows come in order of question and model, and their texts stay where they are.
    """
    by = ["_low" if best_first else "_high", "_true" if best_first else "_false", "_length"]
    descending = [best_first, True, not best_first]
    keys = answers.select(pl.col("question_id").rle_id().alias("_question"), *by).with_row_index("_row")
    ordered = keys.sort(["_question", *by, "_row"], descending=[False, *descending, False])
    return ordered.select("_question", "_row")


def firsts(ordered: pl.DataFrame) -> pl.Series:
    """The number of the answer that stands first of each question."""
    return ordered.filter(pl.col("_question").ne_missing(pl.col("_question").shift(1)))["_row"]


def rows_of(answers: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """Answers by their numbers, ready to be `joined`."""
    return answers[rows].with_columns(_native=is_native())


def joined(chosen: pl.DataFrame, rejected: pl.DataFrame) -> pl.DataFrame:
    """Pairs of the rows of two frames, which need a column `_native`, question by question; as a rule gives them."""
    columns = {"model": "_model", "response": "", "response_ko": "_ko"}
    columns |= {name: name for name in ("_low", "_high", "_size", "_native")}
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
