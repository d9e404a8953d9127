"""Cutting a text into pieces that a translator can take, and nothing lost: joined again, they are the text.

A text falls into segments: sentences, the blanks between them, and what no translator should touch (line breaks,
list markers, code, table rules, addresses). Consecutive segments are packed into pieces up to a size. A model that
follows instructions is given pieces of several lines; a sentence model is given what stands between two marks.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from komep_dataset.replies.patterns import Pattern


class Kind(str, Enum):
    """What a segment is."""

    TEXT = "text"  # a sentence, a cell, a heading: holds a letter
    SPACE = "space"  # blanks inside a line
    MARK = "mark"  # everything that stays as it is: line breaks, markers, code, numbers alone


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a text; the segments of a text, joined, are the text."""

    text: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Piece:
    """What is translated as one, or, where `translate` is False, kept as it is."""

    text: str
    translate: bool


# A code block with its fences; one that is never closed ends with the text.
_FENCE = Pattern(
    r"^ {0,3}(`{3,}(?!`)|~{3,}(?!~))[^`\n]*\n(?:.*\n)*?(?: {0,3}\1[ \t]*(?:\n|\Z)|\Z)", re.MULTILINE
)
_LINE_END = Pattern(r"((?:\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])+)")
# Blanks, quotes, then one marker: a heading, a bullet with its box, a number or letter of a list.
_MARKER = Pattern(
    r"[^\S\n]*(?:>[^\S\n]*)*(?:#{1,6}[^\S\n]+|[-*+•·‣◦][^\S\n]+(?:\[[ xX]\][^\S\n]+)?"
    r"|\(?(?:\d{1,3}|(?:[A-Za-z]|[ivxIVX]{1,4})(?=[.)][^\S\n]+[^a-z\s]))[.)][^\S\n]+)?"
)
# A heading in bold at the start of a line: "**Diagnosis:** …".
_BOLD = Pattern(r"(\*\*|__)([^*_\n]+)(\1)")
INLINE = Pattern(
    r"((?:``|`(?![\w-]+'(?:[^\w`]|$)))[^`\n]+`{1,2}"  # code, and no `word' as TeX quotes it
    r"|https?://[^\s<>\"')\]]+"
    r"|</?[A-Za-z][^<>\n]{0,300}>"  # HTML
    r"|&(?:[a-zA-Z]{2,8}|#\d{1,6});)"
)
_TABLE_ROW = Pattern(r"[^\S\n]*\|.*\|[^\S\n]*")
_SENTENCE_END = Pattern(r"(?<![.!?。…])[.!?。…]+[\"'”’)\]]*(?=\s)")
# A full stop after these ends no sentence; nor does one after a single capital ("E. coli").
_ABBREVIATION = Pattern(
    r"dr|mrs?|ms|prof|st|vs|e\.g|i\.e|cf|ca|approx|figs?|nos?|vol|al|etc|spp?|var|subsp|resp|incl|max|min",
    re.IGNORECASE,
)


def segments_of(text: str) -> list[Segment]:
    """The segments of a text, in order."""
    found: list[Segment] = []
    at = 0
    for fence in _FENCE.finditer(text):
        found += [*_lines(text[at : fence.start()]), Segment(fence[0], Kind.MARK)]
        at = fence.end()
    return [segment for segment in [*found, *_lines(text[at:])] if segment.text]


def _lines(text: str) -> Iterator[Segment]:
    for index, part in enumerate(_LINE_END.split(text)):
        if index % 2:
            yield Segment(part, Kind.MARK)
        elif _TABLE_ROW.fullmatch(part):
            for place, cell in enumerate(re.split(r"(\|)", part)):
                yield from [Segment(cell, Kind.MARK)] if place % 2 else _inline(cell)
        else:
            marker = _MARKER.match(part)[0]
            yield Segment(marker, Kind.MARK if marker.strip() else Kind.SPACE)
            text = part[len(marker) :]
            if bold := _BOLD.match(text):
                yield Segment(bold[1], Kind.MARK)
                yield from _inline(bold[2])
                yield Segment(bold[3], Kind.MARK)
            yield from _inline(text[bold.end() if bold else 0 :])


