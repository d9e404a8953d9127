"""What a backend is asked and what it gives: the contract between the runner and whatever runs the model."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from evaluation.harness.prompts import Prompt, PromptEncoder

Groups = Sequence[Sequence[Prompt]]  # the prompts of each subject


HIDDEN = "thoughts and no answer"  # begins the failure of a reply whose limit went to thoughts


class Answer(NamedTuple):
    """A reply, and where they were asked for the log-probabilities (nats) of the letters as its first token.

    `failure` says why there is nothing to read: `HIDDEN`, or what an endpoint said that refused the question.
    """

    text: str
    logprobs: tuple[float, ...] | None = None
    failure: str = ""


def cut_at_stops(text: str, stops: Sequence[str]) -> str:
    """The text before the first stop string."""
    for stop in stops:
        text = text.split(stop, 1)[0]
    return text


class Backend(Protocol):
    """A model that answers prompts greedily."""

    encode: PromptEncoder | None  # None: the server tokenises
    window: int | None  # tokens of prompt and reply together; None: unknown

    def answer(self, groups: Groups, label: str) -> tuple[list[list[Answer]], dict[str, Any]]:
        """The answers to the prompts of each subject, in their order, and what `results.json` says of how they came.

        Those of an interrupted run are taken over. `label` is what the progress bar says.
        """
