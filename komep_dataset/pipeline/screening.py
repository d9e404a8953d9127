"""`komep screen`: does a question ask an item of a benchmark again, in other words or by a case told anew? A model says so.

Questions and items enter, a row for each question beside each item that is near it leaves (`gates.trial.screened`). Near are
the item that is most like the question as the contamination gate counts it, and those that have most words in common with it,
without and with their options (BM25). A question that is a copy is not asked about. That a model has the last word on the
nearest items is the way of Yang et al. 2023 (arXiv 2311.04850), who find them by embeddings.

It comes last before the build: a question that was asked in English is compared with a Korean benchmark by its translation.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import ClassVar

import polars as pl

from komep_dataset.config.config import Config, Judge
from komep_dataset.errors import KomepError
from komep_dataset.evidence.bm25 import WordIndex
from komep_dataset.evidence.words import words_of
from komep_dataset.files.outputs import stage_outputs
from komep_dataset.gates.contamination import COPY, Index
from komep_dataset.gates.trial.benchmark_files import read_benchmark
from komep_dataset.gates.trial.screened import Screened, Screening
from komep_dataset.inference.ask import Body, ask, judge_body
from komep_dataset.inference.servers import local_servers
from komep_dataset.progress import counted
from komep_dataset.prompts.messages import screen_messages
from komep_dataset.schema import Verdict, polars_schema, question_id
from komep_dataset.tables.formats import table_files
from komep_dataset.tables.problems import LINE, problems_error
from komep_dataset.tables.reading import applicable, read_batches, read_table
from komep_dataset.tables.writing import output_path, write_rows

STAGE = "screen"
TABLE = "screened.parquet"
ITEMS = 6  # that are shown with a question: chosen on labelled repeats (docs/contamination.md)
SCREEN_TOKENS = 16  # limit of a reply: a few numbers (ours)
REPLY_CHARACTERS = 100  # of a longer one nothing is read
_SIGNS = r"[\s*_\"'`()\[\]{}.,:]*"
_NONE = re.compile(rf"{_SIGNS}(?:none|없음){_SIGNS}", re.IGNORECASE)
_NUMBERS = re.compile(
    rf"{_SIGNS}(?:(?:items?|numbers?|and|및){_SIGNS}|\d{{1,3}}(?!\d)번?{_SIGNS})*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of any table that has these columns."""

    KEY: ClassVar[tuple[str, ...]] = ("question_id",)

    question_id: str
    question: str
    question_ko: str | None

    @property
    def text(self) -> str:
        return "\n".join(dict.fromkeys(filter(None, (self.question, self.question_ko))))


@dataclass(frozen=True, slots=True)
class Look:
    """A question and the items that come near it: their rows without a verdict, and what they ask."""

    question: Asked
    rows: tuple[Screened, ...]
    items: tuple[str, ...]

    def body(self, screener: Judge) -> Body:
        """The request about it."""
        return judge_body(screen_messages(self.question.text, self.items), screener, SCREEN_TOKENS)


@dataclass(frozen=True, slots=True)
class ScreenedTable:
    """What `komep screen` did; `failures` counts questions without a reply, which `--retry-failed` asks again; `unread` has the
    replies that could not be read."""

    path: Path
    questions: int
    asked: int
    again: Mapping[str, Screened] = field(repr=False)
    failures: int
    reason: str
    unread: tuple[str, ...]

    @property
    def frame(self) -> pl.DataFrame:
        """The table that was written."""
        return read_table(self.path, Screened)

    @property
    def line(self) -> str:
        """The figures as one line for people."""
        unread = f" ({len(self.unread):,} unreadable)" if self.unread else ""
        asked = f"{counted(self.questions, 'question')}, {self.asked:,} asked about{unread}"
        return f"{asked}, {len(self.again):,} ask an item of a benchmark again -> {self.path}"


def read_questions(table: Path, columns: Mapping[str, str]) -> list[Asked]:
    """The distinct questions of a table of questions, answers or scores; `columns` is a map of names.

    Raises `KomepError` for bad rows, by file and line, and a table without any.
    """
    files, found, problems = table_files([table]), {}, []
    own = applicable(files, Asked, columns)
    for file in files:
        for frame, bad in read_batches(file, Asked, ("question_id",), columns=own):
            problems += bad
            for row in frame.drop(LINE).iter_rows(named=True):
                one = Asked(**row | {"question_id": row["question_id"] or question_id(row["question"])})
                if one.question_ko or one.question_id not in found:
                    found[one.question_id] = one
    if problems:
        raise problems_error(problems)
    if not found:
        raise KomepError(f"{table}: it holds no question")
    return list(found.values())


