"""Where a reply's thoughts end and its answer begins, for every family of models that writes them into the text.

Thoughts stand between an opening and a closing mark, each of which names a thought: a tag of any kind, a turn of its
own, an element, a fence, or a title, behind which a quote, a rule or the title of the answer ends them. The opening one
may be missing, since many chat templates put it into the prompt: then all before the closing mark is thought. The
closing one is missing where a limit cut the reply off: then there is no answer, whatever stands there. A mark in quotes
or backticks, or one that is a word of a sentence, is talked about and none.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from heapq import merge
from itertools import repeat
from typing import NamedTuple

from komep_dataset.replies.patterns import Pattern

_NAME = (
    r"(?:[a-z]\w{0,15}:)?(?:ant_?|longcat_|deep_?|inner_?|internal_?|chain_of_|begin_of_|my_?)?"
    r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratch_?pad|monologue|analysis|cot)(?:_(?:process|steps?|trace))?"
)
_TAG_NAME = rf"(?:{_NAME}|(?:생각|추론|사고 ?과정)(?: ?과정| ?중)?|思考)"  # in brackets, these are headings of answers
_QUOTED = r"(?:(?<![`'\"“‘])|(?=[<\[][^<>\[\]]{0,100}[>\]](?![`'\"”’])))"  # not between quotes
_START = r"\A\s*(?:assistant\s*)?"
_HARMONY = r"(?:<\|start\|>\s*assistant\s*)?<\|channel\|>\s*"
_TO_TEXT = r"[^<\n]{0,80}(?:<\|constrain\|>\s*\w{0,20}\s*)?<\|message\|>"
_HEAD = r"[#*_ ]{0,8}"
# What names a thought, or an answer, where it stands as a title: few words, and nothing of what is asked.
_DECO = r"(?:[^\w\n<>]|_){0,12}"
_WITH = r"(?:(?:my|the|model'?s?|ai|assistant'?s?|internal|inner|show|hide|view|click|to|expand|see|deep|step|by|extended|out|loud|aloud|for|a|few|about|\d+(?:\.\d+)?)[ -]+)"
_TITLED = r"(?:think(?:ing)?|thoughts?|internal monologue|chain[ -]of[ -]thoughts?|scratch ?pad|생각|사고|思考)(?:[ -]?(?:process|trace|log|중|과정|过程|過程|中))?"
_TITLE = rf"{_WITH}{{0,4}}(?:{_TITLED})(?:[ ,(-]{{1,3}}{_WITH}{{0,4}}(?:\d+(?:\.\d+)?)? ?(?:s|m|sec|min|(?:second|minute|moment)s?|loud|aloud|step|model|assistant|expand|view|보기|펼치기)\b)?"
# Too many answers have such a heading.
_REASONED = _TITLE.replace("think(?:ing)?|", "think(?:ing)?|reasoning|analysis|추론|")
_ANSWERED = r"^[^\w\n>]{0,12}(?:(?:my|the|final) ){0,2}(?:answer|response|output|conclusion|답변|최종 ?(?:답변|답)|정답|回答)(?:[^\w\n]{0,8}$|[*_ ]{0,3}[:：][*_]{0,3}|[】\]])"
_MARKED = rf"(?:(?=[^\w\n]*[#*_>💭🤔🧠【\[=])|(?=[^\n]*(?:\.\.\.|…)[^\w\n]*$)|(?=[^\n]*[:：][ \t]*\n[\s\S]*{_ANSWERED})){_DECO}"  # a title by its looks
_RULE = r"^[ \t]*(?:-{3,}|\*{3,}|_{3,}|={3,})[ \t]*$"
_TURN = r"(?:<\|(?:im_start|start_header_id|start|begin|turn)\|?>|<start_of_turn>|\[\|)\s*"
_ANSWER_TURN = rf"{_TURN}(?:final[_ ])?(?:answer|response|solution)\b(?:<\|end_header_id\|>|\|\]|<\|(?:message|content)\|>)?"
_STOP = "_(?:end|suffix|stop)"
_NAMED_END = rf"<\|(?=/|end_|\w{{1,40}}{_STOP}\|)(?:/|end_(?:of_)?)?{{name}}(?:{_STOP})?\|>"
_ELEMENT = r"details|div|section|span|aside|blockquote"
# Opening mark, closing marks of which the first that comes counts, and the one, if any, that says by itself that all
# before it is thought. `{name}` in a closing mark is what the opening one captured; where it never comes, any of the kind
# that stands alone will do.
_FAMILIES: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    # <think> DeepSeek-R1, Qwen, GLM, Kimi, EXAONE 4, Magistral of 2025; <thinking> Claude, Nova; <thought> EXAONE Deep,
    # Gemini, Marco-o1; <seed:think>, <longcat_think>, <scratchpad>, and what prompts ask for
    ("tag", rf"{_QUOTED}(?:<|&lt;)({_TAG_NAME})(?:\s[^<>\n]{{0,80}})?(?:>|&gt;)", (), rf"{_QUOTED}(?:<|&lt;)/\s*{{name}}\s*(?:>|&gt;)"),
    ("bracket", rf"{_QUOTED}\[(?:(?:begin|start)[ _])?({_NAME})(?:[ _](?:start|begin))?\]", (), rf"{_QUOTED}\[(?:/\s*|end[ _]){{name}}\s*\]"),  # Magistral: [THINK]
    ("suffixed bracket", r"\A(?!)", (), rf"{_QUOTED}\[{{name}}[ _]end\]"),
    ("brace", rf"{_QUOTED}\{{{{1,2}}({_NAME})\}}{{1,2}}", (), rf"{_QUOTED}\{{{{1,2}}/{{name}}\}}{{1,2}}"),
    ("kimi", r"◁(think)▷", (), r"◁/think▷"),  # Kimi-VL Thinking
    # Sky-T1, OpenThinker, Command A, Apertus; Solar, whose thoughts <|end|> may end
    ("pipe", rf"<\|(?:(?:begin|start)_(?:of_)?)?({_NAME}|inner(?=_prefix))(?:_(?:start|begin|prefix))?\|>", (_NAMED_END, r"<\|end(?:_of_(?:thought|thinking))?\|>"), _NAMED_END),
    ("medgemma", r"<((?:unused|ctrl)(?:94(?=>)|\d{1,4}(?=>\s*(?:thought|think)\b)))>", (r"<(?:unused|ctrl)\d{1,4}>",), r"<(?:unused|ctrl)95>"),  # and Gemini's leak
    ("pangu", rf"{_QUOTED}\[unused16\]", (), rf"{_QUOTED}\[unused17\]"),  # openPangu
    ("gemma", r"<\|(channel)>", (), r"<channel\|>"),  # Gemma 4
    # gpt-oss, and the same from servers that leave special tokens out
    ("harmony", rf"{_HARMONY}(analysis|commentary){_TO_TEXT}", (), rf"{_HARMONY}final{_TO_TEXT}"),
    ("bare harmony", rf"{_START}(analysis|commentary)(?=[A-Z0-9가-힣\"'(]|$)", (), r"assistant\s?final(?=\W|[A-Z0-9가-힣]|$)"),
    # HyperCLOVA X SEED Think; s1, m1 and others whose thoughts are a turn of their own
    ("role", rf"{_START}(?:<\|im_start\|>)?(?:assistant)?(/think)\s*\n", (r"<\|im_end\|>\s*(?:<\|im_start\|>)?\s*assistant\b[^\n/]*\n", r"^assistant[ \t]*\n"), ""),
    ("turn", rf"{_TURN}(?:assistant\W)?({_NAME})(?:<\|end_header_id\|>|\|\]|<\|(?:message|content)\|>|\s*$)", (_ANSWER_TURN, rf"{_TURN}(?:assistant|model)\b(?:<\|end_header_id\|>|\|\]|<\|(?:message|content)\|>|\s*$)"), _ANSWER_TURN),
    # Markup: elements (Open WebUI), fences, comments
    ("element", rf"<({_ELEMENT})\b(?=[^<>\n]{{0,80}}\b{_NAME}\b)[^<>\n]{{0,160}}>", (r"</{name}>",), ""),
    ("summary", rf"<(details)\b[^<>\n]{{0,80}}>\s*<summary>(?:\s*<\w{{1,6}}>)?{_DECO}(?:{_REASONED}){_DECO}(?:</\w{{1,6}}>\s*)?</summary>", (r"</details>",), ""),
    ("fence", rf"^[ \t]*(`{{3,}}|~{{3,}}|:{{3,}})[ \t]*(?:{_NAME})\b[^\n`]{{0,40}}\n", (r"^[ \t]*{name}[ \t]*$",), ""),
    ("comment", rf"<!--\s*({_NAME})\b", (r"-->",), ""),
    ("environment", rf"\\begin\{{({_NAME})\}}", (r"\\end\{{name}\}",), ""),
    # Words of their own: Granite, HuatuoGPT-o1, Apriel, Ollama's terminal, chat programs
    ("granite", rf"{_START}{_HEAD}(?:here(?:'s| is) my )?(thought process){_HEAD}:", (r"here(?:'s| is) my (?:final )?(?:response|answer)\W{0,3}:[*_]*", _ANSWERED), ""),
    ("react", rf"{_START}(Thought)[ \t]*\d{{0,2}}:[ \t](?=[\s\S]*^(?:Action|Observation|Final Answer)[ \t]*\d{{0,2}}:)", (r"^Final Answer[ \t]*:",), ""),
    ("apriel", rf"{_START}(here are my reasoning steps)\W{{0,3}}:", (), r"\[BEGIN FINAL RESPONSE\]"),
    ("quote", rf"{_START}(?:>[ \t]*(?:\[!\w{{1,12}}\])?{_DECO}(?:{_REASONED})(?:{_DECO}$|[*_]{{0,3}}[:：])|{_DECO}(?:{_TITLE}){_DECO}\n\s*(?=>))", (rf"^(?=[ \t]*[^>\s])(?:{_MARKED}(?:{_TITLE}){_DECO}\n)?|\Z",), ""),
    ("title", rf"{_START}(?!💭)(?:(?![\W_]*(?:my )?thoughts?[^\w\n]*$)|(?=[\s\S]*(?:{_ANSWERED}|{_RULE}))){_MARKED}(?:{_TITLE})(?:{_DECO}\n(?:[ \t]*[-*_=]{{3,}}[ \t]*\n)?|(?<=\w)[ \t]?(?:[:：][*_]{{1,3}}|[*_]{{1,3}}[:：]|[】\]]))", (r"^\W{0,8}done thinking\W{0,8}$", _ANSWERED, _RULE), ""),
    ("aside", rf"{_START}(?:[(\[]|\*(?!\*)|_(?!_))(?:{_TITLE})[:：](?![*_])", (r"[)\]*_][ \t]*$",), ""),
    ("balloon", rf"{_START}(?:>[ \t]*)?💭(?:{_DECO}(?:{_TITLE}){_DECO}\n\s*)?", (_ANSWERED, r"\n[ \t]*\n(?![ \t]*>)|\Z"), ""),
)  # fmt: skip
_JSON = Pattern(r"\s*(?:`{3,}(?:json)?\s*)?(\{.*\})\s*(?:`{3,})?\s*", re.DOTALL | re.IGNORECASE)
_JSON_NAME = Pattern(_TAG_NAME.replace("|reflection", "").replace("|analysis", ""), re.IGNORECASE)
MOST_THOUGHTS = 100  # of one reply; more, and it is none that a model ends (ours)
_FLAGS = re.IGNORECASE | re.MULTILINE
_CLOSES = {family: closes or (alone,) for family, _, closes, alone in _FAMILIES}
_CLOSING = Pattern(
    "|".join(
        f"(?:{close})".replace("{name}", rf"(?:{_TAG_NAME}|{_ELEMENT}|`{{3,}}|~{{3,}}|:{{3,}})")
        for family, closes in _CLOSES.items()
        if family not in ("quote", "balloon")
        for close in closes
    ),
    _FLAGS,
)
_OPENS = {name: Pattern(opens, 0 if name == "bare harmony" else _FLAGS) for name, opens, _, _ in _FAMILIES}
_LONE = {
    family: Pattern(alone.replace("{name}", rf"({_TAG_NAME}|inner(?=_suffix))"), _FLAGS)
    for family, _, _, alone in _FAMILIES
    if alone
}
# A mark within a sentence is a word of it, as in "ends with <think> tags" and "<thought> disorder".
_WORD_BEFORE = Pattern(r"[\w,;:)'’-][ \t]+\Z")
_SPOKEN_BEFORE = Pattern(
    r"(?:^|[\s(])(?:the|an?|with|by|of|in|after|before|between|and|or|to|as|via|until|inside|within|called|named|tags?|tokens?|marks?|like|using|use|와|과|및|또는|혹은)[ \t]+\Z",
    re.IGNORECASE,
)
_SPOKEN_BEHIND = Pattern(
    r"[ \t]*(?:tags?|tokens?|elements?|blocks?|marks?|markers?|sections?)\b|[,;)]|[ \t]?(?:은|는|이|가|을|를|와|과|의|로|에|라는)(?=\s)|\s?(?:태그|토큰|사이|안에|뒤에|앞에|다음|까지)",
    re.IGNORECASE,
)
_NOUN = Pattern(r"\W*(?:thoughts?|reasoning|reflection|analysis|monologue)\W*\Z", re.IGNORECASE)
# GLM-V, around the answer
_BOX = Pattern(r"(?<![`'\"])<\|(?:begin|end)_of_box\|>(?![`'\"])", re.IGNORECASE)
# A text without any of these has no mark (checked by a test).
_HINT = Pattern(rf"[<\[◁`~💭{{]|:::|&lt;|\\begin|\A[\W_]{{0,24}}(?:assistant|analysis|commentary|/think|here|{_WITH}|{_TITLED}|reasoning|추론)|assistant\s?final", re.I)  # fmt: skip

# Tokens of chat templates: such that end a turn, and such that begin one; `{role}` is who speaks.
_END = (
    r"(?:<\|(?:im_end|eot_id|eom_id|end_of_text|endoftext|end|return|call|endofturn|END_OF_TURN_TOKEN|END_RESPONSE|eos)\|>"
    r"|<end_of_turn>|<eos>|</s>|\[END FINAL RESPONSE\]|<turn\|>|<｜end▁of▁sentence｜>|\[\|endofturn\|\]|\[unused10\])"
)
_BEGIN = (
    r"(?:<\|begin_of_text\|>|<s>(?!\w[^<\n]{0,200}</s>\s*\S)|<bos>|<\|start_header_id\|>\s*{role}\s*<\|end_header_id\|>|<\|im_start\|>\s*{role}\b|<start_of_turn>{role}\b|"
    r"<\|turn>{role}\b|<\|(?:start|begin)\|>\s*{role}\b(?:<\|content\|>)?|<\|channel\|>\s*final\s*<\|message\|>|<\|{role}\|>|"
    r"\[\|{role}\|\]|<｜{role}｜>|\[/?INST\])"
)
_OWN_TURN = Pattern(rf"(?:\s*{_BEGIN}|\s*{_END})+\s*".replace("{role}", "(?:assistant|Assistant|model)"))
_LAST_TOKEN = Pattern(rf"{_END}\s*\Z", re.IGNORECASE)
_NEXT_TURN = Pattern(
    rf"{_END}\s*(?={_BEGIN})|(?={_BEGIN}\s)".replace("{role}", "(?:assistant|model|user|system|tool|human)"),
    re.IGNORECASE,
)
MOST_TOKENS, LONGEST_TOKEN = 20, 60  # at the end of a reply; characters of one and the blanks after it (ours)
_ANSWER = "답|답변|응답|정답|최종 ?답변|回答|answer|response|output|final(?:_(?:answer|response|output))?|solution|conclusion"
# What stands before an answer in sections of its own: LLaVA-CoT's <SUMMARY> and <CAPTION>, a <plan>; HTML is none.
_SECTION = Pattern(
    rf"\s*<(?!(?:{_ANSWER}|table|span|strong|code|article|header|blockquote)>)([a-z_]{{4,24}})>",
    re.IGNORECASE,
)
_WRAPPED = Pattern(
    rf"\s*(?:<\|?(?:{_ANSWER}|START_RESPONSE|begin_of_solution|content)\|?>|"
    rf"\[BEGIN FINAL RESPONSE\])(.*?)(?:</(?:{_ANSWER})>|"
    r"<\|(?:END_RESPONSE|end_of_solution)\|>|\[END FINAL RESPONSE\]|\Z)\s*",
    re.DOTALL | re.IGNORECASE,
)
# How thoughts begin that no mark opens. Only a reply that its limit cut off is held against it.
_UNMARKED = Pattern(
    r"""\W{0,8}(?:
      <(?:summary|caption|plan|observation|problem|step)s?>
     |(?:my\ )?thoughts?\W{0,8}$
     |(?:okay|ok|alright|all\ right|hmm+|well|right|so|wait|great|got\ it)[,.!…]?\s+
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
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)  # fmt: skip


