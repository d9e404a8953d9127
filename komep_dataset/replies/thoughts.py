"""Where a reply's thoughts end and its answer begins, for every family of models that writes them into the text.

Thoughts stand between an opening and a closing mark. The opening one may be missing, since many chat templates put it
into the prompt: then all before the closing mark is thought. The closing one is missing where a limit cut the reply
off: then there is no answer, whatever stands there. A mark in quotes or backticks is talked about and none.
"""

import re
from collections.abc import Iterator
from heapq import merge
from itertools import repeat
from typing import NamedTuple

_NAME = (
    r"(?:[a-z]\w{0,15}:)?(?:ant_?|longcat_|deep_?|inner_?|internal_?|chain_of_|begin_of_|my_?)?"
    r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratch_?pad|monologue|analysis|cot)(?:_(?:process|steps?|trace))?"
)
_QUOTED = r"(?:(?<![`'\"“‘])|(?=[<\[][^<>\[\]]{0,100}[>\]](?![`'\"”’])))"  # not between quotes
_START = r"\A\s*(?:assistant\s*)?"
_HARMONY = r"(?:<\|start\|>\s*assistant\s*)?<\|channel\|>\s*"
_TO_TEXT = r"[^<\n]{0,80}(?:<\|constrain\|>\s*\w{0,20}\s*)?<\|message\|>"
_HEAD = r"[#*_ ]{0,8}"
# Opening mark, closing mark, and whether the closing one says by itself that all before it is thought.
# `{name}` in a closing mark is what the opening one captured; where it never comes, any of the kind will do.
_FAMILIES: tuple[tuple[str, str, str, bool], ...] = (
    # <think> DeepSeek-R1, Qwen, GLM, Kimi, EXAONE 4, Magistral of 2025; <thinking> Claude, Nova; <thought> EXAONE Deep,
    # Gemini, Marco-o1; <seed:think>, <longcat_think>, <scratchpad>, and what prompts ask for
    ("tag", rf"{_QUOTED}(?:<|&lt;)({_NAME})(?:\s[^<>\n]{{0,80}})?(?:>|&gt;)", rf"{_QUOTED}(?:<|&lt;)/\s*{{name}}\s*(?:>|&gt;)", True),
    ("bracket", rf"{_QUOTED}\[({_NAME})\]", rf"{_QUOTED}\[/\s*{{name}}\s*\]", True),  # Magistral: [THINK]
    ("kimi", r"◁(think)▷", r"◁/think▷", True),  # Kimi-VL Thinking
    ("pipe", rf"<\|({_NAME})\|>", r"<\|(?:/{name}|end_of_(?:thought|thinking)|end)\|>", False),  # Sky-T1, OpenThinker, Solar
    ("cohere", r"<\|(START_THINKING)\|>", r"<\|END_THINKING\|>", True),  # Command A Reasoning
    ("medgemma", r"<(unused94)>", r"<unused95>", True),
    ("gemma", r"<\|(channel)>", r"<channel\|>", True),  # Gemma 4
    # gpt-oss, and the same from servers that leave special tokens out
    ("harmony", rf"{_HARMONY}(analysis|commentary){_TO_TEXT}", rf"{_HARMONY}final{_TO_TEXT}", True),
    ("bare harmony", rf"{_START}(analysis|commentary)(?=[A-Z0-9가-힣\"'(]|$)", r"assistant\s?final(?=\W|[A-Z0-9가-힣]|$)", True),
    # HyperCLOVA X SEED Think
    ("role", rf"{_START}(?:<\|im_start\|>)?(?:assistant)?(/think)\s*\n", r"<\|im_end\|>\s*(?:<\|im_start\|>)?\s*assistant\b[^\n/]*\n", False),
    ("details", r"<details\b[^<>\n]{0,80}(reasoning)[^<>\n]{0,80}>", r"</details>", False),  # Open WebUI
    # Words of their own: Granite, HuatuoGPT-o1, Apriel, Ollama's terminal
    ("granite", rf"{_START}{_HEAD}(?:here(?:'s| is) my )?(thought process){_HEAD}:", r"here(?:'s| is) my (?:final )?(?:response|answer)\W{0,3}:[*_]*", False),
    ("headings", rf"{_START}#{{1,6}} *\**(thinking)\b[^\n]{{0,20}}\n", r"^#{1,6} *\**(?:final )?(?:response|answer)\b[^\n]{0,20}$", False),
    ("apriel", rf"{_START}(here are my reasoning steps)\W{{0,3}}:", r"\[BEGIN FINAL RESPONSE\]", True),
    ("ollama", rf"{_START}(thinking)\.\.\.\s*\n", r"^\.\.\.\s?done thinking\.", False),
)  # fmt: skip
MOST_THOUGHTS = 100  # of one reply; more, and it is none that a model ends (ours)
_FLAGS = re.IGNORECASE | re.MULTILINE
_ANY = {
    family: re.compile(close.replace("{name}", f"({_NAME})"), _FLAGS) for family, _, close, _ in _FAMILIES
}
_CLOSING = re.compile("|".join(f"(?:{pattern.pattern})" for pattern in _ANY.values()), _FLAGS)
_CLOSE = {family: close for family, _, close, _ in _FAMILIES}
_OPENS = {
    family: re.compile(opening, 0 if family == "bare harmony" else _FLAGS)
    for family, opening, _, _ in _FAMILIES
}
_LONE = [family for family, _, _, alone in _FAMILIES if alone]
# A text without any of these has no mark (checked by a test).
_HINT = re.compile(r"[<\[◁]|&lt;|\A\s*(?:assistant|analysis|commentary|thinking|#|\*|_|/think|here|thought)|assistant\s?final", re.I)  # fmt: skip

