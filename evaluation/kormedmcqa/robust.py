"""Reading a letter out of a Korean or English generation, by rules of our own; plain Python, no dependencies.

The reply is taken for what it says: the last stated answer counts ("정답은 A. 아니, 정답은 C" is C), a hedge
between two letters is no answer, and a letter that is turned down ("정답은 A가 아니다", "D를 고르면 안 된다") or
names something else (an article, a vitamin, a hepatitis) is none. What others would choose and what would hold
in another case ("만약 임신부라면 정답은 D") count only where nothing else is stated. What counts as a
statement, strongest first:

1. a cue with a choice: "정답은 B번", "B가 정답", "the answer is B", "따라서 B", "아니, B입니다", "다시 보니 B가
   맞다", a boxed one, a line of verdicts ("A(X), B(O)");
2. a copula or a praise: "가장 가능성이 높은 진단은 B입니다", "B가 옳다";
3. a last line that is a choice alone, or ends in one in brackets: "폐렴 (B)";
4. a choice at the very start, which answers the prompt's "정답：";
5. the only choice that the last such sentence is about and does not turn down: "남은 것은 C뿐이다".

Where the options are given and the letters state nothing, each option's text in the reply is replaced by its
letter in brackets and the same rules read the result. All functions work on the normal form of `choices.py`;
the patterns are in `phrases.py`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from . import phrases as say
from .choices import LETTERS, Choice, choice_at, named_before, normal_form


class Statement(NamedTuple):
    """One stated answer: where, which letter ("" = between several), and whether it is only a maybe."""

    position: int
    letter: str
    maybe: bool


def _several(text: str, first: Choice, options: Sequence[str]) -> bool:
    """Whether a choice is joined to another one: "B 또는 C", "B와 D", "B, C"; "B, C는 오답" is not."""
    joint = say.JOINT.match(text, first.end)
    other = choice_at(text, joint.end(), options) if joint else None
    if not other or other.letter == first.letter:
        return False
    return not ("," in joint[0] and say.SUBJECT.match(text, other.end))


def _state(
    text: str, position: int, options: Sequence[str], *, ends_clause: bool = False
) -> Statement | None:
    """The statement that a choice at a position makes; of "B가 아니라 C" it is C; None if there is none."""
    choice = choice_at(text, position, options)
    for _ in LETTERS:
        denial = say.IS_NOT.match(text, choice.end) if choice else None
        if denial:
            position, ends_clause = denial.end(), False
            choice = choice_at(text, position, options)
    if not choice or say.REFUSED.match(text, choice.end):
        return None
    if ends_clause and not (say.CLAUSE_END.match(text, choice.end) or _praised(text, choice)):
        return None
    if ends_clause and _turned_down(text, choice, options):
        return None
    letter = "" if _several(text, choice, options) else choice.letter
    return Statement(position, letter, bool(say.MAYBE.match(text, choice.end)))


def _praised(text: str, choice: Choice) -> bool:
    """Whether a choice is called right: "B가 가장 적절하다"; "B가 적절하지 않다" is not."""
    right = say.IS_RIGHT.match(text, choice.end)
    return bool(right) and not say.DENIED.match(text, right.end())


def _joined_before(text: str, position: int, choice: Choice) -> bool:
    """Whether another choice is joined before the one here: "A와 B"; "…, B is" is about one."""
    joined = say.JOINED_BEFORE.search(text[max(0, position - 18) : position])
    if not joined or joined[1] in (choice.letter, str(LETTERS.index(choice.letter) + 1)):
        return False
    return not (joined[0].rstrip().endswith(",") and text.startswith(" is ", choice.end))


def _turned_down(text: str, choice: Choice, options: Sequence[str]) -> bool:
    """Whether a choice, or the choices joined to it, are rejected: "A는 틀리다", "A나 B보다는"."""
    for _ in LETTERS:  # more choices than letters are no list of options
        if say.REJECTED.match(text, choice.end):
            return True
        joint = say.JOINT.match(text, choice.end)
        following = choice_at(text, joint.end(), options) if joint else None
        if not following:
            return False
        choice = following
    return False


_TOKEN = re.compile(
    r"(?:(?<=보기\s)|(?<=옵션\s)|(?<=선택지\s)|(?<=[Oo]ption\s)|(?<=[Cc]hoice\s))[1-5]"
    r"|(?:(?<![A-Za-z0-9가-힣.°\-])|(?<=보기)|(?<=선택지)|(?<=옵션)|(?<=정답)|(?<=또는)|(?<=혹은))"
    r"(?:\(\s?[A-E1-5]\s?(?:번\s?)?\)|[A-E](?![A-Za-z0-9])|[1-5](?=\s?번))"
)


def _tokens(
    text: str, options: Sequence[str], start: int = 0, end: int | None = None
) -> Iterator[tuple[int, Choice]]:
    """Every choice that stands apart, with its position; a bare digit only with "번" or brackets."""
    for token in _TOKEN.finditer(text, start, len(text) if end is None else end):
        choice = choice_at(text, token.start(), options)
        if choice:
            yield token.start(), choice


def _after_cues(text: str, options: Sequence[str]) -> Iterator[Statement | None]:
    """ "정답은 B", "the answer is B", "정답은 폐렴(B)"."""
    for cue in say.CUE.finditer(text):
        if say.CUE_DENIED.search(text[max(0, cue.start() - 16) : cue.start()]):
            continue
        filler = say.FILLER.match(text, cue.end())
        end = filler.end() if filler else cue.end()
        direct = _state(text, end, options) or _state(text, cue.end(), options)
        in_words = None if direct else say.IN_WORDS.match(text, end)
        if in_words and not re.search("아니|아닌", in_words[0]):
            direct = _in_brackets(text, in_words, options)
        yield direct


def _in_brackets(text: str, in_words: re.Match[str], options: Sequence[str]) -> Statement | None:
    """The statement of "정답은 폐렴(B)" or "정답은 폐렴인 B"; "정답은 비타민(D)" and a denied one are none."""
    marked = choice_at(f"({in_words[1] or in_words[2]})", 0, options)
    part_of_name = in_words[1] and not choice_at(text, text.index("(", in_words.start()), options)
    if not marked or part_of_name or say.REFUSED.match(text, in_words.end()):
        return None
    return Statement(in_words.start(), marked.letter, False)


def _after_leads(text: str, options: Sequence[str]) -> Iterator[Statement | None]:
    """ "따라서 B", "아니, B입니다", "not A but B", and a sentence that is "B입니다"."""
    for lead in say.LEAD.finditer(text):
        filler = say.FILLER.match(text, lead.end())
        stated = _state(text, filler.end(), options, ends_clause=True) if filler else None
        yield stated or _state(text, lead.end(), options, ends_clause=True)
    for start in say.SENTENCE.finditer(text):
        choice = choice_at(text, start.end(), options)
        if choice and say.IS_COPULA.match(text, choice.end):
            yield _state(text, start.end(), options)
    for denied in say.NOT_BUT.finditer(text):
        choice = choice_at(text, denied.end(), options)
        but = say.BUT.match(text, choice.end) if choice else None
        yield _state(text, but.end(), options) if but else None


_ELLIPSIS = re.compile(r"\sis(?:[.!](?=\s|$)|(?=\n|$))")  # "A is not the answer; B is."


def _before_cues(text: str, options: Sequence[str]) -> Iterator[Statement | None]:
    """ "B가 정답", "B를 선택", "B is the answer", "B가 아니라 C", and the maybes: "B일 수도 있다"."""
    for position, choice in _tokens(text, options):
        answer = say.IS_ANSWER.match(text, choice.end)
        denial = say.IS_NOT.match(text, choice.end)
        chosen = answer and not any(no.match(text, answer.end()) for no in (say.DENIED, say.NOT_CHOSEN))
        if chosen or _ELLIPSIS.match(text, choice.end):
            yield Statement(position, "" if _joined_before(text, position, choice) else choice.letter, False)
        elif denial:
            yield _state(text, denial.end(), options)
        elif say.REFUSED.match(text, choice.end):
            continue
        elif say.MAYBE.match(text, choice.end) or say.MAYBE_BEFORE.search(
            text[max(0, position - 24) : position]
        ):
            yield Statement(position, "" if _several(text, choice, options) else choice.letter, True)


def _after_turns(text: str, stated: Sequence[Statement], options: Sequence[str]) -> Iterator[Statement]:
    """What a sentence says after it has stated or weighed a choice and turned: "C로 볼 수 있으나 연령을 보면 B가 옳다"."""
    weighed = [at for at, choice in _tokens(text, options) if say.IS_ANSWER.match(text, choice.end)]
    positions = sorted([s.position for s in stated] + weighed)
    for turn in list(say.TURN.finditer(text))[-20:]:  # the last statement counts
        near = max(0, turn.start() - 300)
        start = max(near - 1, *(text.rfind(sign, near, turn.start()) for sign in (". ", "\n", "? ", "! ")))
        if bisect_right(positions, start) == bisect_left(positions, turn.start()):
            continue
        rest = say.SENTENCE_BREAK.split(text[turn.end() : turn.end() + 200])[0]
        letters = _focus(rest, options)
        if len(letters) == 1 and not re.search("만약|만일", rest):
            yield Statement(turn.end(), letters.pop(), False)


_PUNCTUATION = re.compile(r"[\s,.:!-]*")


def _after_revisions(text: str, options: Sequence[str]) -> Iterator[Statement]:
    """What the sentence after a second thought states: "다시 생각해보면 C입니다", "upon review, D is better"."""
    for mark in list(say.REVISION.finditer(text))[-20:]:  # the last statement counts
        start = _PUNCTUATION.match(text, mark.end()).end()
        filler = say.FILLER.match(text, start)
        stop = say.SENTENCE_STOP.search(text, start, start + 200)
        for position, choice in _tokens(text, options, start, stop.end() if stop else start + 200):
            before = text[max(start, position - 16) : position]
            at_once = position in (start, filler and filler.end()) or say.REVISED.search(before)
            if _stated(text, choice, options, at_once=bool(at_once)):
                several = _several(text, choice, options) or _joined_before(text, position, choice)
                yield Statement(position, "" if several else choice.letter, False)


def _stated(text: str, choice: Choice, options: Sequence[str], *, at_once: bool) -> bool:
    """Whether a choice ends its clause, with a copula unless it comes at once, or is called right."""
    if say.REFUSED.match(text, choice.end) or _turned_down(text, choice, options):
        return False
    copula = at_once or say.IS_COPULA.match(text, choice.end)
    return bool(copula and say.CLAUSE_END.match(text, choice.end)) or _praised(text, choice)


def _after_contrasts(text: str, options: Sequence[str]) -> Iterator[Statement]:
    """A choice that is praised right after a "but", without a condition: "그러나 C가 더 적절하다"."""
    for mark in say.CONTRAST.finditer(text):
        choice = choice_at(text, mark.end(), options)
        right = say.IS_RIGHT.match(text, choice.end) if choice else None
        if right and _praised(text, choice) and not say.LIMITED.match(text, right.end()):
            yield Statement(mark.end(), choice.letter, False)


def _is_aside(text: str, statement: Statement) -> bool:
    """Whether a statement is about what others choose or about another case: "만약 임신부라면 정답은 D"."""
    sentence = say.SENTENCE_STOP.split(text[max(0, statement.position - 160) : statement.position])[-1]
    after = statement.position + 1 + text.startswith("(", statement.position)
    return bool(
        say.OTHERS.search(sentence) or say.SUPPOSED.search(sentence) or say.SUPPOSED_AFTER.match(text, after)
    )


def _firm(text: str, options: Sequence[str]) -> list[Statement]:
    """Every statement of strength 1, in the order of the text; asides only where there is nothing else."""
    found = [*_after_cues(text, options), *_after_leads(text, options), *_before_cues(text, options)]
    stated = [s for s in found if s]
    stated += [*_after_turns(text, stated, options), *_after_contrasts(text, options)]
    stated += _after_revisions(text, options)
    return sorted([s for s in stated if not _is_aside(text, s)] or stated)


def _mild(text: str, options: Sequence[str]) -> list[Statement]:
    """Statements of strength 2, in the order of the text; bare digits, perhaps quantities, are left out."""
    found = [
        Statement(at, "" if _joined_before(text, at, choice) else choice.letter, False)
        for at, choice in _tokens(text, options)
        if _praised(text, choice)
    ]
    for topic in say.TOPIC.finditer(text):
        choice = choice_at(text, topic.end(), options)
        bare_digit = choice and not choice.marked and text[topic.end()].isdigit()
        if (
            choice
            and not bare_digit
            and not (topic[1] and say.NO_TOPIC.search(topic[1]))
            and say.IS_PREDICATE.match(text, choice.end)
        ):
            found.append(_state(text, topic.end(), options))
    return sorted(s for s in [*found, *_verdict(text, options)] if s)


def _verdict(text: str, options: Sequence[str]) -> Iterator[Statement]:
    """The option that a list of all of them marks as right: "A. 폐렴 - 틀림", "B. 천식 (정답)"; if it is one."""
    lines = [(found.start(1), found) for found in say.VERDICT.finditer(text)]
    right = [(at, choice_at(text, at, options)) for at, found in lines if found["first"] or found["last"]]
    if len(lines) > 1 and len(right) == 1 and right[0][1]:
        yield Statement(right[0][0], right[0][1].letter, False)


def _last(statements: Sequence[Statement]) -> str:
    """The last statement's letter; "" if it is a maybe that contradicts another."""
    last = statements[-1]
    return "" if last.maybe and any(s.letter != last.letter for s in statements) else last.letter


