"""What a checker's verdicts are worth: it judges statements whose truth is known, and is counted.

A statement is judged as a unit is in scoring, with the checker's own options. Every share comes with a 95%
Wilson interval. The record is a JSON file that `komep build --judge` puts into the card of a release.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from komep_dataset.config.config import ALL, Checker, Config
from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import read_own_json, text_with, write_text
from komep_dataset.inference.ask import nothing_is_sent
from komep_dataset.inference.servers import local_servers
from komep_dataset.judge.ranking import Rates, pair_sides, simulate
from komep_dataset.judge.record import Calibration, JudgeRecord, Record, read_record, write_record
from komep_dataset.judge.risk_coverage import SVG_TITLE, Answer, risk_coverage
from komep_dataset.judge.sets.registry import read_set
from komep_dataset.judge.shares import Share, groups_of, share
from komep_dataset.judge.statements import COLUMNS, Statement, read_statements, sample_statements
from komep_dataset.pairs.generations import Given, read_scored
from komep_dataset.progress import counted, tell
from komep_dataset.samples import SAMPLE_INPUT
from komep_dataset.schema import Verdict, column_types, question_id
from komep_dataset.scores.agreement import disagreements
from komep_dataset.scores.checking import TOLD_FROM, Checked, Item, refuse_options
from komep_dataset.scores.panel import by_judge, check_all
from komep_dataset.scores.sources import FOLDER as EVIDENCE_FOLDER
from komep_dataset.scores.sources import with_passages
from komep_dataset.tables.columns import check_map
from komep_dataset.tables.formats import table_files
from komep_dataset.tables.problems import table
from komep_dataset.tables.reading import applicable
from komep_dataset.tables.rows import check_mapped

SHOWN = 200  # characters of a failure or reply that a message shows
COLUMNS_OF_MAP = tuple(dict.fromkeys((*COLUMNS, *column_types(Given))))
CURVE_FILE = text_with(SVG_TITLE.encode(), "figure of risk and coverage")
SHARES = ("accuracy", "sensitivity", "specificity", "unknown")


def tally(group: str, answers: Sequence[tuple]) -> Calibration:
    """Count labels and verdicts: `Answer`s, or pairs of the two."""
    known = [(label, verdict) for label, verdict, *_ in answers if verdict is not None]
    positives = [verdict for label, verdict in known if label]
    negatives = [verdict for label, verdict in known if not label]
    hits, rejections = positives.count(Verdict.TRUE.value), negatives.count(Verdict.FALSE.value)
    unknown = sum(verdict == Verdict.UNKNOWN.value for _, verdict in known)
    return Calibration(
        group,
        accuracy=share(hits + rejections, len(known)),
        sensitivity=share(hits, len(positives)),
        specificity=share(rejections, len(negatives)),
        unknown=share(unknown, len(known)),
        failed=len(answers) - len(known),
    )


def measured_rates(answers: Iterable[tuple]) -> Rates | None:
    """How the checker errs; None unless it judged true and false statements both."""
    known = [(label, verdict) for label, verdict, *_ in answers if verdict is not None]
    said = {label: [verdict for one, verdict in known if one is label] for label in (True, False)}
    if not said[True] or not said[False]:
        return None
    values = (
        said[a].count(b.value) / len(said[a]) for a in (True, False) for b in (Verdict.TRUE, Verdict.FALSE)
    )
    return Rates(*values)


def judge(
    judges: Mapping[str, Checker],
    agreement: str,
    statements: Sequence[Statement],
    folder: Path,
    *,
    mode: str = "strict",
) -> tuple[list[Answer], Checked]:
    """What checkers answer to each statement together, and what was said.

    Statements of one category and language share batches, as the units of one response do.
    """
    shown = any(checker.context or checker.evidence for checker in judges.values())
    groups: dict[tuple, list[int]] = {}
    for place, one in enumerate(statements):
        groups.setdefault((one.category, one.language, one.question if shown else None), []).append(place)

    def items_for(checker: Checker) -> dict[tuple, list[Item]]:
        items = _items(checker, statements, folder, mode)
        return {key: [items[place] for place in places] for key, places in groups.items()}

    items, checked = check_all(judges, agreement, items_for, folder, mode=mode, label="calibrate")
    require_verdicts(checked, "calibrate")
    of = {place: item for key, own in items.items() for place, item in zip(groups[key], own, strict=True)}
    said = (verdict_and_confidence(checked, of[place]) for place in range(len(statements)))
    return [Answer(one.label, *told) for one, told in zip(statements, said, strict=True)], checked


def _items(checker: Checker, statements: Sequence[Statement], folder: Path, mode: str) -> list[Item]:
    items = [Item(s.text, s.question if checker.context else None) for s in statements]
    if checker.evidence is not None and mode != "paper":
        questions = [s.question or "" for s in statements]
        ids = map(question_id, questions)
        items = with_passages(
            list(zip(ids, items, strict=True)), questions, checker.evidence, folder.parent / EVIDENCE_FOLDER
        )
        if not any(item.passages for item in items):
            raise KomepError("calibrate: no statement has a passage; look at the checker's `evidence`")
    return items


def require_verdicts(checked: Checked, label: str) -> None:
    """Warn where a request failed, or a fifth of the statements or more got no verdict; `KomepError` where none got one."""
    if nothing_is_sent():
        return
    judged = checked.judged.values()
    failed = [one.failure for one in judged if one.failure]
    unknown = [one.votes for one in judged if not one.failure and one.verdict == Verdict.UNKNOWN]
    # Of votes that say something and come to nothing, no reply is at fault.
    unread = [votes[0].reply.text for votes in unknown if all(v.verdict == Verdict.UNKNOWN for v in votes)]
    apart = len(unknown) - len(unread)
    parts = [
        *([f"{len(failed):,} requests failed"] if failed or not apart else []),
        *([f"{len(unread):,} replies say neither true nor false"] if unread or not apart else []),
        *([f"on {apart:,} the votes differ"] if apart else []),
    ]
    first = [f"the first: {one[:SHOWN]}" for one in [*failed, *map(repr, unread)][:1]]
    told = "; ".join([", ".join(parts), *first, *filter(None, [checked.citing()])])
    missing = len(failed) + len(unknown)
    said = f"{label}: {missing:,} of {len(judged):,} statements got no verdict: {told}"
    if judged and missing == len(judged):
        look = "look at the checker's `model`, `max_new_tokens` and `structured`"
        if 2 * apart > missing:
            look = (
                "calibrate each checker alone, and take the better one, or a third with `agreement: majority`"
            )
        raise KomepError(f"{said}; {look}")
    if failed or len(unknown) >= TOLD_FROM * max(1, len(judged)):
        tell(f"warning: {said}")


def verdict_and_confidence(checked: Checked, item: Item) -> tuple[str | None, float]:
    """The verdict of an item, None where a request failed; the share of votes, of all judges where there are several, that say
    it."""
    judged = checked.judged[item]
    agreeing = sum(vote.verdict == judged.verdict for vote in judged.votes)
    return None if judged.failure else judged.verdict, agreeing / max(1, len(judged.votes))


def calibrate(
    checker: Checker, statements: Sequence[Statement], folder: Path, *, mode: str = "strict"
) -> Record:
    """Let a checker judge labelled statements, exactly as in `komep score`, equal ones once; one with `batch` is asked singly
    too. Replies are kept in the folder, which resumes; what retrieval needs again lies beside it.

    Returns the record, without what is simulated from it.
    """
    answers, checked = judge({checker.model: checker}, ALL, statements, folder, mode=mode)
    agreement = None
    if checker.batch > 1:
        alone, _ = judge({checker.model: replace(checker, batch=1)}, ALL, statements, folder, mode=mode)
        both = [(a.verdict, b.verdict) for a, b in zip(answers, alone, strict=True)]
        both = [pair for pair in both if None not in pair]
        agreement = share(sum(a == b for a, b in both), len(both))
    record = record_of(checker.model, _options_of(checker), statements, answers, mode, checked.requests)
    return replace(record, agreement=agreement)


def calibrate_all(config: Config, statements: Sequence[Statement], mode: str) -> Record:
    """`calibrate` of a configuration's checker; of several, each, and what they come to: that is the record, with theirs in it.

    There is no pair here that could hang on a verdict: an appeal is what the first judge is unsure of.
    """
    judges, folder = config.judges(), folder_of(config)
    refuse_options(list(judges.values()), mode)
    alone = {name: calibrate(one, statements, folder, mode=mode) for name, one in judges.items()}
    if len(judges) == 1:
        [record] = alone.values()
        return record
    answers, checked = judge(judges, config.agreement, statements, folder, mode=mode)
    requests = sum(one.requests for one in alone.values())
    record = record_of(*_identity(judges, config.agreement), statements, answers, mode, requests)
    said = [("", list(by_judge(one))) for one in checked.judged.values()]
    return replace(
        record,
        judges=tuple(JudgeRecord(name, one.groups, one.curve) for name, one in alone.items()),
        apart=disagreements(said)[0],
    )


def record_of(
    name: str,
    options: Mapping[str, Any],
    statements: Sequence[Statement],
    answers: Sequence[Answer],
    mode: str,
    requests: int,
) -> Record:
    """The record of a judge called `name`, of its answers to labelled statements."""
    texts = json.dumps([[s.text, s.label] for s in statements], ensure_ascii=False)
    return Record(
        checker=name,
        mode=mode,
        options=dict(options),
        date=datetime.now(UTC).date().isoformat(),
        statements="",
        statements_sha256=hashlib.sha256(texts.encode()).hexdigest(),
        n=len(statements),
        requests=requests,
        groups=tuple(
            tally(name, [answers[place] for place in own])
            for name, own in groups_of([(s.language, f"category: {s.category}") for s in statements])
        ),
        rates=measured_rates(answers),
        curve=risk_coverage(answers),
    )


def calibrate_file(
    config: Config,
    path: Path | None = None,
    *,
    labelled_set: str | None = None,
    mode: str = "strict",
    limit: int | None = None,
    scored: Sequence[Path] = (),
    columns: Mapping[str, str] | None = None,
) -> Record:
    """`calibrate` for the checker of a configuration and a file of statements (default: those that ship).

    With `labelled_set`, one of `judge.sets`, `path` is the user's copy of that set, a file or a folder.

    `limit` takes the first so many statements. The pairs that may flip are those of `scored` (tables or
    releases; default: the shipped sample). Replies are kept in `<work>/calibrate`, and beside them the newest
    record, `judge.json`, which `komep run` puts into the card, and its curve. `columns` is a map of the names of columns, of the
    file of statements and of `scored`; its constants are of `scored` where that lacks the column.
    """
    files = table_files(scored)
    check_statement_map(columns or {}, path, labelled_set, files)
    statements, named = statements_of(path, labelled_set, limit, columns)
    own = applicable(files, Given, columns or {}, only_lacking=True)
    # First: what cannot be read costs no call.
    sides = pair_sides(read_scored(scored or [SAMPLE_INPUT], columns=own))
    with local_servers():  # one start for all the ways in which the checker is asked
        record = calibrate_all(config, statements, mode)
    record = replace(
        record,
        statements=named,
        ranking=simulate(sides, record.rates) if record.rates else None,
        ranked=", ".join(p.name for p in map(Path, scored)) or "the shipped sample",
    )
    read_own_json(_kept_in(config))  # a damaged one is no reason to stop now
    write_record(record, _kept_in(config))
    write_curve(record, _kept_in(config))
    return record


def check_statement_map(
    columns: Mapping[str, str], path: Path | None, labelled_set: str | None, scored: Sequence[Path] = ()
) -> None:
    """Raise `KomepError` for a map that `calibrate_file` cannot use."""
    check_map(columns, COLUMNS_OF_MAP)
    files = [path] if path and not labelled_set else []
    for new, name in columns.items() if not (files or scored) else ():
        raise KomepError(
            f"--map {new}={name}: goes with --labels or --scored; a set that is known has its own columns",
            exit_code=2,
        )
    check_mapped([*files, *scored], columns)


def statements_of(
    path: Path | None,
    labelled_set: str | None = None,
    limit: int | None = None,
    columns: Mapping[str, str] | None = None,
) -> tuple[list[Statement], str]:
    """The statements that `calibrate_file` takes, and what the record calls them."""
    if not labelled_set:
        statements = read_statements(path, columns) if path else read_statements(sample_statements())
        return statements[:limit], path.name if path else "the shipped statements"
    statements, left_out = read_set(labelled_set, path)
    named = f"{labelled_set}, {left_out:,} claims without a label left out" if left_out else labelled_set
    return statements[:limit], named


def record_for(config: Config) -> Path | None:
    """The newest record of a configuration's checker, as it is asked now; None where it was not calibrated."""
    path = _kept_in(config)
    if read_own_json(path) is None:
        return None
    record, asked = read_record(path), (*_identity(config.judges(), config.agreement), config.mode)
    return path if tuple(record[key] for key in ("checker", "options", "mode")) == asked else None


