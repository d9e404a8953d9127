"""The loop over one endpoint: many requests in flight, commits in groups, and when a run ends before its requests do."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.inference.client import NO_ANSWER, ROOM_SECONDS, Client, Target, explained
from komep_dataset.inference.costs import Meter
from komep_dataset.inference.reply_log import ENGINE_LOG, Reply, ReplyLog, no_reply, without_thoughts
from komep_dataset.inference.wire.answers import Barred, Stop
from komep_dataset.inference.wire.dialect import token_limit
from komep_dataset.progress import tell
from komep_dataset.replies.faults import LASTING
from komep_dataset.system import run_async

# Requests failed in a row, none answered between: the endpoint is down, or, where it never answered, will not.
STOP_AFTER_FAILURES = 50
STOP_AFTER_BARRED = 3  # texts that got a status of `BARRED`, none answered: nobody will be
COMMIT_SECONDS = 0.002  # replies that arrive within this time are written together
ENDED = ("answered", "failed")
# Failures that are hardly one text's own.
NOBODYS = (NO_ANSWER, LASTING, "HTTP 401", "HTTP 404", "HTTP 405", "HTTP 3")
Rows = Sequence[tuple[str, Reply]]


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom a stage asks, and where what it hears goes.

    `log` takes the answers, `folder` holds it; `label` is what messages call the requests; `answered`: whether the model has
    answered some of these before, so that it bars nobody as such; `advance` is told how many requests have ended.
    """

    target: Target
    log: ReplyLog
    folder: Path
    label: str
    answered: bool
    advance: Callable[[float], None] = lambda requests: None

    @contextmanager
    def told(
        self, asked: int, tally: Counter[str], doubts: Callable[[], str], figures: str = ENGINE_LOG
    ) -> Iterator[None]:
        """Around the asking of so many requests: why it stops as a `KomepError`, a line of figures in a file of the folder."""
        start = monotonic()
        try:
            yield
        except Stop as stop:
            raise KomepError(f"{self.label}: {stop}") from None
        except OSError as error:
            what = "batches" if self.target.endpoint.batch_api else "replies"
            raise KomepError(f"{self.folder}: {what} cannot be written ({error.strerror})") from error
        finally:
            if said := doubts():
                tell(f"komep: {self.label}: {said}")
            seconds = monotonic() - start
            again = ", ".join(f"{why}: {n:,}" for why, n in tally.most_common() if why not in ENDED)
            rate = (tally["answered"] + tally["failed"]) / max(seconds, 1e-9)
            line = (
                f"{datetime.now().isoformat(' ', 'seconds')} {self.label}: {asked:,} to ask, {tally['answered']:,} answered, "
                f"{tally['failed']:,} failed, {seconds:,.1f} s, {rate:,.1f}/s; asked again after: {again or 'nothing'}"
                f"{said and '; '}{said}\n"
            )
            # A disk that is full has been reported already.
            with suppress(OSError), (self.folder / figures).open("a", encoding="utf-8") as lines:
                lines.write(line)


class Door:
    """Tells an endpoint that bars everybody from one that bars a single text, whose row alone fails.

    A 401 is no text's own: `STOP_AFTER_BARRED` of them with no answer between, or after the last answer, end the run.
    Otherwise nobody is let in where `STOP_AFTER_BARRED` texts were barred (or all there are) and none was answered, unless
    they got a 403 and the key's own check passes. Those in flight are waited for first: a text is refused faster than
    another is answered. Where some were answered, only a key that its own check refuses ends the run.
    """

    def __init__(self, client: Client, target: Target, bodies: Iterable[dict[str, Any]], answered: bool):
        self._client, self._target, self.answered = client, target, answered
        first: set[str] = set()
        for body in bodies:
            first.add(_text_of(body))
            if len(first) == STOP_AFTER_BARRED:
                break
        self._enough, self._barred = len(first), set[str]()
        self._in_flight = 0
        self._decided = asyncio.Event()
        self._keyless: dict[str, str] = {}  # texts that got a 401 since the last answer -> why the run stops

    async def ask(self, body: dict[str, Any]) -> Reply | None:
        """`Client.ask`, with a failed reply for a request that was barred alone."""
        barred = ""
        self._in_flight += 1
        try:
            reply = await self._client.ask(body)
        except Barred as error:
            barred = str(error)
            reply = no_reply(barred)
            self._barred.add(_text_of(body))
            if barred.startswith("HTTP 401"):
                self._keyless[_text_of(body)] = explained(barred, self._target, body)
        finally:
            self._in_flight -= 1
        if reply is not None and not reply.failure and not reply.filtered:
            self.answered = True
            self._keyless.clear()
        enough = len(self._barred) >= self._enough
        if self.answered or (enough and not self._in_flight):
            self._decided.set()
        if barred and (enough or self.answered):
            await self._decided.wait()
            if not await self._others_may_enter(barred[:8]):
                raise Stop(explained(barred, self._target, body))
        while barred and self._in_flight and len(self._keyless) >= STOP_AFTER_BARRED:
            await asyncio.sleep(ROOM_SECONDS)
        if barred and len(self._keyless) >= STOP_AFTER_BARRED:
            self.end()
        return reply

    def end(self) -> None:
        """Raises `Stop` where a 401 is the last that was heard."""
        for why in self._keyless.values():
            raise Stop(why)

    async def _others_may_enter(self, status: str) -> bool:
        if self.answered:
            keyed = self._target.secret and status in ("HTTP 401", "HTTP 403")
            return not (keyed and await self._client.checked_key() == 401)
        return status == "HTTP 403" and 200 <= await self._client.checked_key() < 300


