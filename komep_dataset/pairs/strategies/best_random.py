"""The best answer against one of the others by chance: the rule of Zephyr (Tunstall et al. 2023, arXiv 2310.16944)."""

from __future__ import annotations

import hashlib
from typing import Any

from komep_dataset.pairs.candidates import PairRule, firsts, joined, ranked, rows_of
from komep_dataset.system import late

pl = late("polars")


def best_random(answers: pl.DataFrame, values: Any = None) -> pl.DataFrame:
    """The best answer against that one of the lower ones whose hash of question and model is the least.

    No other question and no order of rows changes the draw, and another answer to the question only where it is drawn
    itself, or is the best. Where no answer is lower, it is drawn of all others, which is a tie.
    """
    best = firsts(ranked(answers, True))
    tops = answers[best].select("question_id", _best="model", _top="_low")
    others = answers.select("question_id", "model", "_high").with_row_index("_row")
    others = others.join(tops, on="question_id", maintain_order="left")
    others = others.filter(pl.col("model") != pl.col("_best"))
    drawn = [
        hashlib.blake2b(f"{question}\0{model}".encode(), digest_size=8).digest()
        for question, model in others.select("question_id", "model").iter_rows()
    ]
    lot, lower = pl.Series(drawn, dtype=pl.Binary), pl.col("_high") < pl.col("_top")
    lots = others.with_columns(_lot=lot, _lower=lower)
    order = lots.sort("question_id", "_lower", "_lot", "model", descending=[False, True, False, False])
    rejected = order.unique("question_id", keep="first", maintain_order=True)["_row"]
    return joined(rows_of(answers, best), rows_of(answers, rejected))


RULE = PairRule(
    name="best-random",
    help="the best against one of the lower ones by chance, the same one in every build",
    order=20,
    candidates=best_random,
)