def write_curve(record: Record, beside: Path) -> Path:
    """Draw the curve of a record beside its file; `KomepError` where something else lies there."""
    path = beside.with_suffix(".svg")
    write_text(path, record.curve.as_svg(), *CURVE_FILE)
    return path


def _identity(judges: Mapping[str, Checker], agreement: str) -> tuple[str, dict[str, Any]]:
    """How a record names who was asked, and their options."""
    options = {name: _options_of(one) for name, one in judges.items()}
    if len(judges) == 1:
        return next(iter(judges)), next(iter(options.values()))
    return " + ".join(judges), {"agreement": agreement, "judges": options}


def _options_of(checker: Checker) -> dict[str, Any]:
    options = {name: getattr(checker, name) for name in ("temperature", *checker.options)}
    if (evidence := checker.evidence) is not None:
        source = {name: one.name for name in ("corpus", "provided") if (one := getattr(evidence, name))}
        found = {"retriever": evidence.retriever} if evidence.corpus else {}
        found |= {"embeddings": evidence.embeddings.model} if evidence.embeddings else {}
        options["evidence"] = {**source, **found, "passages": evidence.passages}
    return options


def folder_of(config: Config) -> Path:
    """Where the replies of a checker that is tried are kept, and the newest record."""
    return config.work / "calibrate"


