"""`komep screen`: does a question ask an item of a benchmark again, in other words or by a case told anew? A model says so.

Questions and items enter, a row for each question beside each item that is near it leaves (`gates.trial.screened`). Near are
items that are like the question as the contamination gate counts it, and those that have most words in common with it, without
and with their options (BM25). A question that is a copy is not asked about: the gate rejects it. That a model has the last word on the
nearest items is the way of Yang et al. 2023 (arXiv 2311.04850), who find them by embeddings.

It comes last before the build: a question that was asked in English is compared with a Korean benchmark by its translation.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
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
_MARK = r"[\s*_\"'`“”‘’()\[\]{}<>#]*"
_LEAD = rf"{_MARK}(?:(?:(?:the )?answer(?: is)?|정?답(?:은)?)\s?:?)?{_MARK}"
_END = rf"{_MARK}(?:입니다)?[.。!]?{_MARK}"
_NONE = re.compile(
    rf"{_LEAD}(?:none(?: of (?:them|these|the (?:items?|above)))?|no(?: items?)?|n/a|null|0|없음|없습니다|해당 ?(?:사항 ?)?없음|\[\s*\]){_END}",
    re.IGNORECASE,
)
_NUMBER = rf"{_MARK}(?:items?\s)?{_MARK}\d{{1,3}}(?!\d)번?{_MARK}"
_NUMBERS = re.compile(
    rf"{_LEAD}(?:numbers?\s)?{_NUMBER}(?:(?:[,;、&]|\band\b|및|과|와|(?<=[\s\])])){_NUMBER})*{_END}",
    re.IGNORECASE,
)
# A later line that says more than why.
_CLASHES = re.compile(rf"{_MARK}(?:items?\s)?(?:\d|none\b|no\b|not\b|is\b|are\b|없|해당|아니)", re.IGNORECASE)


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
                id, text = (id and id_before_spreadsheet(id, text)) or id or question_id(text), text.strip()
                korean = (korean or "").strip() or None
                first, place = found.get(id, (Asked(id, text, korean), f"{file}:{line}"))
                fault = "" if text else "empty"
                if not fault and question_id(first.question) != question_id(text):
                    fault = (
                        f"{id} is that of another question at {place}; give each an id of its own, or none"
                    )
                if fault:
                    problems.append(
                        Problem.of_row(str(file), line, [Fault("question", Reason.BAD_VALUE, fault)])
                    )
                    continue
                # Whatever the order of the rows.
                koreans = [one for one in (first.question_ko, korean) if one]
                found[id] = Asked(id, min(first.question, text), min(koreans, default=None)), place
    if problems:
        raise problems_error(problems)
    if not found:
        raise KomepError(f"{table}: it holds no question")
    return [one for one, _ in found.values()]


def looks_of(questions: Sequence[Asked], config: Config, untranslated: Collection[str] = ()) -> list[Look]:
    """The questions that a model is to be asked about, none that is a copy. Those of the ids `untranslated` are beside the first
    items, where none is near: for an estimate before they are translated.

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

    looks = []
    for place, (one, words) in enumerate(zip(questions, words_of(q.text for q in questions), strict=True)):
        shares = {id: share for share, id in nearest.get(place, ())}
        if max(shares.values(), default=0.0) >= COPY:
            continue
        by_words = ([ids[number] for number, _ in index.best(words, ITEMS)] for index in indexes)
        # The most alike, then in turn by words, without and with options, and by n-grams.
        ranks = chain(list(shares)[:1], *zip_longest(*by_words, list(shares)[1:]))
        near = [id for id in dict.fromkeys(ranks) if id][:ITEMS]
        near = near or (ids[:ITEMS] if one.question_id in untranslated else [])
        rows = tuple(
            Screened(
                question_id=one.question_id,
                benchmark=items[id][0],
                split=items[id][1].split,
                item=items[id][1].row,
                verdict=Verdict.UNKNOWN.value,
                share=shares.get(id),
                screener=None,
                item_sha256=id,
            )
            for id in near
        )
        looks += [Look(one, rows, tuple(shown[id] for id in near))] if near else []
    return looks


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
        looks, rows, failed, unread = looks_of(asked, config), [], [], []
        replies = (
            ask({n: look.body(screener) for n, look in enumerate(looks)}, screener, work, label=STAGE)
            if looks
            else {}
        )
        for look, reply in zip(looks, replies.values(), strict=True):
            named = numbers_in(reply, len(look.rows))
            if reply.failure:
                failed.append(reply.failure)
            elif named is None:
                unread.append(reply.text)
            rows += [
                replace(one, verdict=_verdict(named, number), screener=screener.model)
                for number, one in enumerate(look.rows, 1)
            ]
        write_rows(rows, output, Screened)
    again = len({one.question_id for one in rows if one.verdict == Verdict.TRUE})
    reason = failed[0] if failed else ""
    return ScreenedTable(output, len(asked), len(looks), again, len(failed), reason, tuple(unread))


def _verdict(named: set[int] | None, number: int) -> str:
    if named is None:
        return Verdict.UNKNOWN.value
    return (Verdict.TRUE if number in named else Verdict.FALSE).value


def numbers_in(reply: Reply, count: int) -> set[int] | None:
    """The numbers of the items, from 1 to `count`, that a reply names; None where there is none, or it cannot be read."""
    return None if reply.failure else parse_numbers(reply.text, count, cut=reply.finish_reason == "length")


def parse_numbers(text: str, count: int, *, cut: bool = False) -> set[int] | None:
    """The numbers from 1 to `count` that a text consists of, none for None; or its first line, where the others only explain. None
    where it says anything else, or was `cut` within that.

    >>> parse_numbers("1, 3", 3), parse_numbers("None.", 3), parse_numbers("4", 3), parse_numbers("Perhaps 1", 3)
    ({1, 3}, set(), None, None)
    """
    text = unicodedata.normalize("NFKC", text).strip()
    first, *others = [line for line in text[: 10 * REPLY_CHARACTERS].splitlines() if line.strip()] or [""]
    explained = others and not any(map(_CLASHES.match, others))
    for part in [text] * (not cut) + [first] * bool(explained):
        if len(part) <= REPLY_CHARACTERS and _NONE.fullmatch(part):
            return set()
        if len(part) <= REPLY_CHARACTERS and _NUMBERS.fullmatch(part):
            numbers = {int(one) for one in re.findall(r"\d+", part)}
            return numbers if numbers <= {*range(1, count + 1)} else None
    return None