# Tokens of chat templates: such that end a turn, and such that begin one; `{role}` is who speaks.
_END = (
    r"(?:<\|(?:im_end|eot_id|eom_id|end_of_text|endoftext|end|return|call|endofturn|END_OF_TURN_TOKEN|END_RESPONSE|eos)\|>"
    r"|<end_of_turn>|<eos>|</s>|\[END FINAL RESPONSE\]|<turn\|>|<｜end▁of▁sentence｜>|\[\|endofturn\|\])"
)
_BEGIN = (
    r"(?:<\|begin_of_text\|>|<s>(?!\w[^<\n]{0,200}</s>\s*\S)|<bos>|<\|start_header_id\|>\s*{role}\s*<\|end_header_id\|>|<\|im_start\|>\s*{role}\b|<start_of_turn>{role}\b|"
    r"<\|turn>{role}\b|<\|(?:start|begin)\|>\s*{role}\b(?:<\|content\|>)?|<\|channel\|>\s*final\s*<\|message\|>|<\|{role}\|>|"
    r"\[\|{role}\|\]|<｜{role}｜>|\[/?INST\])"
)
_OWN_TURN = re.compile(rf"(?:\s*{_BEGIN}|\s*{_END})+\s*".replace("{role}", "(?:assistant|Assistant|model)"))
_LAST_TOKEN = re.compile(rf"{_END}\s*\Z", re.IGNORECASE)
_NEXT_TURN = re.compile(
    rf"{_END}\s*(?={_BEGIN})|(?={_BEGIN}\s)".replace("{role}", "(?:assistant|model|user|system|tool|human)"),
    re.IGNORECASE,
)
MOST_TOKENS, LONGEST_TOKEN = (
    20,
    60,
)  # at the end of a reply, and characters of one with blanks after it (ours)
_WRAPPED = re.compile(
    r"\s*(?:<\|?(?:answer|response|output|final(?:_answer)?|solution|START_RESPONSE|begin_of_solution|content)\|?>|"
    r"\[BEGIN FINAL RESPONSE\])(.*?)(?:</(?:answer|response|output|final(?:_answer)?|solution)>|"
    r"<\|(?:END_RESPONSE|end_of_solution)\|>|\[END FINAL RESPONSE\]|\Z)\s*",
    re.DOTALL | re.IGNORECASE,
)
# How thoughts begin that no mark opens. Only a reply that its limit cut off is held against it.
_UNMARKED = re.compile(
    r"""\W{0,8}(?:
      (?:okay|ok|alright|all\ right|hmm+|well|right|so|wait|great|got\ it)[,.!…]?\s+
        (?:(?:so|now|first|let's\ see)[,.]?\s+)*(?:i|we|i'm|we're|let\ me|let's|the\ (?:user|question|statement|answer|task|text)|this\ is)\b
     |(?:the|this)\ user(?:'s)?\b | hmm+\b
     |(?:i|we)\ (?:need|have|am\ asked|are\ asked|am\ supposed)\ to\ (?:figure|determine|answer|decide|judge|check|verify|respond|
        produce|output|split|translate|classify|evaluate|assess|break|recall|think|list|extract|analy[sz]e|provide|give|write|parse)\b
     |(?:i'm|i\ am|we\ are|we're)\ (?:asked|given|being\ asked|trying|supposed)\b | (?:let\ me|let's|let\ us)\ think\b
     |(?:\d\.\s{0,4})?\W{0,8}(?:thinking|thought|reasoning)\ process\b | chain\ of\ thought
     |(?:\d\.\s{0,4})?\W{0,8}(?:analy[sz]e|understand)\ the\ (?:request|question|user|statement|task|input)
     |(?:음|흠|자|좋아|그래|오케이|알겠어)[,.!…\s]{1,8}.{0,60}(?:사용자|질문|문제|진술|답변|생각해|살펴|확인해|분석해|봐야|보자|해야)
     |(?:우선|먼저|일단)[,\s].{0,40}(?:생각해|살펴|확인해|분석해|따져)\s?(?:보자|봐야|볼게|보면)
     |사용자(?:가|는|의|께서)\s
    )""",
    re.VERBOSE | re.IGNORECASE,
)  # fmt: skip


