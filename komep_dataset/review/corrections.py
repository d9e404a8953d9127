"""Texts that reviewers corrected: out of their judgements, and into a table of scored generations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import polars as pl

from komep_dataset.errors import KomepError
from komep_dataset.pairs.generations import OPTIONAL, Given, read_as_given
from komep_dataset.progress import counted
from komep_dataset.review.agreement import Judgement
from komep_dataset.review.drawing import SIDES, ReviewPair
from komep_dataset.schema import collapse_blanks, column
from komep_dataset.tables.formats import table_files
from komep_dataset.tables.problems import FILE, LINE, listed, problems_error
from komep_dataset.tables.reading import check_columns, read_table
from komep_dataset.tables.writing import output_path, write_scored
from komep_dataset.translation.evidence import carry_evidence


@dataclass(frozen=True, slots=True)
class Correction:
    """A line of `corrections.jsonl`: one Korean text that a reviewer replaced."""

    KEY: ClassVar[tuple[str, ...]] = ("question_id", "model")

    question_id: str = column("id of the question")
    model: str = column("responder whose answer it is; empty for the question itself")
    source: str = column("the English text")
    before: str = column("the Korean text that was reviewed")
    after: str = column("the Korean text that takes its place")
    reviewer: str = column("who corrected it")

    @property
    def text_column(self) -> str:
        """The column of a scored generation that holds the text."""
        return "response_ko" if self.model else "question_ko"


def corrections_of(
    judgements: Iterable[Judgement], pairs: Mapping[str, ReviewPair], keys: Mapping[str, tuple[str, str, str]]
) -> tuple[list[Correction], list[Correction]]:
    """The corrected texts, one a text, sorted; and those of texts that were corrected in two ways. `pairs` and `keys` are
    those of `sheet.Material`."""
    found: dict[tuple[str, str], dict[str, Correction]] = {}
    for judgement in judgements:
        pair, (question, *models) = pairs[judgement.pair_id], keys[judgement.pair_id]
        for side, model in zip(SIDES, ("", *models), strict=True):
            source, before = (getattr(pair, f"{side}_{which}") for which in ("source", "korean"))
            after = getattr(judgement, f"corrected_{side}")
            if after.strip() and collapse_blanks(after) != collapse_blanks(before):
                one = Correction(question, model, source, before, after, judgement.reviewer)
                found.setdefault((question, model), {}).setdefault(collapse_blanks(after), one)
    texts = [list(found[text].values()) for text in sorted(found)]
    several = [one for ways in texts if len(ways) > 1 for one in ways]
    return [one for one, *others in texts if not others], several


def apply(
    scored: Sequence[Path], corrections: Path, output: Path, columns: Mapping[str, str] | None = None
) -> tuple[Path, int, int]:
    """Put corrected texts into scored generations, so that the next build carries them.

    Args:
        scored: tables as `komep build` reads them.
        corrections: what `komep review import` wrote.
        output: the table to write, or a folder for `scored.parquet`; the evidence of translated tables goes along.
        columns: the tables' own name of a column -> the known one, as the build was given it.

    Returns:
        (the table, rows in it, Korean texts replaced).

    Raises:
        KomepError: bad tables; a correction of a text that is not there, or that has changed since the review.
    """
    target = output_path(output, "scored.parquet")
    wanted = read_corrections(corrections)
    files = table_files(scored)
    check_columns(files, Given, OPTIONAL, columns or {})
    given, bad = read_as_given(files, columns=columns)
    if bad:
        raise problems_error(bad)
    rows = given.drop(FILE, LINE).to_dicts()
    if problems := list(filter(None, (_misfit(one, rows) for one in wanted))):
        what = f"{counted(len(problems), 'correction')} without a place in the table"
        raise KomepError(f"{corrections}: {what}:\n{listed(problems)}")
    by_key = {(one.question_id, one.model): one for one in wanted}
    replaced = sum(_replace(row, by_key) for row in rows)
    carry_evidence(files, target)
    write_scored(pl.DataFrame(rows, schema=given.drop(FILE, LINE).schema), target)
    return target, len(rows), replaced


def _fits(row: Mapping, correction: Correction) -> bool:
    """Whether a row holds the text that was reviewed, or the correction already; a question may have no Korean
    in the rows of answers that are in no pair."""
    korean = collapse_blanks(row[correction.text_column] or "")
    known = {collapse_blanks(correction.before), collapse_blanks(correction.after)}
    return korean in (known if correction.model else known | {""})


def _replace(row: dict, by_key: Mapping[tuple[str, str], Correction]) -> int:
    """Correct the texts of a row; returns how many changed."""
    changed = 0
    for model in ("", row["model"]):
        correction = by_key.get((row["question_id"], model))
        if correction and _fits(row, correction):
            changed += row[correction.text_column] != correction.after
            row[correction.text_column] = correction.after
    return changed


def _misfit(correction: Correction, rows: Sequence[Mapping]) -> str:
    """Why a correction does not belong to a table, or ""."""
    question, model = correction.question_id, correction.model
    place = "/".join(filter(None, (question, model)))
    own = [row for row in rows if row["question_id"] == question and model in ("", row["model"])]
    if not own:
        return f"{place}: no such row in the table"
    if model and any(row["response"] != correction.source for row in own):
        return f"{place}: the answer is another than the one that was reviewed"
    if not any(_fits(row, correction) for row in own):
        return f"{place}: its Korean is another than what was reviewed; review it again"
    return ""


def read_corrections(path: Path) -> list[Correction]:
    """The lines of `corrections.jsonl`; `KomepError` names the line that is none."""
    return [Correction(**row) for row in read_table(path, Correction).iter_rows(named=True)]
