"""`komep score`: DAHL over two models. A splitter breaks each response up, a checker judges each atomic unit.

What a verdict means and what a score is, `dahl.py` says; this module sends the right texts and keeps the
evidence: beside the table of scored generations lies `<name>.verdicts.parquet` with every raw reply of the
checker.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import ClassVar

import polars as pl

from komep_dataset import dahl
from komep_dataset.config.config import Checker, Config, Splitter
from komep_dataset.config.selection import Selection
from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import stage_outputs
from komep_dataset.inference.ask import ask, judge_body
from komep_dataset.inference.reply_log import FAILED, REFUSED
from komep_dataset.inference.servers import local_servers
from komep_dataset.languages import korean_texts
from komep_dataset.pairs.told import strange_models, swapped
from komep_dataset.progress import counted, tell
from komep_dataset.prompts.messages import split_messages
from komep_dataset.replies.faults import fault_in
from komep_dataset.replies.garbled import is_blank
from komep_dataset.replies.refusals import is_refusal
from komep_dataset.replies.thoughts import answer_of
from komep_dataset.schema import UNVERIFIABLE, CitedGeneration, Reason, Reject, Response, Status, Unit, column
from komep_dataset.scores import sources
from komep_dataset.scores.agreement import PANEL, Answered, as_record, disagreements, hanging
from komep_dataset.scores.agreement import told as told_apart
from komep_dataset.scores.checking import Checked, Item, Vote, refuse_options
from komep_dataset.scores.panel import by_judge, check_all
from komep_dataset.scores.repeats import PROVEN_REPEATS, beside_subject, is_beside, one_line, repeated
from komep_dataset.scores.sentences import drop_fragment
from komep_dataset.scores.sources import verdicts_path
from komep_dataset.scores.split_quality import SplitQuality, rated
from komep_dataset.scores.splitting import SHOWN, Split, units_in, units_of
from komep_dataset.tables.formats import table_files
from komep_dataset.tables.reading import applicable, read_table
from komep_dataset.tables.writing import frame_of, output_path, write_in_order, write_rejects, write_scored

STAGE, CHECK = "score", "score: check"
SPLIT_TOKENS = 1024  # limit of a splitter's reply where the configuration sets none (ours)
Key = tuple[str, str]  # question_id, model
EXAMPLE = 30  # characters of a line that a summary shows
CUT_OFF = "cut its list of units off; raise it and score again"
NO_RESPONSE = "the responder gave no answer"


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """A passage as the checker was shown it, and where it comes from."""

    id: str = column("id in its corpus")
    title: str = column("title, may be empty")
    url: str = column("address, may be empty; not shown to the checker")
    text: str = column("its whole text")


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """A row of the evidence: one unit, one vote of one checker, and its raw reply."""

    KEY: ClassVar[tuple[str, ...]] = ("question_id", "model", "unit_index", "vote", "checker")

    question_id: str = column("id of the question")
    model: str = column("name of the responder")
    unit_index: int = column(
        "place of the unit in the response, from 0; those that hold nothing to check stand behind the others"
    )
    vote: int = column("which vote on the unit, from 0; 0 alone unless the checker has `votes`")
    unit: str = column("text of the unit")
    reply: str = column(
        "the checker's reply, exactly as given, about all units of a batch where there is one"
    )
    verdict: str = column(
        "what this reply says of the unit: `true`, `false` or `unknown`; `unverifiable` where it holds nothing to check: "
        "nobody was asked, and the score does not count it"
    )
    checker: str = column(
        "name of the checker as the endpoint knows it, with a number where two have the same; empty where nobody was asked"
    )
    finish_reason: str = column("`stop`, `length`, `refused` or `failed`; empty where nobody was asked")
    cited: list[str] | None = column(
        "ids of passages that this reply cites; null = it was asked without passages"
    )
    reason: str | None = column("why the verdict is `unknown`, of a judge with passages: see `WhyUnknown`")
    passages: list[ShownPassage] | None = column("the passages that the checker was shown, in their order")


@dataclass(frozen=True, slots=True, repr=False)
class Scored:
    """What `komep score` did: the table, as a `frame` too, and its rows; `failures` counts the failed ones whose response was there.

    `units` counts the units of all responses, `distinct` the different ones among them, `requests` what the
    checker was asked for them, now or by an earlier run; `told` says so, and what else is worth knowing, for people.
    `unverifiable` counts what holds nothing to check, and is in none of these. `quality` has the figures of the splits, and `split`
    tells them to people.
    """

    path: Path
    rows: int
    statuses: Mapping[str, int]
    failures: int
    reason: str
    units: int
    distinct: int
    requests: int
    told: str
    frame: pl.DataFrame
    unverifiable: int
    quality: SplitQuality
    split: str

    def __repr__(self) -> str:
        statuses = ", ".join(f"{status} {n:,}" for status, n in sorted(self.statuses.items()))
        line = f"{counted(self.rows, 'scored generation')} ({statuses}) -> {self.path}"
        return "\n".join(filter(None, (line, self.told, self.split)))


def finished_text(row: Response, mode: str) -> str:
    """The response as it is judged: strict drops thoughts, and the sentence that the token limit cut off, paper nothing."""
    if mode != "strict":
        return row.response
    answer = answer_of(row.response)
    if answer.unfinished:
        return ""
    return drop_fragment(answer.text) if row.finish_reason == "length" and not answer.closed else answer.text


def text_to_split(row: Response, mode: str = "strict") -> str | None:
    """What the splitter is sent, or None if nothing is: a failed response, an empty one, and in strict mode a
    blank one, an abstention, a refusal and an error of a server."""
    text = finished_text(row, mode)
    if row.finish_reason in (FAILED, REFUSED) or not text:
        return None
    readers = (is_blank, dahl.is_abstention, is_refusal, fault_in) if mode == "strict" else ()
    return None if any(says_nothing(text) for says_nothing in readers) else text


def score(
    responses: Sequence[Path], config: Config, output: Path | None = None, *, mode: str = "strict"
) -> Scored:
    """Score responses and write the table of scored generations, its evidence and its rejects.

    Args:
        responses: tables `responses`, files or folders; a key may stand once in all of them.
        config: the pipeline; needs `splitter` and `checker`. Replies are kept in `<work>/score`.
        output: the table to write, or a folder for `scored.parquet`; None = that in `<work>/score`.
        mode: `strict` (ours) or `paper` (as DAHL's reference code).

    Raises:
        KomepError: bad tables or an endpoint that answers nobody. A response whose splitting or checking
            alone fails is a row with the status `failed`, and is asked again by the next run.
    """
    if mode not in dahl.MODES:
        raise KomepError(f"--mode {mode}: give one of {', '.join(dahl.MODES)}", exit_code=2)
    judges = config.judges()
    target = output_path(output or config.work / STAGE / "scored.parquet", "scored.parquet")
    of_judges = sources.sources_of(judges)
    for name in sources.in_other_states(sources.read_sources(target), of_judges):
        state = f"note: {name} is in another state than when {target.name} was judged by it"
        tell(f"{state}: units whose passages are others are judged again")
    rows = {(row.question_id, row.model): row for row in read_responses(responses, config.columns)}
    with stage_outputs(config.work / STAGE, {target: CitedGeneration, verdicts_path(target): VerdictRow}):
        splits, failures, items, checked = split_and_check(rows, config, mode)
        unsplit = {key: split.why for key, split in splits.items() if split.why}
        for key, own in items.items():
            said = next((why for item in own if (why := checked.judged[item].failure)), "")
            if said and not failures[key]:
                failures[key] = f"checker: {said}"
        scored = [_scored(row, items[k], checked, failures[k], mode, splits[k]) for k, row in rows.items()]
        # What is Korean by its script is a native generation, which nobody translates.
        frame = frame_of(scored, CitedGeneration).with_columns(korean_texts(names=True))
        write_scored(frame, target)
        evidence = (
            (*verdict_rows(row, items[key], checked, judges), *unverifiable_rows(row, splits[key]))
            for key, row in rows.items()
        )
        write_in_order(chain.from_iterable(evidence), verdicts_path(target), VerdictRow)
        lost = [(key, Reason.REQUEST_FAILED, why) for key, why in failures.items() if why]
        lost += [(key, Reason.UNSPLIT, why) for key, why in unsplit.items()]
        write_rejects(target.parent, STAGE, [Reject(STAGE, "/".join(k), r.value, why) for k, r, why in lost])
        of_units = ((rows[k].category, list(by_judge(checked.judged[x]))) for k in items for x in items[k])
        several = len(judges) > 1 and disagreements(of_units)
        apart = as_record(list(judges), config.agreement, several) if several else None
        PANEL.keep(target, apart)
        sources.SOURCES.keep(target, of_judges and {"evidence": of_judges})
    failed = [why for why in failures.values() if why and not why.startswith(NO_RESPONSE)]
    no_answer = next((why for why in failures.values() if why.startswith(f"{NO_RESPONSE}:")), "")
    total = sum(map(len, items.values()))
    quality, told = rated(
        [(finished_text(rows[k], mode), s.units, s.unverifiable) for k, s in splits.items()]
    )
    return Scored(
        path=target,
        rows=len(scored),
        statuses=Counter(row.status for row in scored),
        failures=len(failed),
        reason=next(iter(failed), no_answer),
        units=total,
        distinct=len(checked.judged),
        requests=checked.requests,
        told="; ".join(filter(None, (_told(total, checked, splits.values()), apart and told_apart(apart)))),
        frame=frame,
        unverifiable=quality.unverifiable,
        quality=quality,
        split=told,
    )


def split_and_check(
    rows: Mapping[Key, Response], config: Config, mode: str
) -> tuple[dict[Key, Split], dict[Key, str], dict[Key, list[Item]], Checked]:
    """Have responses split, and their units judged: (the splits, why one has none for want of an answer, or "", what is judged,
    what the checkers said). Raises what `score` raises."""
    judges, folder = config.judges(), config.work / STAGE
    refuse_options(list(judges.values()), mode)
    with local_servers():  # one start for both where they are the same model
        splits, failures = _split(rows, config.judge("splitter"), folder / "split", mode)
        units = {key: split.units for key, split in splits.items()}
        items, checked = check_all(
            judges,
            config.agreement,
            lambda checker: _items(rows, units, checker, config.work / sources.FOLDER),
            folder / "check",
            mode=mode,
            label=CHECK,
            hanging=partial(_hanging, rows, config.selection),
        )
    return splits, failures, items, checked


def _hanging(
    rows: Mapping[Key, Response], selection: Selection, verdicts: Mapping[Key, Sequence[str]]
) -> set[tuple[Key, int]]:
    """The units on which a pair of these responses hangs."""
    answers = [Answered(*key, len(rows[key].response), tuple(own)) for key, own in verdicts.items()]
    found = hanging(answers, selection.unknown_units, selection.min_margin, selection.utility)
    return {(key, at) for key, own in verdicts.items() for at, one in enumerate(own) if (*key, one) in found}


def _items(
    rows: Mapping[Key, Response], units: Mapping[Key, Sequence[str]], checker: Checker, folder: Path
) -> dict[Key, list[Item]]:
    """What is judged of every response, with the passages that the checker is shown."""
    shown = {key: row.question if checker.context else None for key, row in rows.items()}
    found = [(key, Item(unit, question)) for key, question in shown.items() for unit in units[key]]
    items = [item for _, item in found]
    if checker.evidence is not None:
        questions = [rows[key].question for key, _ in found]
        items = sources.with_passages(
            [(key[0], item) for key, item in found], questions, checker.evidence, folder
        )
    of_response: dict[Key, list[Item]] = {key: [] for key in rows}
    for (key, _), item in zip(found, items, strict=True):
        of_response[key].append(item)
    return of_response


def _split(
    rows: Mapping[Key, Response], splitter: Splitter, folder: Path, mode: str
) -> tuple[dict[Key, Split], dict[Key, str]]:
    """The split of every response; and why one has none for want of an answer, or "".

    More units than the splitter's reply may have tokens would be paid for one by one: they cost that row.
    """
    texts, failures, beside = to_split(rows, mode)
    keeps = splitter.keeps(mode)
    bodies = {
        key: judge_body(split_messages(text, keeps=keeps), splitter, SPLIT_TOKENS)
        for key, text in texts.items()
    }
    replies = ask(bodies, splitter, folder, label="score: split")
    most = splitter.limit(SPLIT_TOKENS) or SPLIT_TOKENS
    splits = {key: Split(beside=key in beside) for key in rows}
    for key, reply in replies.items():
        found = units_of(reply, mode)
        if reply.finish_reason == REFUSED:
            splits[key] = Split(why=f"the splitter refused: {(reply.text or reply.raw)[:SHOWN]!r}")
        elif reply.failure:
            failures[key] = f"splitter: {reply.failure}"
        elif mode == "strict" and reply.finish_reason == "length":
            failures[key] = f"splitter: its limit of {most:,} tokens (`splitter.max_new_tokens`) {CUT_OFF}"
        elif len(found) > most:
            failures[key] = f"splitter: {len(found):,} units in a reply of at most {most:,} tokens"
        elif mode == "strict":
            splits[key] = units_in(texts[key], found)
        else:
            splits[key] = Split(found)
    return splits, failures


def to_split(rows: Mapping[Key, Response], mode: str) -> tuple[dict[Key, str], dict[Key, str], set[Key]]:
    """(what is split of responses; why each has nothing to split for want of an answer, or ""; those that speak of something
    else than they were asked, of which nothing is)."""
    failures = {key: _unanswered(row, mode) for key, row in rows.items()}
    failures |= _not_own(rows) if mode == "strict" else {}
    texts = {key: text_to_split(row, mode) for key, row in rows.items() if not failures[key]}
    texts = {key: text for key, text in texts.items() if text is not None}
    answers = {key: (rows[key].question, text) for key, text in texts.items()}
    beside = beside_subject(answers) if mode == "strict" else set()
    return {key: text for key, text in texts.items() if key not in beside}, failures, beside


def _unanswered(row: Response, mode: str) -> str:
    """Why a response has nothing to score for want of an answer, or ""."""
    if row.finish_reason == FAILED or mode != "strict":
        return NO_RESPONSE if row.finish_reason == FAILED else ""
    if fault_in(row.response):
        return f"{NO_RESPONSE}: {one_line(row.response)[:SHOWN]!r} is an error of a server"
    if _bare(row.response) == _bare(row.question):
        return f"{NO_RESPONSE}: the question comes back"
    if not answer_of(row.response).unfinished:
        return ""
    limit = f"its limit of {row.max_new_tokens:,} tokens" if row.max_new_tokens else "its limit"
    return f"the response ends within its thoughts: raise {limit} (`max_new_tokens`) and ask again"


def _bare(text: str) -> str:
    """A text without signs and capitals, or all of it where nothing else is in it."""
    return "".join(filter(str.isalnum, text.casefold())) or text


def _not_own(rows: Mapping[Key, Response]) -> dict[Key, str]:
    """Why responses answer nothing that a model gave to too many questions, and that share no word with their own."""
    answers: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows.values():
        answers[row.model].append((row.question, row.response))
    common = {model: repeated(own, PROVEN_REPEATS) for model, own in answers.items()}
    return {
        key: f"{NO_RESPONSE}: {why}, {row.response[:SHOWN]!r}, and no word of this one in it"
        for key, row in rows.items()
        if (why := common[row.model].get(one_line(row.response))) and is_beside(row.question, row.response)
    }


def _scored(
    row: Response, items: Sequence[Item], checked: Checked, failure: str, mode: str, split: Split
) -> CitedGeneration:
    """A response with its units as a row of the table, without Korean texts; a failed one has no units and no score."""
    units = [] if failure else [Unit(item.unit, checked.judged[item].verdict) for item in items]
    # What was split neither abstains nor refuses: `text_to_split` looked.
    scored = dahl.score_response("" if units else finished_text(row, mode), units, mode)
    value, status = (None, Status.FAILED if failure else Status.UNSPLIT) if failure or split.why else scored
    if row.finish_reason == REFUSED or split.beside:
        value, status = None, Status.REFUSED
    return CitedGeneration(
        *(row.question_id, row.model, row.question, row.category, row.response),
        *(units, value, status.value, None, None),
        unit_evidence=sources.citations([(item, checked.judged[item]) for item in items]) if units else None,
    )


def verdict_rows(
    row: Response, items: Sequence[Item], checked: Checked, judges: Mapping[str, Checker]
) -> list[VerdictRow]:
    """The evidence of one response, a row a unit and vote of each judge that was asked."""
    [*_, only] = judges

    def voted(index: int, item: Item, number: int, vote: Vote) -> VerdictRow:
        judge, reply, by_passages = vote.judge or only, vote.reply, (None, None, None)
        if judges[judge].evidence is not None:
            shown = vote.shown if vote.judge else item.passages
            passages = [ShownPassage(p.id, p.title, p.url, p.text) for p in shown]
            by_passages = list(vote.cited), vote.reason, passages
        place = row.question_id, row.model, index, number, item.unit
        return VerdictRow(*place, reply.given, vote.verdict, judge, reply.finish_reason, *by_passages)

    return [
        voted(index, item, *numbered)
        for index, item in enumerate(items)
        for numbered in _numbered(checked.judged[item].votes)
    ]


def _numbered(votes: Sequence[Vote]) -> list[tuple[int, Vote]]:
    """The votes on a unit with their numbers, those of each judge from 0, in the order of the table."""
    numbers: dict[str, Iterator[int]] = defaultdict(count)
    numbered = [(next(numbers[vote.judge]), vote) for vote in votes]
    return sorted(numbered, key=lambda one: (one[0], one[1].judge))


def unverifiable_rows(row: Response, split: Split) -> list[VerdictRow]:
    """The evidence of what holds nothing to check in one response."""
    return [
        VerdictRow(row.question_id, row.model, index, 0, unit, "", UNVERIFIABLE, "", "", None, None, None)
        for index, unit in enumerate(split.unverifiable, len(split.units))
    ]


def _told(units: int, checked: Checked, splits: Iterable[Split]) -> str:
    """Units and requests as a line for people."""
    splits = [split for split in splits if not split.why]
    nothing = sum(len(split.unverifiable) for split in splits)
    left_out = [line for split in splits for line in split.left_out]
    beside = sum(split.beside for split in splits)
    said = (
        f"{counted(units, 'unit')} by {counted(checked.requests, 'request')}",
        nothing and f"{nothing:,} hold nothing to check",
        left_out
        and f"{counted(len(left_out), 'line')} of the splitter left out, as {left_out[0][:EXAMPLE]!r}",
        beside
        and f"refused, as no word is shared with their question and hardly one with its other answers: {counted(beside, 'answer')}",
        checked.citing(),
        checked.plain and "the endpoint knows no structured output and was asked without",
    )
    return "; ".join(filter(None, said))


def read_responses(paths: Sequence[Path], columns: Mapping[str, str]) -> list[Response]:
    """The rows of one or several tables `responses`, which may lack all but question, model and response; `columns` is a map of
    names.

    Raises `KomepError` if there is no row, a key stands in two of them, or an id is none that a release can be split by.
    """
    rows: dict[Key, Response] = {}
    known = {"category": "", "prompt_protocol": "", "finish_reason": "stop"}
    optional = {field.name for field in fields(Response)} - {"question", "model", "response"}
    for path in paths:
        own = applicable(table_files([path]), Response, columns)
        for values in read_table(path, Response, optional, columns=own).iter_rows(named=True):
            row = Response(**values | {name: values[name] or other for name, other in known.items()})
            key = row.question_id, row.model
            if not re.match("[0-9a-fA-F]{8}", key[0]):
                raise KomepError(
                    f"{path}: question_id: {key[0]!r} does not begin with 8 hex digits, by which a release is split; leave the "
                    "column out, and it is derived from the question"
                )
            if key in rows:
                raise KomepError(f"{path}: {'/'.join(key)} stands in another table too; give each once")
            rows[key] = row
    if not rows:
        raise KomepError(f"{', '.join(map(str, paths))}: no row in it, so there is nothing to score")
    what = swapped(frame_of(rows.values(), Response))
    for warning in (*filter(None, [what]), *strange_models(Counter(row.model for row in rows.values()))):
        tell(f"warning: {warning}")
    return [rows[key] for key in sorted(rows)]
