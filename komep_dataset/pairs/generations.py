"""Scored generations as they come in: every value checked, what may be left out filled in, one row a key.

Works on polars frames with the columns of `ScoredGeneration` plus `_file` (index of the input file) and `_line`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl

from komep_dataset import dahl
from komep_dataset.errors import KomepError
from komep_dataset.languages import korean_texts
from komep_dataset.pairs.candidates import NOT_BLANK
from komep_dataset.replies import refusals
from komep_dataset.replies.refusals import is_refusal
from komep_dataset.schema import (
    A_NUMBER,
    BUILD_FILE,
    EVIDENCE,
    RESPONSE_TOKENS,
    TEST_PERCENT,
    CitedGeneration,
    Reason,
    ScoredGeneration,
    Status,
    Verdict,
    WhyUnknown,
    column,
    column_types,
    id_before_spreadsheet,
    polars_schema,
    question_id,
)
from komep_dataset.tables.checking import verdict_of, verdicts_advice
from komep_dataset.tables.columns import KNOWN, others_told, renames
from komep_dataset.tables.formats import CSV, format_of, table_files
from komep_dataset.tables.problems import FILE, LINE, Fault, Problem, problems_error
from komep_dataset.tables.reading import check_columns, read_batches
from komep_dataset.tables.rows import columns_of

COLUMNS = tuple(column_types(ScoredGeneration))


@dataclass(frozen=True, slots=True)
class Given(CitedGeneration):
    """A row as it comes in: with the language that a table of others may state, and a release never does."""

    language: str | None = column("`ko`, or any other; null = not said")


# What the input may leave out: derived from the question, or computed from the units.
OPTIONAL = ("question_id", "dahl_score", "status", "units")
SCORE_TOLERANCE = 1e-6  # how far a given score may lie from the share of true units
# Whether an id begins with the eight hex digits that the split rule reads, and that rule: `schema.split_of`.
HAS_SPLITTABLE_ID = pl.col("question_id").str.contains("^[0-9a-fA-F]{8}")
IS_TEST = pl.col("question_id").str.head(8).str.to_integer(base=16) % 100 < TEST_PERCENT
SPLIT_OF_ID = pl.when(IS_TEST).then(pl.lit("test")).otherwise(pl.lit("train")).alias("split")
_SAYS_KOREAN = r"(?i)^\s*(?:ko|kor|kr|korean|ko[-_]\w+|한국어|한글|국문)\s*$"
_NOTHING_SAID = "neither `units` nor `dahl_score`, and no `status` that says why"
_NOT_KOREAN = (
    "Korean, it says, but the question is not written in it, and would be released as English; write the Korean texts into "
    "question_ko and response_ko, or take this column out"
)


def read_scored(
    paths: Sequence[Path], unknown_units: str = "reject", columns: Mapping[str, str] | None = None
) -> pl.DataFrame:
    """Scored generations as `komep build` reads them: complete, one row a question and model, sorted by key.

    Args:
        paths: tables, folders of them, or releases.
        unknown_units: as a build has it, see `complete`.
        columns: a file's own name of a column -> the known one.

    Raises:
        KomepError: a bad row, named by file and line, or no row at all.
    """
    files = table_files([p / "scored" if (p / BUILD_FILE).is_file() else p for p in map(Path, paths)])
    check_columns(files, Given, OPTIONAL, columns or {})
    given, problems = read_as_given(files, unknown_units, columns)
    frame, conflicts = resolve_duplicates(given, [str(file) for file in files])
    if problems or conflicts:
        raise problems_error([*problems, *conflicts])
    if frame.is_empty():
        raise KomepError(f"no scored generation in {', '.join(map(str, paths))}")
    return frame


def read_as_given(
    files: Sequence[Path], unknown_units: str = "reject", columns: Mapping[str, str] | None = None
) -> tuple[pl.DataFrame, list[Problem]]:
    """(complete rows of all files in their order, repeats among them, with `_file` and `_line`; the bad rows)."""
    frames = [pl.DataFrame(schema={**polars_schema(CitedGeneration), FILE: pl.Int32, LINE: pl.Int64})]
    problems: list[Problem] = []
    for index in range(len(files)):
        for frame, bad in read_complete(files, index, unknown_units, columns):
            frames.append(frame)
            problems += bad
    return pl.concat(frames), problems


def read_complete(
    files: Sequence[Path],
    index: int,
    unknown_units: str = "reject",
    columns: Mapping[str, str] | None = None,
) -> Iterator[tuple[pl.DataFrame, list[Problem]]]:
    """One of some files in batches: (rows as `complete` gives them; what is wrong with the others).

    A question or response in Korean is its own Korean text.
    """
    names = [str(file) for file in files]
    batches = read_batches(
        files[index], Given, OPTIONAL, columns=columns, checks=partial(faults, unknown_units=unknown_units)
    )
    for frame, bad in batches:
        good, worse = complete(frame.with_columns(pl.lit(index, pl.Int32).alias(FILE)), names, unknown_units)
        if any(problem.detail == _NOTHING_SAID for problem in worse):
            have = [renames(columns).get(name, name) for name in columns_of(files[index])]
            if format_of(files[index]) == CSV:  # in which capitals do not count
                have = [name.casefold() if name.casefold() in KNOWN else name for name in have]
            told = others_told(dict.fromkeys(have), KNOWN, ("units", "dahl_score"), maps=columns is not None)
            worse = [replace(one, detail=one.detail + told * (one.detail == _NOTHING_SAID)) for one in worse]
        yield good, [*bad, *worse]


def complete(
    frame: pl.DataFrame, files: Sequence[str], unknown_units: str = "reject"
) -> tuple[pl.DataFrame, list[Problem]]:
    """Check the values of typed rows, and fill in `question_id`, `units`, `dahl_score` and `status`.

    Args:
        frame: columns of `ScoredGeneration`, `CitedGeneration` or `Given`, `_file`, `_line`; `OPTIONAL` columns may be null.
        files: names of the input files, by the index in `_file`.
        unknown_units: where it is not `reject`, a row that calls itself scored although a verdict is unknown is what it
            is without that word, `unparsed`; a score of its other units is left out.

    Returns:
        (rows that can be used, with no null but in nullable columns; problems of the others, one a row, with
        reason `missing_field`, `bad_value` or `score_contradicts_units`).
    """
    frame = _prepared(frame, unknown_units)
    checks = _checks(frame)
    kept = [*COLUMNS, *(name for name in (EVIDENCE, RESPONSE_TOKENS) if name in frame.columns), FILE, LINE]
    fails = pl.any_horizontal(one.fails.fill_null(False) for one in checks)
    failed = frame.select(fails.alias("fails"))["fails"]
    problems = []
    if failed.any():
        bad = frame.filter(failed)
        places = bad.select(FILE, LINE).iter_rows()
        found = _faults(bad, checks, [set()] * bad.height)
        problems = [Problem.of_row(files[f], n, some) for (f, n), some in zip(places, found, strict=True)]
        frame = frame.filter(~failed)
    score = pl.when(pl.col("status") == Status.SCORED.value).then(pl.coalesce("_share_true", "dahl_score"))
    return frame.with_columns(dahl_score=score).select(kept), problems


def faults(frame: pl.DataFrame, wrong: list[set[str]], unknown_units: str = "reject") -> list[list[Fault]]:
    """What else is wrong with rows of which some columns cannot be read, which are null; each row's are named by `wrong`."""
    frame = _prepared(frame, unknown_units)
    return _faults(frame, _checks(frame), wrong)


