"""Asking a translator: texts in, checked translations out; what fails a check is asked once more, then refused.

A text goes whole where it fits, else in pieces (`segments.py`). Every reply is checked, a long text's pieces each
and the whole of them at the end; the second request names what was wrong with the first. What a check of severity
`warn` finds is kept beside the text, and nothing is asked again for it. With `second_look`, a model looks at what the
checks let pass. Nothing here knows which side of a pair a text will stand on.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from komep_dataset.config.config import Translator
from komep_dataset.errors import KomepError
from komep_dataset.inference.ask import Body, answered, ask, judge_body, keys_of, unanswered
from komep_dataset.inference.reply_log import Reply, logs_of
from komep_dataset.languages import language_of
from komep_dataset.progress import progress_bar
from komep_dataset.prompts.messages import translate_messages
from komep_dataset.schema import Reason, column
from komep_dataset.translation.checks.registry import REJECT, WARN, Failure, check_translation, checks_of
from komep_dataset.translation.checks.repetition import REPETITION
from komep_dataset.translation.checks.second_look import SECOND_LOOK
from komep_dataset.translation.checks.truncated import TRUNCATED
from komep_dataset.translation.glossary import Glossary
from komep_dataset.translation.second_look import Looked, check_usable, look, look_body
from komep_dataset.translation.segments import Piece, pieces_of, relaid
from komep_dataset.translation.seq2seq import Seq2Seq, is_seq2seq

Place = tuple[str, str, str]  # of a text: question id, model or "" for the question, source
# A piece of fewer letters ("COVID-19", a table's cell) is only checked as part of its text (ours).
PIECE_LETTERS = 40
# Limit of a reply by its English characters, in steps: Korean is shorter, its tokens are more (ours).
TOKENS_A_CHARACTER, TOKENS_STEP = 1.5, 256
SECOND_BEAMS = 4  # a local model cannot be told what was wrong: it searches wider instead
TRIED = 3  # translations that are looked at before the others are paid for (ours)
SHOWN = 300  # characters of a detail that a prompt or a reject shows
_TAG = re.compile(r"\A<(text\d*|translation|translated_text|output|answer|result)>")
_QUOTED = re.compile(r"“([^“”]*)”")
# Characters of a reply for each of its source, and on top: more is no translation (ours).
MOST_TIMES, MOST_MORE = 8, 2000


@dataclass(frozen=True, slots=True)
class Text:
    """What is translated: equal ones are translated once. `terms` holds pairs of English and Korean."""

    source: str
    terms: tuple[tuple[str, str], ...] = ()
    question: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reply that failed a check."""

    piece: int = column("place of the piece in the text, from 0")
    attempt: int = column("1 or 2")
    reason: str = column("the name of the check")
    detail: str = column("the words or numbers behind it")
    reply: str = column("the reply, exactly as given")


@dataclass(frozen=True, slots=True)
class Doubt:
    """A check of severity `warn` that an accepted text did not pass."""

    name: str = column("the name of the check")
    detail: str = column("the words or numbers behind it")


Check = Callable[[str, str], list[Failure]]  # of a source and its translation
Found = tuple[dict[int, list[Failure]], tuple[Doubt, ...]]  # why pieces are refused, else what is doubtful


@dataclass(frozen=True, slots=True)
class Translation:
    """What became of a text: its Korean, or None and the reason; `attempts` is 0 where nothing was asked; `doubts` of the
    Korean, None where no check tried it."""

    target: str | None
    reason: str
    detail: str
    pieces: int
    attempts: int
    refusals: tuple[Refusal, ...]
    doubts: tuple[Doubt, ...] | None = None


@dataclass(frozen=True, slots=True)
class Translated:
    """Every text's translation; `calls` counts distinct requests, `twice` texts that were asked a second time, `looks` the
    second looks; `unread` has the replies of those that could not be read."""

    translations: dict[Text, Translation]
    calls: int
    twice: int
    looks: int
    unread: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """A text cut into pieces; those to translate by their place."""

    text: Text
    pieces: tuple[Piece, ...]

    @property
    def asked(self) -> list[int]:
        return [index for index, piece in enumerate(self.pieces) if piece.translate]

    def own(self, replies: Mapping[tuple[Text, int], Reply]) -> dict[int, Reply]:
        """What there is of the replies to its pieces, by their place."""
        return {i: replies[self.text, i] for i in self.asked if (self.text, i) in replies}

    def joined(self, replies: Mapping[int, Reply]) -> str:
        asked = {
            i: relaid(self.pieces[i].text, cleaned(replies[i].text, self.pieces[i].text)) for i in self.asked
        }
        return "".join(asked.get(i, piece.text) for i, piece in enumerate(self.pieces))


