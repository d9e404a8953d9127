"""Any OpenAI-compatible endpoint: many requests at once, every answer kept, asked once.

The asking is the pipeline's own (`komep_dataset.inference.ask`): retries, waits that the endpoint asks for, a log of
replies by the content of the request. That log stays beside the results: the same command again costs nothing.
"""

from collections.abc import Sequence
from typing import Any

from evaluation.harness.backend import Answer, Groups, cut_at_stops
from evaluation.harness.benchmark import Style
from evaluation.harness.options import LOGITS, Options
from evaluation.harness.output import JOURNAL
from evaluation.harness.processes import Processes
from evaluation.harness.prompts import Prompt
from komep_dataset.config.config import Endpoint
from komep_dataset.errors import KomepError
from komep_dataset.inference.ask import ask
from komep_dataset.inference.reply_log import REPLIES, read_log

MOST_STOPS = 4  # OpenAI's own limit
SHOWN = 3  # failures that a message names


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
    return {**asked, "temperature": 0.0, "max_tokens": options.max_new_tokens, "stop": words, "seed": 0}


class OpenAIBackend:
    """A model behind an address; the server tokenises, so no prompt is shortened here."""

    encode = None
    window = None

    def __init__(self, options: Options, style: Style, endpoint: Endpoint):
        self.options, self.stops, self.endpoint = options, style.stops, endpoint

    def answer(self, groups: Groups, label: str) -> tuple[list[list[Answer]], dict[str, Any]]:
        rows = [(s, row, prompt) for s, prompts in enumerate(groups) for row, prompt in enumerate(prompts)]
        bodies = {(s, row): request_body(prompt, self.options, self.stops) for s, row, prompt in rows}
        folder = self.options.output / JOURNAL
        resumed = len(read_log(folder / REPLIES)[0])
        replies = ask(bodies, self.endpoint, folder, label=label)
        # Thoughts without an answer are a reply that is read like any other: no letter is in it.
        failures = [
            reply.failure for reply in replies.values() if reply.failure and not (reply.raw or reply.thought)
        ]
        if failures:
            shown = "; ".join(sorted(set(failures))[:SHOWN])
            raise KomepError(
                f"{len(failures)} of {len(bodies)} questions got no answer ({shown}); the others are kept, "
                "and the same command asks these again"
            )
        answers = [
            [Answer(cut_at_stops(replies[s, row].given, self.stops)) for row in range(len(prompts))]
            for s, prompts in enumerate(groups)
        ]
        left = sorted({name for reply in replies.values() for name in reply.left_out.split()})
        facts = {"endpoint": self.endpoint.endpoint, "resumed_questions": resumed}
        return answers, facts | ({"left_out": left} if left else {})


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
    )
    for key, problem in endpoint.problems():
        raise KomepError(f"--{key.replace('_', '-')}: {problem}", exit_code=2)
    endpoint.api_key()  # an unset variable is told before any work
    return OpenAIBackend(options, style, endpoint)
