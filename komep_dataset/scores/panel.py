"""Asking one checker about units, or several and what they agree on.

Judges may be shown different things: each has items of its own for the units of a response, in the same places.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from komep_dataset.config.config import APPEAL, Checker
from komep_dataset.evidence.passages import Passage
from komep_dataset.schema import Verdict, WhyUnknown
from komep_dataset.scores.agreement import agreed, is_open
from komep_dataset.scores.checking import Checked, Item, Judged, check

Groups = Mapping[Any, Sequence[Item]]  # key of a response -> an item for each of its units
Place = tuple[Any, int]  # key of a response, place of a unit in it
# What the verdicts so far hang on: the verdict on each unit of each response -> the units for which there is an appeal.
Hanging = Callable[[Mapping[Any, Sequence[str]]], set[Place]]


def check_all(
    judges: Mapping[str, Checker],
    agreement: str,
    items_for: Callable[[Checker], Groups],
    folder: Path,
    *,
    mode: str = "strict",
    label: str = "score: check",
    hanging: Hanging = lambda verdicts: set(),
) -> tuple[dict[Any, list[Item]], Checked]:
    """Ask one checker or several about the units of responses.

    Args:
        judges: who is asked, by name, in their order.
        agreement: what several verdicts on a unit come to, see `agreement.agreed`.
        items_for: the items of a judge.
        folder: where the replies of all are kept; the same folder resumes, whatever their order.
        mode, label: as `checking.check` takes them.
        hanging: where there is an appeal although the first judge is sure.

    Returns:
        (the items: of several judges, what any of them was shown; what was said of each: of several judges, the votes of all,
        each with its judge, and what they come to).

    Raises:
        KomepError: what `checking.check` raises.
    """
    if len(judges) == 1:
        [checker] = judges.values()
        items = items_for(checker)
        return dict(items), check(items.values(), checker, folder, mode=mode, label=label)
    shown = {name: items_for(checker) for name, checker in judges.items()}
    places = [(key, at) for key, own in next(iter(shown.values())).items() for at in range(len(own))]
    said: dict[Place, dict[str, Judged]] = {place: {} for place in places}
    found = Checked()

    def ask(name: str, due: set[Place]) -> None:
        """Ask one judge about units, and all others that are the same to it; those that it was asked about are left out."""
        items = shown[name]
        wanted = {items[key][at] for key, at in due}
        groups = [[one for one in own if one in wanted] for own in items.values()]
        checked = check(filter(None, groups), judges[name], folder, mode=mode, label=f"{label} by {name}")
        found.requests += checked.requests
        found.plain |= checked.plain
        for key, at in places:
            if items[key][at] in wanted:
                said[key, at][name] = checked.judged[items[key][at]]

    def now() -> dict[Any, list[str]]:
        verdicts: dict[Any, list[str]] = {key: [] for key in next(iter(shown.values()))}
        for key, at in places:
            verdicts[key].append(agreed([one.verdict for one in said[key, at].values()], agreement))
        return verdicts

    first, *others = judges
    ask(first, set(places))
    if agreement != APPEAL:
        for name in others:
            ask(name, set(places))
    else:
        _appeal(others, said, ask)  # where the first is unsure
        hang = hanging(now())
        if due := {place for place in hang if len(said[place]) == 1}:
            ask(others[0], due)
            _appeal(others[1:], said, ask)
    joined: dict[Any, list[Item]] = {key: [] for key in shown[first]}
    for key, at in places:
        own = {name: shown[name][key][at] for name in judges}
        item, ids = _joined(own)
        joined[key].append(item)
        found.judged[item] = _together(said[key, at], agreement, own, ids)
    return joined, found


def _appeal(
    judges: Sequence[str], said: Mapping[Place, Mapping[str, Judged]], ask: Callable[[str, set[Place]], None]
) -> None:
    """Ask further judges, one after the other, about what is unsure or contested; what one judge is sure of stands."""
    for name in judges:
        due = {place for place, own in said.items() if is_open([one.verdict for one in own.values()])}
        if due:
            ask(name, due)


def _joined(shown: Mapping[str, Item]) -> tuple[Item, dict[tuple[str, str], str]]:
    """What any of several judges is shown of a unit, and (judge, id that it was shown) -> the id there: one that stands for
    two texts, as in two corpora, is the first one's, and the next is `id-2`."""
    items = list(shown.values())
    question = next((item.question for item in items if item.question is not None), None)
    passages: dict[str, Passage] = {}
    ids: dict[tuple[str, str], str] = {}
    for name, item in shown.items():
        for one in item.passages or ():
            numbered = chain([one.id], (f"{one.id}-{n}" for n in count(2)))
            id = next(id for id in numbered if passages.get(id) in (None, replace(one, id=id)))
            passages[id], ids[name, one.id] = replace(one, id=id), id
    by_passages = any(item.passages is not None for item in items)
    return Item(items[0].unit, question, tuple(passages.values()) if by_passages else None), ids


def _together(
    own: Mapping[str, Judged], agreement: str, shown: Mapping[str, Item], ids: Mapping[tuple[str, str], str]
) -> Judged:
    """What several judges said of a unit, as one; a request that failed fails the unit."""
    verdict = agreed([one.verdict for one in own.values()], agreement)
    votes = ((name, vote) for name, one in own.items() for vote in one.votes)
    votes = tuple(replace(vote, judge=name, shown=shown[name].passages) for name, vote in votes)
    failure = next((f"{name}: {one.failure}" for name, one in own.items() if one.failure), "")
    agreeing = [(name, id) for name, one in own.items() if one.verdict == verdict for id in one.cited]
    cited = tuple(dict.fromkeys(ids[one] for one in agreeing))
    unsure = all(one.verdict == Verdict.UNKNOWN for one in own.values())
    reasons = {one.reason for one in own.values() if one.reason}  # of those that were shown passages
    reason = WhyUnknown.DISAGREED.value if not unsure or len(reasons) > 1 else next(iter(reasons), "")
    return Judged(votes, verdict, failure, cited, reason if verdict == Verdict.UNKNOWN else "")


def by_judge(judged: Judged) -> Iterator[str]:
    """The verdict of each judge that was asked about a unit, in their order; of its votes, that of more than half."""
    for name in dict.fromkeys(vote.judge for vote in judged.votes):
        yield Judged.by(vote for vote in judged.votes if vote.judge == name).verdict
