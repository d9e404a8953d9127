"""Reading a letter out of a Korean or English generation, by rules of our own; plain Python, no dependencies.

The reply is taken for what it says: the last stated answer counts ("정답은 A. 아니, 정답은 C" is C), a hedge
between two letters is no answer, and a letter that names something else (an article, a vitamin, a hepatitis)
is none. What counts as a statement, strongest first:

1. a cue with a choice: "정답은 B번", "B가 정답", "the answer is B", "따라서 B", "아니, B입니다", a boxed one;
2. a copula or a praise: "가장 가능성이 높은 진단은 B입니다", "B가 옳다";
3. a last line that is a choice alone, or ends in one in brackets: "폐렴 (B)";
4. a choice at the very start, which answers the prompt's "정답：";
5. the text of exactly one option, where the options are given.

All functions below work on the normal form of `choices.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .choices import LETTERS, Choice, choice_at, named_before, normal_form


class Statement(NamedTuple):
    """One stated answer: where, which letter ("" = between several), and whether it is only a maybe."""

    position: int
    letter: str
    maybe: bool


_CUE = re.compile(
    r"(?:정답|해답|답안|(?<![가-힣])답(?![가-힣]|$)|(?<![가-힣])답(?=[은는이을])|(?<![가-힣])답변(?=[은:\s])"
    r"|결론|선택(?=\s*:))(?:\s*번호)?(?:은|는|이|을|를)?요?[\s:=)\],-]*"
    r"|\b(?:answers?|ans\.?|correct(?=\s?:)|(?:correct|right|best)\s(?:option|choice|response|one)|(?:final|my)\s(?:choice|selection))(?!\w)"
    r"(?:\s(?:is|was|(?:would|should|must|will|has\sto)\sbe))?[\s:=,-]*"
    r"|\b(?:choose|chose|select|selected|pick|picked|go\swith|must\sbe|has\sto\sbe)\s",
    re.IGNORECASE,
)
_FILLER = re.compile(  # words between a cue and its choice
    r"(?:(?:바로|역시|당연히|결국|아마도?|분명히|확실히|다음과\s같(?:습니다|다|이)\.?|보기|선택지|선지|옵션|문항"
    r"|most\slikely|likely|probably|clearly|definitely|therefore|either|both|the|option|choice|letter|answer)"
    r"(?=[\s:(A-E1-5])[\s:,]*)+",
    re.IGNORECASE,
)
_IN_WORDS = re.compile(  # "정답은 급성 충수염(D)입니다", "정답은 급성 충수염인 D입니다"
    r"[^.!?\n()]{1,60}?(?:\(\s*([A-E])\s*\)|인\s([A-E])(?=번|입니|이다|임|예요|이))"
)
_LEADS = re.compile(  # a conclusion or a correction; the choice after it must end its clause
    r"(?:따라서|그러므로|그래서|고로|결국|결론적으로|(?<![가-힣])즉|중에서는?|중에(?=\s)|(?<=\s)중(?=\s)"
    r"|(?<=[가-힣])(?:므로|니까|으나|지만|는데|면(?=,))(?=[\s,])|(?<=\s):(?=\s)"
    r"|(?<![가-힣])아니(?=[,.\s!])|아니다|아니요|아닙니다|잠깐|정정(?:합니다|하면|하자면)?|수정(?:합니다|하면)?"
    r"|\b(?:therefore|thus|hence|so|in\sconclusion|actually|wait|no|but|correction|rather|instead)\b)"
    r"[\s,.:!-]*(?:다시\s*(?:보니|생각하면|생각해\s?보[면니]|보면)[\s,]*|more\slikely\s)?",
    re.IGNORECASE,
)
_COPULA = r"(?:입니다|이다|임|이에요|예요|이예요|이야|다|요|같습니다|인\s것\s같)"
_IS_COPULA = re.compile(rf"\s?번?\s?{_COPULA}")
_CLAUSE_END = re.compile(rf"\s?번?\s?{_COPULA}?\s*(?:[.!,;:\n)]|$)")
_IS_PREDICATE = re.compile(rf"\s?번?\s?(?:{_COPULA}|[.!\n]|$)")
_SENTENCE = re.compile(r"(?:^|[.!?\n])\s*")
_TOPIC = re.compile(r"(\S*[가-힣])[은는]\s")
_NO_TOPIC = re.compile(r"(?:또|혹|혈액형|유형|형|등급|타입|군|병기|단계|점수|비타민|그룹|독소)$")

_TOKEN = re.compile(r"(?<![A-Za-z0-9가-힣.\-])(?:\([A-E1-5]\)|[A-E](?![A-Za-z0-9])|[1-5](?=번))")
_NOUN = (
    r"(?:\s?번)?(?:\s(?:보기|선택지|선지|항목|문항|옵션))?(?:이|가|은|는|만)?\s?(?:바로\s)?(?:가장\s|더\s)?"
)
_BE = r"\s(?:is|was|would\sbe|must\sbe|seems|appears)\s(?:(?:to\sbe|the|most|clearly|definitely|a)\s)*"
_IS_ANSWER = re.compile(
    rf"{_NOUN}(?:정답|(?:(?:적절|적합|올바|옳|맞)[은는한른]\s)?답(?!변))"
    r"|(?:\s?번)?(?:을|를)\s?(?:(?:정답|답)으로|선택|고르|고른|고릅|골라|골랐|택)"
    r"|(?:\s?번)?(?:이?라고|으?로)\s(?:생각|판단|봅|결정|선택|바꾸|바꾼|변경|수정|정정)"
    rf"|{_BE}(?:(?:correct|right|best)\s)?(?:answer|choice|option)|\sshould\sbe\s(?:selected|chosen)",
    re.IGNORECASE,
)
_IS_RIGHT = re.compile(
    rf"{_NOUN}(?:맞|옳|적절|적합|올바|타당)|(?:\s?번)?(?:에|이|가)\s해당[하되된됩한합]"
    rf"|{_BE}(?:correct|right|best|appropriate|likely)|\sfits\s(?:best|better)",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"[가-힣]{0,4}(?:\s[될볼]\s수는?)?\s?(?:아니|아닌|아님|않|못|없)|[^.,\n]{0,12}\b(?:not|isnt)\b"
)
_IS_NOT = re.compile(
    r"\s?번?(?:도\s[A-E1-5]번?)*(?:이|가|은|는|도)?\s?(?:아니[라고며]|아닌|말고|에서(?=\s))[\s,]*"
)
_NOT_BUT = re.compile(r"\bnot\s(?:option\s)?(?=[A-E(])", re.IGNORECASE)
_BUT = re.compile(r"[\s,;]*(?:but|rather|it\sis)\s(?:rather\s)?(?:option\s)?", re.IGNORECASE)
_MAYBE = re.compile(r"\s?번?\s?(?:일\s?[수지까듯것거]|인지)|\s(?:might|may|could)\sbe")
_AND_OR = r"\s?\(?(?:,|/|·|&|\+|또는|혹은|아니면|및|그리고)"
_JOINT = re.compile(
    rf"\s?번?(?:\s?(?:이거나|거나|이나|나|와|과|이랑|랑)(?=\s)|{_AND_OR}|\s(?:or|and)(?=\s))\s*",
    re.IGNORECASE,
)
_JOINED_BEFORE = re.compile(
    rf"[A-E1-5)]\s?번?(?:\s?(?:이거나|거나|이나|나|와|과|이랑|랑)|{_AND_OR}|\s(?:or|and))\s?$", re.IGNORECASE
)
_SUBJECT = re.compile(r"\s?번?(?:은|는|이|가)\s|[:)]")


def _several(text: str, first: Choice, options: Sequence[str]) -> bool:
    """Whether a choice is joined to another one: "B 또는 C", "B와 D", "B, C"; "B, C는 오답" is not."""
    joint = _JOINT.match(text, first.end)
    other = choice_at(text, joint.end(), options) if joint else None
    if not other or other.letter == first.letter:
        return False
    return not ("," in joint[0] and _SUBJECT.match(text, other.end))


def _state(
    text: str, position: int, options: Sequence[str], *, ends_clause: bool = False
) -> Statement | None:
    """The statement that a choice at a position makes; of "B가 아니라 C" it is C; None if there is none."""
    choice = choice_at(text, position, options)
    if not choice:
        return None
    denial = _IS_NOT.match(text, choice.end)
    if denial:
        return _state(text, denial.end(), options)
    if ends_clause and not (_CLAUSE_END.match(text, choice.end) or _praised(text, choice)):
        return None
    letter = "" if _several(text, choice, options) else choice.letter
    return Statement(position, letter, bool(_MAYBE.match(text, choice.end)))


def _praised(text: str, choice: Choice) -> bool:
    """Whether a choice is called right: "B가 가장 적절하다"; "B가 적절하지 않다" is not."""
    right = _IS_RIGHT.match(text, choice.end)
    return bool(right) and not _DENIED.match(text, right.end())


def _tokens(text: str, options: Sequence[str]) -> Iterator[tuple[int, Choice]]:
    """Every choice that stands apart, with its position; a bare digit only with "번" or brackets."""
    for token in _TOKEN.finditer(text):
        choice = choice_at(text, token.start(), options)
        if choice:
            yield token.start(), choice


def _after_cues(text: str, options: Sequence[str]) -> Iterator[Statement | None]:
    """ "정답은 B", "the answer is B", "정답은 폐렴(B)"."""
    for cue in _CUE.finditer(text):
        filler = _FILLER.match(text, cue.end())
        end = filler.end() if filler else cue.end()
        direct = _state(text, end, options) or _state(text, cue.end(), options)
        in_words = None if direct else _IN_WORDS.match(text, end)
        if in_words and not re.search("아니|아닌", in_words[0]):
            direct = Statement(end, in_words[1] or in_words[2], False)
        yield direct


def _after_leads(text: str, options: Sequence[str]) -> Iterator[Statement | None]:
    """ "따라서 B", "아니, B입니다", "not A but B", and a sentence that is "B입니다"."""
    for lead in _LEADS.finditer(text):
        yield _state(text, lead.end(), options, ends_clause=True)
    for start in _SENTENCE.finditer(text):
        choice = choice_at(text, start.end(), options)
        if choice and _IS_COPULA.match(text, choice.end):
            yield _state(text, start.end(), options)
    for denied in _NOT_BUT.finditer(text):
        choice = choice_at(text, denied.end(), options)
        but = _BUT.match(text, choice.end) if choice else None
        yield _state(text, but.end(), options) if but else None


def _before_cues(text: str, options: Sequence[str]) -> Iterator[Statement | None]:
    """ "B가 정답", "B를 선택", "B is the answer", "B가 아니라 C", and the maybes: "B일 수도 있다"."""
    for position, choice in _tokens(text, options):
        answer = _IS_ANSWER.match(text, choice.end)
        denial = _IS_NOT.match(text, choice.end)
        if answer and not _DENIED.match(text, answer.end()):
            joined = _JOINED_BEFORE.search(text[max(0, position - 8) : position])
            yield Statement(position, "" if joined else choice.letter, False)
        elif denial:
            yield _state(text, denial.end(), options)
        elif _MAYBE.match(text, choice.end):
            yield Statement(position, choice.letter, True)


def _firm(text: str, options: Sequence[str]) -> list[Statement]:
    """Every statement of strength 1, in the order of the text."""
    found = [*_after_cues(text, options), *_after_leads(text, options), *_before_cues(text, options)]
    return sorted(s for s in found if s)


def _mild(text: str, options: Sequence[str]) -> list[Statement]:
    """Statements of strength 2, in the order of the text; bare digits, perhaps quantities, are left out."""
    found = [
        Statement(at, choice.letter, False) for at, choice in _tokens(text, options) if _praised(text, choice)
    ]
    for topic in _TOPIC.finditer(text):
        choice = choice_at(text, topic.end(), options)
        bare_digit = choice and not choice.marked and text[topic.end()].isdigit()
        if (
            choice
            and not bare_digit
            and not _NO_TOPIC.search(topic[1])
            and _IS_PREDICATE.match(text, choice.end)
        ):
            found.append(_state(text, topic.end(), options))
    return sorted(s for s in found if s)


def _last(statements: Sequence[Statement]) -> str:
    """The last statement's letter; "" if it is a maybe that contradicts another."""
    last = statements[-1]
    return "" if last.maybe and any(s.letter != last.letter for s in statements) else last.letter


