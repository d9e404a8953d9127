"""Any OpenAI-compatible endpoint: many requests at once, every answer kept, asked once.

The asking is the pipeline's own (`komep_dataset.inference.ask`): retries, waits that the endpoint asks for, a log of
replies by the content of the request. That log stays beside the results: the same command again asks but a few of its
questions anew, to see that the model behind the name is still the one that replied.
"""

import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluation.harness.backend import HIDDEN, LIMIT, Answer, Groups, Stops
from evaluation.harness.benchmark import Style
from evaluation.harness.options import APART, LOGITS, Options
from evaluation.harness.output import JOURNAL
from evaluation.harness.processes import Processes
from evaluation.harness.prompts import Prompt, thinking_switch
from komep_dataset.config.config import Endpoint
from komep_dataset.errors import KomepError, require
from komep_dataset.inference.ask import ask, keys_of
from komep_dataset.inference.loop import NOBODYS
from komep_dataset.inference.reply_log import REPLIES, Reply, read_log
from komep_dataset.inference.wire.answers import NUL
from komep_dataset.replies.thoughts import answer_of, opened_in_prompt

MOST_STOPS = 4  # OpenAI's own limit
SHOWN = 3  # failures that a message names
# Kept replies that are asked for again, and their characters that must be the same. A busy server's sums differ, so that of
# ten replies one or two may begin otherwise under the same weights.
ASKED_AGAIN, ALIKE, MOVED = 10, 40, 0.3
# What is said of an account, whatever the status; and of a text for which fewer examples make room.
_ACCOUNT = re.compile("(?i)api.?key|credential|authenticat|billing|quota|subscription|account")
_TOO_LONG = re.compile(
    "(?i)too (?:large|long|many)|context.{0,9}(?:length|window|size)|maximum.{0,20}(?:length|tokens)"
)


def request_body(prompt: Prompt, options: Options, stops: Sequence[str]) -> dict[str, Any]:
    """An OpenAI request without its model: a chat message, or plain text to complete; greedy.

    End-of-turn tokens end a reply by themselves on a server, so the stop strings made of text go first.
    """
    asked = (
        {"messages": [{"role": "user", "content": prompt.text}]}
        if options.chat_template
        else {"prompt": prompt.text}
    )
    words = sorted(stops, key=lambda stop: stop.startswith("<"))[:MOST_STOPS]
    body = {**asked, "temperature": 0.0, "max_tokens": options.longest_reply, "stop": words, "seed": 0}
    return body | _switched(options)


def _switched(options: Options) -> dict[str, Any]:
    """What vLLM and SGLang hand to the chat template."""
    switch = thinking_switch(options.enable_thinking)
    return {"chat_template_kwargs": switch} if switch else {}


def _thinks(reply: Reply) -> bool:
    return bool(reply.thought) or answer_of(reply.given).thoughts


def _unstopped(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "stop"}