def _inline(text: str) -> Iterator[Segment]:
    for index, part in enumerate(INLINE.split(text)):
        if index % 2:
            yield Segment(part, Kind.MARK)
        else:
            yield from _sentences(part)


def _sentences(text: str) -> Iterator[Segment]:
    """The sentences of a stretch of one line, and the blanks around them."""
    ends = []
    for match in _SENTENCE_END.finditer(text):
        follows = text[match.end() : match.end() + 40].lstrip()
        word = re.split(r"\s", text[max(0, match.start() - 20) : match.start()])[-1].lstrip("([\"'“‘")
        initial = len(word) == 1 and word.isupper()
        if follows and not follows[0].islower() and not initial and not _ABBREVIATION.fullmatch(word):
            ends.append(match.end())
    for at, end in pairwise([0, *ends, len(text)]):
        before, core, after = _stripped(text[at:end])
        yield Segment(before, Kind.SPACE)
        yield _segment(core)
        yield Segment(after, Kind.SPACE)


def _segment(text: str) -> Segment:
    return Segment(text, Kind.TEXT if any(map(str.isalpha, text)) else Kind.MARK)


def _stripped(text: str) -> tuple[str, str, str]:
    """(white space in front of a text, the text, white space behind it)."""
    core = text.strip()
    start = text.find(core) if core else len(text)
    return text[:start], core, text[start + len(core) :]


def lines_of(text: str) -> tuple[list[tuple[str, str, str]], str]:
    """Lines that are not blank as (all before its words, its words, what kind it is), and what follows the last.

    The kind is the line's marker, `|` for each of a table row's, or `code` inside fences.
    """
    fences = deque(fence.span() for fence in _FENCE.finditer(text))
    lines: list[tuple[str, str, str]] = []
    before, at = "", 0
    for part in _LINE_END.split(text):
        if not part.strip():
            before += part
        else:
            while fences and fences[0][1] <= at:
                fences.popleft()
            code = bool(fences) and fences[0][0] <= at
            table = _TABLE_ROW.fullmatch(part)
            marker = re.match(r"\s*", part)[0] if code or table else _MARKER.match(part)[0]
            kind = "code" if code else "|" * part.count("|") if table else "".join(marker.split())
            words = part[len(marker) :].rstrip()
            lines.append((before + marker, words, kind))
            before = part[len(marker) + len(words) :]
        at += len(part)
    return lines, before


def relaid(source: str, target: str) -> str:
    """A translation with the line ends, blank lines, indents, markers and code blocks of its source, byte for byte;
    as it is where it has not as many lines of the same kinds."""
    (old, end), (new, _) = lines_of(source), lines_of(target)
    if [kind for _, _, kind in old] != [kind for _, _, kind in new]:
        return target
    words = (was if kind == "code" else has for (_, was, kind), (_, has, _) in zip(old, new, strict=True))
    return "".join(before + own for (before, _, _), own in zip(old, words, strict=True)) + end


