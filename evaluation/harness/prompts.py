"""Prompts as token ids: few-shot text, chat template, one BOS or none, and what to drop when it is too long."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from evaluation.harness.benchmark import Style
from evaluation.harness.questions import LETTERS, Question, Subject
from komep_dataset.errors import KomepError
from komep_dataset.replies.thoughts import thoughts_in

# What chat templates call the variable that turns thinking on or off: Qwen, GLM, SmolLM, EXAONE; Granite, DeepSeek, Kimi.
SWITCHES = ("enable_thinking", "thinking")


def thinking_switch(on: bool | None) -> dict[str, bool]:
    """The variables of a chat template that turn thinking on or off; none where it is left to the template."""
    return {} if on is None else dict.fromkeys(SWITCHES, on)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt: its text, the tokens that the model gets, and how many few-shot examples are left in it.

    `token_ids` is None where a server tokenises; `options` is the number of letters to choose from.
    """

    text: str
    token_ids: tuple[int, ...] | None
    shots: int
    options: int


def prompt_text(style: Style, examples: Sequence[Question], question: Question) -> str:
    """The examples with their answers in file order, then the question."""

    def fill(text: str, q: Question) -> str:
        lines = "".join(f"{letter}. {option}\n" for letter, option in zip(LETTERS, q.options, strict=False))
        return text.format(
            question=q.question, stripped=q.question.strip(), options=lines, answer=q.answer, cot=q.cot
        )

    return "".join(fill(style.prompt + style.reply, e) for e in examples) + fill(style.prompt, question)


def examples_sha256(style: Style, subject: Subject, shots: int) -> str:
    """SHA-256 of the text of a subject's worked examples, as it stands before each of its questions."""
    question = subject.test[0]
    text = prompt_text(style, subject.fewshot[:shots], question)
    return text_sha256(text.removesuffix(prompt_text(style, (), question)))


def text_sha256(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


class PromptEncoder:
    """Text to token ids, with exactly one BOS where the model wants one and none elsewhere.

    A model wants a BOS when its tokenizer puts one before plain text, and when it is a Gemma, which collapses
    without (lm-evaluation-harness #3103). Some tokenizers, such as SmolLM2's, know a BOS token and use none.
    """

    def __init__(
        self,
        tokenizer: Any,
        model_type: str = "",
        *,
        chat_template: bool = False,
        enable_thinking: bool | None = None,
    ):
        if chat_template and not tokenizer.chat_template:
            raise KomepError(
                "--chat-template: this model's tokenizer has no chat template; leave the flag out"
            )
        self.tokenizer, self.chat_template = tokenizer, chat_template
        self.thinking = enable_thinking
        self.opening = self._opening() if chat_template else ""
        if chat_template and enable_thinking is not None and not self.can_switch:
            raise KomepError(
                f"--{'enable' if enable_thinking else 'no'}-thinking: this model's chat template has no switch for it "
                f"({', '.join(SWITCHES)}); leave the option out"
            )
        self.bos = tokenizer.bos_token_id
        plain = tokenizer("가")["input_ids"]
        begins_with_bos = self.bos is not None and plain[:1] == [self.bos]
        self.wants_bos = begins_with_bos or (self.bos is not None and "gemma" in model_type)
        self.adds_eos = len(plain) > 1 and plain[-1] == tokenizer.eos_token_id

    def __call__(self, text: str) -> tuple[int, ...]:
        """Token ids of a whole prompt; with the chat template it is one user message."""
        if self.chat_template:
            text = self._rendered(text, self.thinking)
        has_bos = self.bos is not None and text.startswith(self.tokenizer.bos_token)
        ids = list(self.tokenizer(text, add_special_tokens=not has_bos)["input_ids"])
        if self.adds_eos and not has_bos:
            ids.pop()  # a prompt that ends in EOS asks for nothing
        if self.wants_bos and ids[:1] != [self.bos]:
            ids.insert(0, self.bos)
        self._check_bos(ids)
        return tuple(ids)

    def _rendered(self, text: str, thinking: bool | None, reply: bool = True, answer: str = "") -> str:
        messages = [{"role": "user", "content": text}]
        messages += [{"role": "assistant", "content": answer}] if answer else []
        try:
            return self.tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=reply, **thinking_switch(thinking)
            )
        except jinja2.TemplateError as error:
            raise KomepError(
                f"--chat-template: the template of {self.tokenizer.name_or_path} cannot be used ({error}); correct it, fetch "
                "the model again, or ask without the option"
            ) from error

    def _opening(self) -> str:
        """The mark with which the chat template opens thoughts before a reply, or ""."""
        asked, reply = (self._rendered("?", self.thinking, reply) for reply in (False, True))
        begun = reply.removeprefix(asked)
        spans, unfinished = thoughts_in(begun)
        return begun[spans[-1][0] :] if unfinished else ""

    @property
    def can_switch(self) -> bool:
        """Whether the chat template lets thinking be turned off."""
        return self._rendered("?", True) != self._rendered("?", False)

    def check_logits(self) -> None:
        """Raise `KomepError` where a reply begins with thoughts, so that its first token is no answer."""
        if not self.chat_template or not self._thinks_first():
            return
        off = "pass --no-thinking, or use" if self.can_switch else "use"
        raise KomepError(
            "--scoring logits: under this model's chat template a reply begins with thoughts or their marks, so that its "
            f"first token is no answer; {off} --scoring generate",
            exit_code=2,
        )

    def _thinks_first(self) -> bool:
        """Whether the template opens thoughts, has them on, or writes marks of theirs before an answer."""
        asked = self._rendered("?", self.thinking)
        if self.opening or asked != self._rendered("?", False):
            return True
        answer = "가"
        answered = self._rendered("?", self.thinking, False, answer)
        before = answered[len(asked) :].partition(answer)[0]
        return answered.startswith(asked) and bool(thoughts_in(before + answer)[0])

    def letter_tokens(self, text: str, letters: str) -> tuple[int, ...]:
        """The token with which the reply to a prompt begins if it is a letter, one for each of the letters.

        After plain text it is the letter behind a blank, as in the worked examples; after a chat template the
        letter alone. Raises `KomepError` where the tokenizer makes more than one token of it.
        """
        found = []
        for letter in letters:
            if self.chat_template:
                new = self.tokenizer(letter, add_special_tokens=False)["input_ids"]
            else:
                before, ids = self(text), self(f"{text} {letter}")
                new = ids[len(before) :] if ids[: len(before)] == before else ()
            if len(new) != 1:
                raise KomepError(
                    f"--scoring logits: this tokenizer has no single token for the answer {letter!r}; "
                    "use --scoring generate"
                )
            found.append(new[0])
        return tuple(found)

    def _check_bos(self, ids: Sequence[int]) -> None:
        """Raise `KomepError` unless there is one BOS, or none; a chat template may use the token for its turns."""
        if self.bos is None:
            return
        leading = (
            len(ids)
            if all(i == self.bos for i in ids)
            else next(n for n, i in enumerate(ids) if i != self.bos)
        )
        count = ids.count(self.bos)
        wanted = int(self.wants_bos)
        fine = wanted <= leading <= 1 if self.chat_template else leading == count == wanted
        if not fine:
            raise KomepError(
                f"the prompt begins with {leading} and holds {count} of the BOS token {self.tokenizer.bos_token!r}, "
                f"but {wanted} belongs there; check the tokenizer's `add_bos_token` and chat template"
            )