class OpenAIBackend:
    """A model behind an address; the server tokenises, so no prompt is shortened here."""

    encode = None
    window = None

    def __init__(self, options: Options, style: Style, endpoint: Endpoint):
        self.options, self.endpoint = options, endpoint
        self.stops = Stops(style.stops, apart=options.thoughts == APART, end=options.think_end_token or "")

    def answer(self, groups: Groups, label: str) -> tuple[list[list[Answer]], dict[str, Any]]:
        rows = [(s, row, prompt) for s, prompts in enumerate(groups) for row, prompt in enumerate(prompts)]
        bodies = {(s, row): request_body(prompt, self.options, self.stops.texts) for s, row, prompt in rows}
        folder = self.options.output / JOURNAL
        kept = read_log(folder / REPLIES)[0]
        resumed = len(kept)
        self._check_reached(kept, bodies)
        self._check_still_there(kept, bodies, label)
        replies = self._ask(bodies, label)
        # Thoughts without an answer are a reply that is read like any other: no letter is in it.
        failed = [
            reply.failure
            for reply in replies.values()
            if reply.failure and (reply.filtered or not (reply.thought or reply.failure.startswith(HIDDEN)))
        ]
        # Where others were answered, a refusal of this question is its answer; it would come again for ever.
        lost = [why for why in failed if len(failed) == len(replies) or not self._refuses(why)]
        if lost:
            shown = "; ".join(sorted(set(lost))[:SHOWN])
            fewer = self.options.shots and any(map(_TOO_LONG.search, lost))
            switched = "chat_template_kwargs" in shown
            again = (
                "the others are kept, and the same command asks these again"
                if len(lost) < len(bodies)
                else "the same command asks them again"
            )
            raise KomepError(
                f"{len(lost)} of {len(bodies)} questions got no answer ({shown}); "
                f"{'where a prompt is too long, lower --shots; ' if fewer else ''}"
                f"{'leave --enable-thinking and --no-thinking out, the endpoint takes neither; ' if switched else ''}"
                f"{again}"
            )
        stops = self.stops
        if not stops.end and any(opened_in_prompt(reply.given) for reply in replies.values()):
            stops = replace(stops, opening="<think>")
        answers = [
            [self._answer(replies[s, row], stops) for row in range(len(prompts))]
            for s, prompts in enumerate(groups)
        ]
        left = sorted({name for reply in replies.values() for name in reply.left_out.split()})
        facts = {"endpoint": self.endpoint.endpoint, "resumed_questions": resumed}
        sent = {
            "stops_sent": next((b["stop"] for b in bodies.values() if "stop" in b and "stop" not in left), [])
        }
        return answers, facts | sent | ({"left_out": left} if left else {})

    def _check_reached(self, kept: Mapping[str, Reply], bodies: Mapping[Any, dict[str, Any]]) -> None:
        """Raise `KomepError` where questions are to be asked and nobody takes a connection."""
        whole = keys_of(bodies, self.endpoint)
        bare = keys_of({key: _unstopped(body) for key, body in bodies.items()}, self.endpoint)
        answered = sum(whole[key] in kept or bare[key] in kept for key in bodies)
        if answered == len(bodies):
            return
        require("llm", "datatrove", "aiohttp")
        from komep_dataset.inference.wire.reach import why_unreached

        if why := why_unreached(self.endpoint):
            done = f"; {answered:,} of {len(bodies):,} answers are kept" if answered else ""
            raise KomepError(
                f"--endpoint {self.endpoint.endpoint} cannot be reached {self.endpoint.worded(why)}; nothing was asked{done}"
            )

    def _check_still_there(
        self, kept: Mapping[str, Reply], bodies: Mapping[Any, dict[str, Any]], label: str
    ) -> None:
        """Raise `KomepError` where the endpoint now answers otherwise than when replies that are kept came.

        A few are asked again, the longest, for they tell most; only their beginnings are compared, since the sums of a busy
        server end in other words far behind.
        """
        wanted = {key: body for body in bodies.values() for body in (body, _unstopped(body))
                  for key in keys_of({0: body}, self.endpoint).values() if key in kept}  # fmt: skip
        asked = sorted(wanted, key=lambda key: -len(kept[key].given))[:ASKED_AGAIN]
        if not asked:
            return
        again: dict[str, Reply] = {}
        with (
            tempfile.TemporaryDirectory() as place,
            suppress(KomepError),
        ):  # no endpoint: what is missing will tell
            again = ask(
                {key: wanted[key] for key in asked}, self.endpoint, Path(place), label=f"{label}, again"
            )
        came = [key for key in asked if key in again and not again[key].failure]
        other = [key for key in came if again[key].given[:ALIKE] != kept[key].given[:ALIKE]]
        log = self.options.output / JOURNAL / REPLIES
        if other and len(other) >= MOVED * len(came):
            first = other[0]
            raise KomepError(
                f"{log} holds {len(wanted):,} replies of an earlier run, and {len(other)} of {len(came)} asked again came "
                f"out otherwise ({kept[first].given[:ALIKE]!r}, now {again[first].given[:ALIKE]!r}): other weights are "
                "served under this name, or the endpoint does not repeat itself; move the file away to ask all anew, or "
                "take another --output"
            )
        state = (
            f"{len(came)} were asked again, {len(other)} came out otherwise"
            if came
            else "the endpoint could not be asked whether it is still the same"
        )
        print(f"note: {len(wanted):,} replies are taken over from {log}; {state}", file=sys.stderr)

    def _ask(self, bodies: dict[Any, dict[str, Any]], label: str) -> dict[Any, Reply]:
        """The replies; `bodies` are left as they were asked.

        An endpoint's stops cut thoughts, too. So under a chat template the first question goes without, and where the
        model is seen to think all others do. Thoughts that are cut nevertheless are asked for again without stops.
        """
        folder = self.options.output / JOURNAL
        if not self.stops.apart:
            return ask(bodies, self.endpoint, folder, label=label)
        if self.stops.end:
            bodies.update({key: _unstopped(body) for key, body in bodies.items()})
        elif self.options.chat_template:
            first = next(iter(bodies))
            bodies[first] = _unstopped(bodies[first])
            reply = ask({first: bodies[first]}, self.endpoint, folder, label=f"{label}, one question")[first]
            if _thinks(reply):
                bodies.update({key: _unstopped(body) for key, body in bodies.items()})
        replies = ask(bodies, self.endpoint, folder, label=label)
        cut = [
            key
            for key, reply in replies.items()
            if "stop" in bodies[key] and self._cut_within_thoughts(reply)
        ]
        if not cut:
            return replies
        bodies.update({key: _unstopped(bodies[key]) for key in cut})
        return ask(bodies, self.endpoint, folder, label=label)

    def _cut_within_thoughts(self, reply: Reply) -> bool:
        """Whether a stop may have ended a reply within its thoughts; the limit did not."""
        spent = (reply.completion_tokens or 0) >= self.options.longest_reply
        return not spent and (reply.failure.startswith(HIDDEN) or answer_of(reply.given).unfinished)

    def _refuses(self, why: str) -> bool:
        """Whether a failure is of one question alone: no outage, no matter of the account, not the worked examples' length.

        A NUL is what the model wrote, and would write again; other signs of no text may be the server's wrong decoding.
        """
        if why.endswith(f"an answer with {NUL}"):
            return True
        if why.startswith(NOBODYS) or _ACCOUNT.search(why):
            return False
        return not (self.options.shots and _TOO_LONG.search(why))

    def _answer(self, reply: Reply, stops: Stops) -> Answer:
        limit = self.options.longest_reply
        cut = (
            reply.finish_reason == "length"
            or reply.failure.startswith(f"{HIDDEN}: the limit")
            or (reply.completion_tokens or 0) >= limit
        )
        # Where the limit is spent and there is no word, it went to thoughts that the endpoint does not show.
        failure = reply.failure or (HIDDEN if cut and not reply.given.strip() else "")
        text = stops.cut(reply.given)
        return Answer(text, failure=failure, cut=LIMIT if cut and text == reply.given else "")


def open_backend(options: Options, style: Style, processes: Processes) -> OpenAIBackend:
    """Check the endpoint; nothing is asked yet."""
    if processes.size > 1:
        raise KomepError("--backend openai runs in one process; raise --concurrency instead", exit_code=2)
    if options.scoring == LOGITS:
        raise KomepError("--scoring logits needs --backend transformers", exit_code=2)
    if options.endpoint is None:
        raise KomepError(
            "--backend openai needs --endpoint, for example http://127.0.0.1:8000/v1", exit_code=2
        )
    endpoint = Endpoint(
        model=options.model,
        endpoint=options.endpoint,
        api_key_env=options.api_key_env,
        concurrency=options.concurrency,
        extra_body=_switched(options),  # so that it is never left out
    )
    for key, problem in endpoint.problems():
        raise KomepError(f"--{key.replace('_', '-')}: {endpoint.worded(problem)}", exit_code=2)
    endpoint.api_key()  # an unset variable is told before any work
    return OpenAIBackend(options, style, endpoint)
