"""What a backend is asked and what it gives: the contract between the runner and whatever runs the model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from evaluation.harness.prompts import Prompt, PromptEncoder
from komep_dataset.replies.thoughts import answer_of, end_of_thoughts, may_end_thoughts, thoughts_in

Groups = Sequence[Sequence[Prompt]]  # the prompts of each subject


LIMIT, BUDGET = "limit", "budget"
HIDDEN = "thoughts and no answer"  # begins the failure of a reply whose limit went to thoughts


class Answer(NamedTuple):
    """A reply, and where they were asked for the log-probabilities (nats) of the letters as its first token.

    `failure` says why there is nothing to read: `HIDDEN`, or what an endpoint said that refused the question. `cut`:
    `LIMIT` where the limit of tokens ended the reply, neither the model nor a stop string; `BUDGET` where that of its
    thoughts ended these, and the reply came to its own end.
    """

    text: str
    logprobs: tuple[float, ...] | None = None
    failure: str = ""
    cut: str = ""


@dataclass(frozen=True, slots=True)
class Stops:
    """Where replies end: before the first of these texts that stands outside of thoughts.

    `opening` is the mark with which the prompt opens thoughts. `end`, where it is given, is the one text that ends them,
    and all before it is thought. Without `apart` the texts end thoughts like any other text, as lm-evaluation-harness has
    it.
    """

    texts: tuple[str, ...]
    opening: str = ""
    apart: bool = True
    end: str = ""

    def cut(self, reply: str) -> str:
        """The reply before the first stop."""
        if not self.apart:
            return reply[: _first(self.texts, reply)]
        whole, place = self.opening + reply, len(self.opening)
        spans, _ = self._thoughts(whole)
        for n, (start, end) in enumerate([*spans, (len(whole), len(whole))]):
            said = whole[place:start]
            # Blank lines around thoughts belong to them, and are no stop.
            blank = len(said) - len(said.lstrip()) if n or (spans and not said.strip()) else 0
            if place < start and (at := _first(self.texts, said, blank)) is not None:
                return whole[len(self.opening) : place + at]
            place = max(place, end)
        return reply

    def within_thoughts(self, reply: str) -> bool:
        """Whether a reply, as far as it has come, has no end of the thoughts that it or its prompt began."""
        return self.apart and self._thoughts(self.opening + reply)[1]

    def may_end_thoughts(self, text: str) -> bool:
        """Whether a piece of a reply holds what could end its thoughts."""
        return self.end in text if self.end else may_end_thoughts(text)

    def _thoughts(self, reply: str) -> tuple[list[tuple[int, int]], bool]:
        if not self.end:
            return thoughts_in(reply)
        place = reply.rfind(self.end)
        return ([(0, len(reply))], True) if place < 0 else ([(0, place + len(self.end))], False)


def past_budget(
    tokenizer: Any,
    stops: Stops,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Answer],
    ask: Callable[[list[tuple[int, ...]], Stops], Sequence[Answer]],
    longest: int | None = None,
) -> list[Answer]:
    """Answers whose thoughts have had a budget of tokens: those that it cut off are asked to go on.

    Thoughts that are not over by then are ended by the mark of their family. Where that is not known, or the window has
    no room, the reply stays cut off.

    Args:
        prompts: token ids, one an answer.
        ask: answers prompts that go on with what was said.
        longest: tokens that such a prompt may have; None = any number.
    """
    told, said, more = list(answers), {}, []
    for n, answer in enumerate(answers):
        within = stops.within_thoughts(answer.text)
        end = (stops.end or end_of_thoughts(stops.opening + answer.text)) if within else ""
        if not answer.cut or (within and not end):
            continue
        text = answer.text + (f"\n{end}\n\n" if end else "")
        prompt = (*prompts[n], *tokenizer(text, add_special_tokens=False)["input_ids"])
        if longest is None or len(prompt) <= longest:
            said[n] = text
            more.append(prompt)
    # Behind thoughts, where blank lines at the beginning are no stop.
    behind = replace(stops, opening="<think></think>", end="")
    later = ask(more, behind) if more else ()
    for (n, text), answer in zip(said.items(), later, strict=True):
        ended = text != answers[n].text
        whole = stops.cut(text + answer.text)
        told[n] = answers[n]._replace(text=whole, cut=answer.cut or (BUDGET if ended else ""))
    return told


def _first(texts: Sequence[str], text: str, start: int = 0) -> int | None:
    """Where the first of some texts stands."""
    return min((at for one in texts if (at := text.find(one, start)) >= 0), default=None)


def as_stops(stops: Stops | Sequence[str]) -> Stops:
    """Texts at which replies end as `Stops`."""
    return stops if isinstance(stops, Stops) else Stops(tuple(stops))


def cut_at_stops(text: str, stops: Sequence[str]) -> str:
    """The text before the first stop string that stands outside of thoughts."""
    return as_stops(stops).cut(text)


def decoded(tokenizer: Any, token_ids: Sequence[int], end: str = "") -> str:
    """A reply as text without special tokens, unless the marks of its thoughts are such, or what ends them is (`end`)."""
    text = tokenizer.decode(list(token_ids), skip_special_tokens=True)
    if not set(tokenizer.all_special_ids).isdisjoint(token_ids):
        marked = tokenizer.decode(list(token_ids), skip_special_tokens=False)
        if end in marked if end else answer_of(marked).thoughts:
            return marked
    return text


class Backend(Protocol):
    """A model that answers prompts greedily."""

    encode: PromptEncoder | None  # None: the server tokenises
    window: int | None  # tokens of prompt and reply together; None: unknown

    def answer(self, groups: Groups, label: str) -> tuple[list[list[Answer]], dict[str, Any]]:
        """The answers to the prompts of each subject, in their order, and what `results.json` says of how they came.

        Those of an interrupted run are taken over. `label` is what the progress bar says.
        """
