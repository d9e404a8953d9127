"""Reading a letter out of a Korean or English generation, by rules of our own; plain Python, and komep for thoughts.

The reply is cut into lines, items of a list of options, sentences and clauses (`pieces.py`); the rules of the table in
`rules.py` see one clause each and nothing before it. The last firm statement counts ("정답은 A. 아니, 정답은 C" is C): a field, what is
chosen or named, a correction, a conclusion, a line that is a choice alone, the opening; of an item of a list only
fields and names. A clause after a turn ("…지만, B가 옳다") or with a second thought is firm too. Where nothing is, the
one that is judged otherwise than all others counts, then the last clause that says what was asked for or praises a choice. A hedge between two
letters is no answer. What others would choose and what would hold in another case count only where nothing else is
stated.

Where the options are given and the letters state nothing, each option's text in the reply is replaced by its letter in
brackets and the same rules read the result. What the last line leaves of the choices counts last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from . import rules
from .choices import LETTERS, V, X, any_case, letter_of, letters_of, marked, normal_form, sign
from .pieces import ECHO, STEP, Line, body, clauses, lines, lists_options, sentences


class Statement(NamedTuple):
    """One stated answer: its place, its letter ("" = several), whether firm, a maybe, or about another case."""

    place: int
    letter: str
    firm: bool = True
    maybe: bool = False
    aside: bool = False


NEAR = 160  # characters before a choice in its sentence that are looked at


def _in_clause(clause: str, turned: bool, item: bool) -> Iterator[Statement]:
    """What the rules of the table take of one clause."""
    for rule in rules.CLAUSE:
        for found in rule.pattern.finditer(clause) if rule.in_items or not item else ():
            place, end = found.span(found.lastindex)
            before, rest = clause[max(0, place - NEAR) : place], max(end, found.end())
            denied = rules.REFUSED.match(clause, end) or rules.AGAINST.search(before[-40:])
            undone = rule.unless and rule.unless.match(clause, rest)
            against = undone or rules.AGAINST.search(clause[: found.start()][-40:])
            if against or (denied and rule.name != "asked for"):
                continue
            aside = rules.ASIDE.search(before) or rules.WHERE.search(before) or rules.IF.match(clause, rest)
            again = turned or rules.REVISES.search(before[-60:])
            firm = rule.firm or (again and not aside and not rules.LIMITED.match(clause, rest))
            letter, maybe = letter_of(found[found.lastindex]), rule.name == "maybe"
            yield Statement(place, letter, bool(firm), maybe, bool(aside))


def _statements(line: Line) -> Iterator[Statement]:
    """The statements of one line in their order."""
    for clause, turned in (one for sentence in sentences(body(line)) for one in clauses(sentence)):
        if re.search(V, clause):
            yield from sorted(_in_clause(clause, turned, bool(line.item)))


_ALONE = any_case(
    r"(?:(?:\d{1,3}[.)]?|probably|likely|maybe|아마도?|번호|제\s생각에는?|저는|its|it\sis|i\sthink|that\s(?:is|would\sbe)|⇒|#|clearly|definitely|ok|so,?)\s?)?"
    rf"\(?({V})\)?\s?{rules.COPULA}?[\s.)!]*"
)
_CLOSES = re.compile(rf"\(?({X})\)?\s?[.:)]\s?[^.!?{V[1:-1]}]{{1,60}}")
_LAST_WORD = re.compile(rf"(?!\(?{V}\s?[.):])([^()]*\S\s?)({X})\s?{rules.COPULA}?[.!]?")
_OPENS = re.compile(
    rf"\(?({V})(?!{rules.WRONG})(?:\s?{rules.COPULA}|\)?\s?(?:[:)](?=\d)|[.:,;!)-](?=[\s가-힣A-Z]|$))|\s\(|\)?\s[가-힣 ]{{1,30}}$|\)?$)"
)


def _opening(line: Line) -> str | None:
    """The choice that the reply begins with; None for a list or one that is turned down."""
    step = STEP.match(line.text)
    text = line.text[step.end() :].lstrip() if step else line.text
    found = None if line.item or (step and not re.match(X, text)) else _OPENS.match(text)
    turned_down = found and (rules.REFUSED.match(text, found.end(1)) or rules.MAYBE.match(text, found.end(1)))
    return letter_of(found[1]) if found and not turned_down else None


def _odd_one(found: Sequence[Line]) -> str | None:
    """The one letter that items or sentences judge otherwise than all others; of some of the options the one that is
    called right, or wrong where that was asked for."""
    verdicts = [(line.item, rules.VERDICT.fullmatch(body(line))) for line in found if line.item]
    judged = {"": [(letter, bool(one.lastindex)) for letter, one in verdicts if one]}
    texts = [line.text for line in found if not line.item]
    clear = [one for text in texts for one in sentences(text) if not rules.UNSURE.search(one)]
    for one in (one for sentence in clear for one in rules.JUDGED.finditer(sentence)):
        good = bool(one["bad"]) == bool(len(rules.NOT.findall(one["what"])) % 2)
        letters = letters_of(one["choice"]) if one["choice"] else ""
        judged.setdefault(one["other"] or "", []).append((letters, good))
    asked = any(rules.WRONG_ASKED.search(text) for text in texts)
    for other, ones in judged.items():
        rest = set(LETTERS).difference(*(letters for letters, _ in ones))
        right, wrong = (
            set().union(*(x or rest for x, good in ones if good is side)) for side in (True, False)
        )
        whole = right ^ wrong == right | wrong >= set("ABCD")
        for one, others, part in ((right, wrong, True), (wrong, right, asked)):
            if len(one) == 1 and others and (whole or (part and not other)):
                return one.pop()
    return None


def _lines(text: str) -> list[Line]:
    """The lines of a text, options with their verdicts in one line, "A(X), B(O)", as one item each."""
    return lines(rules.SHEET.sub(lambda found: re.sub(V, r"\n\g<0>. ", found[0]) + "\n", text))


def _about(sentence: str) -> set[str]:
    """The letters that a sentence is about; those turned down, listed as labels or merely described are not."""
    found: set[str] = set()
    cut = sentence.rfind("(")  # a bracket that never closes was cut off
    cut = len(sentence) if cut < 0 or ")" in sentence[cut:] else cut
    for choice in re.finditer(X, sentence[:cut]):
        before, end = sentence[max(0, choice.start() - 24) : choice.start()], choice.end()
        label = re.match(r"\)" if before.strip() else r"\s?[.):]", sentence[end : end + 2])
        turned_down = rules.REJECTED.match(sentence, end) or rules.REFUSED.match(sentence, end)
        about = not letter_of(choice[0]) or (
            rules.OPEN.search(before) and not rules.DESCRIBED.match(sentence, end)
        )
        if about and not label and not turned_down and not rules.AGAINST.search(before):
            found.add(letter_of(choice[0]))
    return found


def _stated(text: str) -> str | None:
    """The letter that a text of `choices.marked` states; "" where several are stated, None where nothing is."""
    every = _lines(text)
    found = [line for line in every if not lists_options(line.text)]
    if not found:
        return "" if every else None
    alone = [None if line.item else _ALONE.fullmatch(body(line)) for line in found]
    if all(alone) and len({letter_of(one[1]) for one in alone}) > 1:
        return ""
    stated = [list(_statements(line)) for line in found]
    first = letter_of(alone[0][1]) if alone[0] else _opening(found[0])
    if first is not None:
        stated[0].insert(0, Statement(0, first))
    last, starts = alone[-1] or _CLOSES.fullmatch(found[-1].text), sign("A", firm=not alone[-1])
    if len(found) > 1 and last and last[1] != starts and not found[-1].item:  # "1" may begin what was cut off
        stated[-1] = [Statement(0, letter_of(last[1]), firm=bool(alone[-1]))]
    said = [one for line in stated for one in line]
    for firm in (True, False):
        if kept := [one for one in said if one.firm >= firm and not one.aside]:
            letter, maybe = kept[-1].letter, kept[-1].maybe
            return "" if maybe and any(one.letter != letter for one in kept) else letter
        if firm and (odd := _odd_one(found)):
            return odd
    if said or (len(found) > 2 and all(line.item for line in found)):
        letters = {one.letter for one in said}  # of what others choose, or of what holds in a case
        return letters.pop() if len(letters) == 1 else ""
    return None


def _remaining(text: str) -> str | None:
    """The letter that ends a text which states none, or is left of what its last line says about choices."""
    found = [line for line in _lines(text) if not lists_options(line.text)]
    if found and ECHO.match(found[-1].text):
        return None
    if found and (end := _LAST_WORD.fullmatch(found[-1].text)) and not rules.AGAINST.search(end[1][-40:]):
        return letter_of(end[2])
    for sentence in reversed(sentences(body(found[-1]))) if found else ():
        if about := _about(sentence):
            return about.pop() if len(about) == 1 else ""
    return None


_SHORT = re.compile(r"yes|no|maybe|true|false|예|네|아니요|아니오|참|거짓|있다|없다")  # words of any text


def _pattern(option: str) -> re.Pattern[str]:
    """Where an option's text stands in a reply, blanks in it being optional; a short one only where an answer does."""
    pieces = option.split()
    if len(option) > 2 and not option.isascii():  # Korean spacing varies within words too
        pieces = list("".join(pieces))
    words = r"\s?".join(re.escape(piece) for piece in pieces)
    if _SHORT.fullmatch(option.casefold()) or len(option) < 2 or option.isdigit():
        place = r"(?:(?<=^)|(?<=\n)|(?<=[:(,]\s)|(?<=[:(])|(?<=\bis\s)|(?<=[은는]\s))"
        return re.compile(rf"{place}{words}(?=\s*(?:[,.!;)\n]|$|입니다|이다|because|since))", re.IGNORECASE)
    return re.compile(rf"(?<![A-Za-z0-9가-힣]){words}(?![A-Za-z0-9])", re.IGNORECASE)