_BARE_END = re.compile(rf"\s?번?\s?{say.COPULA}?[\s.)!:]*")
_HESITANT = re.compile(
    r"(?:\d{1,3}[.)]?|option|choice|보기|선택지|선지|probably|likely|maybe|아마도?|letter|number|번호|제\s생각에는?|저는|its|it\sis|i\sthink"
    r"|that\s(?:is|would\sbe))\s",
    re.IGNORECASE,
)
_ENDS_IN_BRACKETS = re.compile(rf"[^()]*\S\s?\(([A-E])\)\s?번?{say.COPULA}?[.!]?")
_AFTER_START = re.compile(rf"\s?번?\s?{say.COPULA}|\s?번|[\s.):,;!-]|\([가-힣]|$")
_LINE_MARK = re.compile(r"^\s?\(?([A-E1-5])[.):]", re.MULTILINE)
_MARK = re.compile(r"(?:^|[.!?\n])\s*\(?([A-E1-5])[.):]")


def _bare(line: str, options: Sequence[str]) -> str:
    """The letter of a line that is a choice and nothing else, or ends in one in brackets; or ""."""
    hesitant = _HESITANT.match(line)
    choice = choice_at(line, hesitant.end() if hesitant else 0, options)
    if choice:
        return choice.letter if _BARE_END.fullmatch(line, choice.end) else ""
    bracketed = _ENDS_IN_BRACKETS.fullmatch(line)
    return bracketed[1] if bracketed and not named_before(line[: bracketed.start(1) - 1]) else ""