_DELIBERATES = Pattern(
    r"\b(?:i|i'm|i'll|we|let's|let me|wait|hmm+|user|question|statement|claim|asked?|recall|should (?:say|answer))\b|사용자|질문|진술|문장|묻|생각|보자|인가\b|[?？]",
    re.IGNORECASE,
)


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
    if (value := _json_answer(reply)) is not None:
        return Answer(value, True)
    spans, unfinished = thoughts_in(reply)
    ends = [0, *(end for _, end in spans)]
    kept = [reply[end:start] for end, (start, _) in zip(ends, spans, strict=False)]
    if unfinished:
        return Answer("".join(kept).strip(), True, True)
    text, thoughts = "".join([*kept, reply[ends[-1] :]]), bool(spans)
    sections = _sections_end(text)
    if (thoughts or sections) and (whole := _WRAPPED.fullmatch(text, sections)):
        text, thoughts = whole[1], True
    text, closed = _without_turns(text)
    if (unboxed := _BOX.sub("", text)) != text:
        text = unboxed.strip()
    return Answer(text.strip() if thoughts else text, thoughts, False, closed)


def behind_title(reply: str) -> str:
    """The one paragraph behind a title such as "Thinking..." that nothing closes, where it does not think; "" elsewhere. Of
    several paragraphs nothing tells which the answer is."""
    title = _OPENS["title"].match(reply)
    rest = reply[title.end() :].strip() if title else ""
    thinks = "\n\n" in rest or _UNMARKED.match(rest) or _DELIBERATES.search(rest)
    return "" if thinks or answer_of(rest).thoughts else rest


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
        end = match if family is None else _end_of(reply, family, match, strict=marks > 0)
        if _is_mentioned(reply, match) and (family is None or end is None or _is_mentioned(reply, end)):
            continue
        marks += 1
        if end is None or marks > MOST_THOUGHTS:
            return [*spans, (match.start(), len(reply))], True
        # A closing mark alone was opened in the prompt: all before it is thought. So are sections before thoughts.
        sections = _sections_end(reply[place : match.start()])
        before = [(place, place + sections)] if sections else []
        spans = [(0, end.end())] if family is None else [*spans, *before, (match.start(), end.end())]
        place = end.end()
    return spans, False