def pieces_of(
    text: str, limit: float, size: Callable[[str], float] = len, *, across_lines: bool = True
) -> list[Piece]:
    """Cut a text into pieces of at most `limit`; joined again they are the text, character for character.

    A text that fits goes whole, but for white space at its ends. Others break between lines or sentences, a long
    sentence at a comma or blank, and only one without blanks inside a word. A text of nothing but numbers and
    signs has no piece to translate; one whose letters all stand in code or tags is taken for prose as a whole where
    pieces may hold several lines.

    Args:
        text: any text.
        limit: the most that a piece may measure, above 0.
        size: how a stretch is measured; sizes are added up, so that joined ones should measure no more.
        across_lines: False where a piece may hold nothing but sentences and blanks of one line.
    """
    if across_lines and any(map(str.isalpha, text)) and size(text) <= limit:
        return _trimmed("", text, "")
    segments = segments_of(text)
    prose = any(segment.kind is Kind.TEXT for segment in segments) or not any(map(str.isalpha, text))
    if across_lines and not prose:
        segments = [Segment(text, Kind.TEXT)]
    fitting = []
    for segment in segments:
        if segment.kind is not Kind.TEXT or size(segment.text) <= limit:
            fitting.append(segment)
        else:  # clauses, else words: the white space after a clause or word goes with it
            fitting += map(_segment, _grouped(re.findall(r"\s*\S+\s*", segment.text), limit, size))
    return [piece for group in _packed(fitting, limit, size, across_lines) for piece in _pieces(group)]


def _grouped(words: Sequence[str], limit: float, size: Callable[[str], float]) -> Iterator[str]:
    """Words joined up to the limit, where there is one at the last comma or semicolon; a longer word is cut."""
    held: list[str] = []
    held_size = 0.0
    for word in (part for one in words for part in _cut(one, limit, size)):
        while held and held_size + size(word) > limit:
            clauses = (i for i, w in enumerate(held, 1) if w.rstrip().endswith((",", ";", ":")))
            clause = max(clauses, default=0)
            at = clause if 2 * clause > len(held) else len(held)
            yield "".join(held[:at])
            held = held[at:]
            held_size = sum(map(size, held))
        held.append(word)
        held_size += size(word)
    if held:
        yield "".join(held)


def _cut(word: str, limit: float, size: Callable[[str], float]) -> list[str]:
    """A word in halves until each fits."""
    if size(word) <= limit or len(word) < 2:
        return [word]
    middle = len(word) // 2
    return [*_cut(word[:middle], limit, size), *_cut(word[middle:], limit, size)]


def _packed(
    segments: Sequence[Segment], limit: float, size: Callable[[str], float], across_lines: bool
) -> Iterator[list[Segment]]:
    """Consecutive segments in groups that fit; a mark stands alone unless pieces may hold several lines."""
    held: list[Segment] = []
    held_size = 0.0
    for unit in _whole_lines(segments, limit, size) if across_lines else ([one] for one in segments):
        alone = not across_lines and unit[0].kind is Kind.MARK
        own = sum(size(segment.text) for segment in unit)
        if held and (alone or held_size + own > limit):
            yield held
            held, held_size = [], 0.0
        if alone:
            yield unit
        else:
            held += unit
            held_size += own
    if held:
        yield held


def _whole_lines(
    segments: Sequence[Segment], limit: float, size: Callable[[str], float]
) -> Iterator[list[Segment]]:
    """Lines with their ends, or the single segments of a line that does not fit."""
    line: list[Segment] = []
    for index, segment in enumerate(segments, 1):
        line.append(segment)
        if _LINE_END.search(segment.text) or index == len(segments):
            fits = sum(size(one.text) for one in line) <= limit
            yield from [line] if fits else ([one] for one in line)
            line = []


def _pieces(group: Sequence[Segment]) -> list[Piece]:
    """A group as a piece to translate, with what lies before its first and after its last text kept apart."""
    texts = [index for index, segment in enumerate(group) if segment.kind is Kind.TEXT]
    first, last = (texts[0], texts[-1] + 1) if texts else (len(group), len(group))
    cut = group[:first], group[first:last], group[last:]
    return _trimmed(*("".join(segment.text for segment in part) for part in cut))


def _trimmed(before: str, text: str, after: str) -> list[Piece]:
    """A text to translate between others, with the white space at its ends kept apart from all of them."""
    start, core, end = _stripped(text)
    parts = [(before, False), (start, False), (core, True), (end, False), (after, False)]
    return [Piece(*part) for part in parts if part[0]]
