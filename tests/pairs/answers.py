"""Answers to questions by their verdicts, as complete frames: for tests of rules."""

import polars as pl

from komep_dataset.pairs.generations import complete
from komep_dataset.pairs.options import PairRules
from komep_dataset.pairs.rules import select_pairs
from komep_dataset.schema import ScoredGeneration, polars_schema


def answers(*questions: dict[str, str]) -> pl.DataFrame:
    """Model -> its units as letters, `t`, `f` or `u`, one question each; an answer is as long as it has units, times ten."""
    verdicts = {"t": "true", "f": "false", "u": "unknown"}
    rows = [
        {
            "question": f"Question {n}?",
            "category": "c",
            "model": model,
            "response": (model + "." * 9) * len(units),
        }
        | {"units": [{"text": "u", "verdict": verdicts[one]} for one in units]}
        for n, question in enumerate(questions)
        for model, units in question.items()
    ]
    frame = pl.DataFrame(rows, schema=polars_schema(ScoredGeneration))
    done, problems = complete(frame.with_columns(_file=pl.lit(0), _line=pl.lit(1)), ["f"])
    assert not problems
    return done.sort("question_id", "model")


def pairs(frame: pl.DataFrame, **rules) -> list[tuple[str, str]]:
    """(chosen model, rejected model) of the pairs, sorted."""
    return sorted(select_pairs(frame, PairRules(**rules))[0].select("chosen_model", "rejected_model").rows())


def reasons(frame: pl.DataFrame, **rules) -> list[tuple[str, str]]:
    """(reason, detail) of the questions without a pair, sorted."""
    return sorted(select_pairs(frame, PairRules(**rules))[1].select("reason", "detail").rows())
