"""transformers on this machine: one process or several, the few-shot prefix of a subject computed once.

All prompts are cut into the same batches whatever the number of processes and whatever is done already, so that
neither changes a letter: a batch's numbers depend on what it is padded to.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from evaluation.backends.local.generation import Generator, plan_batches
from evaluation.backends.local.loading import load_generator
from evaluation.backends.local.shared_prefix import Layers
from evaluation.harness.backend import Answer, Groups, Stops, past_budget
from evaluation.harness.benchmark import Style
from evaluation.harness.journal import keep, open_journal, reply_key
from evaluation.harness.options import APART, LOGITS, Options
from evaluation.harness.processes import Processes
from evaluation.harness.prompts import Prompt, PromptEncoder
from evaluation.harness.questions import LETTERS
from komep_dataset.errors import KomepError
from komep_dataset.inference.reply_log import ReplyLog
from komep_dataset.progress import progress_bar

# Replies that are written together: on an H100, 256 at once answer three times as many a second as 32 (docs/gpu.md).
BATCH_SIZE = {"cpu": 32}
BATCH_SIZE_ELSEWHERE = 256

Batch = tuple[int, list[int], list[int]]  # subject, the rows that share its prefix, those that run together


def batches(groups: Groups, size: int) -> Iterator[Batch]:
    """Every prompt once, in batches of prompts of one subject with equally many worked examples."""
    for subject, prompts in enumerate(groups):
        for shots in sorted({prompt.shots for prompt in prompts}):  # those that lost examples begin otherwise
            rows = [row for row, prompt in enumerate(prompts) if prompt.shots == shots]
            for batch in plan_batches([prompts[row].token_ids for row in rows], size):
                yield subject, rows, [rows[i] for i in batch]


class TransformersBackend:
    """A `Generator` over all prompts, each process with its share of the batches."""

    def __init__(self, options: Options, style: Style, processes: Processes, generator: Generator):
        self.options, self.processes, self.generator = options, processes, generator
        self.batch_size = options.batch_size or BATCH_SIZE.get(generator.device.type, BATCH_SIZE_ELSEWHERE)
        model_type = generator.model.config.model_type
        self.encode = PromptEncoder(
            generator.tokenizer,
            model_type,
            chat_template=options.chat_template,
            enable_thinking=options.enable_thinking,
        )
        if options.scoring == LOGITS:
            self.encode.check_logits()
        self.stops = Stops(
            style.stops, self.encode.opening, options.thoughts == APART, options.think_end_token or ""
        )
        self.window = generator.window
        self.fingerprint = generator.source.fingerprint
        self.resumed = 0
        self._prefix: tuple[tuple[int, ...], Layers] | None = None

    def answer(self, groups: Groups, label: str) -> tuple[list[list[Answer]], dict[str, Any]]:
        letters = self._letter_tokens(groups) if self.options.scoring == LOGITS else ()
        self._check_tokens(groups, letters)
        mine: list[tuple[int, int, Answer]] = []
        with (
            open_journal(self.options.output, self.processes.rank) as journal,
            self._bar(groups, label) as advance,
        ):
            for number, (subject, rows, batch) in enumerate(batches(groups, self.batch_size)):
                if number % self.processes.size == self.processes.rank:
                    answers = self._batch(groups[subject], rows, batch, journal, letters)
                    mine += ((subject, row, a) for row, a in zip(batch, answers, strict=True))
                    advance(len(batch) * self.processes.size)
        answered = {(subject, row): a for subject, row, a in self.processes.gather(mine)}
        answers = [[answered[s, row] for row in range(len(prompts))] for s, prompts in enumerate(groups)]
        return answers, self._facts()

    def _bar(self, groups: Groups, label: str) -> AbstractContextManager[Callable[[float], None]]:
        """One bar for all processes, that of the first."""
        if self.processes.rank:
            return nullcontext(lambda count: None)
        return progress_bar(label, sum(map(len, groups)), "questions")

    def _facts(self) -> dict[str, Any]:
        resumed = sum(self.processes.gather([self.resumed]))
        smallest = min(self.processes.gather([self.generator.largest or self.batch_size]))
        return {
            **self.generator.source.facts(),
            "dtype": str(self.generator.model.dtype).removeprefix("torch."),
            "device": self.generator.device.type,
            "world_size": self.processes.size,
            "bos": self.encode.wants_bos,
            "prefix_cache": self.generator.reuse_prefix,
            "batch_size": self.batch_size,
            "batch_size_reached": smallest,
            "resumed_questions": resumed,
            "generation": self.generator.model.generation_config.to_diff_dict(),
            "generation_overruled": self.generator.overruled,
        }

    def _batch(
        self,
        prompts: Sequence[Prompt],
        rows: Sequence[int],
        batch: Sequence[int],
        journal: ReplyLog,
        letters: Sequence[int],
    ) -> list[Answer]:
        """The answers of one batch; a batch of which one is missing is run whole."""
        keys = [self._key(prompts[row]) for row in batch]
        if all(key in journal.rows for key in keys):
            self.resumed += len(batch)
            kept = (Answer(*journal.rows[key]) for key in keys)
            return [one._replace(logprobs=tuple(one.logprobs) if one.logprobs else None) for one in kept]
        ids = [prompts[row].token_ids for row in batch]
        prefix = self._prefix_of([prompts[row].token_ids for row in rows])
        limit, budget = self.options.max_new_tokens, self.options.thinking_budget
        answers = self.generator.answer(ids, prefix, self.stops, budget or limit, letters)
        if budget:

            def go_on(more: list[tuple[int, ...]], stops: Stops) -> list[Answer]:
                return self.generator.answer(more, prefix, stops, limit)

            longest = self.window and self.window - limit
            answers = past_budget(self.generator.tokenizer, self.stops, ids, answers, go_on, longest)
        for key, answer in zip(keys, answers, strict=True):
            keep(journal, key, answer)
        return answers

    def _prefix_of(self, ids: Sequence[tuple[int, ...]]) -> Layers:
        """The cache of what these prompts share; the last one is kept, for batches come subject by subject."""
        if self._prefix is None or self._prefix[0] is not ids[0]:
            self._prefix = None  # the old one is freed before the new one is computed
            self._prefix = (ids[0], self.generator.prefix(ids))
        return self._prefix[1]

    def _key(self, prompt: Prompt) -> str:
        options, model = self.options, self.generator.model
        how = [
            str(model.dtype),
            model.device.type,
            [*self.stops.texts, f"outside of thoughts {self.stops.end}"]
            if self.stops.apart
            else self.stops.texts,
            [options.max_new_tokens, options.thinking_budget],
            self.batch_size,
            options.scoring == LOGITS,
        ]
        return reply_key(options.model, self.fingerprint, how, prompt.token_ids)

    def _check_tokens(self, groups: Groups, letters: Sequence[int]) -> None:
        """Raise `KomepError` for a token that the model does not know."""
        used = {*letters}.union(*(prompt.token_ids for prompts in groups for prompt in prompts))
        if max(used) >= self.generator.vocabulary:
            word = self.generator.tokenizer.convert_ids_to_tokens(max(used))
            raise KomepError(
                f"--model {self.options.model}: its tokenizer makes token {max(used)} ({word!r}) of the questions, and "
                f"the model knows {self.generator.vocabulary}; take the tokenizer that the model was trained with, or a "
                "model whose embeddings were resized and trained for the added tokens"
            )

    def _letter_tokens(self, groups: Groups) -> tuple[int, ...]:
        widest = max((prompt for prompts in groups for prompt in prompts), key=lambda p: p.options)
        return self.encode.letter_tokens(widest.text, LETTERS[: widest.options])


def open_backend(options: Options, style: Style, processes: Processes) -> TransformersBackend:
    """Load the model onto this process's device."""
    generator = load_generator(
        options.model,
        options.dtype,
        revision=options.revision,
        reuse_prefix=options.prefix_cache,
        device=processes.device,
    )
    return TransformersBackend(options, style, processes, generator)