def _prepared(frame: pl.DataFrame, unknown_units: str) -> pl.DataFrame:
    """Rows with verdicts in the accepted words, Korean texts, and what `_with_derived` adds; see `complete`."""
    if frame.select(_STRANGE.is_not_null().any()).item():
        lists = [
            None if units is None else [{**unit, "verdict": verdict_of(unit["verdict"])} for unit in units]
            for units in frame["units"].to_list()
        ]
        frame = frame.with_columns(pl.Series("units", lists, frame.schema["units"]))
    if "language" in frame.columns:
        frame = frame.with_columns(korean_texts())
        misfit = pl.col("language").str.contains(_SAYS_KOREAN) & pl.col("question_ko").is_null()
        frame = frame.with_columns(_misfit=misfit.fill_null(False))
    if frame["question_id"].str.contains(A_NUMBER).any():
        given = frame.select("question_id", "question").iter_rows()
        ids = [(id and text and id_before_spreadsheet(id, text)) or id for id, text in given]
        frame = frame.with_columns(question_id=pl.Series(ids, dtype=pl.String))
    frame = _with_derived(frame)
    if unknown_units != "reject":
        known_share = units_with(Verdict.TRUE) / (pl.col("_n_units") - pl.col("_n_unknown"))
        fits = _SCORE.is_null() | ((_SCORE - known_share).abs() <= SCORE_TOLERANCE)
        open_rows = _IS_SCORED & (pl.col("_n_unknown") > 0) & fits
        frame = frame.with_columns(
            status=pl.when(open_rows).then(pl.lit(Status.UNPARSED.value)).otherwise(_STATUS),
            dahl_score=pl.when(~open_rows).then(_SCORE),
        )
    return frame


