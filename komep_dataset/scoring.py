"""`komep score`: DAHL over two models. A splitter breaks each response up, a checker judges each atomic unit.

What a verdict means and what a score is, `dahl.py` says; this module sends the right texts and keeps the
evidence: beside the table of scored generations lies `<name>.verdicts.parquet` with every raw reply of the
checker.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from komep_dataset import dahl
from komep_dataset.config import Config, Judge
from komep_dataset.errors import KomepError
from komep_dataset.inference import Reply, Request, ask
from komep_dataset.prompts import check_messages, split_messages
from komep_dataset.schema import (
    Reason,
    Reject,
    Response,
    ScoredGeneration,
    Status,
    Unit,
    column,
    polars_schema,
)
from komep_dataset.serving import LocalServers
from komep_dataset.tables import output_path, read_table, write_rejects, write_table

STAGE = "score"
SPLIT_TOKENS = 1024  # limit of a splitter's reply where the configuration sets none (ours)
CHECK_TOKENS = 16  # limit of a checker's reply: one word and what models put around it (ours)
UNITS_A_SENTENCE = 2  # what an estimate assumes (ours; the paper gives no figure)
NO_RESPONSE = "the responder gave no answer"
# A sentence ends at its mark and closing quotes or brackets, before white space or the end, or with a line.
_SENTENCE_END = re.compile(r"[.!?。…][\"'”’)\]]*(?=\s|$)|\n")


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """A row of the evidence: one unit and the checker's raw reply."""

    KEY: ClassVar[tuple[str, ...]] = ("question_id", "model", "unit_index")

    question_id: str = column("id of the question")
    model: str = column("name of the responder")
    unit_index: int = column("place of the unit in the response, from 0")
    unit: str = column("text of the unit")
    reply: str = column("the checker's reply, exactly as given; empty when the request failed")
    verdict: str = column("`true`, `false` or `unknown`")
    checker: str = column("name of the checker as the endpoint knows it")
    finish_reason: str = column("`stop`, `length` or `failed`")


@dataclass(frozen=True, slots=True)
class Scored:
    """What `komep score` did: rows by status; `failures` counts the failed ones whose response was there."""

    path: Path
    rows: int
    statuses: dict[str, int]
    failures: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Work:
    """One response on its way: `text` is what is split (None: nothing is sent), `units` its facts."""

    row: Response
    text: str | None
    units: tuple[str, ...] = ()
    failure: str = ""

    @property
    def key(self) -> str:
        return f"{self.row.question_id}/{self.row.model}"


def drop_fragment(text: str) -> str:
    """A text without its last sentence if that one is unfinished; empty if no sentence is finished."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    return text[: ends[-1]].rstrip() if ends else ""


def finished_text(row: Response, mode: str = "strict") -> str:
    """The response as it is judged: strict drops the sentence that the token limit cut off, paper nothing."""
    return drop_fragment(row.response) if mode == "strict" and row.finish_reason == "length" else row.response


def text_to_split(row: Response, mode: str = "strict") -> str | None:
    """What the splitter is sent, or None if nothing is: a failed response, an empty one, and in strict mode a
    blank one and an abstention."""
    text = finished_text(row, mode)
    if row.finish_reason == "failed" or not text:
        return None
    return None if mode == "strict" and (not text.strip() or dahl.is_abstention(text)) else text


def units_of(reply: Reply, mode: str = "strict") -> list[str]:
    """Units of a splitter's reply; strict drops the last line of a reply that its token limit cut off."""
    text = reply.text
    if mode == "strict" and reply.finish_reason == "length":
        text = text.rpartition("\n")[0]
    return dahl.split_units(text, mode)


def judge_body(messages: list[dict[str, str]], judge: Judge, tokens: int) -> dict[str, Any]:
    """A judge's request: temperature and token limit; when sampled, a seed that the texts decide."""
    body = {
        "messages": messages,
        "temperature": judge.temperature,
        "max_tokens": judge.max_new_tokens or tokens,
    }
    if judge.temperature:
        body |= {"top_p": 1.0, "seed": int(_digest(messages[-1]["content"])[:8], 16)}
    return body


