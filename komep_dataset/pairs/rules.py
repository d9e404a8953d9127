"""Preference pairs: of a question's scored answers the best and the worst, under the rules of the project.

Pure functions over polars frames whose rows are complete `ScoredGeneration`s (see `generations.complete`).
The paper ranks the answers by DAHL score; the tie-breaks and thresholds are ours, since it does not give them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from komep_dataset.languages import is_native
from komep_dataset.schema import (
    TEST_PERCENT,
    Origin,
    Pair,
    Reason,
    ScoredGeneration,
    Status,
    Verdict,
    column_types,
)
from komep_dataset.tables.problems import FILE, LINE, Problem

if TYPE_CHECKING:
    import polars as pl

SELECTIONS = ("best-worst", "all")

# Python's white space (what `str.split()` splits at), for texts that are compared with blanks collapsed.
_BLANKS = r"[\s\x1c-\x1f]+"
_NOT_BLANK = r"[^\s\x1c-\x1f]"
# So many first characters of a text, if they are ASCII with single blanks, stay as they are when it is normalised, but
# for the last: a mark behind it may combine with it.
_HEAD = 16
_PLAIN_HEAD = "^[!-~](?: ?[!-~])* ?$"


def resolve_duplicates(frame: pl.DataFrame, files: Sequence[str]) -> tuple[pl.DataFrame, list[Problem]]:
    """Collapse identical repeats of a key; where a key has different contents, every row of it is a problem.

    Args:
        frame: complete generations with `_file` and `_line`.
        files: names of the input files, by the index in `_file`.

    Returns:
        (one row a key, sorted by (`question_id`, `model`); `conflicting_duplicate` problems).
    """
    import polars as pl

    key = list(ScoredGeneration.KEY)
    ordered = frame.sort(key)
    if not ordered.select(
        pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in key).any()
    ).item():
        return ordered, []
    repeated = pl.struct(key).is_duplicated()
    content = [pl.col(name) for name in column_types(ScoredGeneration) if name not in (*key, "units")]
    units = pl.col("units").list.eval(pl.element().struct.json_encode()).list.join("\n")
    contents = (
        frame.filter(repeated)
        .with_columns(units=units)
        .group_by(key)
        .agg(pl.struct(*content, "units").n_unique())
    )
    conflicts = contents.filter(pl.nth(len(key)) > 1).select(key)
    bad = frame.join(conflicts, on=key, how="semi").sort(FILE, LINE)
    problems = [
        Problem(
            files[row[FILE]],
            row[LINE],
            "question_id, model",
            Reason.CONFLICTING_DUPLICATE,
            f"{row['question_id']}/{row['model']} has another content elsewhere",
        )
        for row in bad.select(*key, FILE, LINE).iter_rows(named=True)
    ]
    kept = frame.join(conflicts, on=key, how="anti").unique(subset=key, keep="any")
    return kept.sort(key), problems


def select_pairs(
    frame: pl.DataFrame, min_margin: float = 0.0, selection: str = "best-worst"
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pair the answers of each question.

    Chosen is the highest score, then more true units, then the shorter response (code points), then the model
    name; rejected is the lowest score, then more false units, then the longer response, then the model name.

    Args:
        frame: complete generations, one row a (`question_id`, `model`).
        min_margin: `chosen_score - rejected_score` (float64) must lie above it.
        selection: `best-worst` gives one pair a question, `all` every ordered pair that passes.

    Returns:
        (pairs: the columns of `Pair`, then `origin` (`native` where both generations are, see
        `languages.is_native`), `question`, `chosen`, `rejected` and their `_ko` texts, sorted by key; rejects:
        `question_id`, `reason`, `detail`, one row for each question without a pair, sorted).
    """
    import polars as pl

    ranked = _with_ranks(frame).drop("units")  # the widest column, and its counts are all that is needed
    scored = _in_order(ranked.filter(pl.col("status") == Status.SCORED.value))
    candidates = _best_worst(scored) if selection == "best-worst" else _all_ordered(scored)
    margin = pl.col("chosen_score") - pl.col("rejected_score")
    candidates = candidates.with_columns(score_margin=margin).with_columns(
        reason=pl.when(pl.col("chosen_score") == pl.col("rejected_score"))
        .then(pl.lit(Reason.TIE.value))
        .when(~(pl.col("score_margin") > min_margin))
        .then(pl.lit(Reason.BELOW_MARGIN.value))
        .when(_same_text("chosen", "rejected"))
        .then(pl.lit(Reason.IDENTICAL_TEXT.value))
    )
    pairs = candidates.filter(pl.col("reason").is_null())
    rejects = pl.concat([_too_few(frame, scored), _without_pair(candidates, pairs, min_margin)])
    texts = ["question", "chosen", "rejected", "question_ko", "chosen_ko", "rejected_ko"]
    return pairs.select(*column_types(Pair), "origin", *texts).sort(Pair.KEY), rejects.sort("question_id")


