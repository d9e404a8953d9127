"""A set of preferences that others made, as one frame: files in any of the field's shapes, each row looked at."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from komep_dataset.errors import KomepError
from komep_dataset.preferences.columns import (
    KNOWN,
    MODELS,
    SCORES,
    Unfit,
    completions_in,
    known_as,
    number,
    pair_of,
    side_column,
)
from komep_dataset.preferences.conversations import SIDES, Turns, conversation, missing
from komep_dataset.progress import tell
from komep_dataset.schema import BUILD_FILE, SUMS_FILE, Reason, question_id, split_of
from komep_dataset.tables.columns import check_map
from komep_dataset.tables.formats import stem_of, table_files, tables_in
from komep_dataset.tables.problems import Problem, problems_error
from komep_dataset.tables.rows import check_mapped, scan_rows

# How the name of a file of `test` begins.
HELD_OUT = re.compile(r"(?:test|valid(?:ation)?|val|eval|dev)(?![a-z])", re.I)
ABOUT = ("category", "chosen_model", "rejected_model", "chosen_score", "rejected_score")
SCHEMA = {
    **dict.fromkeys(("question_id", "prompt", *SIDES, "split", *ABOUT[:3]), pl.String),
    **dict.fromkeys(ABOUT[3:], pl.Float64),
}


def is_set(path: Path) -> bool:
    """Whether a path is a set that others made, and no release: a file, or a folder of tables without a release's files."""
    if Path(path).is_dir():
        ours = any((Path(path) / name).exists() for name in (BUILD_FILE, SUMS_FILE))
        with suppress(KomepError):  # of a folder that holds something else as well
            return not ours and bool(tables_in(Path(path)))
        return False
    return Path(path).is_file()


def check_unmapped(release: Path, columns: Mapping[str, str] | None) -> None:
    """Raise `KomepError`, exit code 2, for a map of the columns of a release, which are the known ones."""
    for new, name in (columns or {}).items():
        raise KomepError(
            f"--map {new}={name}: {release} is a release, whose columns have their known names", exit_code=2
        )


def read_preferences(path: Path, columns: Mapping[str, str] | None = None) -> pl.DataFrame:
    """The pairs of a set in any shape that `conversations.py` takes.

    Args:
        path: a file, or a folder of files; of a folder those whose names begin with `test`, `valid`, `eval` or `dev` are the
            split `test`. Where no name says it, a row's split follows from its question, as in a release.
        columns: the set's own name of a column -> the known one of `columns.KNOWN`.

    Returns:
        `question_id` (of the prompt, unless the set has one), `prompt`, `chosen`, `rejected` (texts), `split`, and null
        where the set does not have it: `category`, `chosen_model`, `rejected_model`, `chosen_score`, `rejected_score`,
        `score_margin`. What not every row has is null in all.

    Raises:
        KomepError: it cannot be read, lacks a column, or rows are no pairs; the first of these are named by file and line.
    """
    columns, files = columns or {}, table_files([path])
    check_map(columns, KNOWN)
    check_mapped(files, columns)
    parts = {file: "test" for file in files if HELD_OUT.match(stem_of(file))}
    parts = parts if 0 < len(parts) < len(files) else {}
    found, problems = [], []
    for file in files:
        for number_of, row in _rows(file, path, columns):
            if isinstance(row, Problem):
                problems.append(row)
            elif isinstance(row, str):
                problems.append(Problem(str(file), number_of, "", Reason.BAD_VALUE, row))
            else:
                split = parts.get(file, "train") if parts else split_of(question_id(row["prompt"]))
                found.append(row | {"split": split})
    if problems:
        raise problems_error(problems)
    if not found:
        raise KomepError(f"{path}: no rows")
    frame = pl.DataFrame(found, schema=SCHEMA)
    for name in ABOUT:
        if 0 < (lacking := frame[name].null_count()) < frame.height:
            tell(f"note: {path}: {lacking:,} of {frame.height:,} rows have no {name}; it is left out")
    partly = [name for name in ABOUT if frame[name].null_count()]
    frame = frame.with_columns(pl.lit(None, SCHEMA[name]).alias(name) for name in partly)
    return frame.with_columns(score_margin=pl.col("chosen_score") - pl.col("rejected_score"))


