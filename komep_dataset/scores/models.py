"""`komep models`: how each responder did, by DAHL score, category, status, units and length."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from komep_dataset import dahl
from komep_dataset.pairs.generations import complete
from komep_dataset.schema import Status, listed_statuses
from komep_dataset.tables.problems import FILE, LINE, problems_error, table


@dataclass(frozen=True, slots=True)
class ModelReport:
    """How one responder did.

    `dahl` is the mean score of its scored answers with n and a 95% interval, None where none is scored; `shares`
    the share of its answers in each status; `units` the mean number of units of the answers that have any;
    `characters` the mean and the median length of its answers that are not empty, in code points; `categories`
    the DAHL score of each category. Everything but the scores counts all answers.
    """

    model: str
    answers: int
    dahl: dahl.ModelScore | None
    shares: dict[str, float]
    units: float | None
    characters: tuple[float, float] | None
    categories: dict[str, dahl.ModelScore | None]


def model_reports(frame: pl.DataFrame) -> list[ModelReport]:
    """A report for every model of a complete frame of scored generations, best mean score first."""
    reports = [_report(model, part) for (model,), part in frame.partition_by("model", as_dict=True).items()]
    return sorted(reports, key=lambda r: (-(r.dahl.mean if r.dahl else -1.0), r.model))


def report_of(written: pl.DataFrame, path: Path) -> str:
    """The reports on a table of scored generations that has just been written, its rows sorted by key, for people.

    Raises `KomepError` for a value that no reader of the table would take, named by its row.
    """
    rows = pl.int_range(1, written.height + 1, dtype=pl.Int64, eager=True).alias(LINE)
    frame, problems = complete(written.with_columns(rows, pl.lit(0, pl.Int32).alias(FILE)), [str(path)])
    if problems:
        raise problems_error(problems)
    return as_text(model_reports(frame))


def _report(model: str, rows: pl.DataFrame) -> ModelReport:
    counts = rows["units"].list.len().cast(pl.Int64)
    lengths = rows["response"].str.len_chars().cast(pl.Int64)
    counts, lengths = counts.filter(counts > 0), lengths.filter(lengths > 0)
    categories = rows.sort("category").partition_by("category", as_dict=True, maintain_order=True)
    return ModelReport(
        model=model,
        answers=rows.height,
        dahl=_score(rows),
        shares={s: (rows["status"] == s).sum() / rows.height for s in listed_statuses(set(rows["status"]))},
        units=counts.mean() if counts.len() else None,
        characters=(lengths.mean(), lengths.median()) if lengths.len() else None,
        categories={name: _score(part) for (name,), part in categories.items()},
    )


def _score(rows: pl.DataFrame) -> dahl.ModelScore | None:
    return dahl.model_score(rows.filter(pl.col("status") == Status.SCORED.value)["dahl_score"].to_list())


def as_text(reports: Iterable[ModelReport], *, categories: bool = False) -> str:
    """The reports as a table for people; with `categories`, a second one: category by model."""
    reports = list(reports)
    listed = listed_statuses(set().union(*(report.shares for report in reports)))
    header = ("model", "DAHL", "95% interval", "n", "answers", *listed, "units", "characters")
    text = table([header, *(_cells(report, listed) for report in reports)])
    if categories:
        names = sorted({name for report in reports for name in report.categories})
        scores = [[name, *(report.categories.get(name) for report in reports)] for name in names]
        rows = [[name, *(f"{x.mean:.3f} (n {x.n})" if x else "-" for x in own)] for name, *own in scores]
        text += "\n\n" + table([["category", *(r.model for r in reports)], *rows])
    return text


def as_json(reports: Iterable[ModelReport]) -> list[dict[str, Any]]:
    """The reports as plain values, one object a model."""
    return [asdict(report) for report in reports]


def _cells(report: ModelReport, listed: Iterable[str]) -> list[str]:
    score = report.dahl
    return [
        report.model,
        f"{score.mean:.3f}" if score else "-",
        f"{score.low:.3f} to {score.high:.3f}" if score and score.low is not None else "-",
        f"{score.n if score else 0:,}",
        f"{report.answers:,}",
        *(f"{report.shares.get(status, 0):.1%}" for status in listed),
        f"{report.units:.1f}" if report.units is not None else "-",
        f"{report.characters[0]:,.0f}" if report.characters else "-",
    ]
