"""`komep diff`: what differs between two releases, row by row, and which change of the inputs explains it.

Rows of `scored` are matched by their key. Pairs are matched by their question where both releases have one pair a
question, and by their key otherwise. A pair's reasons are the changes in the scored generations of its question; a
changed rule is a reason, too. Both releases are read in ranges of question ids: memory is bounded.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from komep_dataset.files.outputs import check_file, lines_with, replacing
from komep_dataset.gates.trial.registry import GATES
from komep_dataset.pairs.options import PAIR_OPTIONS
from komep_dataset.pairs.strategies.registry import RULES
from komep_dataset.progress import progress_bar
from komep_dataset.release.facts import read_facts
from komep_dataset.release.rows import FILE_NAME, ROW, SPLIT, ConfigFiles, Range, config_files, id_ranges
from komep_dataset.release.sums import check_whole
from komep_dataset.schema import CONFIGS, EVIDENCE, F1_AT_K, RECORDS, RESPONSE_TOKENS, ScoredGeneration
from komep_dataset.tables.problems import flat, shown

CHANGES = lines_with("config", "change", "reasons")
# And nothing else: new verdicts, too, cite anew, and no pair hangs on what they cite.
EVIDENCE_CHANGED = "evidence_changed"
# Why a row differs. These are changes of the inputs of a question, by the column of `scored` that differs.
COLUMN_REASONS = {
    "question": "question_changed",
    "category": "question_changed",
    "response": "response_replaced",
    "units": "verdict_changed",
    "dahl_score": "verdict_changed",
    "status": "verdict_changed",
    EVIDENCE: EVIDENCE_CHANGED,
    "question_ko": "translation_changed",
    "response_ko": "translation_changed",
    "split": "split_changed",
}
REASONS = (
    "new_question",
    "new_response",
    "question_removed",
    "response_removed",
    *dict.fromkeys(COLUMN_REASONS.values()),
    "rule_changed",  # other options, or another schema
    "code_changed",  # no input and no option differs, but the version of komep does
    "unexplained",  # none of these: `komep verify` may say more
)
# Values short enough to be shown before and after.
SHORT = (
    *("chosen_model", "rejected_model", "chosen_score", "rejected_score"),
    *("dahl_score", "status", "origin", "split"),
)
CODE = ("komep_version", "sources_sha256")
_OF_ROWS = re.compile(r"options\.screened\[\d+\]\.(?:again|excused|unread)")  # their `sha256` is compared
COMPARED_FACTS = ("schema", "content_hash", "options", "rounds", "evidence", *CODE, "commit", "versions")


@dataclass(frozen=True, slots=True)
class Change:
    """One row that is in one release alone, or differs."""

    config: str
    split: str  # of the new release; of the old one where the row was removed
    change: str  # `added`, `removed` or `changed`
    question_id: str
    key: str  # question id and model, or question id and the models of a pair
    columns: tuple[str, ...]  # that differ, where the row is in both
    reasons: tuple[str, ...]
    before: dict[str, Any]  # short values that differ
    after: dict[str, Any]


@dataclass(repr=False)
class Diff:
    """What differs between two releases; empty if nothing does. It shows itself as the command prints it."""

    facts: dict[str, tuple[Any, Any]]  # path in build.json or provenance.json -> value before, value after
    counts: Counter = field(default_factory=Counter)  # (config, split, change, reasons) -> rows

    def __repr__(self) -> str:
        return as_text(self)


@dataclass(frozen=True, slots=True)
class _Release:
    folder: Path
    facts: Mapping[str, Any]
    files: dict[str, ConfigFiles]

    def read(self, config: str, ids: Range) -> pl.DataFrame:
        if config not in self.files:
            return pl.DataFrame(schema={"question_id": pl.String, "split": pl.String})
        return self.files[config].read(ids).drop(FILE_NAME, ROW).rename({SPLIT: "split"})

    @property
    def one_a_question(self) -> bool:
        """Whether its rule gives a question one pair at most."""
        rule = RULES.get(self.facts["options"]["pairs"])
        return rule is not None and rule.one_a_question


def diff(old: Path, new: Path, output: Path | None = None) -> Diff:
    """Compare two releases.

    Args:
        old: the folder of one release.
        new: the folder of another.
        output: JSONL to write every changed row to, in the order of the configs' keys within a range of ids.

    Raises:
        KomepError: one of them is no release, half-written, damaged or of a newer schema.
    """
    if output is not None:
        check_file(Path(output), *CHANGES)
    a, b = _without_idle(_open(Path(old)), _open(Path(new)))
    result = Diff(_fact_changes(a.facts, b.facts))
    with ExitStack() as stack:
        file = None
        if output is not None:
            beside = stack.enter_context(replacing(Path(output), *CHANGES))
            file = stack.enter_context(beside.open("w", encoding="utf-8"))
        for one in _changes(a, b):
            result.counts[one.config, one.split, one.change, ", ".join(one.reasons)] += 1
            if file:
                file.write(json.dumps(asdict(one), ensure_ascii=False) + "\n")
    return result


def changed_rows(old: Path, new: Path) -> Iterator[Change]:
    """Every row that differs between two releases, in ranges of ids. Raises what `diff` raises."""
    return _changes(*_without_idle(_open(Path(old)), _open(Path(new))))


def _open(folder: Path) -> _Release:
    facts = read_facts(folder)
    check_whole(folder)
    files = {config: config_files(folder, config) for config in CONFIGS}
    return _Release(folder, facts, {config: some for config, some in files.items() if some})


def _without_idle(*releases: _Release) -> list[_Release]:
    """Releases without the options of gates that are off in all of them: another default of theirs changed no row. An option
    of pairs that an earlier komep did not have has its default."""
    defaults = {option.name: option.unsaid for option in PAIR_OPTIONS}
    used = [defaults | release.facts["options"] for release in releases]
    idle = {
        option.name
        for gate in GATES
        if not any(
            values.get(name) not in (None, "off", [], {}, False) for values in used for name in gate.switching
        )
        for option in gate.options[1:]
    }
    left = [{name: value for name, value in values.items() if name not in idle} for values in used]
    return [
        replace(one, facts={**one.facts, "options": options})
        for one, options in zip(releases, left, strict=True)
    ]


def _fact_changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    before, after = (
        {path: v for n in COMPARED_FACTS for path, v in flat(f.get(n), n).items() if not _OF_ROWS.match(path)}
        for f in (a, b)
    )
    paths = [*before, *(p for p in after if p not in before)]
    return {p: (before.get(p), after.get(p)) for p in paths if before.get(p) != after.get(p)}


def _changes(a: _Release, b: _Release) -> Iterator[Change]:
    """Every row that differs, range by range, in each range config by config."""
    sizes = [sum(sum(files.rows) for files in release.files.values()) for release in (a, b)]
    ranges = id_ranges(max(sizes))
    rules = []
    if any(a.facts[name] != b.facts[name] for name in ("options", "schema")):
        rules.append("rule_changed")
    if any(a.facts.get(name) != b.facts.get(name) for name in CODE):
        rules.append("code_changed")
    one_each = a.one_a_question and b.one_a_question
    with progress_bar("comparing", len(ranges), "ranges") as advance:
        for ids in ranges:
            found = list(_scored_changes(a.read("scored", ids), b.read("scored", ids)))
            inputs: dict[str, set[str]] = {}  # question id -> how its scored generations changed
            for one in found:
                inputs.setdefault(one.question_id, set()).update({*one.reasons} - {EVIDENCE_CHANGED})
            for config in (c for c in CONFIGS if c != "scored"):
                key = ("question_id",) if one_each else RECORDS[config].KEY
                for one in _row_changes(config, a.read(config, ids), b.read(config, ids), key):
                    own = inputs.get(one.question_id, ())
                    reasons = (*(reason for reason in REASONS if reason in own), *rules)
                    reasons = tuple(r for r in reasons if r != "code_changed") or reasons or ("unexplained",)
                    yield replace(one, reasons=reasons)
            yield from found
            advance(1)


def _scored_changes(a: pl.DataFrame, b: pl.DataFrame) -> Iterator[Change]:
    known, there = set(a["question_id"]), set(b["question_id"])
    for one in _row_changes("scored", a, b, ScoredGeneration.KEY):
        question = one.question_id
        if one.change == "added":
            reasons: tuple[str, ...] = ("new_response" if question in known else "new_question",)
        elif one.change == "removed":
            reasons = ("response_removed" if question in there else "question_removed",)
        else:
            reasons = tuple(dict.fromkeys(COLUMN_REASONS[c] for c in one.columns))
            reasons = tuple(r for r in reasons if r != EVIDENCE_CHANGED) or reasons
        yield replace(one, reasons=reasons)


def _row_changes(config: str, a: pl.DataFrame, b: pl.DataFrame, key: tuple[str, ...]) -> Iterator[Change]:
    """Rows of one config that are in one frame alone or differ, by key; reasons are left to the caller."""
    if EVIDENCE in {*a.columns, *b.columns} and a.height and b.height:  # not there where all of it is null
        a, b = (pl.concat([one, (b, a)[i].clear()], how="diagonal") for i, one in enumerate((a, b)))
    # F1@K follows from the units and from K, which is an option; tokens from the answer and the tokenizer.
    derived = (*key, F1_AT_K, RESPONSE_TOKENS)
    columns = [name for name in b.columns if name in a.columns and name not in derived]
    for change, rows, others in (("removed", a, b), ("added", b, a)):
        for row in _without(rows, others, key).iter_rows(named=True):
            short = {name: row[name] for name in SHORT if name in row and name != "split"}
            sides = ({}, short) if change == "added" else (short, {})
            place = (config, row["split"], change, row["question_id"], "/".join(row[name] for name in key))
            yield Change(*place, (), (), *sides)
    for row in _both(a, b, key, columns).iter_rows(named=True):
        different = [name for name in columns if row[f"{name}_differs"]]
        before, after = ({n: row[n + side] for n in different if n in SHORT} for side in ("", "_after"))
        place = (config, row["split_after"], "changed", row["question_id"], "/".join(row[n] for n in key))
        yield Change(*place, tuple(different), (), before, after)


def _without(rows: pl.DataFrame, others: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    short = list(dict.fromkeys(name for name in (*key, *SHORT) if name in rows.columns))
    if not rows.height:
        return rows
    if not others.height:
        return rows.select(short)
    return rows.select(short).join(others, on=key, how="anti", maintain_order="left")


def _both(a: pl.DataFrame, b: pl.DataFrame, key: tuple[str, ...], columns: list[str]) -> pl.DataFrame:
    """Rows that are in both frames and differ, with `NAME_differs` for each column, and short values of both."""
    if not a.height or not b.height:
        return pl.DataFrame()
    joined = a.join(b, on=key, suffix="_after", maintain_order="left")
    differs = [pl.col(name).ne_missing(pl.col(f"{name}_after")).alias(f"{name}_differs") for name in columns]
    short = [n + side for n in columns if n in SHORT for side in ("", "_after")]
    any_differs = pl.any_horizontal(f"{name}_differs" for name in columns)
    return joined.select(*key, *short, *differs).filter(any_differs)


def as_text(result: Diff) -> str:
    """What differs in options and versions, then a line for each config, split, change and reason."""
    if not result.counts and not result.facts:
        return "no difference"
    lines = [
        f"{path}: {shown(before, 60, 16)} -> {shown(after, 60, 16)}"
        for path, (before, after) in result.facts.items()
    ]
    if not result.counts:
        return "\n".join([*lines, "every row is the same"])
    for (config, split, change, reasons), n in sorted(result.counts.items()):
        lines.append(f"{config:<7} {split:<6} {change:<8} {n:>9,}  {reasons}")
    return "\n".join(lines)