def _checks(frame: pl.DataFrame) -> list["_Check"]:
    """What the rows of a frame are looked at for, by its columns."""
    of_evidence = _OF_EVIDENCE if EVIDENCE in frame.columns else ()
    return [*_CHECKS, *of_evidence, *(_OF_LANGUAGE if "language" in frame.columns else ())]


def _faults(failed: pl.DataFrame, checks: Sequence["_Check"], wrong: list[set[str]]) -> list[list[Fault]]:
    """What is wrong with each row; a check that reads a column with a fault is not made: it would find the same."""
    fails = failed.select(one.fails.fill_null(False).alias(str(n)) for n, one in enumerate(checks))
    found: list[list[Fault]] = [[] for _ in wrong]
    bad = list(map(set, wrong))
    for n, one in enumerate(checks):
        rows = fails.to_series(n).arg_true()
        details = failed[rows].with_columns(told=one.detail)["told"] if len(rows) else ()
        for row, detail in zip(rows, details, strict=True):
            if not bad[row].intersection((one.column, *one.reads)):
                found[row].append(Fault(one.column, one.reason, detail))
                bad[row].add(one.column)
    return found


def units_with(verdict: Verdict) -> pl.Expr:
    """How many of an answer's `units` have a verdict."""
    return pl.col("units").list.eval(pl.element().struct.field("verdict")).list.count_matches(verdict.value)


def _with_derived(frame: pl.DataFrame) -> pl.DataFrame:
    """Add ids, empty unit lists, the share of true units and the status of rows that lack them."""
    n_units = pl.col("units").list.len()
    n_true, n_unknown = units_with(Verdict.TRUE), units_with(Verdict.UNKNOWN)
    no_units = pl.lit([], dtype=frame.schema["units"])
    without_id = frame.select(pl.when(pl.col("question_id").is_null()).then(pl.col("question"))).to_series()
    frame = frame.with_columns(
        _derived_id=map_unique(without_id, question_id, pl.String),
        _lacks=pl.all_horizontal(pl.col("units", "dahl_score", "status").is_null()),
        units=pl.col("units").fill_null(no_units),
    )
    frame = frame.with_columns(
        question_id=pl.coalesce("question_id", "_derived_id"),
        _n_units=n_units,
        _n_unknown=n_unknown,
        _share_true=pl.when((n_units > 0) & (n_unknown == 0)).then(n_true / n_units),
    )
    stated = pl.col("status").is_not_null().alias("_stated")
    return frame.with_columns(stated, status=pl.coalesce("status", _status(frame)))


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
    refuses = map_unique(_may_refuse(frame), is_refusal, pl.Boolean).fill_null(False)
    no_units = pl.col("_n_units") == 0
    judged = {
        Status.SCORED: no_units & pl.col("dahl_score").is_not_null(),  # taken as it is: the authors' own
        Status.ABSTAINED: abstains,
        Status.REFUSED: refuses,
        Status.EMPTY: no_units,
        Status.UNPARSED: pl.col("_n_unknown") > 0,
    }
    chain = pl
    for status, holds in judged.items():
        chain = chain.when(holds).then(pl.lit(status.value))
    return chain.otherwise(pl.lit(Status.SCORED.value))


