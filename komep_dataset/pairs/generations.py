"""Scored generations as they come in: every value checked, everything that may be left out filled in.

Works on polars frames with the columns of `ScoredGeneration` plus `_file` (index of the input file) and `_line`.
"""

from collections.abc import Callable, Sequence

import polars as pl

from komep_dataset import dahl
from komep_dataset.schema import Reason, ScoredGeneration, Status, Verdict, column_types, question_id
from komep_dataset.tables.problems import FILE, LINE, Problem

# What the input may leave out: derived from the question, or computed from the units.
OPTIONAL = ("question_id", "dahl_score", "status", "units")
SCORE_TOLERANCE = 1e-6  # how far a given score may lie from the share of true units
_SPLITTABLE_ID = "^[0-9a-fA-F]{8}"  # the split rule reads the first eight hex digits


def map_unique(column: pl.Series, function: Callable[[str], object], dtype) -> pl.Series:
    """Apply a Python function to a string column, once per distinct value."""
    runs = column.rle_id()
    # Equal values often stand together: one of each run is looked at.
    heads = column.filter(runs.ne_missing(runs.shift(1))).to_list()
    known: dict[str | None, object] = {None: None}
    for value in heads:
        if value not in known:
            known[value] = function(value)
    return pl.Series([known[value] for value in heads], dtype=dtype).gather(runs)


def _is_blank(column: str) -> pl.Expr:
    """Whether a text has nothing but white space, as Python's `str.split` sees it."""
    return ~pl.col(column).str.contains(r"[^\s\x1c-\x1f]")


def has_splittable_id(ids: pl.Series) -> pl.Series:
    """Whether each id begins with the eight hex digits that the split rule reads."""
    return ids.str.contains(_SPLITTABLE_ID)


def complete(frame: pl.DataFrame, files: Sequence[str]) -> tuple[pl.DataFrame, list[Problem]]:
    """Check the values of typed rows, and fill in `question_id`, `units`, `dahl_score` and `status`.

    Args:
        frame: columns of `ScoredGeneration`, `_file`, `_line`; `OPTIONAL` columns may be null.
        files: names of the input files, by the index in `_file`.

    Returns:
        (rows that can be used, with no null but in nullable columns; problems of the others, one a row, with
        reason `missing_field`, `bad_value` or `score_contradicts_units`).
    """
    frame = _with_derived(frame)
    checks = list(_checks())
    fails = frame.select(pl.any_horizontal(condition.fill_null(False) for *_, condition, _ in checks))
    fails = fails.to_series()
    problems = []
    if fails.any():
        problems = _problems(frame.filter(fails), checks, files)
        frame = frame.filter(~fails)
    good = frame.with_columns(
        dahl_score=pl.when(pl.col("status") == Status.SCORED.value).then(
            pl.coalesce("_share_true", "dahl_score")
        ),
    )
    return good.select(*column_types(ScoredGeneration), FILE, LINE), problems


def _problems(failed: pl.DataFrame, checks: Sequence[tuple], files: Sequence[str]) -> list[Problem]:
    """What is wrong with each row: the first check that it fails."""
    bad = pl.coalesce(
        *(
            pl.when(condition).then(
                pl.struct(pl.lit(column).alias("column"), pl.lit(reason.value).alias("reason"), detail)
            )
            for column, reason, condition, detail in checks
        )
    )
    rows = failed.select(FILE, LINE, bad.alias("_bad")).unnest("_bad").iter_rows()
    return [
        Problem(files[file], line, column, Reason(reason), detail)
        for file, line, column, reason, detail in rows
    ]


def units_with(verdict: Verdict) -> pl.Expr:
    """How many of an answer's `units` have a verdict."""
    return pl.col("units").list.eval(pl.element().struct.field("verdict")).list.count_matches(verdict.value)


def _with_derived(frame: pl.DataFrame) -> pl.DataFrame:
    """Add ids, empty unit lists, the share of true units and the status of rows that lack them."""
    n_units = pl.col("units").list.len()
    n_true, n_unknown = units_with(Verdict.TRUE), units_with(Verdict.UNKNOWN)
    units_dtype = frame.schema["units"]
    without_id = frame.select(pl.when(pl.col("question_id").is_null()).then(pl.col("question"))).to_series()
    frame = frame.with_columns(
        _derived_id=map_unique(without_id, question_id, pl.String),
        _blank_question=_is_blank("question"),
        _blank_model=_is_blank("model"),
        units=pl.col("units").fill_null(pl.lit([], dtype=units_dtype)),
    )
    frame = frame.with_columns(
        question_id=pl.coalesce("question_id", "_derived_id"),
        _n_units=n_units,
        _n_unknown=n_unknown,
        _share_true=pl.when((n_units > 0) & (n_unknown == 0)).then(n_true / n_units),
    )
    frame = frame.with_columns(_splittable=pl.col("question_id").str.contains(_SPLITTABLE_ID))
    return frame.with_columns(status=pl.coalesce("status", _status(frame)))


