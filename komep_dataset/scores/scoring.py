"""`komep score`: DAHL over two models. A splitter breaks each response up, a checker judges each atomic unit.

What a verdict means and what a score is, `dahl.py` says; this module sends the right texts and keeps the
evidence: beside the table of scored generations lies `<name>.verdicts.parquet` with every raw reply of the
checker.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from komep_dataset import dahl
from komep_dataset.config.config import Config, Judge
from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import stage_outputs
from komep_dataset.inference.ask import ask, judge_body
from komep_dataset.inference.reply_log import Reply
from komep_dataset.inference.servers import local_servers
from komep_dataset.languages import language_of
from komep_dataset.prompts.messages import split_messages
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
from komep_dataset.scores import sentences as korean_sentences
from komep_dataset.scores.checking import Checked, Item, check
from komep_dataset.tables.reading import read_table
from komep_dataset.tables.writing import output_path, write_rejects, write_table

STAGE = "score"
SPLIT_TOKENS = 1024  # limit of a splitter's reply where the configuration sets none (ours)
UNITS_A_SENTENCE = 2  # what an estimate assumes (ours; the paper gives no figure)
NO_RESPONSE = "the responder gave no answer"
# A sentence ends at its mark and closing quotes or brackets, before white space or the end, or with a line.
_SENTENCE_END = re.compile(r"[.!?。…][\"'”’)\]]*(?=\s|$)|\n")


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """A row of the evidence: one unit, one vote, and the checker's raw reply."""

    KEY: ClassVar[tuple[str, ...]] = ("question_id", "model", "unit_index", "vote")

    question_id: str = column("id of the question")
    model: str = column("name of the responder")
    unit_index: int = column("place of the unit in the response, from 0")
    vote: int = column("which vote on the unit, from 0; 0 alone unless the checker has `votes`")
    unit: str = column("text of the unit")
    reply: str = column(
        "the checker's reply, exactly as given, about all units of a batch where there is one"
    )
    verdict: str = column("what this reply says of the unit: `true`, `false` or `unknown`")
    checker: str = column("name of the checker as the endpoint knows it")
    finish_reason: str = column("`stop`, `length` or `failed`")


@dataclass(frozen=True, slots=True)
class Scored:
    """What `komep score` did: rows by status; `failures` counts the failed ones whose response was there.

    `units` counts the units of all responses, `distinct` the different ones among them, `requests` what the
    checker was asked for them, now or by an earlier run; `pronouns` counts the distinct units that begin with a
    pronoun, against the splitter's orders; `plain` says that the checker's endpoint refused structured output.
    """

    path: Path
    rows: int
    statuses: dict[str, int]
    failures: int
    reason: str = ""
    units: int = 0
    distinct: int = 0
    requests: int = 0
    pronouns: int = 0
    plain: bool = False

    @property
    def calls(self) -> str:
        """Units and calls as a line for people."""
        share = f" ({self.requests / self.units:.2f} a unit)" if self.units else ""
        note = f"; {self.pronouns:,} begin with a pronoun" if self.pronouns else ""
        if self.plain:
            note += "; the endpoint knows no structured output and was asked without"
        return f"{self.units:,} units, {self.distinct:,} distinct, {self.requests:,} calls{share}{note}"


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

    def items(self, context: bool) -> list[Item]:
        """What the checker judges of it, in order; repeats stay."""
        return [Item(unit, self.row.question if context else None) for unit in self.units]


def drop_fragment(text: str) -> str:
    """A text without its last sentence if that one is unfinished; empty if no sentence is finished.

    A Korean text is read by kiwipiepy; raises `KomepError` where that is missing.
    """
    if language_of(text) == "ko":
        return korean_sentences.drop_fragment(text)
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    return text[: ends[-1]].rstrip() if ends else ""


def count_sentences(text: str) -> int:
    """Sentences of a text, at least one; what an estimate counts units by."""
    if language_of(text) == "ko":
        return max(1, korean_sentences.count(text))
    return max(1, len(_SENTENCE_END.findall(text)))


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


def score(
    responses: Sequence[Path],
    config: Config,
    output: Path,
    *,
    mode: str = "strict",
) -> Scored:
    """Score responses and write the table of scored generations, its evidence and its rejects.

    Args:
        responses: tables `responses`, files or folders; a key may stand once in all of them.
        config: the pipeline; needs `splitter` and `checker`. Replies are kept in `<work>/score`.
        output: the table to write, or a folder for `scored.parquet`.
        mode: `strict` (ours) or `paper` (as DAHL's reference code).

    Raises:
        KomepError: bad tables or an endpoint that answers nobody. A response whose splitting or checking
            alone fails is a row with the status `failed`, and is asked again by the next run.
    """
    splitter, checker = config.judge("splitter"), config.judge("checker")
    folder = config.work / STAGE
    target = output_path(output, "scored.parquet")
    rows = read_responses(responses)
    with stage_outputs(folder, {target: ScoredGeneration, verdicts_path(target): VerdictRow}):
        with local_servers():  # one start for both where they are the same model
            work = _split([_Work(row, text_to_split(row, mode)) for row in rows], splitter, folder, mode)
            groups = [one.items(checker.context == "question") for one in work]
            checked = check(groups, checker, folder / "check", mode=mode)
        return _written(work, groups, checked, checker.model, target, mode)


