"""`batch_api: true`: the requests of a stage as files of a batch, which costs less and ends within a day.

A batch is made once, whatever ends the process. What is sent is on disk before (`batch_files.py`); so is the id of the
uploaded file before a batch is made of it; and where a process ended before the batch's own id was written, the batch is
found again by that file. The ledger of what is spent has the batch's name, so that the next process takes over what is
reserved.

What fails is asked again in a batch, `MOST_TRIES` times, and what an endpoint refuses to be told is left out as it is
online. Imports aiohttp: import this module only when something is to be asked.
"""

import asyncio
import json
import re
import uuid
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

from komep_dataset.inference.batch_files import Batch, BatchFolder, read_answers
from komep_dataset.inference.client import NO_ANSWER, explained, path_of, read_answer
from komep_dataset.inference.costs import Meter
from komep_dataset.inference.loop import Asking
from komep_dataset.inference.reply_log import Reply, no_reply
from komep_dataset.inference.wire.answers import (
    LONGEST_BODY,
    Again,
    Barred,
    Filtered,
    Garbled,
    Judged,
    Lasting,
    Refused,
    Stop,
)
from komep_dataset.inference.wire.batches import (
    CANCELLED,
    COMPLETED,
    ENDED,
    FAILED,
    STATUSES,
    BatchCalls,
    State,
)
from komep_dataset.inference.wire.dialect import refused_parameter, spoken, without
from komep_dataset.inference.wire.masking import named, shown
from komep_dataset.inference.wire.usage import Usage
from komep_dataset.progress import tell
from komep_dataset.system import run_async

MOST_REQUESTS, MOST_BYTES = 50_000, 200_000_000  # of a file, as OpenAI has it
MOST_TRIES = 3  # of a request; each may take a day (ours)
FIRST_POLL, LONGEST_POLL, SLOWER = 1.0, 60.0, 1.5  # seconds between two looks at a batch
WRITTEN = 1000  # replies that are written together
LOOKS = 5  # at a batch that has ended, until its files have the answers that it counts
_CROWDED = re.compile("(?i)token_limit|enqueued|queue|too many|limit reached")  # of tokens that wait at once
_LARGE = re.compile(
    "(?i)HTTP 413|too_many_tasks|too[_ ](?:large|big)|larger than|number of (?:lines|requests|tasks)"
)
Body = dict[str, Any]
Answers = dict[str, tuple[int, str]]  # key -> status and body


class Wish(NamedTuple):
    """A request that is to be sent, what it was sent without, and how often it was in a batch."""

    body: Body
    left_out: str = ""
    tries: int = 0


def ask_in_batches(todo: Mapping[str, Body], asking: Asking, source: str) -> dict[str, Reply]:
    """Ask by the batch API; the log takes in the answers of every batch that has ended, failed replies are returned by key.

    Args:
        todo: key -> OpenAI request without `model`.
        source: what makes the model the same in the next process.

    Raises:
        KomepError: the endpoint takes no batches or answers nobody, a batch has failed or was cancelled, the budget is
            spent, or something cannot be written. Batches go on at the endpoint, and the same command with them.
    """
    with ExitStack() as stack:
        run = _Run(asking, source, stack)
        with asking.told(len(todo), run.tally, run.doubts):
            run_async(run.all(dict(todo)))
        return run.failures