def _in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows sorted by (`question_id`, `model`); most frames are, and then nothing is moved."""
    import polars as pl

    question, model = map(pl.col, ScoredGeneration.KEY)
    before = (question > question.shift(1)) | ((question == question.shift(1)) & (model >= model.shift(1)))
    return frame if frame.select(before.all()).item() else frame.sort(ScoredGeneration.KEY)


def _with_ranks(frame: pl.DataFrame) -> pl.DataFrame:
    """Add what the tie-breaks need."""
    import polars as pl

    def count(verdict: Verdict) -> pl.Expr:
        verdicts = pl.col("units").list.eval(pl.element().struct.field("verdict"))
        return verdicts.list.count_matches(verdict.value)

    return frame.with_columns(
        _true=count(Verdict.TRUE),
        _false=count(Verdict.FALSE),
        _length=pl.col("response").str.len_chars(),
    )


def _same_text(one: str, other: str) -> pl.Expr:
    """Whether two text columns are equal after NFC and collapsing blanks; only where their first letters may be."""
    import polars as pl

    heads = [pl.col(name).str.head(_HEAD) for name in (one, other)]
    plain = [(head.str.len_bytes() == _HEAD) & head.str.contains(_PLAIN_HEAD) for head in heads]
    apart = plain[0] & plain[1] & (heads[0].str.head(_HEAD - 1) != heads[1].str.head(_HEAD - 1))
    texts = [
        pl.when(~apart)
        .then(pl.col(name))
        .str.normalize("NFC")
        .str.replace_all(_BLANKS, " ")
        .str.strip_chars(" ")
        for name in (one, other)
    ]
    return (texts[0] == texts[1]).fill_null(False)


def _sides(frame: pl.DataFrame, side: str, with_question: bool) -> pl.DataFrame:
    """Rename the columns of one side of a pair."""
    import polars as pl

    columns = [
        pl.col("question_id"),
        pl.col("model").alias(f"{side}_model"),
        pl.col("dahl_score").alias(f"{side}_score"),
        pl.col("response").alias(side),
        pl.col("response_ko").alias(f"{side}_ko"),
        pl.col("_native").alias(f"{side}_native"),
    ]
    # Where the answers of one question spell it in two ways, the pair takes the chosen answer's spelling.
    own = "question_ko" if with_question else "_other_question_ko"
    columns.append(pl.col("question_ko").alias(own))
    return frame.select(*columns, *(["question", "category"] if with_question else []))


def _join_sides(chosen: pl.DataFrame, rejected: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    joined = _sides(chosen, "chosen", True).join(_sides(rejected, "rejected", False), on="question_id")
    native = pl.col("chosen_native") & pl.col("rejected_native")
    return joined.with_columns(
        question_ko=pl.coalesce(_korean("question_ko"), _korean("_other_question_ko")),
        origin=pl.when(native).then(pl.lit(Origin.NATIVE.value)).otherwise(pl.lit(Origin.TRANSLATED.value)),
    )


def _korean(column: str) -> pl.Expr:
    """A Korean text, or null where there is none or only white space."""
    import polars as pl

    return pl.when(pl.col(column).str.contains(_NOT_BLANK)).then(pl.col(column))


def _best_worst(scored: pl.DataFrame) -> pl.DataFrame:
    """One candidate for each question with two or more scored answers."""
    import polars as pl

    enough = scored.filter(pl.len().over("question_id") >= 2)
    # Only what is sorted by is sorted, and only numbers: rows come in order of question and model. The texts are taken
    # for the two answers that stand first.
    keys = enough.select(
        pl.col("question_id").rle_id().alias("_question"), "dahl_score", "_true", "_false", "_length"
    ).with_row_index("_row")

    def first(by: list[str], descending: list[bool]) -> pl.DataFrame:
        ordered = keys.sort(["_question", *by, "_row"], descending=[False, *descending, False])
        rows = ordered.filter(pl.col("_question").ne_missing(pl.col("_question").shift(1)))["_row"]
        return enough[rows].with_columns(_native=is_native())

    best = first(["dahl_score", "_true", "_length"], [True, True, False])
    worst = first(["dahl_score", "_false", "_length"], [False, True, True])
    return _join_sides(best, worst)


def _all_ordered(scored: pl.DataFrame) -> pl.DataFrame:
    """Every ordered pair of two answers to one question with the higher score first; equal scores once."""
    import polars as pl

    sides = scored.with_columns(_native=is_native())
    pairs = _join_sides(sides, sides)
    higher = pl.col("chosen_score") > pl.col("rejected_score")
    equal = pl.col("chosen_score") == pl.col("rejected_score")
    return pairs.filter(higher | (equal & (pl.col("chosen_model") < pl.col("rejected_model"))))


def _too_few(frame: pl.DataFrame, scored: pl.DataFrame) -> pl.DataFrame:
    """Questions with fewer than two scored answers."""
    import polars as pl

    counts = scored.group_by("question_id").agg(n=pl.len())
    questions = frame.group_by("question_id").agg(rows=pl.len())
    counts = questions.join(counts, on="question_id", how="left").with_columns(pl.col("n").fill_null(0))
    return counts.filter(pl.col("n") < 2).select(
        "question_id",
        reason=pl.lit(Reason.TOO_FEW_RESPONSES.value),
        detail=pl.format("{} scored of {} responses", "n", "rows"),
    )


def _without_pair(candidates: pl.DataFrame, pairs: pl.DataFrame, min_margin: float) -> pl.DataFrame:
    """The reason of each question none of whose candidates passed: that of the one that came furthest."""
    import polars as pl

    stages = [r.value for r in (Reason.TIE, Reason.BELOW_MARGIN, Reason.IDENTICAL_TEXT)]
    failed = candidates.join(pairs.select("question_id").unique(), on="question_id", how="anti").with_columns(
        _stage=pl.col("reason").replace_strict(stages, range(len(stages)), return_dtype=pl.Int64)
    )
    order = ["question_id", "_stage", "score_margin", "chosen_model", "rejected_model"]
    last = failed.sort(order, descending=[False, True, True, False, False]).unique(
        subset="question_id", keep="first", maintain_order=True
    )
    scores = pl.format(
        "{} {} against {} {}", "chosen_model", "chosen_score", "rejected_model", "rejected_score"
    )
    margin = pl.format(", margin {} is not above {}", "score_margin", pl.lit(min_margin))
    below = pl.col("reason") == Reason.BELOW_MARGIN.value
    detail = pl.concat_str(scores, pl.when(below).then(margin).otherwise(pl.lit("")))
    return last.select("question_id", "reason", detail=detail)


def to_release(pairs: pl.DataFrame, language: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of the config `en` or `ko` from the output of `select_pairs`.

    A native pair has no English text: it is a row of `ko`, and of `ko` alone.

    Returns:
        (columns of `ReleaseRow`, for `ko` of `KoreanRow`; for `ko` the pairs that lack a Korean text, for `en`
        none).
    """
    import polars as pl

    native = pl.col("origin") == Origin.NATIVE.value
    if language == "en":
        return _release_rows(pairs.filter(~native), ("question", "chosen", "rejected")), pairs.clear()
    texts = ("question_ko", "chosen_ko", "rejected_ko")
    missing = ~native & pl.any_horizontal(_korean(c).is_null() for c in texts)
    return _release_rows(pairs.filter(~missing), texts, "origin"), pairs.filter(missing)


def _release_rows(pairs: pl.DataFrame, texts: Sequence[str], *more: str) -> pl.DataFrame:
    """The messages of (prompt, chosen, rejected), the columns of `Pair`, then more columns."""
    roles = ("user", "assistant", "assistant")
    names = ("prompt", "chosen", "rejected")
    messages = (_message(r, t).alias(n) for r, t, n in zip(roles, texts, names, strict=True))
    return pairs.select(*messages, *column_types(Pair), *more)


def _message(role: str, column: str) -> pl.Expr:
    """A list of one message."""
    import polars as pl

    return pl.concat_list(pl.struct(role=pl.lit(role), content=pl.col(column)))


def is_test() -> pl.Expr:
    """Whether the row of a `question_id` is in `test`: `schema.split_of`, as an expression."""
    import polars as pl

    return pl.col("question_id").str.head(8).str.to_integer(base=16) % 100 < TEST_PERCENT


def split_column(frame: pl.DataFrame) -> pl.Series:
    """`train` or `test` for each row of a frame with `question_id`."""
    import polars as pl

    return frame.select(
        pl.when(is_test()).then(pl.lit("test")).otherwise(pl.lit("train")).alias("split")
    ).to_series()
