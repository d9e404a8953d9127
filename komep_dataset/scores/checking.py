"""Asking a checker about units: once for each, k times and a vote, in a fixed JSON form, or several in a call.

Units are the same where their texts are, character for character: a text that is only equivalent (NFC, blanks)
is other tokens to a model, and may get another verdict. Equal ones are asked once, across responses, models and
runs in one work folder: a request's content is its key (`inference/ask.py`).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from komep_dataset import dahl
from komep_dataset.config.config import Checker
from komep_dataset.errors import KomepError
from komep_dataset.evidence.passages import Passage
from komep_dataset.inference.ask import Body, ask, judge_body
from komep_dataset.inference.reply_log import Reply
from komep_dataset.prompts.messages import batch_messages, check_messages, evidence_messages, verdict_format
from komep_dataset.schema import Verdict, WhyUnknown
from komep_dataset.scores.citations import given_object, read_reply

CHECK_TOKENS = 16  # limit of a checker's reply: one word and what models put around it (ours)
STRUCTURED_TOKENS = 32  # {"verdict": "Unknown"} and blanks that a grammar may allow
CITING_TOKENS = 64  # the same with a reason, and what is around ids, which take a token a character at most
TOLD_FROM = 0.2  # share of what came to nothing from which people are told (ours)
SHOWN = 60  # characters of an id that a message shows
PROBES = 3  # units for which structured output is tried first
# What endpoints answer to a `response_format` that they do not know.
REFUSALS = ("HTTP 400", "HTTP 422")


@dataclass(frozen=True, slots=True)
class Item:
    """What is judged: a unit, the question where the checker is shown it, and the passages that it judges by; None where
    it judges by what it knows, and () where none was found: such a unit is not asked about."""

    unit: str
    question: str | None = None
    passages: tuple[Passage, ...] | None = None


@dataclass(frozen=True, slots=True)
class Vote:
    """One reply about an item, its verdict, and, by passages, the ids that it cites and why it is unknown (else "")."""

    reply: Reply
    verdict: str
    cited: tuple[str, ...] = ()
    reason: str = ""
    not_shown: tuple[str, ...] = ()
    judge: str = ""  # who said so, and what it was shown, where there are several
    shown: tuple[Passage, ...] | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What a checker said of an item: its votes, the verdict of more than half of them, and why there is no answer, or "";
    one vote that is missing is one too many. By passages: the ids that votes for this verdict cite, and why it is unknown."""

    votes: tuple[Vote, ...]
    verdict: str
    failure: str
    cited: tuple[str, ...] = ()
    reason: str = ""

    @classmethod
    def by(cls, votes: Iterable[Vote]) -> "Judged":
        votes = tuple(votes)
        failure = next((vote.reply.failure for vote in votes if vote.reply.failure), "")
        verdict = dahl.majority([vote.verdict for vote in votes]).value
        agreeing = [vote for vote in votes if vote.verdict == verdict]
        cited = dict.fromkeys(id for vote in agreeing for id in vote.cited)
        reasons = Counter(vote.reason for vote in votes if vote.reason)
        by_passages = verdict == Verdict.UNKNOWN and any(vote.cited or vote.reason for vote in votes)
        shared = next((why for why, n in reasons.items() if 2 * n > len(votes)), WhyUnknown.DISAGREED.value)
        return cls(votes, verdict, failure, tuple(cited), shared if by_passages else "")


_NOT_ADDRESSED = Vote(Reply("", "stop"), Verdict.UNKNOWN.value, reason=WhyUnknown.NOT_ADDRESSED.value)
_UNFOUND = Judged.by([_NOT_ADDRESSED])  # of a unit for which there is no passage


@dataclass(slots=True)
class Checked:
    """What a checker said of all items. `requests` counts the distinct ones, answered now or by an earlier run;
    `plain` says that the endpoint refused structured output and was asked without."""

    judged: dict[Item, Judged] = field(default_factory=dict)
    requests: int = 0
    plain: bool = False

    def citing(self) -> str:
        """What people are told of verdicts that were to cite passages, or ""."""
        asked = [one for item, one in self.judged.items() if item.passages]
        unfound = sum(item.passages == () for item in self.judged)
        votes = [vote for one in asked for vote in one.votes if not vote.reply.failure]
        strange = [vote.not_shown[0] for vote in votes if vote.not_shown]
        unread = sum(vote.reason == WhyUnknown.UNREAD for vote in votes) - len(strange)
        said = (
            asked and f"{sum(bool(one.cited) for one in asked):,} of {len(asked):,} cite a passage",
            unfound and f"{unfound:,} have no passage and were not asked",
            unread and f"{unread:,} replies refused: no verdict, or none that names a passage",
            strange
            and f"{len(strange):,} replies refused: they cite what was not shown, first {strange[0][:SHOWN]!r}",
        )
        return "; ".join(filter(None, said))


def check(
    groups: Iterable[Sequence[Item]],
    checker: Checker,
    folder: Path,
    *,
    mode: str = "strict",
    label: str = "score: check",
    delimited: bool = True,
) -> Checked:
    """Ask a checker about items.

    Args:
        groups: the items, those of one response together: only they share a batch.
        checker: the model, with the options of `Checker`.
        folder: where the replies are kept; the same folder resumes.
        mode: `strict` or `paper`: prompt and parsing.
        label: what the progress bar and messages call it.
        delimited: False leaves the quotes around a unit away, to measure what they are worth.

    Raises:
        KomepError: what `inference.ask` raises. What the mode `paper` has not is refused before (`refuse_options`).
    """
    groups, checked = list(groups), Checked()
    session = _Session(checker, folder, mode, label, delimited)
    checked.judged |= {item: _UNFOUND for group in groups for item in group if item.passages == ()}
    if checker.batch > 1:
        _check_batches(batches(groups, checker.batch), session, checked)
    if todo := [item for item in dict.fromkeys(chain(*groups)) if item not in checked.judged]:
        _check_singly(todo, session, checked)
    return checked


