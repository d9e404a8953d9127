"""The record of a calibration: its shares, its version, and a file of it read and checked.

`komep calibrate --output` writes one as JSON; `komep build --judge` puts one into the card of a release.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import json_with, write_json
from komep_dataset.judge.ranking import Ranking, Rates
from komep_dataset.judge.risk_coverage import RiskCoverage
from komep_dataset.judge.shares import Share
from komep_dataset.scores.agreement import Disagreement
from komep_dataset.tables.values import check_value

RECORD_VERSION = 1
LATER = ("curve", "judges", "apart")
RECORD = json_with("checker", "mode", "date", "statements", "n", "groups")


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
class JudgeRecord:
    """What one of several judges is worth alone."""

    checker: str
    groups: tuple[Calibration, ...]
    curve: RiskCoverage


@dataclass(frozen=True, slots=True)
class Record:
    """The result of a calibration, as it is written.

    `groups`: all statements, each language, each category. `rates` are those that `ranking` was simulated with.
    `agreement`: share of statements on which a batched check says what the single one says; None unless the
    checker has `batch`. `requests`: distinct ones that the checker was asked. `curve`: None in older records. Of several
    judges, `checker` names them all, `judges` has what each is worth alone, and `apart` on how many statements they differ.
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
    curve: RiskCoverage | None = None
    judges: tuple[JudgeRecord, ...] | None = None
    apart: Disagreement | None = None
    version: int = RECORD_VERSION


def write_record(record: Record, path: Path) -> None:
    """Write a record as JSON."""
    write_json(path, asdict(record), RECORD)


def read_record(path: Path) -> dict[str, Any]:
    """A record as plain values, for the card; `KomepError` if the file holds none of this version."""
    try:
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise KomepError(f"{path}: cannot be read ({error})") from error
    if isinstance(record, dict):  # what came later, records of before do not have
        record = {**dict.fromkeys(LATER), **record}
    misfit = check_value(record, Record, False, "", exact=True)
    if misfit or record["version"] != RECORD_VERSION or not record["groups"]:
        raise KomepError(f"{path}: not a calibration; `komep calibrate --output {path.name}` writes one")
    return record