def _text_of(body: dict[str, Any]) -> str:
    """What an endpoint may bar: several requests of other sampling have the same."""
    return json.dumps([body.get(name) for name in ("messages", "prompt", "input")])


class _Commits:
    """Writes replies in groups: those that arrive within `COMMIT_SECONDS` of the first go by one call of `keep`.

    Who adds a reply waits until it is written and only then asks for the next, so that a kill costs no more
    answers than were in flight.
    """

    def __init__(self, keep: Callable[[Rows], None]):
        self._keep = keep
        self._rows: list[tuple[str, Reply]] = []
        self._group: asyncio.Task | None = None
        self._torn = False

    async def add(self, key: str, reply: Reply) -> None:
        self._rows.append((key, reply))
        self._group = self._group or asyncio.create_task(self._commit())
        await self._group  # lines are cancelled all together, and what waits then is written by `flush`

    async def _commit(self) -> None:
        await asyncio.sleep(COMMIT_SECONDS)
        self._group = None
        self.flush()

    def flush(self) -> None:
        """Write what waits; behind a write that failed, and may have left a torn line, nothing is written."""
        rows, self._rows = self._rows, []
        if rows and not self._torn:
            self._torn = True
            self._keep(rows)
            self._torn = False


async def _ask_all(
    bodies: dict[str, dict], asking: Asking, keep: Callable[[Rows], None], meter: Meter, tally: Counter[str]
) -> None:
    """Send every request over `target.concurrency` lines; the first error ends all of them."""
    pending: Iterator[tuple[str, dict]] = iter(bodies.items())
    commits = _Commits(keep)
    errors: list[Exception] = []
    failed_in_a_row = 0

    async def line(door: Door) -> None:
        nonlocal failed_in_a_row
        try:
            while not meter.reached and (request := next(pending, None)):
                reply = await door.ask(request[1])
                if reply is None:
                    return
                cut = reply.finish_reason == "length"  # thoughts alone are no answer, and are paid for
                read = without_thoughts(reply, token_limit(request[1])) if cut or reply.filtered else reply
                why = read.failure
                # Where others were answered, a text that is refused says nothing of the next.
                down = why and (cut or not door.answered or why.startswith(NOBODYS))
                failed_in_a_row = failed_in_a_row + 1 if down else 0
                if failed_in_a_row >= STOP_AFTER_FAILURES:
                    last = asking.target.endpoint.worded(why)
                    raise Stop(f"{failed_in_a_row} requests in a row got no answer, the last: {last}")
                tally["failed" if reply.failure else "answered"] += 1
                await commits.add(request[0], reply)
        except Exception as error:
            errors.append(error)
            raise

    async with Client(asking.target, meter, tally, asking.answered) as client:
        door = Door(client, asking.target, bodies.values(), asking.answered)
        width = min(asking.target.concurrency, len(bodies))
        lines = [asyncio.ensure_future(line(door)) for _ in range(width)]
        try:
            await asyncio.wait(lines, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for one in lines:
                one.cancel()
            await asyncio.gather(*lines, return_exceptions=True)
            commits.flush()
    if errors:
        raise errors[0]
    door.end()


def run_requests(
    bodies: dict[str, dict[str, Any]], asking: Asking, meter: Meter, figures: str = ENGINE_LOG
) -> dict[str, Reply]:
    """Send every request (key -> OpenAI request without `model`) and keep replies as they come, a few at a time: a line asks for
    its next request only when its last reply is written. Failed replies are returned by key.

    Raises:
        KomepError: the endpoint answers nobody, the budget is spent, or the replies cannot be written.
    """
    tally: Counter[str] = Counter()
    failures: dict[str, Reply] = {}

    def keep(rows: Rows) -> None:
        failures.update((key, reply) for key, reply in rows if reply.failure)
        asking.log.add([(key, reply) for key, reply in rows if not reply.failure])
        asking.advance(len(rows))

    with asking.told(len(bodies), tally, meter.doubts, figures):
        run_async(_ask_all(bodies, asking, keep, meter, tally))
    if missing := len(bodies) - tally["answered"] - tally["failed"]:
        raise meter.beyond_budget(asking.label, f"{missing:,} of {len(bodies):,}")
    return failures