def with_input(row: Mapping[str, Any]) -> str:
    """The prompt of a row of Alpaca's shape: `instruction`, then `input` on the next line, where there is one."""
    parts = [row.get(name) for name in ("instruction", "input")]
    return "\n".join(part for part in parts if isinstance(part, str) and part.strip())


def _rows(
    file: Path, given: Path, mapped: Mapping[str, str]
) -> Iterator[tuple[int, dict[str, Any] | str | Problem]]:
    """(line, pair, or what is wrong with it) of each row of a file."""
    rows = list(scan_rows(file, ("prompt", *SIDES), columns=mapped))
    plain = [row for _, row in rows if isinstance(row, dict)]
    columns = list(dict.fromkeys(name for row in plain for name in row))
    names: dict[str, str] = {}

    def renamed(row: Mapping[str, Any]) -> dict[str, Any]:
        return {**row, **{ours: row.get(theirs) for ours, theirs in names.items()}}

    alpaca = "prompt" not in columns and {"instruction", "input"} <= {*columns}
    for name in SIDES if alpaca else (*SIDES, "prompt"):
        there, old = [*columns, *names], known_as(name, columns)
        if name not in there and old and name in missing(there, map(renamed, plain)):
            names[name] = old
    there = [*columns, *names, *(["prompt"] if alpaca else ())]
    if plain and (lacking := missing(there, map(renamed, plain))):
        no_release = f"{given}: not a KoMeP release (it has no {BUILD_FILE}), and " if given.is_dir() else ""
        raise KomepError(
            f"{no_release}{file}: no preference pairs: missing columns {', '.join(lacking)}; it has {', '.join(map(str, columns))}. Wanted "
            "are prompt, chosen and rejected, or chosen and rejected as whole conversations; columns of other names are named by "
            "--map NEW=known"
        )
    about = {
        f"{side}_{what}": column
        for side in SIDES
        for what, patterns in (("model", MODELS), ("score", SCORES))
        if (column := side_column(patterns, side, columns))
    }
    for line, row in rows:
        if isinstance(row, dict):
            row = renamed(row)
            yield line, _pair(row | ({"prompt": with_input(row)} if alpaca else {}), about)
        else:
            yield line, row


def _pair(row: dict[str, Any], about: Mapping[str, str]) -> dict[str, Any] | str:
    """A row as a pair, or what is wrong with it."""
    made, fault = conversation(row)
    texts = {name: as_text(made[name]) for name in ("prompt", *SIDES)}
    empty = [name for name, text in texts.items() if not text.strip()]
    if fault or empty:
        return fault or f"{', '.join(empty)}: no text"
    ranked = completions_in([name for name, value in row.items() if value])
    said = pair_of(row[ranked]) if ranked else {ours: row.get(theirs) for ours, theirs in about.items()}
    try:
        scores = {
            f"{side}_score": number(said.get(f"{side}_score"), about.get(f"{side}_score", "score"))
            for side in SIDES
        }
    except Unfit as unfit:
        return str(unfit)
    given = {name: row.get(name) for name in ("question_id", "category")}
    given |= {f"{side}_model": said.get(f"{side}_model") for side in SIDES}
    words = {name: value for name, value in given.items() if isinstance(value, str) and value.strip()}
    return {**texts, **scores, "question_id": question_id(texts["prompt"]), **words}


def as_text(turns: Turns) -> str:
    """What is said in messages: of one its text, of several each behind its role."""
    if len(turns) == 1:
        return turns[0]["content"] or ""
    return "\n\n".join(f"{turn['role']}: {turn['content'] or ''}" for turn in turns)