_BARE_END = re.compile(rf"\s?번?\s?{_COPULA}?[\s.)!:]*")
_HESITANT = re.compile(
    r"(?:option|choice|보기|선택지|선지|probably|likely|maybe|아마도?|제\s생각에는?|저는|its|it\sis|i\sthink"
    r"|that\s(?:is|would\sbe))\s",
    re.IGNORECASE,
)
_ENDS_IN_BRACKETS = re.compile(rf"[^()]*\S\s?\(([A-E])\)\s?번?{_COPULA}?[.!]?")
_AFTER_START = re.compile(rf"\s?번?\s?{_COPULA}|\s?번|[\s.):,;!-]|\([가-힣]|$")
_MARK = re.compile(r"(?:^|[.!?\n])\s*\(?([A-E1-5])[.):]")


def _bare(line: str, options: Sequence[str]) -> str:
    """The letter of a line that is a choice and nothing else, or ends in one in brackets; or ""."""
    hesitant = _HESITANT.match(line)
    choice = choice_at(line, hesitant.end() if hesitant else 0, options)
    if choice:
        return choice.letter if _BARE_END.fullmatch(line, choice.end) else ""
    bracketed = _ENDS_IN_BRACKETS.fullmatch(line)
    return bracketed[1] if bracketed and not named_before(line[: bracketed.start(1) - 1]) else ""


