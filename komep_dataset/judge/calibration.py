"""What a checker's verdicts are worth: it judges statements whose truth is known, and is counted.

A statement is judged as a unit is in scoring, with the checker's own options. Every share comes with a 95%
Wilson interval. The record is a JSON file that `komep build --judge` puts into the card of a release.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from komep_dataset.config.config import Checker, Config
from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import read_own_json
from komep_dataset.inference.servers import local_servers
from komep_dataset.judge.ranking import Rates, pair_sides, simulate
from komep_dataset.judge.record import Calibration, Record, Share, read_record, share, write_record
from komep_dataset.pairs.generations import read_scored
from komep_dataset.samples import SAMPLE_INPUT, SAMPLES
from komep_dataset.schema import LANGUAGES, Verdict
from komep_dataset.scores.checking import TOLD_FROM, Checked, Item, check
from komep_dataset.tables.formats import CSV, format_of
from komep_dataset.tables.problems import Problem
from komep_dataset.tables.rows import scan_rows
from komep_dataset.tables.text import table

SHOWN = 200  # characters of a failure or reply that a message shows
SHARES = ("accuracy", "sensitivity", "specificity", "unknown")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement whose truth is known; `question` is shown to a checker with `context: question`."""

    text: str
    label: bool
    language: str
    category: str
    question: str | None = None


Judged = tuple[bool, "str | None"]  # label, verdict; a verdict of None is a request that failed


def tally(group: str, judged: Iterable[Judged]) -> Calibration:
    """Count labels and verdicts."""
    pairs = list(judged)
    known = [(label, verdict) for label, verdict in pairs if verdict is not None]
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
        failed=len(pairs) - len(known),
    )


def measured_rates(judged: Iterable[Judged]) -> Rates | None:
    """How the checker errs; None unless it judged true and false statements both."""
    pairs = [(label, verdict) for label, verdict in judged if verdict is not None]
    said = {label: [verdict for known, verdict in pairs if known is label] for label in (True, False)}
    if not said[True] or not said[False]:
        return None
    values = (
        said[a].count(b.value) / len(said[a]) for a in (True, False) for b in (Verdict.TRUE, Verdict.FALSE)
    )
    return Rates(*values)


def sample_statements() -> Path:
    """The statements that ship with the package, written for this project."""
    return SAMPLES / "facts.jsonl"


def read_statements(path: Path) -> list[Statement]:
    """Labelled statements from JSONL or another table.

    A row is either {text, label, language, category, and, if wanted, question} or a question of the shipped
    kind, whose `true` and `false` are lists of {en, ko}. Raises `KomepError` that names the line.
    """
    statements: list[Statement] = []
    for number, row in scan_rows(path, ("text", "label", "language", "category")):
        if isinstance(row, Problem):
            raise KomepError(f"{path}:{number}: no labelled statement ({row.detail})")
        if format_of(path) == CSV:  # where all is text
            row["label"] = {"true": True, "false": False}.get(str(row.get("label")).lower())
        try:
            statements += _statements_of(row)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise KomepError(
                f"{path}:{number}: no labelled statement ({type(error).__name__}: {error})"
            ) from error
    if not statements:
        raise KomepError(f"{path}: no statement in it")
    return statements


def _statements_of(row: dict) -> list[Statement]:
    if "text" in row:
        if not isinstance(row["label"], bool) or row["language"] not in LANGUAGES or not row["text"].strip():
            raise ValueError("label is true or false, language en or ko, text not empty")
        question = row.get("question")
        if not isinstance(question, str | None):
            raise TypeError("question is text")
        return [Statement(row["text"].strip(), row["label"], row["language"], str(row["category"]), question)]
    questions = {"en": row["question"], "ko": row.get("question_ko")}
    return [
        Statement(statement[language], label, language, row["category"], questions[language])
        for label in (True, False)
        for statement in row[str(label).lower()]
        for language in LANGUAGES
    ]


def judge(
    checker: Checker, statements: Sequence[Statement], folder: Path, *, mode: str = "strict"
) -> tuple[list[str | None], int]:
    """A checker's verdict on each statement, None where its request failed, and the requests that it took.

    Statements of one category and language share batches, as the units of one response do.
    """
    items = [Item(s.text, s.question if checker.context else None) for s in statements]
    groups: dict[tuple, list[Item]] = {}
    for statement, item in zip(statements, items, strict=True):
        groups.setdefault((statement.category, statement.language, item.question), []).append(item)
    checked = check(groups.values(), checker, folder, mode=mode, label="calibrate")
    require_verdicts(checked, "calibrate")
    return [verdict_or_none(checked, item) for item in items], checked.requests


def require_verdicts(checked: Checked, label: str) -> None:
    """Warn where a request failed, or a fifth of the statements or more got no verdict; `KomepError` where none got one."""
    judged = checked.judged.values()
    failed = [one.failure for one in judged if one.failure]
    unread = [one.votes[0].reply.text for one in judged if not one.failure and one.verdict == Verdict.UNKNOWN]
    said = (
        f"{label}: {len(failed) + len(unread):,} of {len(judged):,} statements got no verdict: {len(failed):,} requests "
        f"failed, {len(unread):,} replies say neither true nor false; the first: {[*failed, *map(repr, unread), ''][0][:SHOWN]}"
    )
    if judged and len(failed) + len(unread) == len(judged):
        raise KomepError(f"{said}; look at the checker's `model`, `max_new_tokens` and `structured`")
    if failed or len(unread) >= TOLD_FROM * max(1, len(judged)):
        print(f"warning: {said}", file=sys.stderr)


