"""The data block of the page: columns of small numbers and each text once, as JSON, gzipped, in base64.

Base64 holds no `<`, so that no text of the data can end the block. The browser unpacks it by itself
(`DecompressionStream`). An English answer lies beside its units, for gzip looks back 32 KB and they share their
words; Korean lies apart, for its letters have other frequencies: 7% smaller than languages side by side.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from komep_dataset.explorer.rows import LANGUAGES, SIDES, PageRows
from komep_dataset.schema import SPLITS

if TYPE_CHECKING:
    import polars as pl

VERDICTS = {"true": "t", "false": "f"}  # anything else is `u`
CHANGES = ("", "added", "changed", "removed")
DIGITS = 4  # of a score


def payload(
    rows: PageRows, changes: Mapping[tuple[str, ...], dict[str, Any]] | None = None
) -> dict[str, Any]:
    """What the page's script reads.

    Args:
        rows: the pairs of the page.
        changes: where two releases are compared: key of a pair -> `change`, `reasons`, `columns`, `before`, `after`.

    Returns:
        `languages`; `categories`, `models`, `origins`, `splits`: the names behind the numbers; `questions`:
        language -> one text each; `english`: for each answer [text, verdicts as letters, unit, …]; `korean`: one text
        each; a text is null where its language has none; `columns`: one list a column, a number a pair;
        `changes`: None, or number of a pair -> what changed.
    """
    pairs = rows.pairs
    names = {
        "categories": sorted(set(pairs["category"])),
        "models": sorted({*pairs["chosen_model"], *pairs["rejected_model"]}),
        "origins": sorted({*pairs["origin"]} - {""}),
        "splits": list(SPLITS),
    }
    return {
        "languages": list(rows.languages),
        **names,
        "questions": {name: rows.questions[name].to_list() for name in rows.languages},
        "english": [[text, *_units(units)] for text, units in rows.answers.select("en", "units").iter_rows()],
        "korean": rows.answers["ko"].to_list() if "ko" in rows.languages else [],
        "columns": _columns(rows, names),
        "changes": None if changes is None else _changes(pairs, changes),
    }


def packed(value: Any) -> str:
    """A JSON value as base64 of its gzip: the same value, the same text."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), 9, mtime=0)).decode("ascii")


def unpacked(text: str) -> Any:
    """The value behind a data block, as the page's script reads it."""
    return json.loads(gzip.decompress(base64.b64decode(text)))


def _units(units: list[dict[str, str]] | None) -> list[str]:
    """Verdicts as letters, then the units."""
    units = units or []
    return ["".join(VERDICTS.get(unit["verdict"], "u") for unit in units), *(unit["text"] for unit in units)]


def _columns(rows: PageRows, names: Mapping[str, list[str]]) -> dict[str, list[Any]]:
    pairs = rows.pairs
    questions = {key: n for n, key in enumerate(rows.questions["question_id"])}
    answers = {key: n for n, key in enumerate(rows.answers.select("question_id", "model").iter_rows())}
    models = [_numbers(pairs[f"{side}_model"], names["models"]) for side in SIDES]
    return {
        "id": pairs["question_id"].to_list(),
        "question": [questions[key] for key in pairs["question_id"]],
        "category": _numbers(pairs["category"], names["categories"]),
        "split": _numbers(pairs["split"], names["splits"]),
        "origin": _numbers(pairs["origin"], names["origins"]),
        "languages": [ko + 2 * en for ko, en in pairs.select(LANGUAGES).iter_rows()],
        "margin": pairs["score_margin"].round(DIGITS).to_list(),
    } | {
        column: values
        for side, numbers in zip(SIDES, models, strict=True)
        for column, values in (
            (f"{side}Model", numbers),
            (f"{side}Score", pairs[f"{side}_score"].round(DIGITS).to_list()),
            (side, [answers[key] for key in pairs.select("question_id", f"{side}_model").iter_rows()]),
        )
    }


def _numbers(values: pl.Series, names: list[str]) -> list[int]:
    """Each value as its place in `names`; -1 where it is none of them."""
    places = {name: n for n, name in enumerate(names)}
    return [places.get(value, -1) for value in values]


def _changes(pairs: pl.DataFrame, changes: Mapping[tuple[str, ...], dict[str, Any]]) -> dict[str, Any]:
    keys = pairs.select("question_id", "chosen_model", "rejected_model").iter_rows()
    return {str(n): changes[key] for n, key in enumerate(keys) if key in changes}
