"""The page of a set that others made: its pairs, each by itself, and the figures that its columns give."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from komep_dataset.audit.bias import figures_of
from komep_dataset.audit.verdicts import reasons_left_out
from komep_dataset.explorer.figures import figure_groups
from komep_dataset.explorer.plots import cell
from komep_dataset.explorer.rows import LANGUAGES, SIDES, PageRows
from komep_dataset.languages import is_korean
from komep_dataset.schema import EVIDENCE, CitedGeneration, polars_schema
from komep_dataset.templates import say


def set_rows(pairs: pl.DataFrame, limit: int) -> PageRows:
    """The rows of a page, of pairs as `preferences.reading` gives them: in their order, in the language of most questions.

    Pairs of one question are numbered: no two need the same texts, and models may have no names. Of more than `limit` a
    sample is taken, as of a release.
    """
    total = pairs.height
    pairs = pairs.with_row_index("_row")
    if total > limit:
        pairs = pairs.sort(pl.col("question_id").str.slice(8), "_row").head(limit).sort("_row")
    language = "ko" if pairs.select(is_korean(pl.col("prompt")).mean()).item() > 0.5 else "en"
    number = pl.int_range(1, pl.len() + 1).over("question_id").cast(pl.String)
    alone = pl.len().over("question_id") == 1
    page = pairs.with_columns(
        question_id=pl.when(alone).then("question_id").otherwise(pl.col("question_id") + "-" + number),
        origin=pl.lit(""),
        **{name: pl.lit(name == language) for name in LANGUAGES},
        **{f"{side}_answer": pl.lit(side) for side in SIDES},
    )
    kinds = {name: pl.lit(None, polars_schema(CitedGeneration)[name]) for name in ("units", EVIDENCE)}

    def texts(column: str) -> dict[str, pl.Expr]:
        return {name: pl.col(column) if name == language else pl.lit(None, pl.String) for name in LANGUAGES}

    answers = pl.concat(page.select("question_id", model=pl.lit(n), **texts(n), **kinds) for n in SIDES)
    questions = page.select("question_id", **texts("prompt"))
    return PageRows((language,), page.drop("_row", "prompt", *SIDES), questions, answers, total)


def set_values(path: Path, pairs: pl.DataFrame, rows: PageRows) -> Callable[[], dict[str, Any]]:
    """Everything that the page's template names, but the data block; see `report.page_values`."""
    measured = figures_of(pairs)
    return lambda: {
        "name": path.name,
        "title": path.name,
        "other": None,
        "facts": None,
        "total": rows.total,
        "shown": rows.pairs.height,
        "tiles": tiles(pairs, measured),
        "groups": figure_groups(measured, None, None, {}),
        "left_out": [f"{say(name)}: {reason}" for name, reason in reasons_left_out(measured).items()],
    }


def tiles(pairs: pl.DataFrame, measured: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The few numbers on top."""
    margins = measured["margins"]
    return [
        ("{train:,} / {test:,}".format(**measured["splits"]), say("train / test")),
        (f"{pairs['question_id'].n_unique():,}", say("questions")),
        *([(f"{margins['quantiles']['0.5']:.2f}", say("median margin"))] if margins else []),
        (
            cell(measured["length"]["chosen_longer_share"], ".0%"),
            say("chosen is longer, of lengths that differ"),
        ),
    ]