def may_end_thoughts(text: str) -> bool:
    """Whether a piece of a reply holds a mark that could end its thoughts; where it does not, they go on, unless they are
    a quote."""
    return bool(_CLOSING.search(text))


def end_of_thoughts(opened: str) -> str:
    """The mark that ends the thoughts with which a text breaks off, for families whose marks are a name in brackets of
    one kind; "" for others."""
    if not thoughts_in(opened)[1]:
        return ""
    names = re.findall(rf"(<|\[)({_NAME})(>|\])", opened, _FLAGS)
    ends = (f"{sign}/{name}{end}" for sign, name, end in names)
    return next((end for end in ends if not thoughts_in(opened + end)[1]), "")


def _json_answer(reply: str) -> str | None:
    """What is left of a reply that is a JSON object, in a fence or not, without its thoughts; None where it has none."""
    with suppress(TypeError, ValueError, RecursionError):  # no match, no JSON
        row = json.loads(_JSON.fullmatch(reply)[1])
        rest = {name: value for name, value in row.items() if not _JSON_NAME.fullmatch(name)}
        if rest and len(rest) < len(row):
            [value, *more] = rest.values()
            return json.dumps(rest, ensure_ascii=False) if more or not isinstance(value, str) else value
    return None


def _sections_end(text: str) -> int:
    """Where the sections end that a text begins with, none of which calls itself the answer."""
    place = 0
    while section := _SECTION.match(text, place):
        end = text.find(f"</{section[1]}>", section.end())
        if end < 0:
            break
        place = end + len(section[1]) + 3
    return place


