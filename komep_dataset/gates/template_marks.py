"""Thoughts, special tokens and role headings in the texts of a pair: what a chat template put there, and no author.
Characters that no author writes, too: controls, what stands for bytes that could not be read, and letters that a wrong
decoding made of others.

Answers of models that `komep respond` asked come without them. Texts from elsewhere may hold a whole `<think>` block,
or a token that the trainer's tokenizer takes for the end of a turn wherever it stands.
"""

import re
from collections.abc import Iterator

from komep_dataset.gates.trial.gate import Found, TextGate, shortened, switch_option
from komep_dataset.replies.garbled import HINT as GARBLED
from komep_dataset.replies.garbled import is_garbled, mended
from komep_dataset.replies.patterns import Pattern
from komep_dataset.replies.thoughts import answer_of

# Tokens of the usual vocabularies: <|…|> in all spellings, Llama's and Gemma's, sentence marks, Korean models' [|…|].
_TOKEN = (
    r"<[|｜][A-Za-z_/][A-Za-z0-9_/▁ -]{0,30}[|｜]?>|<[A-Za-z_]{2,12}\|>|<(?:start|end)_of_(?:turn|image|text|utterance)>|</?(?:s|bos|eos|pad|unk)>|"
    r"\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|gMASK)\]|<(?:sop|eop|eod|(?:reserved|extra_id)_[0-9]{1,3}|seed:[a-z]{3})>|"
    r"<</?SYS>>|\[\|[A-Za-z]{3,12}\|\]|\[(?:PAD|UNK|BOS|EOS|CLS|SEP|MASK)\]|<(?:unused|ctrl)[0-9]{1,4}>|\[unused[0-9]{1,3}\]|<0x[0-9A-F]{2}>"
)
_ROLE = r"(?:^|\n)[ \t]*(?:#{1,4}[ \t]*(?:Human|Assistant|User|System|Instruction|Response|Input|Output|사용자|어시스턴트)[ \t]*:|#{3}[ \t]*(?i:question|answer|질문|답변|응답|명령어?|지시(?:사항)?|입력|출력)[ \t]*[:：]|(?:Human|Assistant|USER|ASSISTANT|SYSTEM)[ \t]*:)"
_NAMES = r"[a-z_:]{0,12}(?:think|thought|reason|scratch|monologue|reflection|analysis|cot)[a-z_]{0,10}"
_SAID = (
    r"(?i:thought process|my reasoning steps|done thinking|/think|💭|<summary>|<(?:details|div|section|span|aside|blockquote)[^<>]{0,80}(?:think|thought|reason)"
    rf"|\"{_NAMES}\"\s*:|(?:`{{3}}|~{{3}}|:{{3}}|<!--|\\begin\{{|\{{/?|\[begin|\[end)[ \t]*{_NAMES}|\A\s*(?:assistant\s*)?(?:analysis|commentary)"
    r"|\A[\W_]{0,24}(?:[a-z0-9']{1,12}[^a-z0-9\n]{1,4}){0,4}(?:think|thought|internal mono|chain|scratch|reasoning|추론|생각|사고|思考)"
    r"|</(?:answer|response|output|final[a-z_]{0,10}|solution|conclusion)>|\A\s*<[a-z_]{4,24}>)"
)
_THOUGHT = rf"(?i:</?(?:[a-z]+:)?{_NAMES}\s?>|\[/?{_NAMES}\]|◁/?think▷|</?(?:생각|추론|사고|思考)[^<>\n]{{0,6}}>|\"(?:생각|추론|사고|思考)[^\"\n]{{0,6}}\"\s*:|assistantfinal|&lt;/?think)"
_BROKEN = r"[\x00-\x08\x0e-\x1f\x7f\ufffd\ufffe\uffff]"
# A text without any of these has no finding (checked by a test): one pass over all texts of a release.
HINT = f"{_TOKEN}|{_ROLE}|{_THOUGHT}|{_SAID}|{_BROKEN}|{GARBLED}"
_SPECIAL, _HEADING = Pattern(_TOKEN), Pattern(_ROLE)
# Of a prompt, what is left open for the answer; of an answer, its heading, and that of a next question.
_OPEN = Pattern(rf"(?:{_ROLE})\s*\Z")
_SECTION = Pattern(
    r"\A\s*###[ \t]*(?:Assistant|Response|Output|답변|응답|어시스턴트)[ \t]*[:：]"
    r"|\n[ \t]*###[ \t]*(?:Human|User|Instruction|사용자|질문|명령어)[ \t]*[:：]"
)
_STRUCK = Pattern(r"<s>[^<\n]{1,200}</s>")  # HTML's struck-out text


def find_template_marks(text: str) -> Iterator[Found]:
    """Thoughts, special tokens and role headings of a text, each with its kind.

    >>> [f.kind for f in find_template_marks("<think>Is it?</think>Gout.<|eot_id|>")]
    ['thoughts', 'special token']
    """
    answer = answer_of(text)
    if answer.thoughts:
        yield Found("thoughts", shortened(text))
    broken = sorted(set(re.findall(_BROKEN, text)))
    if broken:
        yield Found("broken character", " ".join(f"U+{ord(one):04X}" for one in broken))
    if mended(text) != text or is_garbled(text):
        yield Found("wrong decoding", shortened(text))
    yield from (Found("special token", shortened(found)) for found in special_tokens(text))
    yield from (Found("role heading", shortened(found)) for found in dict.fromkeys(_HEADING.findall(text)))


def special_tokens(text: str) -> list[str]:
    """The special tokens of a text, of any family of models, each once.

    >>> special_tokens("Gout.<|eot_id|><end_of_turn>")
    ['<|eot_id|>', '<end_of_turn>']
    """
    return [*dict.fromkeys(_SPECIAL.findall(_STRUCK.sub("", text)))]


def template_heading(text: str, prompt: bool) -> str | None:
    """A heading that a template without tokens wrote into a text: of a prompt, the one for its answer at the end, such as
    `### 답변:` or `ASSISTANT:`; of an answer, its own, or a next question's.

    >>> template_heading("### 질문: 통풍이란?\\n### 답변:", True), template_heading("## 정답: B", False)
    ('### 답변:', None)
    """
    found = (_OPEN if prompt else _SECTION).search(text)
    return found[0].strip() if found else None


GATE = TextGate(
    name="template_marks",
    reason="template_mark",
    order=25,
    options=(
        switch_option(
            "marks",
            "report",
            "Look for what is no text of an answer: thoughts (<think>), marks of chat templates, broken characters.",
        ),
    ),
    hint=HINT,
    find=find_template_marks,
    sought=("thoughts, special tokens and broken characters", "by the marks of known model families"),
)
