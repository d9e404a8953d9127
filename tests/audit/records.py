"""A judge's calibration, made up and written."""

import json
from pathlib import Path

from komep_dataset.judge.calibration import measured_rates, tally
from komep_dataset.judge.record import Record, write_record


def record(true_true: int, true_false: int, false_true: int, false_false: int, unknown: int = 0) -> Record:
    judged = [(True, "true")] * true_true + [(True, "false")] * true_false + [(True, "unknown")] * unknown
    judged += (
        [(False, "true")] * false_true + [(False, "false")] * false_false + [(False, "unknown")] * unknown
    )
    return Record(
        checker="stand-in",
        mode="strict",
        options={},
        date="2026-01-01",
        statements="made up",
        statements_sha256="0" * 64,
        n=len(judged),
        requests=len(judged),
        groups=(tally("all", judged),),
        rates=measured_rates(judged),
    )


def written(one: Record, folder: Path) -> Path:
    write_record(one, folder / "judge.json")
    return folder / "judge.json"


def plain(one: Record, folder: Path) -> dict:
    return json.loads(written(one, folder).read_text("utf-8"))
