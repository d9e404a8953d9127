"""What a checker's verdicts are worth: it judges statements whose truth is known, and is counted.

A statement is judged alone, as in scoring. Every share comes with a 95% Wilson interval.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files as package_files
from pathlib import Path

from komep_dataset import dahl
from komep_dataset.config import Config, Judge
from komep_dataset.errors import KomepError
from komep_dataset.schema import LANGUAGES, Verdict
from komep_dataset.scoring import check_units
from komep_dataset.serving import LocalServers


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement whose truth is known."""

    text: str
    label: bool
    language: str
    category: str


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `n`, with its 95% Wilson interval; all None where n is 0."""

    hits: int
    n: int
    share: float | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        if self.share is None:
            return "none"
        return f"{self.share:.1%} ({self.low:.1%} to {self.high:.1%}; {self.hits}/{self.n})"


@dataclass(frozen=True, slots=True)
class Calibration:
    """A checker's record on one group of statements.

    `accuracy` is right verdicts / statements, so an unknown verdict counts against it; `sensitivity` is true
    statements called true / true statements; `specificity` false ones called false / false statements;
    `unknown` verdicts that cannot be read / statements. Requests that failed count in `failed` alone.
    """

    group: str
    accuracy: Share
    sensitivity: Share
    specificity: Share
    unknown: Share
    failed: int


def share(hits: int, n: int) -> Share:
    """A share with its 95% Wilson interval."""
    if not n:
        return Share(hits, n, None, None, None)
    from scipy.stats import binomtest

    interval = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    return Share(hits, n, hits / n, float(interval.low), float(interval.high))


def tally(group: str, verdicts: Iterable[tuple[bool, str | None]]) -> Calibration:
    """Count (label, verdict) pairs; a verdict of None is a request that failed."""
    pairs = list(verdicts)
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


def sample_statements() -> Path:
    """The statements that ship with the package, written for this project."""
    return Path(str(package_files("komep_dataset"))) / "samples" / "facts.jsonl"


def read_statements(path: Path) -> list[Statement]:
    """Labelled statements from JSONL.

    A line is either {text, label, language, category} or a question of the shipped kind, whose `true` and
    `false` are lists of {en, ko}. Raises `KomepError` that names the line.
    """
    statements: list[Statement] = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KomepError(f"{path}: cannot be read ({error})") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                statements += _statements_of(json.loads(line))
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
        return [Statement(row["text"], row["label"], row["language"], str(row["category"]))]
    return [
        Statement(statement[language], label, language, row["category"])
        for label in (True, False)
        for statement in row[str(label).lower()]
        for language in LANGUAGES
    ]


def calibrate(
    checker: Judge,
    statements: Sequence[Statement],
    folder: Path,
    *,
    mode: str = "strict",
    servers: LocalServers | None = None,
) -> list[Calibration]:
    """Let a checker judge labelled statements.

    Args:
        checker: the model that judges, asked exactly as in `komep score`.
        statements: what it judges; equal texts are asked once.
        folder: where the replies are kept; the same folder resumes.
        mode: `strict` or `paper`: prompt and parsing.
        servers: a pool of local servers to share.

    Returns:
        a record for all statements, then one for each language that occurs.
    """
    texts = dict.fromkeys(statement.text for statement in statements)
    replies = check_units(texts, checker, folder, mode=mode, label="calibrate", servers=servers)

    def verdict(statement: Statement) -> tuple[bool, str | None]:
        reply = replies[statement.text]
        return statement.label, None if reply.failed else dahl.parse_verdict(reply.text, mode).value

    groups = [("all", list(statements))]
    groups += [(language, [s for s in statements if s.language == language]) for language in LANGUAGES]
    return [tally(name, map(verdict, group)) for name, group in groups if group]


def calibrate_file(
    config: Config, path: Path | None = None, *, mode: str = "strict", limit: int | None = None
) -> list[Calibration]:
    """`calibrate` for the checker of a configuration and a file of statements (default: those that ship).

    `limit` takes the first so many statements. Replies are kept in `<work>/calibrate`.
    """
    statements = read_statements(path or sample_statements())[:limit]
    return calibrate(config.judge("checker"), statements, config.work / "calibrate", mode=mode)


def as_text(records: Sequence[Calibration]) -> str:
    """A record as lines for people."""
    lines = []
    for one in records:
        lines.append(
            f"{one.group}: {one.accuracy.n} statements" + (f", {one.failed} failed" if one.failed else "")
        )
        lines += [
            f"  {name:<12} {getattr(one, name)}"
            for name in ("accuracy", "sensitivity", "specificity", "unknown")
        ]
    return "\n".join(lines)