_PERSON = re.compile(r"[A-E]\s(?:환자|간호사|병원|의사|약사|보호자|학생|국가|지역|회사|기관|학교)[.!]?")


def _is_list(mark: re.Pattern[str], text: str) -> bool:
    """Whether a text begins with a mark and its second mark is the next one: "A. … B. …"."""
    marks = ["ABCDE12345".index(found) for found in mark.findall(text)] if mark.match(text) else []
    return len(marks) > 1 and marks[1] == marks[0] + 1


def _at_start(text: str, options: Sequence[str]) -> str:
    """The choice that the reply begins with; "" for a list of options or of steps and for several choices."""
    choice = choice_at(text, 0, options)
    if not choice or not _AFTER_START.match(text, choice.end) or _several(text, choice, options):
        return ""
    if say.REFUSED.match(text, choice.end) or say.WRONG.match(text, choice.end):
        return ""
    if _is_list(_MARK, text.partition("\n")[0]) or _is_list(_LINE_MARK, text):
        return ""
    following = choice_at(text, choice.end + 1, options) if text[choice.end : choice.end + 1] == " " else None
    return "" if following and following.letter != choice.letter else choice.letter


def _by_lines(text: str, options: Sequence[str]) -> str | None:
    """Strengths 3 and 4; None where neither applies; "" where every line is a choice and they differ."""
    bare = [_bare(line.strip(), options) for line in text.split("\n") if line.strip()]
    if len(set(bare)) > 1 and all(bare):
        return ""
    return bare[-1] or _at_start(text, options) or None