def subject_prompts(
    style: Style,
    subject: Subject,
    encode: Callable[[str], tuple[int, ...]] | None,
    shots: int,
    longest: int | None,
) -> list[Prompt]:
    """The prompts of a subject's test questions, in file order.

    Args:
        style: how questions are put.
        subject: with at least `shots` examples.
        encode: text to token ids; None where a server does that, and then no prompt is shortened.
        shots: how many examples, the first of the file.
        longest: tokens that a prompt may have; None = any number.

    Returns:
        one prompt a question. A prompt that is too long loses examples from the front until it fits.

    Raises:
        KomepError: a question is too long without any example.
    """
    return [_fitting(style, subject, index, encode, shots, longest) for index in range(len(subject.test))]


def _fitting(
    style: Style,
    subject: Subject,
    index: int,
    encode: Callable[[str], tuple[int, ...]] | None,
    shots: int,
    longest: int | None,
) -> Prompt:
    question = subject.test[index]
    for dropped in range(shots + 1):
        text = prompt_text(style, subject.fewshot[dropped:shots], question)
        ids = None if encode is None else encode(text)
        if ids is None or longest is None or len(ids) <= longest:
            return Prompt(text, ids, shots - dropped, len(question.options))
    raise KomepError(
        f"{subject.name}, row {index} of `test`: the question alone has {len(ids)} tokens, but the model's window "
        f"leaves {longest} beside the answer; lower --max-new-tokens or take a model with a longer window"
    )


def lost_shots(fewer: int, prompts: int, shots: int) -> str:
    """What is said where prompts were too long for all their worked examples."""
    return (
        f"{fewer:,} of {prompts:,} prompts were too long and lost few-shot examples, so this is no {shots}-shot result; "
        "evaluation.run needs a lower --max-new-tokens or --shots, or a model with a longer window"
    )


def common_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """How many leading tokens all prompts share, at least one token short of the shortest prompt."""
    if not prompts:
        return 0
    low, high = min(prompts), max(prompts)  # in lexical order everything between shares what these two share
    shared = next(
        (n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(map(len, (low, high)))
    )
    return max(0, min(shared, min(map(len, prompts)) - 1))
