"""Checks of the rows of a release, a range of question ids at a time: nulls, order, splits, scores, pairs.

Each takes the check that its findings go to, and a frame as `rows.ConfigFiles` reads it (columns of the config, `_name`,
`_row`, `_split`).
"""

from collections import Counter
from collections.abc import Sequence
from itertools import compress

import polars as pl

from komep_dataset.languages import HANGUL, is_foreign, is_korean
from komep_dataset.pairs.generations import HAS_SPLITTABLE_ID, SPLIT_OF_ID, complete, units_with
from komep_dataset.pairs.lengths import Tokenizer, with_tokens
from komep_dataset.pairs.utility import PRECISION, with_f1
from komep_dataset.release.rows import FILE_NAME, ROW, SPLIT, below
from komep_dataset.schema import F1_AT_K, RESPONSE_TOKENS, ScoredGeneration, Verdict, column_types, records_of
from komep_dataset.tables.frames import missing_values, without
from komep_dataset.tables.problems import FILE, LINE, Check, shown


def without_nulls(check: Check, frame: pl.DataFrame, record: type) -> pl.DataFrame:
    """Name rows with a null where none may be; they are left out of what follows."""
    nulls = missing_values(frame, record)
    good, bad = without(frame, nulls)
    places = frame.select(FILE_NAME, ROW).with_columns(**nulls)[bad]
    for file, row, *empty in places.iter_rows():
        for name in compress(nulls, empty):
            check.add(file, row, name, "null, and may not be")
    return good


def check_order(check: Check, frame: pl.DataFrame, key: tuple[str, ...], within: str) -> None:
    """In a range, rows of one split (`within` is `_split`) ascend by key, and no key stands twice anywhere; of a release that
    grew, rows of one file (`_name`): each layer of it is sorted by itself, and a new one may begin with any file."""
    lower = below(key, [pl.col(name).shift(1).over(within) for name in key])
    twice = ~pl.struct(key).is_first_distinct()
    found = frame.select(FILE_NAME, ROW, *key, lower=lower, same=twice)
    found = found.filter(pl.col("lower") | pl.col("same"))
    for file, row, *values, _, same_key in found.iter_rows():
        detail = f"{'/'.join(values)} {'stands twice' if same_key else 'comes after a row with a higher key'}"
        check.add(file, row, ", ".join(key), detail)


def check_gaps(check: Check, frame: pl.DataFrame, last_rows: Counter) -> None:
    """Ranges, with all of their rows, follow each other without a gap in any file; `last_rows`, file -> row that was read
    last, is brought up to date."""
    spans = frame.group_by(FILE_NAME, maintain_order=True)
    spans = spans.agg(first=pl.col(ROW).min(), last=pl.col(ROW).max(), n=pl.len())
    for file, first, last, n in spans.iter_rows():
        if first != last_rows[file] + 1 or last - first + 1 != n:
            check.add(file, first, "question_id", "rows from here on are not in the order of their ids")
        last_rows[file] = last


def check_splits(check: Check, frame: pl.DataFrame) -> None:
    """The split rule of every row."""
    strange = frame.filter(~HAS_SPLITTABLE_ID)
    for file, row, value in strange.select(FILE_NAME, ROW, "question_id").iter_rows():
        check.add(file, row, "question_id", f"{value} does not begin with 8 hex digits")
    placed = frame.filter(HAS_SPLITTABLE_ID).with_columns(SPLIT_OF_ID)
    moved = placed.filter(pl.col("split") != pl.col(SPLIT))
    for file, row, question, split in moved.select(FILE_NAME, ROW, "question_id", "split").iter_rows():
        check.add(file, row, "question_id", f"{question} belongs to {split}")