def _focus(sentence: str, options: Sequence[str]) -> set[str]:
    """The letters that a sentence is about; those turned down, listed as labels or merely described are not."""
    found: set[str] = set()
    for position, choice in _tokens(sentence, options):
        before = sentence[max(0, position - 24) : position]
        closed = before.count("(") == before.count(")")
        label = closed and re.match(r"\)" if before.strip() else r"\s?[.):]", sentence[choice.end :])
        turned_down = _turned_down(sentence, choice, options) or say.REJECTED_BEFORE.search(before)
        turned_down = turned_down or say.REFUSED.match(sentence, choice.end)
        joined = _several(sentence, choice, options) or _joined_before(sentence, position, choice)
        about = say.OPEN.search(before) and not say.DESCRIBED.match(sentence, choice.end)
        if not label and not turned_down and (about or joined):
            found.add(choice.letter)
    return found


def _by_focus(text: str, options: Sequence[str]) -> str | None:
    """Strength 5: from the last sentence that is about choices; "" if it is about several, None without one."""
    for sentence in reversed(say.SENTENCE_BREAK.split(text)):
        found = _focus(sentence.strip(), options)
        if found:
            return found.pop() if len(found) == 1 else ""
    return None


def _lists_options(text: str) -> bool:
    """Whether a text is nothing but a list of three or more options from the first on: "① 위염 ② 장염 ③ 천식"."""
    title = say.LIST_TITLE.match(text)
    start = title.end() if title else 0
    marks = list(say.LIST_MARK.finditer(text[start : start + 600]))
    letters = "".join(LETTERS["ABCDE12345".index(m[m.lastindex]) % 5] for m in marks)
    if len(marks) < 3 or marks[0].start() or not LETTERS.startswith(letters) or len(text) > start + 600:
        return False
    if len({m.lastindex for m in marks}) > 1:
        return False
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    pieces = [
        text[start + mark.end() : start + end].strip(" .\n") for mark, end in zip(marks, ends, strict=True)
    ]
    return all(len(piece) < 80 and not say.SENTENCE_BREAK.search(piece) for piece in pieces)


