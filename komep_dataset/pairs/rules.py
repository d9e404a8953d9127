"""Preference pairs: of a question's scored answers the best and the worst, under the rules of the project.

Pure functions over polars frames whose rows are complete `ScoredGeneration`s (see `generations.complete`).
The paper ranks the answers by DAHL score; the tie-breaks and thresholds are ours, since it does not give them.
"""

from collections.abc import Sequence

import polars as pl

from komep_dataset.pairs.candidates import RULES, korean_text
from komep_dataset.pairs.generations import units_with
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

# Python's white space (what `str.split()` splits at), for texts that are compared with blanks collapsed.
_BLANKS = r"[\s\x1c-\x1f]+"
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
        selection: a rule of `candidates.RULES`.

    Returns:
        (pairs: the columns of `Pair`, then `origin` (`native` where both generations are, see
        `languages.is_native`), `question`, `chosen`, `rejected` and their `_ko` texts, sorted by key; rejects:
        `question_id`, `reason`, `detail`, one row for each question without a pair, sorted).
    """
    ranked = _with_ranks(frame).drop("units")  # the widest column, and its counts are all that is needed
    scored = _in_order(ranked.filter(pl.col("status") == Status.SCORED.value))
    candidates = RULES[selection].candidates(scored)
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
    question, model = map(pl.col, ScoredGeneration.KEY)
    before = (question > question.shift(1)) | ((question == question.shift(1)) & (model >= model.shift(1)))
    return frame if frame.select(before.all()).item() else frame.sort(ScoredGeneration.KEY)


def _with_ranks(frame: pl.DataFrame) -> pl.DataFrame:
    """Add what the tie-breaks need."""
    return frame.with_columns(
        _true=units_with(Verdict.TRUE),
        _false=units_with(Verdict.FALSE),
        _length=pl.col("response").str.len_chars(),
    )


def _same_text(one: str, other: str) -> pl.Expr:
    """Whether two text columns are equal after NFC and collapsing blanks; only where their first letters may be."""
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


def _too_few(frame: pl.DataFrame, scored: pl.DataFrame) -> pl.DataFrame:
    """Questions with fewer than two scored answers."""
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
    native = pl.col("origin") == Origin.NATIVE.value
    if language == "en":
        return _release_rows(pairs.filter(~native), ("question", "chosen", "rejected")), pairs.clear()
    texts = ("question_ko", "chosen_ko", "rejected_ko")
    missing = ~native & pl.any_horizontal(korean_text(c).is_null() for c in texts)
    return _release_rows(pairs.filter(~missing), texts, "origin"), pairs.filter(missing)


def _release_rows(pairs: pl.DataFrame, texts: Sequence[str], *more: str) -> pl.DataFrame:
    """The messages of (prompt, chosen, rejected), the columns of `Pair`, then more columns."""
    roles = ("user", "assistant", "assistant")
    names = ("prompt", "chosen", "rejected")
    messages = (_message(r, t).alias(n) for r, t, n in zip(roles, texts, names, strict=True))
    return pairs.select(*messages, *column_types(Pair), *more)


def _message(role: str, column: str) -> pl.Expr:
    """A list of one message."""
    return pl.concat_list(pl.struct(role=pl.lit(role), content=pl.col(column)))


def is_test() -> pl.Expr:
    """Whether the row of a `question_id` is in `test`: `schema.split_of`, as an expression."""
    return pl.col("question_id").str.head(8).str.to_integer(base=16) % 100 < TEST_PERCENT


def split_column(frame: pl.DataFrame) -> pl.Series:
    """`train` or `test` for each row of a frame with `question_id`."""
    return frame.select(
        pl.when(is_test()).then(pl.lit("test")).otherwise(pl.lit("train")).alias("split")
    ).to_series()