def _is_mentioned(reply: str, mark: re.Match[str]) -> bool:
    """Whether a mark is a word within a sentence."""
    before = reply[max(0, mark.start() - 24) : mark.start()]
    if "\n" in mark[0] or not _WORD_BEFORE.search(before):
        return False
    behind = reply[mark.end() : mark.end() + 24]
    return bool(
        _SPOKEN_BEFORE.search(before)
        or _SPOKEN_BEHIND.match(behind)
        or ("/" not in mark[0] and _NOUN.match(mark[0]) and re.match("[ \t]+[a-z가-힣]", behind))
    )


def _end_of(reply: str, family: str, opened: re.Match[str], strict: bool) -> re.Match[str] | None:
    """The closing mark of thoughts: of their own name, else, unless it is strict, of another name of the family that
    nothing opens later."""
    name = re.escape(opened[1] or "") if opened.re.groups else ""
    for close in _CLOSES[family]:
        if end := re.compile(close.replace("{name}", name), _FLAGS).search(reply, opened.end()):
            return end
    if strict or family not in _LONE or not _LONE[family].groups:
        return None
    names = {one[1].casefold() for one in _OPENS[family].finditer(reply, opened.end())}
    others = (one for one in _LONE[family].finditer(reply, opened.end()) if one[1])
    return next((one for one in others if one[1].casefold() not in names), None)


def _marks(reply: str) -> Iterator[tuple[str | None, re.Match[str]]]:
    """Every opening mark with its family, and with None every closing one that needs none before it, in their order."""
    found = []
    for family, pattern in _OPENS.items():
        at_start = pattern.pattern.startswith(_START)
        matches = filter(None, [pattern.match(reply)]) if at_start else pattern.finditer(reply)
        found.append(zip(repeat(family), matches))
    found += [zip(repeat(None), pattern.finditer(reply)) for pattern in _LONE.values()]
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
    marks = _marks(reply) if _HINT.search(reply) else ()
    return next((family is None for family, mark in marks if not _is_mentioned(reply, mark)), False)


def begins_as_thought(reply: str) -> bool:
    """Whether an unmarked reply begins as thoughts do ("Okay, the user asks"): to be asked of one that was cut off."""
    return bool(_UNMARKED.match(reply))
