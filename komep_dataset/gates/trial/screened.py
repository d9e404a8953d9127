"""Questions that ask an item of a benchmark again, as a model says (or a person): what `komep screen` writes and `--screened` reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from komep_dataset.schema import Reason, Verdict, column
from komep_dataset.tables.checking import verdict_advice, verdict_of
from komep_dataset.tables.formats import table_files
from komep_dataset.tables.problems import LINE, Fault, Problem, problems_error
from komep_dataset.tables.reading import read_batches

OPTIONAL = ("share", "screener")


@dataclass(frozen=True, slots=True)
class Screened:
    """A row: a question beside an item that is near it."""

    KEY: ClassVar[tuple[str, ...]] = ("question_id", "benchmark", "split", "item")

    question_id: str = column("id of the question")
    benchmark: str = column("name of the benchmark")
    split: str = column("file of the benchmark, without its ending")
    item: int = column("row in the split, from 1")
    verdict: str = column(
        "`true`: the question asks the item again; `false`: it does not; `unknown`: the reply could not be read"
    )
    share: float | None = column(
        "how much alike both are, 0 to 1, as the contamination gate counts it; null = near by other words"
    )
    screener: str | None = column(
        "the model that says so; null = nobody was asked: a share that is enough, or a person's word"
    )

    def __str__(self) -> str:
        said = (
            f"{self.screener} says that the question asks it again"
            if self.screener
            else "the question asks it again"
        )
        alike = "" if self.share is None else f"; {self.share:.2f} of the n-grams in common"
        return f"{self.benchmark}, {self.split} row {self.item}: {said}{alike}"


@dataclass(frozen=True, slots=True)
class Screening:
    """A file of such rows: how many questions were looked at, by which models, the row behind each that asks an item again, and
    the places of the others: question id, benchmark, split, item."""

    file: str
    looked: int
    screeners: tuple[str, ...]
    again: Mapping[str, Screened]
    excused: frozenset[tuple[str, str, str, int]]

    @classmethod
    def of(cls, file: str, rows: Sequence[Screened]) -> "Screening":
        rows = sorted(
            rows, key=lambda one: (one.question_id, -(one.share or 0), one.benchmark, one.split, one.item)
        )
        again: dict[str, Screened] = {}
        for one in rows:
            if one.verdict == Verdict.TRUE:
                again.setdefault(one.question_id, one)
        screeners = sorted({one.screener for one in rows if one.screener})
        no = (one for one in rows if one.verdict == Verdict.FALSE)
        excused = frozenset((one.question_id, one.benchmark, one.split, one.item) for one in no)
        return cls(file, len({one.question_id for one in rows}), tuple(screeners), again, excused)

    def facts(self) -> dict[str, Any]:
        """As quality.json has it."""
        return {
            "file": self.file,
            "looked": self.looked,
            "screeners": list(self.screeners),
            "again": len(self.again),
        }

    def record(self) -> dict[str, Any]:
        """What provenance keeps: the ids, so that a release that grows keeps them out."""
        return self.facts() | {"again": sorted(self.again)}


def read_screened(path: Path) -> list[Screening]:
    """What a file of `Screened` rows says (JSONL, CSV or Parquet; `share` and `screener` may be left out).

    Raises:
        KomepError: there is no such file, it lacks a column, or rows are bad (each by file and line).
    """
    rows: list[Screened] = []
    problems: list[Problem] = []
    for file in table_files([Path(path)]):
        for frame, bad in read_batches(file, Screened, OPTIONAL):
            problems += bad
            for row in frame.iter_rows(named=True):
                line = row.pop(LINE)
                verdict = verdict_of(row["verdict"])
                if verdict not in {*Verdict}:
                    fault = Fault("verdict", Reason.BAD_VALUE, verdict_advice(verdict))
                    problems.append(Problem.of_row(str(file), line, [fault]))
                rows.append(Screened(**row | {"verdict": verdict}))
    if problems:
        raise problems_error(sorted(problems, key=lambda one: (one.file, one.line)))
    return [Screening.of(Path(path).name, rows)]
