"""The record of a calibration: its shares, its version, and a file of it read and checked.

`komep calibrate --output` writes one as JSON; `komep build --judge` puts one into the card of a release.
"""

import json
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import json_with, write_json
from komep_dataset.judge.ranking import Ranking, Rates
from komep_dataset.tables.values import check_value

RECORD_VERSION = 1
Z = 1.959963984540054  # the 97.5% quantile of the normal distribution, without the second that scipy takes to import
RECORD = json_with("checker", "mode", "date", "statements", "n", "groups")


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


@dataclass(frozen=True, slots=True)
class Record:
    """The result of a calibration, as it is written.

    `groups`: all statements, each language, each category. `rates` are those that `ranking` was simulated with.
    `agreement`: share of statements on which a batched check says what the single one says; None unless the
    checker has `batch`. `requests`: distinct ones that the checker was asked.
    """

    checker: str
    mode: str
    options: dict[str, Any]
    date: str
    statements: str
    statements_sha256: str
    n: int
    requests: int
    groups: tuple[Calibration, ...]
    rates: Rates | None = None
    ranking: Ranking | None = None
    ranked: str = ""
    agreement: Share | None = None
    version: int = RECORD_VERSION


def wilson(hits: float, n: float) -> tuple[float, float]:
    """The 95% Wilson interval of a share; both may be parts of counts, n above 0. To the bit as scipy has it."""
    share, width = hits / n, 2 * (n + Z**2)
    centre = (2 * n * share + Z**2) / width
    half = Z / width * sqrt(4 * n * share * (1 - share) + Z**2)
    return max(0.0, centre - half) if hits else 0.0, min(1.0, centre + half) if hits < n else 1.0


def share(hits: int, n: int) -> Share:
    """A share with its 95% Wilson interval."""
    return Share(hits, n, hits / n, *wilson(hits, n)) if n else Share(hits, n, None, None, None)


def write_record(record: Record, path: Path) -> None:
    """Write a record as JSON."""
    write_json(path, asdict(record), RECORD)


def read_record(path: Path) -> dict[str, Any]:
    """A record as plain values, for the card; `KomepError` if the file holds none of this version."""
    try:
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise KomepError(f"{path}: cannot be read ({error})") from error
    misfit = check_value(record, Record, False, "", exact=True)
    if misfit or record["version"] != RECORD_VERSION or not record["groups"]:
        raise KomepError(f"{path}: not a calibration; `komep calibrate --output {path.name}` writes one")
    return record
