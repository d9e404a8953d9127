"""Asking a checker about units: once for each, k times and a vote, in a fixed JSON form, or several in a call.

Units are the same where their texts are, character for character: a text that is only equivalent (NFC, blanks)
is other tokens to a model, and may get another verdict. Equal ones are asked once, across responses, models and
runs in one work folder: a request's content is its key (`inference/ask.py`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from komep_dataset import dahl
from komep_dataset.config.config import Checker
from komep_dataset.errors import KomepError
from komep_dataset.inference.ask import Body, ask, judge_body
from komep_dataset.inference.reply_log import Reply
from komep_dataset.prompts.messages import batch_messages, check_messages, verdict_format
from komep_dataset.schema import Verdict

CHECK_TOKENS = 16  # limit of a checker's reply: one word and what models put around it (ours)
STRUCTURED_TOKENS = 32  # {"verdict": "Unknown"} and blanks that a grammar may allow
TOLD_FROM = 0.2  # share of what came to nothing from which people are told (ours)
PROBES = 3  # units for which structured output is tried first
# What endpoints answer to a `response_format` that they do not know.
REFUSALS = ("HTTP 400", "HTTP 422")


@dataclass(frozen=True, slots=True)
class Item:
    """What is judged: a unit, and the question where the checker is shown it."""

    unit: str
    question: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What a checker said of an item: a reply and its verdict for each vote, the verdict of more than half of them, and
    why there is no answer, or ""; one vote that is missing is one too many."""

    votes: tuple[tuple[Reply, str], ...]
    verdict: str
    failure: str

    @classmethod
    def by(cls, votes: Iterable[tuple[Reply, Verdict]]) -> "Judged":
        votes = tuple((reply, verdict.value) for reply, verdict in votes)
        failure = next((reply.failure for reply, _ in votes if reply.failure), "")
        return cls(votes, dahl.majority([verdict for _, verdict in votes]).value, failure)


@dataclass(slots=True)
class Checked:
    """What a checker said of all items. `requests` counts the distinct ones, answered now or by an earlier run;
    `plain` says that the endpoint refused structured output and was asked without."""

    judged: dict[Item, Judged] = field(default_factory=dict)
    requests: int = 0
    plain: bool = False


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
        KomepError: an option of the checker in the mode `paper`, or what `inference.ask` raises.
    """
    if mode == "paper" and checker.options:
        raise KomepError(
            f"checker.{checker.options[0]}: the mode paper keeps to DAHL's protocol; leave it out there"
        )
    groups, checked = list(groups), Checked()
    session = _Session(checker, folder, mode, label, delimited)
    if checker.batch > 1:
        _check_batches(batches(groups, checker.batch), session, checked)
    if todo := [item for item in dict.fromkeys(chain(*groups)) if item not in checked.judged]:
        _check_singly(todo, session, checked)
    return checked


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
        messages = check_messages(item.unit, self.mode, item.question, delimited=self.delimited)
        tokens = STRUCTURED_TOKENS if structured else CHECK_TOKENS
        body = judge_body(messages, self.checker, tokens, vote)
        return body | ({"response_format": verdict_format(item.unit)} if structured else {})


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
        own = [replies[item, vote] for vote in range(votes)]
        checked.judged[item] = Judged.by((one, _verdict(one, session.mode)) for one in own)


def _verdict(reply: Reply, mode: str) -> Verdict:
    return dahl.parse_verdict(reply.text, mode, cut=reply.finish_reason == "length")


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
            checked.judged[item] = Judged.by([(reply, verdict)])