class _Run:
    """One call of `ask_in_batches`."""

    def __init__(self, asking: Asking, source: str, stack: ExitStack):
        self.failures: dict[str, Reply] = {}
        self.tally: Counter[str] = Counter()
        self._meters: dict[str, Meter] = {}
        self._target, self._endpoint, self._source = asking.target, asking.target.endpoint, source
        self._log, self._files, self._label = asking.log, BatchFolder(asking.folder), asking.label
        self._answered, self._advance, self._stack = asking.answered, asking.advance, stack
        self._most, self._alone = MOST_REQUESTS, False  # alone: no second batch is sent while one is open
        self._calls = BatchCalls(self._endpoint, self._target.url, self._target.secret)
        self._unsent: Batch | None = None  # for which the budget had no room
        self._words: set[str] = set()  # statuses that nobody knows, and the user was told of
        self._told: dict[str, int] = {}  # how far the bar has come, by batch
        self._sizes: dict[str, int] = {}  # requests in a batch, whose file takes seconds to read

    def doubts(self) -> str:
        """Those of the first batch that has some."""
        doubted = [said for meter in self._meters.values() if (said := meter.doubts())]
        more = [f"and so of {len(doubted) - 1:,} more batches"] if doubted[1:] else []
        return "; ".join(doubted[:1] + more)

    async def all(self, todo: dict[str, Body]) -> None:
        open_batches, sent = self._left()
        wishes = {key: Wish(body) for key, body in todo.items() if key not in sent}
        wait, room = FIRST_POLL, True
        async with self._calls:
            for batch in list(open_batches):
                if large := await self._made(batch):
                    open_batches.remove(batch)
                    wishes |= large
            while open_batches or wishes:
                while room and wishes and not (self._alone and open_batches):
                    batch = await self._sent(wishes)
                    if batch and batch.id:
                        open_batches.append(batch)
                        wait = wait if self._alone else FIRST_POLL
                    room = batch is not None
                if not open_batches:
                    raise list(self._meters.values())[-1].beyond_budget(self._label, f"{len(wishes):,}")
                await asyncio.sleep(wait)
                wait = min(wait * SLOWER, LONGEST_POLL)
                for batch in list(open_batches):
                    state = await self._looked(batch)
                    if state.ended:
                        open_batches.remove(batch)
                        wishes |= await self._settled(batch, state)
                        room = True

    def _left(self) -> tuple[list[Batch], set[str]]:
        """The batches of an earlier process whose answers are not all in the log, and what was sent in them."""
        self._files.sweep()
        for batch in self._files.of(self._source, others=True):
            self._tell(
                f"{self._files.state(batch)}: a batch of another model or address ({batch.id or 'without an id'}), which is "
                "gone on with where that is asked again; if it is not wanted, cancel it there and remove this file"
            )
        found, sent = [], set[str]()
        for batch in self._files.of(self._source):
            keys = self._files.requests(batch).keys()
            if keys <= self._log.rows.keys():
                self._files.forget(batch)
            else:
                found.append(batch)
                sent |= keys
                self._sizes[batch.name] = len(keys)
        return found, sent

    async def _sent(self, wishes: dict[str, Wish]) -> Batch | None:
        """Send a batch of the first wishes, which are taken out, and are back where it was too large (a batch without an id);
        None where the budget has no room for one."""
        path = path_of(next(iter(wishes.values())).body)
        batch, self._unsent = self._unsent or Batch(uuid.uuid4().hex, self._source, path), None
        batch.path = path
        meter, lines, size = self._meter(batch), {}, 0
        for key, wish in wishes.items():
            if path_of(wish.body) == path:
                asked = without(spoken(wish.body, self._endpoint), wish.left_out)
                line = self._calls.line(key, path, asked | {"model": self._endpoint.model})
                size += len(line)
                if lines and (size > MOST_BYTES or len(lines) == self._most):
                    break
                lines[key] = line, meter.weigh(asked)[1]
        fit = meter.reserve_all([most for _, most in lines.values()])
        if not fit:
            self._unsent = batch
            return None
        keys = list(lines)[:fit]
        self._sizes[batch.name] = fit
        batch.tries = {key: wishes[key].tries for key in keys if wishes[key].tries}
        batch.left_out = {key: wishes[key].left_out for key in keys if wishes[key].left_out}
        self._files.begin(batch, "".join(lines[key][0] for key in keys))
        for key in keys:
            del wishes[key]
        wishes |= await self._made(batch)
        return batch

    async def _made(self, batch: Batch) -> dict[str, Wish]:
        """See that the endpoint has a batch; every step is on disk before the next. Where it is too large for the endpoint,
        its requests, which go into smaller ones."""
        if batch.id:
            self._tell(f"goes on with batch {batch.id} (requests: {self._sizes[batch.name]:,})")
            return {}
        try:
            if not batch.file:
                batch.file = await self._calls.upload(self._files.file(batch))
                self._files.write(batch)
            perhaps, batch.asked = batch.asked, True
            self._files.write(batch)
            batch.id = await self._calls.create(batch.file, batch.path, perhaps)
        except (Refused, Barred) as error:  # nothing was made
            wishes = self._unmade(batch)
            if self._too_large(str(error), wishes):
                return wishes
            raise Stop(f"{self._target.url}: {error}\n{self._advice(str(error))}") from None
        except Stop as stop:
            raise Stop(
                f"{self._target.url}: {stop}; the same command goes on, and makes no second batch; without "
                f"{self._files.state(batch)} it would"
            ) from None
        self._files.write(batch)
        self._tell(
            f"batch {batch.id} is at the endpoint, which may take a day (requests: {self._sizes[batch.name]:,}); the same "
            "command goes on from it"
        )
        return {}

    def _unmade(self, batch: Batch) -> dict[str, Wish]:
        """Forget a batch of which nothing was asked; its requests."""
        requests = self._files.requests(batch)
        self._book(batch, requests, {}, False)
        wishes = {key: self._wish(batch, key, body) for key, body in requests.items()}
        self._files.forget(batch)
        return wishes

    def _too_large(self, why: str, wishes: dict[str, Wish]) -> bool:
        """Whether that is why the endpoint does not take them together; then the next batches have half as many."""
        crowded = bool(_CROWDED.search(why))
        if len(wishes) == 1 or not (crowded or _LARGE.search(why)):
            return False
        self._most, self._alone = len(wishes) // 2, self._alone or crowded
        return True

    async def _looked(self, batch: Batch) -> State:
        try:
            state = await self._calls.look(batch.id)
        except (Refused, Barred, Stop) as error:
            place = self._files.state(batch)
            raise Stop(
                f"{self._target.url}: batch {batch.id}: {error}; the same command looks again; where the endpoint has "
                f"lost it, remove {place}, and its requests are asked anew"
            ) from None
        if state.status not in STATUSES and state.status not in self._words:
            self._words.add(state.status)
            self._tell(
                f"batch {batch.id} is {shown(state.status, self._calls.hide)!r}, a status that is not known here; it is waited for: "
                f"{', '.join(ENDED)}"
            )
        known = self._told.get(batch.name, 0)
        self._advance(state.done - known)
        self._told[batch.name] = state.done
        return state

    async def _settled(self, batch: Batch, state: State) -> dict[str, Wish]:
        """Take in what an ended batch has: the requests that are to be sent again."""
        requests = self._files.requests(batch)
        if state.status == FAILED:  # at its check: nothing was asked, and nothing is paid for
            wishes = self._unmade(batch)
            if self._too_large(state.why, wishes):
                return wishes
            raise Stop(f"{self._target.url}: batch {batch.id} has failed: {state.why or 'no reason given'}")
        answers = await self._fetched(batch, state, requests)
        meter, there = self._meter(batch), [key for key in requests if key in answers]
        judged = {key: self._judged(requests[key], *answers[key], meter) for key in there}
        self._book(batch, requests, judged, state.status == COMPLETED)
        return self._kept(batch, state, requests, judged)

    async def _fetched(self, batch: Batch, state: State, requests: dict[str, Body]) -> Answers:
        """A file that is named late or came short is fetched again: a line that is missing is asked
        anew, and paid for. One that is named and is not there is not missed where the others have all."""
        for look in range(LOOKS):
            answers, lost = Answers(), ""
            for number, file in enumerate(state.files):
                place = self._files.file(batch).with_suffix(f".{number}.answers")
                try:
                    await self._calls.download(file, place, len(requests) * LONGEST_BODY)
                    read_answers(place, requests, answers)
                except (Refused, Barred) as error:
                    lost = str(error)
                except Stop as stop:
                    raise self._unread(batch, stop) from None
            told = min(state.done or state.status == COMPLETED, len(requests))
            if len(answers) >= told:
                return answers
            if look + 1 < LOOKS:
                await asyncio.sleep(FIRST_POLL * SLOWER**look)
                state = await self._looked(batch)
        if lost or not answers:
            raise self._unread(batch, lost or f"it is {state.status}, and names no file that has one")
        return answers

    def _unread(self, batch: Batch, why: object) -> Stop:
        return Stop(
            f"{self._target.url}: the answers of batch {batch.id}: {why}; the same command looks again; where the endpoint "
            f"has lost them, remove {self._files.state(batch)}, and the requests are asked and paid for anew"
        )

    def _kept(
        self, batch: Batch, state: State, requests: dict[str, Body], judged: dict[str, tuple]
    ) -> dict[str, Wish]:
        """Write the answers of a batch to the log, tell failures, and give back what is to be sent again."""
        said = {key: one for key, (one, *_) in judged.items() if isinstance(one, Reply) and not one.failure}
        self._answered = self._answered or bool(said)
        new = ((key, reply) for key, reply in said.items() if key not in self._log.rows)
        rows = [(key, reply._replace(left_out=batch.left_out.get(key, ""))) for key, reply in new]
        for start in range(0, len(rows), WRITTEN):
            self._log.add(rows[start : start + WRITTEN])
        again: dict[str, Wish] = {}
        stop: Judged | None = None
        lost = f"the batch has no line for it ({state.status})"
        lost = lost if state.status == COMPLETED else f"the batch: {state.status}"
        for key, body in requests.items():
            if key in said or key in self._log.rows:
                continue
            outcome = judged[key][0] if key in judged else Again(lost)
            wish = self._wish(batch, key, body)
            error, kept = getattr(outcome, "error", ""), self._endpoint.extra_body
            name = error and refused_parameter(error, body, kept, isinstance(outcome, Again))
            tries = 2 if isinstance(outcome, (Garbled, Lasting)) else MOST_TRIES
            passes, last = isinstance(outcome, Again), wish.tries + 1
            if name:
                again[key] = wish._replace(left_out=f"{wish.left_out} {name}".strip())
            elif passes and last < min(tries, self._endpoint.max_attempts):
                self.tally[str(outcome)[:40]] += 1
                again[key] = wish._replace(tries=last)
            else:
                if isinstance(outcome, Stop) or (isinstance(outcome, Barred) and not self._answered):
                    stop = outcome
                failed = no_reply(f"{NO_ANSWER} {last} batches: {outcome}" if passes else str(outcome))
                self.failures[key] = outcome if isinstance(outcome, Reply) else failed
        self.tally["answered"] += len(said)
        self.tally["failed"] = len(self.failures)
        self._advance(len(requests) - len(again) - self._told.pop(batch.name, 0))
        self._files.forget(batch)
        if stop:
            raise Stop(explained(str(stop), self._target, next(iter(requests.values()))))
        if state.status == CANCELLED and again:
            raise Stop(
                f"batch {batch.id} was cancelled: {len(said):,} of {len(requests):,} answers are kept; the same command "
                "sends the others in a new one"
            )
        return again

    def _wish(self, batch: Batch, key: str, body: Body) -> Wish:
        asked = {name: value for name, value in body.items() if name != "model"}
        return Wish(asked, batch.left_out.get(key, ""), batch.tries.get(key, 0))

    def _tell(self, what: str) -> None:
        tell(f"komep: {self._label}: {what}")

    def _advice(self, error: str) -> str:
        key = self._endpoint.api_key_env
        if error.startswith("HTTP 403") and key:
            return f"check the key in {key}, and what it may do"
        if error.startswith(("HTTP 401", "HTTP 403")):
            return f"check the key in {key}" if key else "it wants a key: set `api_key_env`"
        return (
            "nothing was paid for; an endpoint without /files and /batches is asked without `batch_api: true`"
        )

    def _meter(self, batch: Batch) -> Meter:
        if batch.name not in self._meters:
            self._meters[batch.name] = self._stack.enter_context(Meter.of(self._endpoint, batch.name))
        return self._meters[batch.name]

    def _book(
        self, batch: Batch, requests: dict[str, Body], judged: dict[str, tuple], complete: bool
    ) -> None:
        """Replace what is reserved by what each request cost; one that has no line was not asked, or is paid for in full
        where the batch is `complete`."""
        meter, unasked = self._meter(batch), (None, None, complete)
        told = ((meter.weigh(body)[1], judged.get(key, unasked)) for key, body in requests.items())
        meter.book_all((most, usage, billed, isinstance(one, Reply)) for most, (one, usage, billed) in told)

    def _judged(
        self, request: Body, status: int, body: str, meter: Meter
    ) -> tuple[Reply | Judged, Usage | None, bool]:
        """(what a line comes to, its usage, whether it may be billed)"""
        billed, hide = 200 <= status < 300, self._calls.hide
        if not status:
            return Again(shown(body, hide)), None, False
        try:
            sent, nul = meter.weigh(request)[0], "\\u0000" in json.dumps(request)
            reply, usage = read_answer(request, status, None, body, sent, hide, nul)
            return reply, usage, billed
        except Filtered as filtered:
            return filtered.reply, None, False
        except Judged as judged:
            return judged, judged.usage, billed
        except Exception as error:  # whatever else an answer makes `read_reply` raise costs its request alone
            said = named(error, hide, whole=True)
            return Refused(f"an answer that cannot be read: {said}"), None, billed