def _may_refuse(frame: pl.DataFrame) -> pl.Series:
    """The responses that are asked whether they refuse, null where a quick look says that they do not."""
    response = pl.col("response")
    most = max(refusals.KOREAN_CHARACTERS, refusals.REFUSAL_CHARACTERS)
    # Of a frame of their own: in one that holds them as nulls, the patterns read long texts all the same.
    asked = pl.col("status").is_null() & (response.str.len_chars() <= most)
    few = frame.select("response", "status").with_row_index("_row").filter(asked)
    korean = response.str.contains(refusals.HANGUL.pattern)
    short = response.str.len_chars() <= pl.when(korean).then(refusals.KOREAN_CHARACTERS).otherwise(
        refusals.REFUSAL_CHARACTERS
    )
    plain = response.str.replace_all(refusals.APOSTROPHES, "'").str.replace_all(refusals.NOISE, "")
    jamo = response.str.contains("[\u1100-\u11ff]")  # not in NFC
    few = few.filter(short & (plain.str.contains(refusals.HINT) | jamo))
    rows = frame.select(_row=pl.int_range(pl.len(), dtype=pl.get_index_type()))
    return rows.join(few, on="_row", how="left", maintain_order="left")["response"]


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


_SCORE, _SHARE, _STATUS = pl.col("dahl_score"), pl.col("_share_true"), pl.col("status")
_IS_SCORED = pl.col("status") == Status.SCORED.value
_VERDICT = pl.element().struct.field("verdict")
_KNOWN = pl.any_horizontal(pl.element().struct.field("verdict") == verdict.value for verdict in Verdict)
_STRANGE = pl.col("units").list.eval(_VERDICT.filter(~_KNOWN)).list.first()
_VERDICTS = pl.col("units").list.eval(_VERDICT)
_ADVICE = _VERDICTS.map_elements(lambda some: verdicts_advice(some.to_list()), pl.String)
_GIVEN_BY_UNITS = _SHARE.cast(pl.String).fill_null("none (unknown verdicts)")


class _Check(NamedTuple):
    """One look at a row: the column that is at fault, which rows fail, what is said, which other columns it reads, and why."""

    column: str
    fails: pl.Expr
    detail: pl.Expr
    reads: tuple[str, ...] = ()
    reason: Reason = Reason.BAD_VALUE


