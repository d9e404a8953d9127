"""What a reply is made of: lines, of which some are items of a list of options, their sentences, and clauses of these.

Plain Python, no dependencies. All functions work on the text of `choices.marked`. No rule of `rules.py` looks beyond
one clause; what belongs together is put into one piece here: a heading or label with what follows it ("### 정답", "C").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .choices import LETTERS, V, X, any_case, letter_of


class Line(NamedTuple):
    """A line without bullets or marks of a heading; `item` is its letter if it is one of a list of options."""

    text: str
    item: str = ""


_MARKS = re.compile(r"^\s*(?:(?:#+|>|[-•·▪*+](?=\s)|-{3,})\s*)*")
_LABEL = re.compile(rf"\(?({V})(?:\s?[.):]|\s?-(?=\s)|(?=\s\S))\s*")
_NUMBER = re.compile(r"(?:\(?\d{1,2}|[\ue008-\ue00c])[.)]\s+")
STEP = re.compile("\ue008\\s?[.)]")  # "1." begins a list of anything
_OPEN_LABEL = any_case(  # a line that announces the next one
    r"(?:(?:[가-힣 ]{0,12}\s)?(?:최종\s?)?(?:정\s?답|답안?|답변|결론|해답)(?:\s?(?:및\s해설|\(?answer\)?))?(?:은|는)?"
    r"|[^.\n]{0,30}(?:답[은는]|다음과\s같[^.\n]{0,6})|(?:(?:here\sis|heres)\s)?(?:(?:the|my)\s)?(?:final\s|correct\s)?(?:answer|conclusion)"
    r"(?:\sto\s(?:the|this|your)\squestion)?(?:\sis)?(?:\sas\sfollows|\sbelow)?"
    r"|정답입니다[.]?|[^.\n\ue000-\ue02f]{0,30}답입니다[.]?|따라서|therefore)\s?[:.]?\s*"
)
ECHO = any_case(  # a question that the reply repeats, not "질문 1: B"
    rf"(?:질문|question)\s?(?:\(question\))?\s?\d{{0,3}}번?\s?[:.](?!\s?\(?{V})"
)
_ANNOUNCES = any_case(  # what ends a line that goes on in the next one: "…, the closest option is:", "하나를 고르면:"
    r"(?:(?:답|보기|선택지|옵션)[은는]|(?:고르|선택하|택하)(?:자)?면|\b(?:answer|option|choice|match|value|guess)(?:\s[^\s:]+){0,8}\s(?:is|(?:might|would)\sbe)(?:\slikely)?)\s?:$"
)
_SENTENCE = re.compile(
    rf"(?<=[.!?])(?<!\bvs\.)(?<!e\.g\.)(?<!i\.e\.)(?<!\d\.)\s+|(?<={V}\.)\s+|(?<=[가-힣]\.)(?=[가-힣]{{2}})"
)
_REMARK = any_case(rf"(?<=\S)\s?\((?!(?:최종\s?)?(?:정답|답)|answer|correct)[^()]{{0,30}}{V}[^()]{{3,30}}\)")
_TURN = any_case(  # where a sentence turns to another clause
    r"(?:(?<=지만)|(?<=으나)|(?<=는데)|(?<=은데)|(?<=다만)|(?<=다가)|(?<=[가-힣]나)(?=,)|(?<=이며)|(?<=이고))[,\s]\s*"
    r"|[,;]?\s(?=(?:but|however|although|yet|whereas)\b)|;\s"
)


def lines(text: str) -> list[Line]:
    """The lines that are not blank, a label joined to what follows it; labels that go up ("A: …", "C: …") make a list."""
    bare, waiting = [], ""
    bodies = [_MARKS.sub("", line, count=1).strip(" -=_,;/") for line in text.split("\n")]
    for line, below in zip(bodies, [*bodies[1:], ""], strict=True):
        if not line:
            continue
        if waiting:
            first, second = _LABEL.match(line), _LABEL.match(below)
            listed = first and second and letter_of(first[1]) + letter_of(second[1]) == "AB"
            apart = listed or STEP.match(line) or lists_options(line) or ECHO.match(line)
            bare += [waiting] if apart else []
            line, waiting = line if apart else f"{waiting} {line}", ""
        if (len(line) < 60 and _OPEN_LABEL.fullmatch(_NUMBER.sub("", line))) or _ANNOUNCES.search(line[-90:]):
            waiting = line.rstrip(" :.") + ":"
            continue
        bare.append(line)
    bare += [waiting] if waiting else []
    return [Line(line, item) for line, item in zip(bare, _items(bare), strict=True)]


def _items(bare: list[str]) -> list[str]:
    """For each line its letter if it is an item, else ""; an item is one of two or more whose labels go up."""
    labels = [(i, found[1]) for i, line in enumerate(bare) if (found := _LABEL.match(line))]
    items, run = [""] * len(bare), []
    for i, label in [*labels, (-1, "")]:
        # "A." and "1." are labels of two lists, so that a sign counts as it is.
        if run and not (run[-1][1] < label <= max(run[-1][1], chr(ord(run[0][1]) | 7))):
            for at, own in run if len(run) > 1 else ():
                items[at] = letter_of(own)
            run = []
        run.append((i, label))
    return items


def body(line: Line) -> str:
    """A line without the label of its item or its number."""
    return _LABEL.sub("", line.text, count=1) if line.item else _NUMBER.sub("", line.text, count=1)


def sentences(text: str) -> list[str]:
    """The sentences of one line without remarks in brackets."""
    return [part.strip() for part in _SENTENCE.split(_REMARK.sub("", text)) if part.strip()]


def clauses(sentence: str) -> Iterator[tuple[str, bool]]:
    """The clauses of one sentence, each with whether the sentence turned to it ("…지만", "…, but")."""
    place, turned = 0, False
    for turn in _TURN.finditer(sentence):
        if turn.start() > place:
            yield sentence[place : turn.start()], turned
        place, turned = turn.end(), True
    yield sentence[place:], turned


_TITLE = any_case(
    r"(?:[^?]{1,200}\?\s+)?(?:(?:보기|선택지|선지|options|choices)\s?(?:\(options\))?\s?:?\s*)?"
)
_OPTION = rf"{X}\s?[.):]\s?[^.!?{V[1:-1]}]{{1,60}}"
_PAIR = any_case(  # two options without a verdict, also cut off: "A: 위염, B: 장염", "A: 위염, B"
    rf"(?!.*(?:아니|아님|않|맞|틀|옳|적절|적합|right|wrong|correct))\(?{_OPTION}(?:[,;/]\s?{X}|[\s,;/]\s?(?:{X}\s?[.):]|{_OPTION}))[\s.]*"
)


def lists_options(sentence: str) -> bool:
    """Whether a line or a sentence is nothing but options from the first on, two with labels or more: "① 위염 ② 장염 ③ 천식"."""
    text = sentence[_TITLE.match(sentence).end() :]
    letters = "".join(map(letter_of, re.findall(V, text)))
    plain = re.match(rf"\(?{V}", text) and not re.search(
        rf"{V}(?:은|는|이|가|을|를|와|과|의|도|\s(?:is|was|are|can|has|does|would))\s", text
    )
    several = len(letters) > 2 or (letters == "AB" and _PAIR.fullmatch(text))
    return bool(several and plain) and LETTERS.startswith(letters)