def _at_start(text: str, options: Sequence[str]) -> str:
    """The choice that the reply begins with; "" for a list of options or of steps and for several choices."""
    choice = choice_at(text, 0, options)
    if not choice or not _AFTER_START.match(text, choice.end) or _several(text, choice, options):
        return ""
    marks = ["ABCDE12345".index(mark) for mark in _MARK.findall(text)]
    if len(marks) > 1 and marks[1] == marks[0] + 1:
        return ""
    following = (
        choice_at(text, choice.end + 1, options) if text[choice.end : choice.end + 1] in " \n" else None
    )
    return "" if following and following.letter != choice.letter else choice.letter


def _by_lines(text: str, options: Sequence[str]) -> str | None:
    """Strengths 3 and 4; None where neither applies; "" where every line is a choice and they differ."""
    bare = [_bare(line.strip(), options) for line in text.split("\n") if line.strip()]
    if len(set(bare)) > 1 and all(bare):
        return ""
    return bare[-1] or _at_start(text, options) or None


def _before_invented_question(text: str, options: Sequence[str]) -> str:
    """The first line's letter where the reply runs on into a question of its own making, else ""."""
    first, _, rest = text.partition("\n")
    invented = re.search(r"^A[.)].*\n+B[.)].*\n+C[.)](?:.*\n+)+?정답\s*:", rest, re.MULTILINE)
    return _bare(first.strip(), options) if invented else ""