# In the order in which a row is judged.
_CHECKS = (
    *(_Check(name, ~pl.col(name).str.contains(NOT_BLANK), pl.lit("empty")) for name in ("question", "model")),
    _Check(
        "question_id",
        ~HAS_SPLITTABLE_ID,
        pl.format(
            "{} does not begin with 8 hex digits; without a question_id it is derived from the question",
            "question_id",
        ),
        ("question",),
    ),
    _Check("units", pl.col("_lacks"), pl.lit(_NOTHING_SAID), ("dahl_score", "status"), Reason.MISSING_FIELD),
    _Check("units", pl.col("units").list.eval(~_KNOWN).list.any(), _ADVICE),
    _Check(
        "status",
        ~_STATUS.is_in([status.value for status in Status]),
        pl.format("unknown status {}", _STATUS),
    ),
    _Check(
        "dahl_score",
        _SCORE.is_nan() | ~_SCORE.is_between(0.0, 1.0),
        pl.format("{} is not a number from 0 to 1", _SCORE)
        + pl.when(_SCORE.is_between(1, 100))
        .then(pl.lit("; divide percentages by 100"))
        .otherwise(pl.lit("")),
    ),
    _Check(
        "dahl_score",
        _SCORE.is_not_null()
        & (pl.col("_n_units") > 0)
        & (_SHARE.is_null() | ((_SCORE - _SHARE).abs() > SCORE_TOLERANCE)),
        pl.format("score {} but units give {}", _SCORE, _GIVEN_BY_UNITS),
        ("units",),
        Reason.SCORE_CONTRADICTS_UNITS,
    ),
    _Check(
        "status",
        _IS_SCORED & (pl.col("_n_unknown") > 0),
        pl.format("`scored` although {} of {} verdicts are unknown", "_n_unknown", "_n_units"),
        ("units", "dahl_score"),
    ),
    _Check(
        "dahl_score",
        # A refusal that came with a score and no status loses the score: it scores nothing.
        ~_IS_SCORED & _SCORE.is_not_null() & (pl.col("_stated") | (Status.REFUSED.value != _STATUS)),
        pl.format("{} although the status is `{}`", _SCORE, _STATUS),
        ("units", "status"),
    ),
    _Check(
        "units",
        _IS_SCORED & _SCORE.is_null() & _SHARE.is_null(),
        pl.lit("`scored` without units and without dahl_score"),
        ("dahl_score", "status"),
        Reason.MISSING_FIELD,
    ),
)
_OF_LANGUAGE = (_Check("language", pl.col("_misfit"), pl.lit(_NOT_KOREAN), ("question", "question_ko")),)
_CITED, _REASON = pl.element().struct.field("unit"), pl.element().struct.field("reason")
_REASONS = ["", *(why.value for why in WhyUnknown)]
_STRANGE_REASON = pl.col(EVIDENCE).list.eval(_REASON.filter(~_REASON.is_in(_REASONS))).list.first()
_LAST_CITED = pl.col(EVIDENCE).list.eval(_CITED).list.max()
_OF_EVIDENCE = (
    _Check(
        EVIDENCE,
        _STRANGE_REASON.is_not_null(),
        pl.format("unknown reason {}; give one of {}", _STRANGE_REASON, pl.lit(", ".join(_REASONS[1:]))),
    ),
    _Check(
        EVIDENCE,
        (pl.col("_n_units") <= _LAST_CITED) | pl.col(EVIDENCE).list.eval(_CITED < 0).list.any(),
        pl.format("cites passages for a unit that is not there: there are {}", "_n_units"),
        ("units",),
    ),
)


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
    twice = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in key)
    if not ordered.select(twice.any()).item():
        return ordered, []
    repeated = pl.struct(key).is_duplicated()
    lists = [name for name in ("units", EVIDENCE) if name in frame.columns]
    content = [pl.col(name) for name in COLUMNS if name not in (*key, *lists)]
    texts = [pl.col(name).list.eval(pl.element().struct.json_encode()).list.join("\n") for name in lists]
    contents = frame.filter(repeated).with_columns(texts).group_by(key)
    conflicts = contents.agg(n=pl.struct(*content, *lists).n_unique()).filter(pl.col("n") > 1).select(key)
    bad = frame.join(conflicts, on=key, how="semi").sort(FILE, LINE)
    why, what = Reason.CONFLICTING_DUPLICATE, "has another content elsewhere"
    problems = [
        Problem(files[file], line, ", ".join(key), why, f"{question}/{model} {what}")
        for question, model, file, line in bad.select(*key, FILE, LINE).iter_rows()
    ]
    kept = frame.join(conflicts, on=key, how="anti").unique(subset=key, keep="any")
    return kept.sort(key), problems
