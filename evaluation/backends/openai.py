"""Any OpenAI-compatible endpoint: many requests at once, every answer kept, asked once.

The asking is the pipeline's own (`komep_dataset.inference.ask`): retries, waits that the endpoint asks for, a log of
replies by the content of the request. That log stays beside the results: the same command again costs nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evaluation.backends.backend import Answer, Groups, Job, cut_at_stops
from evaluation.harness.output import JOURNAL
from evaluation.harness.processes import Processes
from evaluation.harness.prompts import Prompt
from komep_dataset.config.config import Endpoint
from komep_dataset.errors import KomepError
from komep_dataset.inference.ask import REPLIES, Request, ask

MOST_STOPS = 4  # OpenAI's own limit
SHOWN = 3  # failures that a message names


def request_body(prompt: Prompt, job: Job) -> dict[str, Any]:
    """An OpenAI request without its model: a chat message, or plain text to complete; greedy.

    End-of-turn tokens end a reply by themselves on a server, so the stop strings made of text go first.
    """
    asked = (
        {"messages": [{"role": "user", "content": prompt.text}]}
        if job.chat_template
        else {"prompt": prompt.text}
    )
    stops = sorted(job.stops, key=lambda stop: stop.startswith("<"))[:MOST_STOPS]
    return {**asked, "temperature": 0.0, "max_tokens": job.max_new_tokens, "stop": stops, "seed": 0}


class OpenAIBackend:
    """A model behind an address; the server tokenises, so no prompt is shortened here."""

    encode = None
    window = None

    def __init__(self, job: Job, endpoint: Endpoint):
        self.job, self.endpoint = job, endpoint
        self.resumed = 0

    def answer(self, groups: Groups, label: str) -> list[list[Answer]]:
        rows = [(s, row, prompt) for s, prompts in enumerate(groups) for row, prompt in enumerate(prompts)]
        requests = [Request(f"{s}:{row}", request_body(prompt, self.job)) for s, row, prompt in rows]
        folder = self.job.output / JOURNAL
        self.resumed = count_lines(folder / REPLIES)
        replies = ask(requests, self.endpoint, folder, label=label)
        failed = [
            (request.id, replies[request.id].failure) for request in requests if replies[request.id].failed
        ]
        if failed:
            shown = "; ".join(sorted({reason for _, reason in failed})[:SHOWN])
            raise KomepError(
                f"{len(failed)} of {len(requests)} questions got no answer ({shown}); the others are kept, "
                "and the same command asks these again"
            )
        return [
            [Answer(cut_at_stops(replies[f"{s}:{row}"].text, self.job.stops)) for row in range(len(prompts))]
            for s, prompts in enumerate(groups)
        ]

    def describe(self) -> dict[str, Any]:
        return {"endpoint": self.endpoint.endpoint, "resumed_questions": self.resumed}


def count_lines(path: Path) -> int:
    """Replies that a log holds already; 0 where there is none."""
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def open_backend(job: Job, processes: Processes) -> OpenAIBackend:
    """Check the job's endpoint; nothing is asked yet."""
    if processes.size > 1:
        raise KomepError("--backend openai runs in one process; raise --concurrency instead", exit_code=2)
    if job.logits:
        raise KomepError("--scoring logits needs --backend transformers", exit_code=2)
    if job.endpoint is None:
        raise KomepError(
            "--backend openai needs --endpoint, for example http://127.0.0.1:8000/v1", exit_code=2
        )
    endpoint = Endpoint(
        model=job.model, endpoint=job.endpoint, api_key_env=job.api_key_env, concurrency=job.concurrency
    )
    for key, problem in endpoint.problems():
        raise KomepError(f"--{key.replace('_', '-')}: {problem}", exit_code=2)
    endpoint.api_key()  # an unset variable is told before any work
    return OpenAIBackend(job, endpoint)
