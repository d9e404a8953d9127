"""Pairs and scores without a release: by the rules of `komep build`, in memory."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from komep_dataset import dahl
from komep_dataset.build_options import named
from komep_dataset.errors import KomepError
from komep_dataset.gates.trial.run import Gates
from komep_dataset.pairs.generations import (
    OPTIONAL,
    SPLIT_OF_ID,
    Given,
    read_as_given,
    read_scored,
    resolve_duplicates,
)
from komep_dataset.pairs.lengths import with_tokens
from komep_dataset.pairs.options import check_models
from komep_dataset.pairs.rules import Derived, Tally, derive
from komep_dataset.pairs.settling import settled
from komep_dataset.pairs.told import of_languages
from komep_dataset.progress import tell
from komep_dataset.release.build import ON_ERROR, chosen_rules
from komep_dataset.release.rows import POLARS, check_target
from komep_dataset.schema import RECORDS, SPLITS, Unit, Verdict, arrow_schema
from komep_dataset.scores.models import ModelReport, model_reports
from komep_dataset.tables.checking import verdict_of
from komep_dataset.tables.formats import table_files
from komep_dataset.tables.problems import FILE, problems_error, rejected, wholly_rejected
from komep_dataset.tables.reading import check_columns


def models(scored: Sequence[Path], columns: Mapping[str, str] | None = None) -> list[ModelReport]:
    """How each responder did, best mean score first: DAHL score with its 95% interval, states of its answers, units, length.

    Args:
        scored: scored generations, or releases.
        columns: the rows' own name of a column -> the known one.

    Raises:
        KomepError: bad rows, all of them named, or none at all.
    """
    return model_reports(read_scored(scored, columns=columns))


def make_pairs(
    scored: Sequence[Path],
    config: str | None = None,
    *,
    to: str = POLARS,
    on_error: str = "stop",
    columns: Mapping[str, str] | None = None,
    **options: Any,
) -> Any:
    """The pairs that a build of these scored generations would have, without a release.

    Args:
        scored: scored generations, as `build` takes them.
        config: `ko` or `en`: the rows of that config of a release, in TRL's conversational format. None: every pair, whatever
            its language, as a row of `question_id`, `category`, `chosen_model`, `rejected_model`, `chosen_score`,
            `rejected_score`, `score_margin`, `origin`, and the texts `question`, `chosen`, `rejected`, each also `_ko`.
        to: `polars`, or `datasets` for a `DatasetDict`.
        on_error: `stop` raises on bad rows; `reject` leaves them out, and says how many.
        columns: the rows' own name of a column -> the known one.
        options: those of `build`: the rules of pairs, and the gates.

    Returns:
        A frame with a column `split` besides, train first, sorted by key as a release is; of `datasets`, a set a split.

    Raises:
        KomepError: what a build of these rows raises, with the same words.
    """
    check_target(to)
    if config not in (None, "ko", "en"):
        raise KomepError(f"--config {config}: give ko or en, or none for every pair", exit_code=2)
    found = derived(scored, on_error, columns or {}, options)
    frame = found.pairs if config is None else getattr(found, config)
    if frame.is_empty():
        tell(
            f"note: no pair{f' in {config}' if config else ''}; {rejected(r.reason for r in found.rejects).partition(': see')[0]}"
        )
    parts = frame.with_columns(SPLIT_OF_ID).partition_by("split", as_dict=True)
    parts = {split: parts[split,] for split in SPLITS if (split,) in parts}
    if to == POLARS:
        return pl.concat(parts.values()) if parts else frame.with_columns(split=pl.lit(""))
    import datasets

    schema = config and arrow_schema(RECORDS[config])
    tables = {split: part.drop("split").to_arrow() for split, part in parts.items()}
    return datasets.DatasetDict(
        {split: datasets.Dataset(one.cast(schema) if schema else one) for split, one in tables.items()}
    )


make_pairs.__signature__ = named(make_pairs, lambda option: option.type | None)


def derived(
    scored: Sequence[Path], on_error: str, columns: Mapping[str, str], options: Mapping[str, Any]
) -> Derived:
    """What follows from tables of scored generations under the options of a build."""
    if on_error not in ON_ERROR:
        raise KomepError(f"--on-error {on_error}: give one of {', '.join(ON_ERROR)}", exit_code=2)
    loaded, rules, _ = chosen_rules(options, None)
    scored = table_files(scored)
    files = [str(path) for path in scored]
    check_columns(scored, Given, OPTIONAL, columns)
    given, of_rows = read_as_given(scored, rules.unknown_units, columns)
    frame, conflicts = resolve_duplicates(given, files)
    place = {name: index for index, name in enumerate(files)}
    problems = sorted([*of_rows, *conflicts], key=lambda p: (place[p.file], p.line))
    if problems and on_error == "stop":
        told = str(problems_error(problems, may_reject=True))
        raise KomepError(told.replace(" (they are written to rejects.jsonl)", ""))
    if frame.is_empty():
        raise KomepError(f"no usable row in {', '.join(files) or 'nothing'}")
    if problems:
        tell(f"note: bad rows that are left out: {len(problems):,}, first {problems[0]}")
    read = Counter({files[index]: n for index, n in given[FILE].value_counts().iter_rows()})
    for what in wholly_rejected(problems, read + Counter(one.file for one in of_rows)):
        tell(f"warning: {what}")
    check_models(rules, set(frame["model"].unique()))
    rules = settled(rules, frame)
    frame = with_tokens(frame, loaded["length_tokenizer"])
    with tempfile.TemporaryDirectory(prefix="komep-") as scratch:
        gates = Gates(asdict(rules) | loaded, Path(scratch))
        if gates.needs_all:
            derive(frame, rules, gates)
            gates.settle()
        tally = Tally()
        found = derive(frame, rules, gates, tally)
    for what in of_languages(tally):
        tell(f"warning: {what}")
    return found


class UnitScore(NamedTuple):
    """The state of an answer, and its DAHL score, null unless it is `scored`."""

    status: str
    dahl_score: float | None


def score_units(units: Iterable[Any], response: str | None = None, *, mode: str = "strict") -> UnitScore:
    """The state and the DAHL score of an answer whose units have verdicts: true units / units. Nobody is asked.

    Args:
        units: of each its verdict, `true`, `false` or `unknown`, or a mapping (a `schema.Unit`) that has one.
        response: text of the answer; in strict mode one that abstains or refuses has no score, whatever its units.
        mode: `strict` (ours): a unit without a verdict leaves the answer `unparsed`, no units `empty`, both without a score; or
            `paper`, as DAHL's reference code: without units it scores 0.

    >>> score_units(["true", "true", "false", "true"])
    UnitScore(status='scored', dahl_score=0.75)

    Raises:
        KomepError: verdicts that are none, all of them by their place from 1 (exit code 1); an unknown mode (2).
    """
    if mode not in dahl.MODES:
        raise KomepError(f"--mode {mode}: give one of {', '.join(dahl.MODES)}", exit_code=2)
    if isinstance(units, (str, Mapping)) or not isinstance(units, Iterable):
        kind = "None" if units is None else type(units).__name__
        raise KomepError(f"units: give a list of verdicts or units, not {kind}", exit_code=2)
    known = [verdict.value for verdict in Verdict]
    found = [_verdict_in(unit) for unit in units]
    if wrong := [f"  unit {n}: {v!r}" for n, v in enumerate(found, 1) if v not in known]:
        raise KomepError("\n".join([f"no verdict; give {', '.join(known)}:", *wrong]))
    score, status = dahl.score_response(response or "", [Unit("", verdict) for verdict in found], mode)
    return UnitScore(status.value, score)


def _verdict_in(unit: Any) -> Any:
    given = unit.get("verdict") if isinstance(unit, Mapping) else getattr(unit, "verdict", unit)
    return verdict_of(given.item() if hasattr(given, "item") else given)  # what numpy has as one