class Answer(NamedTuple):
    """What is left of a reply: the answer; whether thoughts stood in the reply; whether they never ended; whether a
    token of the chat template ended the answer."""

    text: str
    thoughts: bool = False
    unfinished: bool = False
    closed: bool = False


def answer_of(reply: str) -> Answer:
    """A reply without thoughts, and without the tokens of a chat template around it; a reply that has neither is
    given back as it is.

    >>> answer_of("<think>Is it true that …</think>\\n\\nFalse"), answer_of("<think>It may be true that").unfinished
    (Answer(text='False', thoughts=True, unfinished=False, closed=False), True)
    """
    if not _HINT.search(reply):
        return Answer(reply)
    spans, unfinished = thoughts_in(reply)
    ends = [0, *(end for _, end in spans)]
    kept = [reply[end:start] for end, (start, _) in zip(ends, spans, strict=False)]
    if unfinished:
        return Answer("".join(kept).strip(), True, True)
    text = "".join([*kept, reply[ends[-1] :]])
    if spans and (whole := _WRAPPED.fullmatch(text)):
        text = whole[1]
    text, closed = _without_turns(text)
    return Answer(text.strip() if spans else text, bool(spans), False, closed)


def thoughts_in(reply: str) -> tuple[list[tuple[int, int]], bool]:
    """Where the thoughts of a reply begin and end, their marks included; and whether the last never end.

    >>> thoughts_in("<think>so</think>B"), thoughts_in("B<think>so")
    (([(0, 17)], False), ([(1, 10)], True))
    """
    spans: list[tuple[int, int]] = []
    if not _HINT.search(reply):
        return spans, False
    place = marks = 0
    for family, match in _marks(reply):
        if match.start() < place:
            continue  # within thoughts
        marks += 1
        end = match if family is None else _end_of(reply, family, match, strict=marks > 1)
        if end is None or marks > MOST_THOUGHTS:
            return [*spans, (match.start(), len(reply))], True
        # A closing mark alone was opened in the prompt: all before it is thought.
        spans = [(0, end.end())] if family is None else [*spans, (match.start(), end.end())]
        place = end.end()
    return spans, False


def may_end_thoughts(text: str) -> bool:
    """Whether a piece of a reply holds what could end its thoughts; where it does not, they go on."""
    return bool(_CLOSING.search(text))


def end_of_thoughts(opened: str) -> str:
    """The mark that ends the thoughts with which a text breaks off, for families whose marks are a name in brackets of
    one kind; "" for others."""
    if not thoughts_in(opened)[1]:
        return ""
    for opens, closes in (("<>", "</{}>"), ("[]", "[/{}]")):
        for name in re.findall(rf"{re.escape(opens[0])}({_NAME}){re.escape(opens[1])}", opened, _FLAGS):
            if not thoughts_in(opened + closes.format(name))[1]:
                return closes.format(name)
    return ""


def _end_of(reply: str, family: str, opened: re.Match[str], strict: bool) -> re.Match[str] | None:
    """The closing mark of thoughts: of their own name, else, unless it is strict, of another name of the family that
    nothing opens later."""
    own = re.compile(_CLOSE[family].replace("{name}", re.escape(opened[1])), _FLAGS)
    if (end := own.search(reply, opened.end())) or strict or not _ANY[family].groups:
        return end
    names = {one[1].casefold() for one in _OPENS[family].finditer(reply, opened.end())}
    others = _ANY[family].finditer(reply, opened.end())
    return next((one for one in others if one[1] and one[1].casefold() not in names), None)


def _marks(reply: str) -> Iterator[tuple[str | None, re.Match[str]]]:
    """Every opening mark with its family, and with None every closing one that needs none before it, in their order."""
    found = [zip(repeat(family), pattern.finditer(reply)) for family, pattern in _OPENS.items()]
    found += [zip(repeat(None), _ANY[family].finditer(reply)) for family in _LONE]
    return merge(*found, key=lambda mark: mark[1].start())


def _without_turns(text: str) -> tuple[str, bool]:
    """A text up to the end of its turn, without the header of that turn; and whether a token ends it.

    Only tokens at its ends, and turns that follow it, are left out: what stands in the middle may be talked about.
    """
    begins = _OWN_TURN.match(text)
    place = begins.end() if begins else 0
    end = _NEXT_TURN.search(text, place)
    text, closed = text[place : end.start() if end else None], bool(end)
    for _ in range(MOST_TOKENS):
        if (last := _LAST_TOKEN.search(text, max(0, len(text) - LONGEST_TOKEN))) is None:
            break
        text, closed = text[: last.start()], True
    return text.rstrip() if closed else text, closed


def opened_in_prompt(reply: str) -> bool:
    """Whether a reply ends thoughts that it did not begin: its model's chat template puts the mark into the prompt."""
    return bool(_HINT.search(reply)) and next((mark[0] is None for mark in _marks(reply)), False)


def begins_as_thought(reply: str) -> bool:
    """Whether an unmarked reply begins as thoughts do ("Okay, the user asks"): to be asked of one that was cut off."""
    return bool(_UNMARKED.match(reply))
