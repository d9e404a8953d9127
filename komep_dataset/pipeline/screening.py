"""`komep screen`: does a question ask an item of a benchmark again, in other words or by a case told anew? A model says so.

Questions and items enter, a row for each question beside each item that is near it leaves (`gates.trial.screened`). Near are
the item that is most like the question as the contamination gate counts it, and those that have most words in common with it,
without and with their options (BM25). A question that is a copy is not asked about. That a model has the last word on the
nearest items is the way of Yang et al. 2023 (arXiv 2311.04850), who find them by embeddings.

It comes last before the build: a question that was asked in English is compared with a Korean benchmark by its translation.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
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
from komep_dataset.gates.trial.benchmark_files import Item, read_benchmark
from komep_dataset.gates.trial.screened import CLOSE, Screened
from komep_dataset.inference.ask import Body, ask, judge_body
from komep_dataset.inference.reply_log import Reply
from komep_dataset.inference.servers import local_servers
from komep_dataset.progress import counted
from komep_dataset.prompts.messages import screen_messages
from komep_dataset.schema import Reason, Verdict, id_before_spreadsheet, polars_schema, question_id
from komep_dataset.tables.formats import table_files
from komep_dataset.tables.problems import LINE, Fault, Problem, problems_error
from komep_dataset.tables.reading import applicable, read_batches, read_table
from komep_dataset.tables.writing import output_path, write_rows

STAGE = "screen"
TABLE = "screened.parquet"
ITEMS = 6  # that are shown with a question: chosen on labelled repeats (docs/contamination.md)
SHOWN = 4_000  # characters of a question and of an item that are shown (ours)
SCREEN_TOKENS = 16  # limit of a reply: a few numbers (ours)
REPLY_CHARACTERS = 100  # of a longer line nothing is read
_SIGN = r"[\s*_\"'`“”‘’()\[\]{}<>.,:;#、。·&-]"
_LEAD = rf"{_SIGN}*(?:(?:the )?answer(?: is)?|답|정답)?{_SIGN}*"
_NONE = re.compile(
    rf"{_LEAD}(?:none(?: of (?:them|these|the items))?|no|0|없음|없습니다|해당 ?없음|\[\s*\]){_SIGN}*",
    re.IGNORECASE,
)
_NUMBERS = re.compile(
    rf"{_LEAD}(?:(?:items?|numbers?|and|or|및|과|와){_SIGN}*)?(?:\d{{1,3}}(?!\d)(?:번)?{_SIGN}*(?:(?:items?|and|or|및|과|와){_SIGN}*)*)+",
    re.IGNORECASE,
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
        return judge_body(screen_messages(_shown(self.question.text), self.items), screener, SCREEN_TOKENS)


@dataclass(frozen=True, slots=True)
class ScreenedTable:
    """What `komep screen` did; `again` counts questions that ask an item again, `failures` those without a reply, which
    `--retry-failed` asks again; `unread` has the replies that could not be read."""

    path: Path
    questions: int
    asked: int
    again: int
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
        return f"{asked}, {self.again:,} ask an item of a benchmark again -> {self.path}"


def read_questions(table: Path, columns: Mapping[str, str]) -> list[Asked]:
    """The distinct questions of a table of questions, answers or scores, each with its Korean where a row has it; `columns` is a map
    of names.

    Raises `KomepError` for bad rows, by file and line, and a table without any.
    """
    files, problems = table_files([table]), []
    found: dict[str, tuple[Asked, str]] = {}
    own = applicable(files, Asked, columns)
    for file in files:
        for frame, bad in read_batches(file, Asked, ("question_id",), columns=own):
            problems += bad
            for id, text, korean, line in frame.select(*polars_schema(Asked), LINE).iter_rows():
                id = (id and id_before_spreadsheet(id, text)) or id or question_id(text)
                first, place = found.get(id, (None, ""))
                fault = "empty" if not text.strip() else ""
                if not fault and first and question_id(first.question) != question_id(text):
                    fault = (
                        f"{id} is that of another question at {place}; give each an id of its own, or none"
                    )
                if fault:
                    problems.append(
                        Problem.of_row(str(file), line, [Fault("question", Reason.BAD_VALUE, fault)])
                    )
                elif not first or (korean and not first.question_ko):
                    found[id] = Asked(id, text, korean), f"{file}:{line}"
    if problems:
        raise problems_error(problems)
    if not found:
        raise KomepError(f"{table}: it holds no question")
    return [one for one, _ in found.values()]


def looks_of(
    questions: Sequence[Asked], config: Config, untranslated: Collection[str] = ()
) -> tuple[list[Look], list[Screened]]:
    """(the questions that a model is to be asked about; rows of those that are copies). Those of the ids `untranslated` are beside
    the first items, where none is near: for an estimate before they are translated.

    Raises `KomepError` where the configuration names no benchmark, or one cannot be read.
    """
    named = config.selection.decontaminate
    if not named:
        raise KomepError(
            f"{config.file}: `selection.decontaminate:` is missing: name the benchmarks whose items are looked for, as "
            "{kormedmcqa: PATH}"
        )
    benchmarks = [read_benchmark(name, path) for name, path in sorted(named.items())]
    # An item that stands there twice is shown once.
    items: dict[str, tuple[str, Item]] = {}
    for benchmark in benchmarks:
        for item in benchmark.items:
            items.setdefault(item.sha256, (benchmark.name, item))
    ids, asks = list(items), ["\n".join(item.questions) for _, item in items.values()]
    whole = ["\n".join((*item.questions, *item.options)) for _, item in items.values()]
    shown = {id: _shown(text) for id, text in zip(ids, whole, strict=True)}
    indexes = WordIndex.of(whole), WordIndex.of(asks)
    nearest = Index(benchmarks).nearest(pl.DataFrame(questions, schema=polars_schema(Asked)), CLOSE)

    def row(asked: Asked, id: str, share: float | None, verdict: Verdict) -> Screened:
        benchmark, item = items[id]
        return Screened(asked.question_id, benchmark, item.split, item.row, verdict.value, share, None, id)

    looks, copies = [], []
    for place, (one, words) in enumerate(zip(questions, words_of(q.text for q in questions), strict=True)):
        shares = {id: share for share, id in nearest.get(place, ())}
        copied = next(((id, share) for id, share in shares.items() if share >= COPY), None)
        if copied:
            copies.append(row(one, *copied, Verdict.TRUE))
            continue
        by_words = zip_longest(*(index.best(words, ITEMS) for index in indexes))
        found = [ids[hit[0]] for both in by_words for hit in both if hit]
        near = list(dict.fromkeys([*shares, *found]))[:ITEMS] or (
            ids[:ITEMS] if one.question_id in untranslated else []
        )
        if near:
            rows = tuple(row(one, id, shares.get(id), Verdict.UNKNOWN) for id in near)
            looks.append(Look(one, rows, tuple(shown[id] for id in near)))
    return looks, copies


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def screen(questions: Path, config: Config, output: Path | None = None) -> ScreenedTable:
    """Ask the screener about questions and the items nearest to them, of the benchmarks of `selection.decontaminate`.

    Args:
        questions: a table with questions, or a folder of such tables.
        config: with a `screener`, whose replies are kept in `<work>/screen`.
        output: the table of `Screened` rows to write, or a folder for `screened.parquet`; None = that in `<work>/screen`.

    Raises:
        KomepError: bad rows, no benchmark, what `inference.ask` raises.
    """
    screener, asked = config.judge("screener"), read_questions(questions, config.columns)
    work = config.work / STAGE
    output = output_path(output or work / TABLE, TABLE)
    with local_servers(), stage_outputs(work, {output: Screened}):
        looks, rows = looks_of(asked, config)
        replies = (
            ask({n: look.body(screener) for n, look in enumerate(looks)}, screener, work, label=STAGE)
            if looks
            else {}
        )
        for look, reply in zip(looks, replies.values(), strict=True):
            named = numbers_in(reply, len(look.rows))
            rows += [
                replace(one, verdict=_verdict(named, number), screener=screener.model)
                for number, one in enumerate(look.rows, 1)
            ]
        write_rows(rows, output, Screened)
    failed = [reply.failure for reply in replies.values() if reply.failure]
    answered = (
        (reply, len(look.rows))
        for look, reply in zip(looks, replies.values(), strict=True)
        if not reply.failure
    )
    return ScreenedTable(
        path=output,
        questions=len(asked),
        asked=len(looks),
        again=len({one.question_id for one in rows if one.verdict == Verdict.TRUE}),
        failures=len(failed),
        reason=failed[0] if failed else "",
        unread=tuple(reply.text for reply, count in answered if numbers_in(reply, count) is None),
    )


def _verdict(named: set[int] | None, number: int) -> str:
    if named is None:
        return Verdict.UNKNOWN.value
    return (Verdict.TRUE if number in named else Verdict.FALSE).value


def numbers_in(reply: Reply, count: int) -> set[int] | None:
    """The numbers of the items, from 1 to `count`, that a reply names; None where there is none, or it cannot be read."""
    if reply.failure or reply.finish_reason == "length":
        return None
    return parse_numbers(reply.text, count)


def parse_numbers(text: str, count: int) -> set[int] | None:
    """The numbers from 1 to `count` that a text, or its first line, consists of, none for None; None where it says anything else.

    >>> parse_numbers("1, 3", 3), parse_numbers("None.", 3), parse_numbers("4", 3), parse_numbers("Perhaps 1", 3)
    ({1, 3}, set(), None, None)
    """
    text = unicodedata.normalize("NFKC", text).strip()
    for part in (text, text.partition("\n")[0]):
        if len(part) > REPLY_CHARACTERS:
            continue
        if _NONE.fullmatch(part):
            return set()
        if _NUMBERS.fullmatch(part):
            numbers = {int(one) for one in re.findall(r"\d+", part)}
            return numbers if numbers <= {*range(1, count + 1)} else None
    return None