def _lettered(text: str, options: Sequence[str]) -> str:
    """A text with each option's text replaced by its letter in brackets, the longest first."""
    texts = ((option.strip(" ."), letter) for option, letter in zip(options, LETTERS, strict=False))
    for option, letter in sorted(texts, key=lambda pair: -len(pair[0])):
        text = _pattern(option).sub(f"({letter})", text) if option else text
    return text


def _read(text: str, options: Sequence[str]) -> str:
    signs = marked(text, options)
    letter = _stated(signs)
    lettered = _lettered(text, options) if letter is None else text
    texts = marked(lettered) if lettered != text else None
    for reader, form in ((_stated, texts), (_remaining, signs), (_remaining, texts)):
        letter = reader(form) if letter is None and form is not None else letter
    return letter or ""


def extract_robust(generation: str, options: Sequence[str] = ()) -> str:
    """The letter that a generation states, or "".

    Args:
        generation: the raw reply to a prompt that ends in "정답：", or any longer reply.
        options: the texts of A, B, … (2 to 5), if replies that state an option's own text shall count; a letter
            beyond them is no answer.

    Returns:
        "A" to "E", or "" when nothing, or more than one thing, is stated behind the thoughts of a reasoning model.
    """
    # Late: `scoring` says what to do where it is missing.
    from komep_dataset.replies.thoughts import answer_of

    answer = answer_of(generation)
    if answer.unfinished:
        return ""
    text = normal_form(answer.text if answer.thoughts else generation)
    options = [normal_form(option) for option in options]
    invented = rules.INVENTED.search(text, 1)
    letter = _read(text[: invented.start()], options) if invented else ""
    letter = letter or _read(text, options)
    return letter if letter in LETTERS[: len(options) or 5] else ""