def _written(
    work: Sequence[_Work],
    groups: Sequence[list[Item]],
    checked: Checked,
    checker: str,
    target: Path,
    mode: str,
) -> Scored:
    """Write the table, its evidence and its rejects; returns what came of it."""
    scored = [_scored(one, items, checked, mode) for one, items in zip(work, groups, strict=True)]
    _write(scored, target, ScoredGeneration)
    evidence = [
        row
        for one, items in zip(work, groups, strict=True)
        for row in verdict_rows(one.row, items, checked, checker)
    ]
    _write(evidence, verdicts_path(target), VerdictRow)
    rejects = [
        Reject(STAGE, one.key, Reason.REQUEST_FAILED.value, why)
        for one, items in zip(work, groups, strict=True)
        if (why := _failure(one, items, checked))
    ]
    write_rejects(target.parent, STAGE, rejects)
    own_failures = [r for r in rejects if r.detail != NO_RESPONSE]
    return Scored(
        target,
        len(scored),
        dict(Counter(row.status for row in scored)),
        len(own_failures),
        own_failures[0].detail if own_failures else "",
        units=sum(map(len, groups)),
        distinct=len(checked.answers),
        requests=checked.requests,
        pronouns=sum(dahl.begins_with_pronoun(item.unit) for item in checked.answers),
        plain=checked.plain,
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


def _split(work: list[_Work], splitter: Judge, folder: Path, mode: str) -> list[_Work]:
    """Fill in the units of every response that has a text to split."""
    bodies = {
        one.key: judge_body(split_messages(one.text), splitter, SPLIT_TOKENS)
        for one in work
        if one.text is not None
    }
    replies = ask(bodies, splitter, folder / "split", label="score: split")
    most = splitter.max_new_tokens or SPLIT_TOKENS
    return [_with_units(one, replies.get(one.key), mode, most) for one in work]


def _with_units(one: _Work, reply: Reply | None, mode: str, most: int) -> _Work:
    """A response with its units; more of them than the reply may have tokens would be paid for one by one."""
    if reply is None:
        return one
    if reply.failure:
        return _Work(one.row, one.text, failure=f"splitter: {reply.failure}")
    units = tuple(units_of(reply, mode))
    if len(units) > most:
        return _Work(
            one.row, one.text, failure=f"splitter: {len(units):,} units in a reply of at most {most:,} tokens"
        )
    return _Work(one.row, one.text, units)


def _failure(one: _Work, items: Sequence[Item], checked: Checked) -> str:
    """Why a response could not be scored for want of an answer, or ""."""
    if one.row.finish_reason == "failed":
        return NO_RESPONSE
    failed = next((why for item in items if (why := checked.failure(item))), "")
    return one.failure or (f"checker: {failed}" if failed else "")


def _scored(one: _Work, items: Sequence[Item], checked: Checked, mode: str) -> ScoredGeneration:
    """A response with its units as a row of the table; a failed one has no units and no score.

    Where the question is Korean, its texts are the Korean texts: a native generation, which nobody translates.
    """
    units = [Unit(item.unit, checked.verdict(item)) for item in items]
    value, status = dahl.score_response(finished_text(one.row, mode), units, mode)
    if _failure(one, items, checked):
        units, value, status = [], None, Status.FAILED
    row = one.row
    native = language_of(row.question) == "ko"
    return ScoredGeneration(
        question_id=row.question_id,
        model=row.model,
        question=row.question,
        category=row.category,
        response=row.response,
        units=units,
        dahl_score=value,
        status=status.value,
        question_ko=row.question if native else None,
        response_ko=row.response if native else None,
    )


def verdict_rows(row: Response, items: Sequence[Item], checked: Checked, checker: str) -> list[VerdictRow]:
    """The evidence of one response, a row a unit and vote."""
    return [
        VerdictRow(
            question_id=row.question_id,
            model=row.model,
            unit_index=index,
            vote=vote,
            unit=item.unit,
            reply=answer.reply.text,
            verdict=answer.verdict,
            checker=checker,
            finish_reason=answer.reply.finish_reason,
        )
        for index, item in enumerate(items)
        for vote, answer in enumerate(checked.answers[item])
    ]


def _write(rows: Sequence[Any], path: Path, record: type) -> None:
    import polars as pl

    write_table(pl.DataFrame([asdict(row) for row in rows], schema=polars_schema(record)), path, record)