def _status(frame: pl.DataFrame) -> pl.Expr:
    """The status of a row that does not state it: `dahl.score_response` in strict mode, column by column."""
    response = pl.col("response")
    short = response.str.len_chars() <= dahl.ABSTENTION_CHARACTERS
    asked = frame.select(pl.when(short & pl.col("status").is_null()).then(response)).to_series()
    other = pl.when(response.str.len_bytes() > response.str.len_chars()).then(response)  # not ASCII: few
    hint = response.str.replace_all(dahl.APOSTROPHES, "").str.contains(dahl.ABSTENTION_HINT)
    looked_at = hint | ~other.str.contains(dahl.PLAIN_CHARACTERS).fill_null(True)
    texts = asked.to_frame().select(pl.when(looked_at).then(response)).to_series()
    abstains = map_unique(texts, dahl.is_abstention, pl.Boolean).fill_null(False)
    no_units = pl.col("_n_units") == 0
    # A score that comes without units (the authors' own) is taken as it is.
    return (
        pl.when(no_units & pl.col("dahl_score").is_not_null())
        .then(pl.lit(Status.SCORED.value))
        .when(abstains)
        .then(pl.lit(Status.ABSTAINED.value))
        .when(no_units)
        .then(pl.lit(Status.EMPTY.value))
        .when(pl.col("_n_unknown") > 0)
        .then(pl.lit(Status.UNPARSED.value))
        .otherwise(pl.lit(Status.SCORED.value))
    )


def _checks():
    """(column, reason, condition of a bad row, detail), in the order in which a row is judged."""
    score, share, status = pl.col("dahl_score"), pl.col("_share_true"), pl.col("status")
    scored = status == Status.SCORED.value
    verdict = pl.element().struct.field("verdict")
    known = pl.any_horizontal(verdict == v.value for v in Verdict)
    strange = pl.col("units").list.eval(verdict.filter(~known)).list.first()

    def detail(*parts):
        return (pl.format(*parts) if len(parts) > 1 else pl.lit(parts[0])).alias("detail")

    yield "question", Reason.BAD_VALUE, pl.col("_blank_question"), detail("empty")
    yield "model", Reason.BAD_VALUE, pl.col("_blank_model"), detail("empty")
    yield (
        "question_id",
        Reason.BAD_VALUE,
        ~pl.col("_splittable"),
        detail("{} does not begin with 8 hex digits", "question_id"),
    )
    some_strange = pl.col("units").list.eval(~known).list.any()
    yield "units", Reason.BAD_VALUE, some_strange, detail("unknown verdict {}", strange)
    yield (
        "status",
        Reason.BAD_VALUE,
        ~status.is_in([s.value for s in Status]),
        detail("unknown status {}", status),
    )
    yield (
        "dahl_score",
        Reason.BAD_VALUE,
        score.is_nan() | ~score.is_between(0.0, 1.0),
        detail("{} is not a number from 0 to 1", score),
    )
    yield (
        "dahl_score",
        Reason.SCORE_CONTRADICTS_UNITS,
        score.is_not_null()
        & (pl.col("_n_units") > 0)
        & (share.is_null() | ((score - share).abs() > SCORE_TOLERANCE)),
        detail(
            "score {} but units give {}", score, share.cast(pl.String).fill_null("none (unknown verdicts)")
        ),
    )
    yield (
        "status",
        Reason.BAD_VALUE,
        scored & (pl.col("_n_unknown") > 0),
        detail("`scored` although {} of {} verdicts are unknown", "_n_unknown", "_n_units"),
    )
    yield (
        "dahl_score",
        Reason.BAD_VALUE,
        ~scored & score.is_not_null(),
        detail("{} although the status is `{}`", score, status),
    )
    yield (
        "units",
        Reason.MISSING_FIELD,
        scored & score.is_null() & share.is_null(),
        detail("`scored` without units and without dahl_score"),
    )