def looks_of(
    questions: Sequence[Asked], config: Config, *, every: bool = False
) -> tuple[list[Look], list[Screened]]:
    """(the questions that a model is to be asked about; rows of those that are copies). `every`: also those that no item is near,
    beside the first ones: for an estimate before they are translated.

    Raises `KomepError` where the configuration names no benchmark, or one cannot be read.
    """
    named = config.selection.decontaminate
    if not named:
        raise KomepError(
            f"{config.file}: `selection.decontaminate:` is missing: name the benchmarks whose items are looked for, as "
            "{kormedmcqa: PATH}"
        )
    benchmarks = [read_benchmark(name, path) for name, path in sorted(named.items())]
    places = [(one.name, item.split, item.row) for one in benchmarks for item in one.items]
    alone = ["\n".join(item.questions) for one in benchmarks for item in one.items]
    whole = ["\n".join((*item.questions, *item.options)) for one in benchmarks for item in one.items]
    text_of, indexes = dict(zip(places, whole, strict=True)), (WordIndex.of(whole), WordIndex.of(alone))
    nearest = Index(benchmarks).nearest(pl.DataFrame(questions, schema=polars_schema(Asked)))
    looks, known = [], []
    for row, (one, words) in enumerate(zip(questions, words_of(q.text for q in questions), strict=True)):
        shares = {nearest[row][:3]: nearest[row][3]} if row in nearest else {}
        if max(shares.values(), default=0.0) >= COPY:
            [(place, share)] = shares.items()
            known.append(Screened(one.question_id, *place, Verdict.TRUE.value, share, None))
            continue
        by_words = zip_longest(*(index.best(words, ITEMS) for index in indexes))
        found = (places[one[0]] for both in by_words for one in both if one)
        near = list(dict.fromkeys([*shares, *found]))[:ITEMS] or places[: ITEMS * every]
        rows = [Screened(one.question_id, *at, Verdict.UNKNOWN.value, shares.get(at), None) for at in near]
        if rows:
            looks.append(Look(one, tuple(rows), tuple(text_of[at] for at in near)))
    return looks, known


def screen(questions: Path, config: Config, output: Path) -> ScreenedTable:
    """Ask the screener about questions and the items nearest to them, of the benchmarks of `selection.decontaminate`.

    Args:
        questions: a table with questions, or a folder of such tables.
        config: with a `screener`.
        output: the table of `Screened` rows to write.

    Raises:
        KomepError: bad rows, no benchmark, what `inference.ask` raises.
    """
    screener, asked = config.judge("screener"), read_questions(questions, config.columns)
    output = output_path(output, TABLE)
    with local_servers(), stage_outputs(config.work / STAGE, {output: Screened}):
        looks, rows = looks_of(asked, config)
        bodies = {look.question.question_id: look.body(screener) for look in looks}
        replies = ask(bodies, screener, config.work / STAGE, label=STAGE) if bodies else {}
        failed, unread = [], []
        for look in looks:
            reply = replies[look.question.question_id]
            again = parse_numbers(reply.text, len(look.rows), cut=reply.finish_reason == "length")
            if reply.failure:
                failed.append(reply.failure)
            elif again is None:
                unread.append(reply.text)
            rows += [
                replace(
                    one, verdict=_verdict(None if reply.failure else again, number), screener=screener.model
                )
                for number, one in enumerate(look.rows, 1)
            ]
        write_rows(rows, output, Screened)
    reason = failed[0] if failed else ""
    again = Screening.of(output.name, rows).again
    return ScreenedTable(output, len(asked), len(looks), again, len(failed), reason, tuple(unread))


def _verdict(again: Iterable[int] | None, number: int) -> str:
    if again is None:
        return Verdict.UNKNOWN.value
    return (Verdict.TRUE if number in again else Verdict.FALSE).value


def parse_numbers(reply: str, count: int, *, cut: bool = False) -> set[int] | None:
    """The numbers from 1 to `count` that a reply names, none for None; None where it says anything else, or was cut.

    >>> parse_numbers("1, 3", 3), parse_numbers("None.", 3), parse_numbers("4", 3), parse_numbers("Perhaps 1", 3)
    ({1, 3}, set(), None, None)
    """
    if cut or not reply.strip() or len(reply) > REPLY_CHARACTERS:
        return None
    if _NONE.fullmatch(reply):
        return set()
    numbers = {int(one) for one in re.findall(r"\d+", reply)} if _NUMBERS.fullmatch(reply) else set()
    return numbers if numbers and numbers <= {*range(1, count + 1)} else None