def _kept_in(config: Config) -> Path:
    return folder_of(config) / "judge.json"


def as_text(record: Record) -> str:
    """A record as lines for people."""
    failed = record.groups[0].failed
    said = [
        f"{record.checker}, mode {record.mode}, {record.date}: {counted(record.n, 'statement')} ({record.statements}), "
        + counted(record.requests, "call")
        + (f", {failed:,} failed" if failed else "")
    ]
    if record.judges:
        several = [(f"together ({record.options['agreement']})", record.groups[0])]
        said.append(_table([*several, *((one.checker, one.groups[0]) for one in record.judges)]))
        said.append(
            f"of {record.apart.several:,} statements put to more than one they differ on {record.apart.differ:,} and contradict each "
            f"other on {record.apart.contradict:,}"
        )
    said += [_table((one.group, one) for one in record.groups), "in brackets: 95% Wilson intervals"]
    if record.agreement:
        said.append(f"batched and single checks agree on {record.agreement}")
    if record.curve:
        said.append(record.curve.as_text())
    if record.ranking:
        r = record.ranking
        said.append(
            f"with these error rates, of {r.pairs:,} pairs ({record.ranked}, its verdicts taken for the truth; "
            f"{r.draws:,} draws): flipped {r.flipped}, tied {r.tied}, lost to an unread verdict {r.lost}"
        )
    return "\n".join(said)


def _table(rows: Iterable[tuple[str, Calibration]]) -> str:
    def cell(one: Share) -> str:
        return "-" if one.share is None else f"{one.share:.1%} ({one.low:.1%} to {one.high:.1%})"

    found = [[name, f"{g.accuracy.n:,}", *(cell(getattr(g, x)) for x in SHARES)] for name, g in rows]
    return table([["", "n", *SHARES], *found])