def check_units(
    units: Iterable[str],
    checker: Judge,
    folder: Path,
    *,
    mode: str = "strict",
    label: str = "score: check",
    servers: LocalServers | None = None,
) -> dict[str, Reply]:
    """Ask the checker about units; equal units are asked once. Returns unit -> reply, which may be failed."""
    requests = {
        unit: Request(_digest(unit), judge_body(check_messages(unit, mode), checker, CHECK_TOKENS))
        for unit in units
    }
    replies = ask(list(requests.values()), checker, folder, label=label, servers=servers)
    return {unit: replies[request.id] for unit, request in requests.items()}


def score(
    responses: Sequence[Path],
    config: Config,
    output: Path,
    *,
    mode: str = "strict",
    servers: LocalServers | None = None,
) -> Scored:
    """Score responses and write the table of scored generations, its evidence and its rejects.

    Args:
        responses: tables `responses`, files or folders; a key may stand once in all of them.
        config: the pipeline; needs `splitter` and `checker`. Replies are kept in `<work>/score`.
        output: the table to write, or a folder for `scored.parquet`.
        mode: `strict` (ours) or `paper` (as DAHL's reference code).
        servers: a pool of local servers to share.

    Raises:
        KomepError: bad tables or an endpoint that answers nobody. A response whose splitting or checking
            alone fails is a row with the status `failed`, and is asked again by the next run.
    """
    splitter, checker = config.judge("splitter"), config.judge("checker")
    folder = config.work / STAGE
    with LocalServers() as own:
        pool = servers or own
        work = _split(
            [_Work(row, text_to_split(row, mode)) for row in read_responses(responses)],
            splitter,
            folder,
            mode,
            pool,
        )
        replies = check_units(
            dict.fromkeys(unit for one in work for unit in one.units),
            checker,
            folder / "check",
            mode=mode,
            servers=pool,
        )
    scored = [_scored(one, replies, mode) for one in work]
    target = output_path(output, "scored.parquet")
    _write(scored, target, ScoredGeneration)
    evidence = [row for one in work for row in verdict_rows(one.row, one.units, replies, checker.model, mode)]
    _write(evidence, verdicts_path(target), VerdictRow)
    rejects = [
        Reject(STAGE, one.key, Reason.REQUEST_FAILED.value, why)
        for one in work
        if (why := _failure(one, replies))
    ]
    write_rejects(target.parent, STAGE, rejects)
    own_failures = [r for r in rejects if r.detail != NO_RESPONSE]
    statuses = dict(Counter(row.status for row in scored))
    return Scored(
        target, len(scored), statuses, len(own_failures), own_failures[0].detail if own_failures else ""
    )


def verdicts_path(table: Path) -> Path:
    """Where the evidence of a table of scored generations lies."""
    return table.with_name(f"{table.stem}.verdicts.parquet")


def read_responses(paths: Sequence[Path]) -> list[Response]:
    """The rows of one or several tables `responses`; `KomepError` if a key stands in two of them."""
    rows: dict[tuple[str, str], Response] = {}
    for path in paths:
        for values in read_table(path, Response).iter_rows(named=True):
            row = Response(**values)
            if (row.question_id, row.model) in rows:
                raise KomepError(
                    f"{path}: {row.question_id}/{row.model} stands in another table too; give each once"
                )
            rows[row.question_id, row.model] = row
    return [rows[key] for key in sorted(rows)]


def _split(work: list[_Work], splitter: Judge, folder: Path, mode: str, servers: LocalServers) -> list[_Work]:
    """Fill in the units of every response that has a text to split."""
    requests = [
        Request(one.key, judge_body(split_messages(one.text), splitter, SPLIT_TOKENS))
        for one in work
        if one.text is not None
    ]
    replies = ask(requests, splitter, folder / "split", label="score: split", servers=servers)
    return [_with_units(one, replies.get(one.key), mode) for one in work]