def verdict_or_none(checked: Checked, item: Item) -> str | None:
    """The verdict of an item, None where a request failed."""
    judged = checked.judged[item]
    return None if judged.failure else judged.verdict


def calibrate(
    checker: Checker, statements: Sequence[Statement], folder: Path, *, mode: str = "strict"
) -> Record:
    """Let a checker judge labelled statements.

    Args:
        checker: the model that judges, asked exactly as in `komep score`; one with `batch` is asked singly too.
        statements: what it judges; equal texts are asked once.
        folder: where the replies are kept; the same folder resumes.
        mode: `strict` or `paper`: prompt and parsing.

    Returns:
        the record, without what is simulated from it.
    """
    verdicts, requests = judge(checker, statements, folder, mode=mode)
    agreement = None
    if checker.batch > 1:
        alone, _ = judge(replace(checker, batch=1), statements, folder, mode=mode)
        both = [(a, b) for a, b in zip(verdicts, alone, strict=True) if a is not None and b is not None]
        agreement = share(sum(a == b for a, b in both), len(both))
    judged = [(s.label, verdict) for s, verdict in zip(statements, verdicts, strict=True)]
    texts = json.dumps([[s.text, s.label] for s in statements], ensure_ascii=False)
    return Record(
        checker=checker.model,
        mode=mode,
        options=_options_of(checker),
        date=datetime.now(UTC).date().isoformat(),
        statements="",
        statements_sha256=hashlib.sha256(texts.encode()).hexdigest(),
        n=len(statements),
        requests=requests,
        groups=tuple(tally(name, [judged[i] for i in indices]) for name, indices in _groups(statements)),
        rates=measured_rates(judged),
        agreement=agreement,
    )


def _groups(statements: Sequence[Statement]) -> list[tuple[str, list[int]]]:
    """All statements, those of each language, those of each category: name -> their places."""
    found = [("all", list(range(len(statements))))]
    found += [(x, [i for i, s in enumerate(statements) if s.language == x]) for x in LANGUAGES]
    names = sorted({s.category for s in statements})
    found += [(f"category: {x}", [i for i, s in enumerate(statements) if s.category == x]) for x in names]
    return [(name, indices) for name, indices in found if indices]


def calibrate_file(
    config: Config,
    path: Path | None = None,
    *,
    mode: str = "strict",
    limit: int | None = None,
    scored: Sequence[Path] = (),
) -> Record:
    """`calibrate` for the checker of a configuration and a file of statements (default: those that ship).

    `limit` takes the first so many statements. The pairs that may flip are those of `scored` (tables or
    releases; default: the shipped sample). Replies are kept in `<work>/calibrate`, and beside them the newest
    record, `judge.json`, which `komep run` puts into the card.
    """
    source = path or sample_statements()
    statements = read_statements(source)[:limit]
    sides = pair_sides(read_scored(scored or [SAMPLE_INPUT]))  # first: what cannot be read costs no call
    with local_servers():  # one start for all the ways in which the checker is asked
        record = calibrate(config.judge("checker"), statements, config.work / "calibrate", mode=mode)
    record = replace(
        record,
        statements="the shipped statements" if path is None else path.name,
        ranking=simulate(sides, record.rates) if record.rates else None,
        ranked=", ".join(p.name for p in map(Path, scored)) or "the shipped sample",
    )
    read_own_json(_kept_in(config))  # a damaged one is no reason to stop now
    write_record(record, _kept_in(config))
    return record


def record_for(config: Config) -> Path | None:
    """The newest record of a configuration's checker, as it is asked now; None where it was not calibrated."""
    path, checker = _kept_in(config), config.judge("checker")
    if read_own_json(path) is None:
        return None
    record = read_record(path)
    same = (record["checker"], record["mode"], record["options"])
    return path if same == (checker.model, config.mode, _options_of(checker)) else None


def _options_of(checker: Checker) -> dict[str, Any]:
    return {name: getattr(checker, name) for name in ("temperature", *checker.options)}


def _kept_in(config: Config) -> Path:
    return config.work / "calibrate" / "judge.json"


def as_text(record: Record) -> str:
    """A record as lines for people."""
    failed = record.groups[0].failed
    said = [
        f"{record.checker}, mode {record.mode}, {record.date}: {record.n:,} statements ({record.statements}), "
        f"{record.requests:,} calls" + (f", {failed:,} failed" if failed else "")
    ]
    rows = [["", "n", *SHARES]]
    rows += [
        [g.group, f"{g.accuracy.n:,}", *(_cell(getattr(g, name)) for name in SHARES)] for g in record.groups
    ]
    said += [table(rows), "in brackets: 95% Wilson intervals"]
    if record.agreement:
        said.append(f"batched and single checks agree on {record.agreement}")
    if record.ranking:
        r = record.ranking
        said.append(
            f"with these error rates, of {r.pairs:,} pairs ({record.ranked}, its verdicts taken for the truth; "
            f"{r.draws:,} draws): flipped {r.flipped}, tied {r.tied}, lost to an unread verdict {r.lost}"
        )
    return "\n".join(said)


def _cell(one: Share) -> str:
    return "-" if one.share is None else f"{one.share:.1%} ({one.low:.1%} to {one.high:.1%})"
