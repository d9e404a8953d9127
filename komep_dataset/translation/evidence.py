"""The evidence of a translated table, `<name>.translations.parquet` beside it: each text that was to be translated, and
what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import polars as pl

from komep_dataset.schema import ScoredGeneration, column
from komep_dataset.tables.reading import read_table
from komep_dataset.tables.writing import frame_of, write_table
from komep_dataset.translation.translator import Doubt, Refusal


@dataclass(frozen=True, slots=True)
class TranslationRow:
    """A row of the evidence: one text that was to be translated, and what became of it."""

    KEY: ClassVar[tuple[str, ...]] = ("question_id", "kind", "model", "source")

    question_id: str = column("id of the question")
    kind: str = column("`question` or `response`")
    model: str = column("name of the responder; empty for a question")
    source: str = column("the text as it was given")
    target: str | None = column("its Korean; null = none was accepted")
    reason: str = column("why there is none: the name of a check, or `request_failed`; else empty")
    detail: str = column("the words or numbers behind the reason")
    pieces: int = column("pieces that were sent; 0 = nothing was asked: it is Korean, or has no letters")
    attempts: int = column("how often it was asked for: 0, 1 or 2")
    refused: list[Refusal] = column("the replies that failed a check")
    translator: str = column("name of the translator as the endpoint knows it")
    # Nullable, so that evidence of earlier versions is read.
    warnings: list[Doubt] | None = column(
        "what checks of severity `warn` found in its Korean; null = not tried by them"
    )


def translations_path(table: Path) -> Path:
    """Where the evidence of a translated table lies."""
    return table.with_name(f"{table.stem}.translations.parquet")


def write_evidence(new: Sequence[TranslationRow], rows: Sequence[ScoredGeneration], table: Path) -> None:
    """Write the evidence; of what lies there already, rows stay whose Korean the table still holds."""
    path = translations_path(table)
    frame = frame_of(new, TranslationRow)
    if path.is_file():
        held = {(r.question_id, "", r.question, r.question_ko) for r in rows}
        held |= {(r.question_id, r.model, r.response, r.response_ko) for r in rows}
        old = read_table(path, TranslationRow).join(frame, on=TranslationRow.KEY, how="anti")
        kept = [key in held for key in old.select("question_id", "model", "source", "target").iter_rows()]
        frame = pl.concat([old.filter(pl.Series(kept, dtype=pl.Boolean)), frame])
    write_table(frame, path, TranslationRow)