class Session:
    """Who is asked, and how: an endpoint through `inference.ask`, an encoder-decoder model in this process."""

    def __init__(self, translator: Translator, folder: Path, glossary: Glossary, label: str = "translate"):
        self.translator, self.folder = translator, folder
        checks = checks_of(translator.checks, "translator.checks")
        self.check: Check = partial(check_translation, glossary=glossary, checks=checks)
        self.severity = {check.name: check.severity for check in checks}.get(SECOND_LOOK.name)
        self.looker = translator.second_look if self.severity else None
        self.local = Seq2Seq(translator) if is_seq2seq(translator) else None
        self._ask = partial(self.local.ask if self.local else ask, label=label)
        self.look_folder = folder / SECOND_LOOK.name

    def plan(self, text: Text) -> _Plan:
        """A text's pieces; none is asked for where the text is Korean or has no letter."""
        if not needs_translation(text.source):
            return _Plan(text, (Piece(text.source, False),))
        limit, local = self.translator.segment_characters, self.local
        if local is None:
            return _Plan(text, tuple(pieces_of(text.source, limit)))
        size = lambda t: max(local.share_of_window(t), len(t) / limit)  # noqa: E731
        return _Plan(text, tuple(pieces_of(text.source, 1.0, size, across_lines=False)))

    def requests(self, texts: Iterable[Text]) -> tuple[list[_Plan], dict[tuple[Text, int], Body]]:
        """The plans of different texts, and the first request for each piece."""
        plans = [self.plan(text) for text in dict.fromkeys(texts)]
        return plans, {(plan.text, i): self.body(plan, i) for plan in plans for i in plan.asked}

    def body(self, plan: _Plan, index: int, failures: Sequence[Failure] = ()) -> dict[str, Any]:
        """The request for a piece; the second one says how the first translation failed."""
        source = plan.pieces[index].text
        if self.local:
            beams = self.translator.beams
            return self.local.body(source, max(SECOND_BEAMS, 2 * beams) if failures else beams)
        told = [f"{failure.check.told}: {failure.detail[:SHOWN]}" for failure in failures]
        messages = translate_messages(source, dict(plan.text.terms), plan.text.question, told)
        tokens = TOKENS_STEP * -(-int(TOKENS_A_CHARACTER * len(source)) // TOKENS_STEP)
        longer = any(failure.check is TRUNCATED for failure in failures)
        return judge_body(messages, self.translator, 2 * tokens if longer else tokens)

    def check_usable(self, bodies: Iterable[Body]) -> None:
        """Raise `KomepError` where the second look could not be paid for or asked, before anything else is."""
        if self.looker and (self.local or unanswered(bodies, self.translator, self.folder)):
            check_usable(self.looker)

    def look(self, pairs: Mapping[Text, tuple[str, str]]) -> Looked:
        """A second look at translations, where there is to be one."""
        looked = look(pairs, self.looker, self.look_folder) if self.looker else Looked()
        if self.severity == WARN:
            looked.doubted, looked.refused = looked.refused, {}
        return looked

    def ask(self, bodies: Mapping[Any, dict[str, Any]]) -> tuple[dict[Any, Reply], int]:
        """(replies under the keys of their bodies, number of distinct requests)."""
        replies = self._ask(bodies, self.translator, self.folder) if bodies else {}
        return replies, len({*keys_of(bodies, self.translator).values()})


def first_requests(texts: Iterable[Text], session: Session) -> list[Body]:
    """What the first round would ask, for an estimate."""
    return list(session.requests(texts)[1].values())


def look_requests(texts: Iterable[Text], session: Session) -> list[Body]:
    """The second looks that translations need, for an estimate: a translation that is not there yet is taken to be half as
    long as its text, one that fails a check to be looked at by nobody."""
    if not session.looker:
        return []
    plans, bodies = session.requests(texts)
    known, found = answered(bodies, session.translator, session.folder), []
    for plan in plans:
        replies, target = plan.own(known), "가" * (len(plan.text.source) // 2)
        if len(replies) == len(plan.asked):
            _, target = _tried(plan, replies, session.check)
        if target is not None:
            found.append(look_body(plan.text.source, target, session.looker))
    return found


def _try_looks(plans: Sequence[_Plan], bodies: Mapping[Any, Body], session: Session) -> None:
    """Look at the first translations before the others are asked for and paid for: a model that has no answer to `TRIED` of
    them will hardly have one to the next.

    Raises:
        KomepError: it had none, and there are others.
    """
    some = [plan for plan in plans if plan.asked][: TRIED + 1]
    if not session.looker or session.local or len(some) <= TRIED:
        return
    by_batch = session.looker.batch_api or session.translator.batch_api  # each takes a day
    if by_batch or any(path.is_file() and path.stat().st_size for path in logs_of(session.look_folder)):
        return
    replies, _ = session.ask({(p.text, i): bodies[p.text, i] for p in some[:TRIED] for i in p.asked})
    targets = {p.text: _tried(p, p.own(replies), session.check)[1] for p in some[:TRIED]}
    passed = {text: (text.source, target) for text, target in targets.items() if target is not None}
    try:
        lost = list(session.look(passed).lost.values())
    except KomepError as error:
        raise KomepError(f"translator.second_look: {error}") from None
    if len(lost) == TRIED:
        none = f"{TRIED} of {TRIED} had no answer, and no other translation was asked for"
        raise KomepError(f"translator.second_look: {lost[0]}; {none}")


def translate_texts(texts: Iterable[Text], session: Session) -> Translated:
    """Translate texts, equal ones once, and check every translation.

    Raises:
        KomepError: what `inference.ask` raises. A text that alone gets no answer has the reason `request_failed`.
    """
    plans, bodies = session.requests(texts)
    session.check_usable(bodies.values())
    _try_looks(plans, bodies, session)
    replies, calls = session.ask(bodies)
    first, failures, passed = {}, {}, {}
    with progress_bar("translate: checks", len(plans), "texts") as advance:
        for plan in plans:
            first[plan.text] = plan.own(replies)
            failures[plan.text], target = _tried(plan, first[plan.text], session.check)
            if target is not None:
                passed[plan.text] = plan.text.source, target
            advance(1)
    looked = session.look(passed)
    for text, said in looked.refused.items():
        failures[text] = {index: [Failure(SECOND_LOOK, said)] for index in first[text]}, ()
    again = {(p.text, i): session.body(p, i, why) for p in plans for i, why in failures[p.text][0].items()}
    replies, more = session.ask(again)
    own = ((p, first[p.text], p.own(replies), failures[p.text]) for p in plans)
    done = {plan.text: _outcome(plan, *found, session.check) for plan, *found in own}
    targets = {text: one.target for text, one in done.items() if failures[text][0]}
    seconds = {text: (text.source, target) for text, target in targets.items() if target is not None}
    last = session.look(seconds)
    for text, said in last.refused.items():
        failed = {index: [Failure(SECOND_LOOK, said)] for index in failures[text][0]}
        refusals = done[text].refusals + _refusals(2, failed, {i: replies[text, i] for i in failed})
        left = {"reason": SECOND_LOOK.name, "detail": said, "refusals": refusals}
        done[text] = replace(done[text], target=None, doubts=None, **left)
    for text, said in (looked.doubted | last.doubted).items():
        done[text] = replace(done[text], doubts=(*done[text].doubts, Doubt(SECOND_LOOK.name, said)))
    for text, why in (looked.lost | last.lost).items():
        left = {"reason": Reason.REQUEST_FAILED.value, "detail": why}
        done[text] = replace(done[text], target=None, doubts=None, **left)
    looks = len({*passed.values(), *seconds.values()}) if session.looker else 0
    unread = (*looked.unread, *last.unread)
    return Translated(done, calls + more, len({text for text, _ in again}), looks, unread)


def _tried(plan: _Plan, replies: Mapping[int, Reply], check: Check) -> tuple[Found, str | None]:
    """What the checks find, and the translation where they let it pass and every piece has an answer; None of a text that
    is not asked for."""
    found = _failures(plan, replies, check)
    passes = plan.asked and not found[0] and not _lost(replies)
    return found, plan.joined(replies) if passes else None


def _outcome(
    plan: _Plan, first: dict[int, Reply], second: dict[int, Reply], found: Found, check: Check
) -> Translation:
    """A text's translation from its replies: the second where there is one."""
    replies, pieces = first | second, len(plan.asked)
    refusals = _refusals(1, found[0], first)
    done = Translation(None, "", "", pieces, 2 if second else min(1, pieces), refusals)
    if lost := _lost(replies):
        return replace(done, reason=Reason.REQUEST_FAILED.value, detail=lost)
    left, doubts = _failures(plan, replies, check) if second else found
    if not left:
        return replace(done, target=plan.joined(replies), doubts=doubts if plan.asked else None)
    worst = min((f for found in left.values() for f in found), key=lambda f: f.check.rank)
    refusals += _refusals(2, left, second)
    return replace(done, reason=worst.reason, detail=worst.detail[:SHOWN], refusals=refusals)


def _lost(replies: Mapping[int, Reply]) -> str:
    """Why one of the replies has no answer, or ""."""
    return next((reply.failure for reply in replies.values() if reply.failure), "")


def _failures(plan: _Plan, replies: Mapping[int, Reply], check: Check) -> Found:
    """(place of a piece -> why its reply is refused, what is doubtful in a text of which no reply is); of a text whose
    pieces pass and that fails as a whole, every piece. Empty where all is well, and where an answer is missing."""
    # Thoughts that the limit cut off are asked for again with twice the room, as an answer is.
    if not plan.asked or any(r.failure and not (r.raw or r.thought) for r in replies.values()):
        return {}, ()
    of_pieces = {index: _piece_failures(plan, index, replies[index], check) for index in plan.asked}
    if refused := {index: some for index, failures in of_pieces.items() if (some := _refused(failures))}:
        return refused, ()
    whole = check(plan.text.source, plan.joined(replies))
    if refused := _refused(whole):
        return dict.fromkeys(plan.asked, refused), ()
    # Once a name, of the whole text first: what a piece fails by the way, the whole mostly does.
    doubts = {failure.reason: failure for failures in (*of_pieces.values(), whole) for failure in failures}
    return {}, tuple(Doubt(name, failure.detail[:SHOWN]) for name, failure in doubts.items())


def _refused(failures: Iterable[Failure]) -> list[Failure]:
    return [failure for failure in failures if failure.check.severity == REJECT]


def _piece_failures(plan: _Plan, index: int, reply: Reply, check: Check) -> list[Failure]:
    source = plan.pieces[index].text
    if reply.failure:
        return [Failure(TRUNCATED, reply.failure)]
    if len(reply.text) > MOST_TIMES * len(source) + MOST_MORE:
        return [Failure(REPETITION, f"{len(reply.text):,} characters for a text of {len(source):,}")]
    if reply.finish_reason == "length":
        return [Failure(TRUNCATED, f"the reply reached its token limit after {len(reply.text):,} characters")]
    if len(plan.asked) == 1 or sum(map(str.isalpha, source)) < PIECE_LETTERS or not needs_translation(source):
        return []
    return check(source, cleaned(reply.text, source))


def _refusals(
    attempt: int, failures: Mapping[int, Sequence[Failure]], replies: Mapping[int, Reply]
) -> tuple[Refusal, ...]:
    found = ((index, failure) for index, some in failures.items() if index in replies for failure in some)
    return tuple(Refusal(i, attempt, one.reason, one.detail, replies[i].given) for i, one in found)


def needs_translation(text: str) -> bool:
    """Whether a text has letters and is not Korean already."""
    return any(map(str.isalpha, text)) and language_of(unicodedata.normalize("NFC", text)) != "ko"


def cleaned(reply: str, source: str = "") -> str:
    """A reply without white space at its ends, and without the tags, the JSON and the quotes around it that its source has
    not; in NFC, as Korean is typed."""
    text = unicodedata.normalize("NFC", reply).strip()
    if text.endswith("}") and not source.lstrip().startswith("{"):
        with suppress(ValueError, AttributeError, RecursionError):
            [value] = json.loads(text).values()
            text = value.strip() if isinstance(value, str) else text
    tag = _TAG.match(text)
    end = f"</{tag[1]}>" if tag else ""
    text = text[tag.end() : -len(end)].strip() if tag and text.endswith(end) else text
    quoted = _QUOTED.fullmatch(text) if source and not re.match("[\"'“‘「『]", source.strip()) else None
    return quoted[1].strip() if quoted else text