def check_scores(check: Check, frame: pl.DataFrame, utility: str = PRECISION) -> pl.DataFrame:
    """Every value of `scored`, and its scores against its units; returns the rows that hold together, one a key."""
    columns = list(column_types(records_of(frame.columns)["scored"]))
    names = frame[FILE_NAME].unique(maintain_order=True).to_list()
    placed = frame.with_columns(
        pl.col(FILE_NAME).replace_strict(names, range(len(names)), return_dtype=pl.Int32).alias(FILE),
        pl.col(ROW).alias(LINE),
    )
    sound, problems = complete(placed.select(*columns, FILE, LINE), names)
    for problem in problems:
        check.add(problem.file, problem.line, problem.column, problem.detail)
    follows = with_f1(sound, utility, units_with(Verdict.TRUE))
    for name in (one for one in ("dahl_score", F1_AT_K) if one in follows.columns and one in frame.columns):
        given = placed.select(FILE, LINE, given=name)
        joined = follows.join(given, on=[FILE, LINE], maintain_order="left")
        other = joined.filter(pl.col(name).ne_missing(pl.col("given")))
        for file, row, said, score in other.select(FILE, LINE, "given", name).iter_rows():
            check.add(names[file], row, name, f"{said}, but the units give {score}")
    return sound.drop(FILE, LINE).unique(ScoredGeneration.KEY, keep="first").sort(ScoredGeneration.KEY)


def check_tokens(check: Check, frame: pl.DataFrame, tokenizers: Sequence[Tokenizer]) -> None:
    """The tokens of the answers of `scored`, counted again by the tokenizer of the build, where there is one."""
    if not tokenizers or RESPONSE_TOKENS not in frame.columns:
        return
    again = with_tokens(frame.with_columns(given=RESPONSE_TOKENS), tokenizers)
    other = again.filter(pl.col("given").ne_missing(pl.col(RESPONSE_TOKENS)))
    for file, row, said, n in other.select(FILE_NAME, ROW, "given", RESPONSE_TOKENS).iter_rows():
        check.add(file, row, RESPONSE_TOKENS, f"{said}, but the answer has {n}")


def compare_rows(
    check: Check, config: str, found: pl.DataFrame, expected: pl.DataFrame, record: type
) -> None:
    """Every cell of a config's rows against those that follow from `scored`."""
    key = list(record.KEY)
    for row in expected.join(found, on=key, how="anti").select(key).iter_rows():
        check.add(config, 0, "", f"{'/'.join(row)} is missing: it follows from `scored`")
    over = found.join(expected, on=key, how="anti")
    for file, row, *values in over.select(FILE_NAME, ROW, *key).iter_rows():
        check.add(file, row, ", ".join(key), f"{'/'.join(values)} does not follow from `scored`")
    both = found.join(expected, on=key, suffix="_expected", maintain_order="left")
    for name in (n for n in column_types(record) if n not in key):
        other = both.filter(pl.col(name).ne_missing(pl.col(f"{name}_expected")))
        for file, row, given, wanted in other.select(FILE_NAME, ROW, name, f"{name}_expected").iter_rows():
            check.add(file, row, name, f"{shown(given)}, but `scored` gives {shown(wanted)}")


def count_scripts(frame: pl.DataFrame, config: str) -> Counter:
    """Of pairs of a config: how many `rows`, and how many with a Korean question (`korean`, of `en`), without any Hangul
    (`none`, of `ko`), with a text of another language than Korean (`foreign`, of `ko`)."""
    names = ("prompt", "chosen", "rejected")
    texts = frame.select(pl.col(name).list.first().struct.field("content").alias(name) for name in names)
    some = texts.select(pl.col(name).str.contains(HANGUL) for name in names)
    if config == "en":
        return Counter(
            rows=frame.height, korean=texts.filter(some["prompt"]).filter(is_korean("prompt")).height
        )
    none = some.filter(~pl.any_horizontal(names)).height
    foreign = texts.filter(pl.any_horizontal(map(is_foreign, names))).height
    return Counter(rows=frame.height, none=none, foreign=foreign)


def check_scripts(check: Check, config: str, counts: Counter) -> None:
    """Name a config whose texts are not in its language, going by their script: one most of whose pairs have a Korean question, in
    `en`, or no Hangul at all, in `ko`; and any text of another language in `ko`."""
    korean = "question_ko and response_ko are for texts in Korean"
    most = counts["rows"] // 2 + 1
    for wrong, least, are, mend in (
        (
            "korean",
            most,
            "are Korean",
            "leave out those of their answers that are not, and question_ko and response_ko where they have other texts",
        ),
        ("none", most, "are without a Hangul letter", korean),
        ("foreign", 1, "have a text that is not Korean", korean),
    ):
        if (n := counts[wrong]) >= least and not (wrong == "none" and counts["foreign"]):
            found = f"{n:,} of {counts['rows']:,} pairs {are} by {'its' if wrong == 'foreign' else 'their'} script"
            check.add(config, 0, "", f"{found}; {mend}, and build it again")