def _by_letters(text: str, options: Sequence[str]) -> str | None:
    """The letter by all strengths; "" where several are stated, None where nothing is."""
    statements = _firm(text, options) or _mild(text, options)
    if statements:
        return _last(statements)
    if _lists_options(text) or _PERSON.fullmatch(text):
        return ""
    letter = _by_lines(text, options)
    return letter if letter is not None else _by_focus(text, options)


_SHORT = re.compile(r"yes|no|maybe|true|false|예|네|아니요|아니오|참|거짓|있다|없다")  # words of any text


def _pattern(option: str) -> re.Pattern[str]:
    """Where an option's text stands in a reply, blanks in it being optional; a short one only where an answer does."""
    option = option.strip(" .")
    pieces = option.split()
    if len(option) > 2 and not option.isascii():  # Korean spacing varies within words too
        pieces = list("".join(pieces))
    words = r"\s?".join(re.escape(piece) for piece in pieces)
    if _SHORT.fullmatch(option.casefold()) or len(option) < 2 or option.isdigit():
        place = r"(?:(?<=^)|(?<=\n)|(?<=[:(,]\s)|(?<=[:(])|(?<=\bis\s)|(?<=답은\s))"
        return re.compile(rf"{place}{words}(?=\s*(?:[,.!;)\n]|$|입니다|이다|because|since))", re.IGNORECASE)
    return re.compile(rf"(?<![A-Za-z0-9가-힣]){words}(?![A-Za-z0-9])", re.IGNORECASE)


def _with_letters(text: str, options: Sequence[str]) -> str:
    """The text with each option's text replaced by its letter in brackets, the longest first."""
    for option, letter in sorted(zip(options, LETTERS, strict=False), key=lambda pair: -len(pair[0])):
        text = _pattern(option).sub(f"({letter})", text) if option.strip(" .") else text
    return text


def _mentioned(text: str) -> str:
    """The letter of the only option whose text is mentioned and not turned down, or ""."""
    found = {hit[1] for hit in re.finditer(r"\(([A-E])\)", text) if not say.REJECTED.match(text, hit.end())}
    return found.pop() if len(found) == 1 else ""


def _by_text(text: str, options: Sequence[str]) -> str:
    """The letter of the option whose text the reply states, or ""."""
    marked = _with_letters(text, options)
    if marked == text:
        return ""
    letter = _by_letters(marked, options)
    return letter if letter is not None else _mentioned(marked)


def _sheet(found: re.Match[str]) -> str:
    """A line of options and verdicts as a statement: "A(X), B(O)" is "정답: (B)"."""
    right = [mark[1] for mark in say.MARKED_RIGHT.finditer(found[0])]
    return f" 정답: {', '.join(f'({mark})' for mark in right)} " if right else " "


def _read(text: str, options: Sequence[str]) -> str:
    letter = _by_letters(text, options)
    if letter is None and options:
        letter = _by_text(text, options)
    return letter or ""


_END = (
    8_000  # characters read at either end of a reply; what is between them in a longer one states no answer
)


def extract_robust(generation: str, options: Sequence[str] = ()) -> str:
    """The letter that a generation states, or "".

    Args:
        generation: the raw reply to a prompt that ends in "정답：", or any longer reply.
        options: the texts of A, B, … (2 to 5), if replies that state an option's own text shall count; a letter
            beyond them is no answer.

    Returns:
        "A" to "E", or "" when nothing, or more than one thing, is stated.
    """
    text = normal_form(generation)
    if len(text) > 2 * _END:
        text = f"{text[:_END]}\n{text[-_END:]}"
    text = say.SHEET.sub(_sheet, text).strip()
    options = [normal_form(option) for option in options]
    if not text:
        return ""
    invented = say.INVENTED.search(text, 1)
    letter = _read(text[: invented.start()].strip(), options) if invented else ""
    letter = letter or _read(text, options)
    return letter if letter in LETTERS[: len(options) or 5] else ""