def _with_units(one: _Work, reply: Reply | None, mode: str) -> _Work:
    if reply is None:
        return one
    if reply.failed:
        return _Work(one.row, one.text, failure=f"splitter: {reply.failure}")
    return _Work(one.row, one.text, tuple(units_of(reply, mode)))


def _failure(one: _Work, replies: dict[str, Reply]) -> str:
    """Why a response could not be scored for want of an answer, or ""."""
    if one.row.finish_reason == "failed":
        return NO_RESPONSE
    failed = next((replies[unit] for unit in one.units if replies[unit].failed), None)
    return one.failure or (f"checker: {failed.failure}" if failed else "")


def _scored(one: _Work, replies: dict[str, Reply], mode: str) -> ScoredGeneration:
    """A response with its units as a row of the table; a failed one has no units and no score."""
    units = [Unit(unit, _verdict(replies[unit], mode)) for unit in one.units]
    value, status = dahl.score_response(finished_text(one.row, mode), units, mode)
    if _failure(one, replies):
        units, value, status = [], None, Status.FAILED
    row = one.row
    return ScoredGeneration(
        question_id=row.question_id,
        model=row.model,
        question=row.question,
        category=row.category,
        response=row.response,
        units=units,
        dahl_score=value,
        status=status.value,
        question_ko=None,
        response_ko=None,
    )


def _verdict(reply: Reply, mode: str) -> str:
    return dahl.parse_verdict(reply.text, mode).value


def verdict_rows(
    row: Response, units: Sequence[str], replies: dict[str, Reply], checker: str, mode: str
) -> list[VerdictRow]:
    """The evidence of one response, a row a unit."""
    return [
        VerdictRow(
            row.question_id,
            row.model,
            index,
            unit,
            replies[unit].text,
            _verdict(replies[unit], mode),
            checker,
            replies[unit].finish_reason,
        )
        for index, unit in enumerate(units)
    ]


def _write(rows: Sequence[Any], path: Path, record: type) -> None:
    import polars as pl

    write_table(pl.DataFrame([asdict(row) for row in rows], schema=polars_schema(record)), path, record)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Estimate:
    """What scoring would send, counted without asking; tokens are not, since each model has its own."""

    responses: int
    to_split: int
    split_characters: int
    units: int
    check_characters: int

    def __str__(self) -> str:
        return (
            f"{self.responses:,} responses, {self.to_split:,} of them to split\n"
            f"splitter: {self.to_split:,} calls, {self.split_characters:,} characters of prompt\n"
            f"checker: about {self.units:,} calls, {self.check_characters:,} characters of prompt "
            f"(assuming {UNITS_A_SENTENCE} atomic units a sentence, none repeated)\n"
            "An English token is about 4 characters, a Korean one about 1 to 2."
        )


def estimate(responses: Sequence[Path], *, mode: str = "strict") -> Estimate:
    """Count the calls and characters that `score` would send if nothing had been asked yet.

    Splits are counted exactly; units are an assumption, `UNITS_A_SENTENCE` for each sentence.
    """
    rows = read_responses(responses)
    texts = [text for row in rows if (text := text_to_split(row, mode)) is not None]
    sentences = sum(max(1, len(_SENTENCE_END.findall(text))) for text in texts)
    units = UNITS_A_SENTENCE * sentences
    overhead = _characters(check_messages("", mode))
    return Estimate(
        responses=len(rows),
        to_split=len(texts),
        split_characters=sum(_characters(split_messages(text)) for text in texts),
        units=units,
        check_characters=units * overhead + UNITS_A_SENTENCE * sum(map(len, texts)),
    )


def _characters(messages: list[dict[str, str]]) -> int:
    return sum(len(message["content"]) for message in messages)
