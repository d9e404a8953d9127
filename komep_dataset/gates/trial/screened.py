"""Questions that ask an item of a benchmark again, as a model says (or a person): what `komep screen` writes and `--screened` reads."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from komep_dataset.gates.trial.gate import shortened
from komep_dataset.schema import Reason, Verdict, column
from komep_dataset.tables.checking import verdict_advice, verdict_of
from komep_dataset.tables.formats import table_files
from komep_dataset.tables.problems import LINE, Fault, Problem, problems_error
from komep_dataset.tables.reading import read_batches

CLOSE = 0.4  # a share from which on a question may be accused, so that a `false` is kept
NAME_CHARACTERS = 200  # of a benchmark, a split, a screener


@dataclass(frozen=True, slots=True)
class Screened:
    """A row: a question beside an item that is near it."""

    KEY: ClassVar[tuple[str, ...]] = ("question_id", "benchmark", "split", "item")

    question_id: str = column("id of the question")
    benchmark: str = column("name of the benchmark")
    split: str = column("file of the benchmark, without its ending")
    item: int = column("row in the split, from 1")
    verdict: str = column(
        "`true`: the question asks the item again; `false`: it does not; `unknown`: no reply, or one that cannot be read"
    )
    share: float | None = column(
        "how much alike both are, 0 to 1, as the contamination gate counts it; null = near by its words"
    )
    screener: str | None = column("the model that was asked; null = a person's word")
    item_sha256: str | None = column(
        "first 16 hex digits of the SHA-256 of the item's questions and options; a `false` without it excuses nothing"
    )

    def __str__(self) -> str:
        said = (
            f"{self.screener} says that the question asks it again"
            if self.screener
            else "the question asks it again"
        )
        alike = "" if self.share is None else f"; {self.share:.2f} of the n-grams in common"
        return shortened(f"{self.benchmark}, {self.split} row {self.item}: {said}{alike}")

    def faults(self) -> Iterable[Fault]:
        """What is wrong with values of the right type."""
        if self.verdict not in {*Verdict}:
            yield Fault("verdict", Reason.BAD_VALUE, verdict_advice(self.verdict))
        if self.item < 1:
            yield Fault("item", Reason.BAD_VALUE, f"{self.item} is no row; they count from 1")
        if self.share is not None and not 0 <= self.share <= 1:
            yield Fault("share", Reason.BAD_VALUE, f"{self.share} is not from 0 to 1")
        for name in ("benchmark", "split", "screener"):
            text = getattr(self, name) or "-"
            if not text.isprintable() or not text.strip() or len(text) > NAME_CHARACTERS:
                yield Fault(name, Reason.BAD_VALUE, f"give one line of at most {NAME_CHARACTERS} characters")


@dataclass(frozen=True, slots=True)
class Screening:
    """A file of such rows, as a build takes it and provenance keeps it.

    `again`: question id -> the benchmark of the item that it asks again, and what is told of it; `excused`: question ids and items
    (`item_sha256`) that are alike enough to be accused, and are none; `unread`: ids of questions of which nothing is known;
    `judged`: of those of which something is, by this file alone (it is not recorded).
    """

    file: str
    sha256: str
    screeners: tuple[str, ...]
    again: Mapping[str, tuple[str, str]]
    excused: frozenset[tuple[str, str]]
    unread: frozenset[str]
    judged: frozenset[str] = field(default=frozenset(), compare=False)

    @classmethod
    def of(cls, file: str, rows: Sequence[Screened]) -> "Screening":
        rows = sorted(
            rows, key=lambda one: (one.question_id, -(one.share or 0), one.benchmark, one.split, one.item)
        )
        content = json.dumps([asdict(one) for one in rows], ensure_ascii=False)
        again, known = {}, set()
        for one in rows:
            if one.verdict == Verdict.TRUE:
                again.setdefault(one.question_id, (one.benchmark, str(one)))
            if one.verdict != Verdict.UNKNOWN:
                known.add(one.question_id)
        return cls(
            file=file,
            sha256=hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest(),
            screeners=tuple(sorted({one.screener for one in rows if one.screener})),
            again=again,
            excused=frozenset(
                (one.question_id, one.item_sha256)
                for one in rows
                if one.verdict == Verdict.FALSE
                and one.item_sha256
                and (not one.screener if one.share is None else one.share >= CLOSE)
            ),
            unread=frozenset(one.question_id for one in rows if one.question_id not in known),
            judged=frozenset(known),
        )

    def record(self) -> dict[str, Any]:
        """What provenance keeps, and a release that grows goes on with."""
        return {
            "file": self.file,
            "sha256": self.sha256,
            "screeners": list(self.screeners),
            "again": [[id, *told] for id, told in sorted(self.again.items())],
            "excused": sorted(map(list, self.excused)),
            "unread": sorted(self.unread),
        }

    @classmethod
    def recorded(cls, record: Mapping[str, Any]) -> "Screening":
        """What `record` was made of."""
        return cls(
            record["file"],
            record["sha256"],
            tuple(record["screeners"]),
            {id: (benchmark, told) for id, benchmark, told in record["again"]},
            frozenset(map(tuple, record["excused"])),
            frozenset(record["unread"]),
        )

    def without(self, ids: Collection[str]) -> "Screening":
        """The same but for some questions, of which another file says something."""
        return replace(
            self,
            again={id: told for id, told in self.again.items() if id not in ids},
            excused=frozenset(one for one in self.excused if one[0] not in ids),
            unread=self.unread.difference(ids),
        )


def read_screened(path: Path) -> list[Screening]:
    """What a file of `Screened` rows says (JSONL, CSV or Parquet; the columns behind `verdict` may be left out).

    Raises:
        KomepError: there is no such file, it lacks a column, or rows are bad or contradict others (each by file and line).
    """
    said: dict[tuple[Any, ...], tuple[Screened, str]] = {}
    problems: list[Problem] = []
    for file in table_files([Path(path)]):
        for frame, bad in read_batches(file, Screened):
            problems += bad
            for row in frame.iter_rows(named=True):
                line = row.pop(LINE)
                one = Screened(**row | {"verdict": verdict_of(row["verdict"])})
                key = tuple(getattr(one, name) for name in Screened.KEY)
                other, place = said.setdefault(key, (one, f"{file}:{line}"))
                faults = [*one.faults()]
                if other.verdict != one.verdict:
                    faults.append(
                        Fault(
                            "verdict", Reason.BAD_VALUE, f"{one.verdict}, where {place} says {other.verdict}"
                        )
                    )
                elif one.item_sha256 and not other.item_sha256:
                    said[key] = one, place
                problems += [Problem.of_row(str(file), line, faults)] if faults else []
    if problems:
        raise problems_error(sorted(problems, key=lambda one: (one.file, one.line)))
    return [Screening.of(Path(path).name, [one for one, _ in said.values()])]
