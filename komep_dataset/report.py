"""`komep report`: one self-contained HTML page of a release, to look at instead of to read.

No network, no library in the page. Every text of the data is escaped by the template: it is shown, never run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from komep_dataset.errors import KomepError
from komep_dataset.release import read_facts, read_rows
from komep_dataset.tables import replacing

if TYPE_CHECKING:
    import polars as pl

MAX_PAIRS = 500  # pairs shown in full; the page says how many more there are
MARGIN_BINS = 10


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a plot: its label, its number as text, its length from 0 to 1."""

    label: str
    number: str
    share: float


def count_bars(counts: dict[str, int]) -> list[Bar]:
    """Bars of counts, longest = the largest count."""
    largest = max(counts.values(), default=0) or 1
    return [Bar(label, f"{n:,}", n / largest) for label, n in counts.items()]


def margin_histogram(margins: pl.Series) -> list[Bar]:
    """How many pairs have a margin in each tenth from 0 to 1 (upper bound included)."""
    counts = [0] * MARGIN_BINS
    for margin in margins:
        counts[min(int(margin * MARGIN_BINS), MARGIN_BINS - 1)] += 1
    labels = (f"{i / MARGIN_BINS:.1f} to {(i + 1) / MARGIN_BINS:.1f}" for i in range(MARGIN_BINS))
    return count_bars(dict(zip(labels, counts, strict=True)))


def win_table(pairs: pl.DataFrame) -> tuple[list[str], dict[str, dict[str, int]]]:
    """Model names, and how often each (row) was chosen over each other (column)."""
    models = sorted(set(pairs["chosen_model"]) | set(pairs["rejected_model"]))
    wins = {a: dict.fromkeys(models, 0) for a in models}
    for chosen, rejected, n in pairs.group_by("chosen_model", "rejected_model").len().iter_rows():
        wins[chosen][rejected] = n
    return models, wins


def length_facts(pairs: pl.DataFrame) -> dict[str, float]:
    """Mean length of chosen and rejected answers in characters, and the share of pairs whose chosen is longer."""
    import polars as pl

    def length(side: str) -> pl.Expr:
        return pl.col(side).list.first().struct.field("content").str.len_chars()

    lengths = pairs.select(chosen=length("chosen"), rejected=length("rejected"))
    longer = (lengths["chosen"] > lengths["rejected"]).mean()
    return {
        "chosen": lengths["chosen"].mean(),
        "rejected": lengths["rejected"].mean(),
        "chosen_longer": longer,
    }


def _shown_pairs(folder: Path, config: str, pairs: pl.DataFrame) -> list[dict[str, Any]]:
    """The pairs of the page with the units of both answers joined on, in release order."""
    import polars as pl

    units = read_rows(folder, "scored").select("question_id", "model", "units")
    shown = pairs.head(MAX_PAIRS)
    for side in ("chosen", "rejected"):
        own = units.rename({"model": f"{side}_model", "units": f"{side}_units"})
        shown = shown.join(own, on=["question_id", f"{side}_model"], how="left", maintain_order="left")
    texts = [
        pl.col(c).list.first().struct.field("content").alias(c) for c in ("prompt", "chosen", "rejected")
    ]
    language = "ko" if config == "ko" else "en"
    return [row | {"language": language} for row in shown.with_columns(texts).iter_rows(named=True)]


def report_facts(folder: Path) -> dict[str, Any]:
    """Everything that the page shows of a release; raises `KomepError` if it is none or has no pairs."""
    facts = read_facts(folder)
    configs = [c for c in ("ko", "en") if c in facts["rows"]]
    if not configs:
        raise KomepError(
            f"{folder}: no pairs to report on (its rejects.jsonl says why, question by question)"
        )
    pairs = read_rows(folder, configs[0])
    models, wins = win_table(pairs)
    categories = dict(
        pairs.group_by("category").len().sort("len", "category", descending=[True, False]).iter_rows()
    )
    return {
        "facts": facts,
        "config": configs[0],
        "pairs": _shown_pairs(folder, configs[0], pairs),
        "hidden": max(0, pairs.height - MAX_PAIRS),
        "margins": margin_histogram(pairs["score_margin"]),
        "categories": count_bars(categories),
        "models": models,
        "wins": wins,
        "lengths": length_facts(pairs),
    }


def write_report(folder: Path, output: Path) -> Path:
    """Write the page.

    Args:
        folder: a release.
        output: the HTML file; written beside, then renamed.

    Raises:
        KomepError: the folder is no release or has no pairs, or the output cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("komep_dataset"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2").render(report_facts(Path(folder)))
    with replacing(Path(output)) as beside:
        beside.write_text(page, "utf-8")
    return Path(output)