def refuse_options(checkers: Sequence[Checker], mode: str) -> None:
    """Raise `KomepError` for what the mode `paper` has not: several checkers, or an option of one."""
    if mode != "paper":
        return
    if len(checkers) > 1:
        raise KomepError("checker: a list: the mode paper has DAHL's one checker; name one there")
    for option in chain.from_iterable(one.options for one in checkers):
        what = "the mode paper keeps to DAHL's protocol; leave it out there"
        raise KomepError(f"checker.{option}: {what}")


def batches(groups: Iterable[Sequence[Item]], size: int) -> list[tuple[Item, ...]]:
    """Items that are asked together: of one group each, at most `size`, every item in the first that has it.

    A batch of one is no batch: it is asked as any single unit is.
    """
    seen: set[Item] = set()
    found = []
    for group in groups:
        fresh = [item for item in dict.fromkeys(group) if item not in seen]
        seen.update(fresh)
        found += [tuple(fresh[i : i + size]) for i in range(0, len(fresh), size)]
    return [batch for batch in found if len(batch) > 1]


@dataclass(frozen=True, slots=True)
class _Session:
    """Who is asked, and how."""

    checker: Checker
    folder: Path
    mode: str
    label: str
    delimited: bool

    def ask(self, bodies: dict[Any, Body]) -> dict[Any, Reply]:
        """Bodies under any keys -> their replies."""
        return ask(bodies, self.checker, self.folder, label=self.label)

    def body(self, item: Item, vote: int, structured: bool) -> Body:
        shown = [{"id": p.id, "title": p.title, "text": p.text} for p in item.passages or ()]
        if shown:
            messages = evidence_messages(item.unit, shown, item.question, delimited=self.delimited)
            tokens = CITING_TOKENS + sum(len(one["id"]) for one in shown)
        else:
            messages = check_messages(item.unit, self.mode, item.question, delimited=self.delimited)
            tokens = STRUCTURED_TOKENS if structured else CHECK_TOKENS
        form = {"response_format": verdict_format(item.unit, cites=bool(shown))} if structured else {}
        return judge_body(messages, self.checker, tokens, vote) | form

    def vote(self, item: Item, reply: Reply) -> Vote:
        """What a reply says of an item."""
        cut = reply.finish_reason == "length"
        if not item.passages:
            return Vote(reply, dahl.parse_verdict(reply.text, self.mode, cut=cut).value)
        # A model that calls its reason so in JSON has it taken for a thought.
        text = reply.given if not reply.failure and given_object(reply.given) else reply.text
        verdict, *more = read_reply(text, [one.id for one in item.passages], cut=cut)
        return Vote(reply, verdict.value, *more)


def _check_singly(items: Sequence[Item], session: _Session, checked: Checked) -> None:
    votes, structured = session.checker.votes, session.checker.structured
    if structured and _refuses_structure(items[:PROBES], session):
        structured, checked.plain = False, True
        checked.requests += len(items[:PROBES])
    bodies = {(item, v): session.body(item, v, structured) for item in items for v in range(votes)}
    replies = session.ask(bodies)
    checked.requests += len(bodies)  # distinct items make distinct texts, and votes distinct seeds
    if structured:  # an endpoint may know the form and refuse it for a single text
        again = {key: session.body(*key, False) for key, reply in replies.items() if _refused(reply)}
        replies |= session.ask(again) if again else {}
        checked.requests += len(again)
    for item in items:
        checked.judged[item] = Judged.by(session.vote(item, replies[item, vote]) for vote in range(votes))


def _refuses_structure(items: Sequence[Item], session: _Session) -> bool:
    """Whether an endpoint answers items without `response_format` and refuses them with; asked for a few, so that
    an endpoint that knows no such thing is not taken for one that is down, nor one that bars a single text."""
    said = session.ask({item: session.body(item, 0, True) for item in items})
    if not all(map(_refused, said.values())):
        return False
    plain = session.ask({item: session.body(item, 0, False) for item in items})
    return not all(reply.failure for reply in plain.values())


def _refused(reply: Reply) -> bool:
    return reply.failure.startswith(REFUSALS)


def _check_batches(asked: Sequence[tuple[Item, ...]], session: _Session, checked: Checked) -> None:
    """Ask several items a call; a reply that cannot be told apart by number leaves its items to be asked singly."""
    said = {batch: batch_messages([item.unit for item in batch], batch[0].question) for batch in asked}
    bodies = {b: judge_body(text, session.checker, CHECK_TOKENS * len(b)) for b, text in said.items()}
    replies = session.ask(bodies) if bodies else {}
    checked.requests += len(bodies)
    for batch, reply in replies.items():
        verdicts = None if reply.failure else dahl.parse_batch(reply.text, len(batch))
        for item, verdict in zip(batch, verdicts or (), strict=False):
            checked.judged[item] = Judged.by([Vote(reply, verdict.value)])