_REJECTED = re.compile(
    r"(?:이|가|은|는)?\s?(?:아니|아닌|틀|제외|오답)|\s(?:is|are|was)\s(?:not|wrong|incorrect)", re.IGNORECASE
)


def _mentions(text: str, options: Sequence[str]) -> set[str]:
    """Letters of the options whose text occurs and is not rejected; a longer text hides a shorter one."""
    found: set[str] = set()
    for option, letter in sorted(zip(options, LETTERS, strict=False), key=lambda pair: -len(pair[0])):
        if len(option) < 2 or option.isdigit():
            continue
        pattern = re.compile(rf"(?<![A-Za-z0-9]){re.escape(option)}(?![A-Za-z0-9])")
        if any(not _REJECTED.match(text, hit.end()) for hit in pattern.finditer(text)):
            found.add(letter)
        text = pattern.sub("\0", text)
    return found


def _begins_with(text: str, options: Sequence[str]) -> tuple[str, str]:
    """The letter of the longest option that a text begins with, and what follows it; ("", text) if none."""
    starts = [
        (len(option), letter)
        for option, letter in zip(options, LETTERS, strict=False)
        if option and text.startswith(option)
    ]
    if not starts:
        return "", text
    length, letter = max(starts)
    rest = text[length:]
    goes_on = rest[:1].isascii() and rest[:1].isalnum()
    return ("", text) if goes_on or _REJECTED.match(rest) else (letter, rest)


def _by_text(text: str, options: Sequence[str]) -> str:
    """Strength 5: the option whose text follows the last cue, is the reply, or is the only one mentioned."""
    text, options = text.casefold(), [option.casefold() for option in options]
    for cue in reversed(list(_CUE.finditer(text))):
        letter, _ = _begins_with(text[cue.end() :], options)
        if letter:
            return letter
    letter, rest = _begins_with(text, options)
    if letter and not rest.strip(" .!"):
        return letter
    found = _mentions(text, options)
    return found.pop() if len(found) == 1 else ""


def extract_robust(generation: str, options: Sequence[str] = ()) -> str:
    """The letter that a generation states, or "".

    Args:
        generation: the raw reply to a prompt that ends in "정답：", or any longer reply.
        options: the five texts of A to E, if replies that state an option's own text shall count.

    Returns:
        "A" to "E", or "" when nothing, or more than one thing, is stated.
    """
    text = normal_form(generation)
    options = [normal_form(option) for option in options]
    if not text:
        return ""
    invented = _before_invented_question(text, options)
    if invented:
        return invented
    statements = _firm(text, options) or _mild(text, options)
    if statements:
        return _last(statements)
    letter = _by_lines(text, options)
    return letter if letter is not None else _by_text(text, options)
