"""From a splitter's reply to clean units, and whether they are units of the answer at all.

A unit is a bare statement: an introduction, a bullet, a number or a code fence in it would make it another text, which is
asked again and judged with the rest. What shares no word with the answer is nothing that the answer says.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from komep_dataset import dahl
from komep_dataset.inference.reply_log import Reply
from komep_dataset.prompts.english import UNVERIFIABLE_MARK
from komep_dataset.replies.asides import is_aside
from komep_dataset.replies.patterns import Pattern
from komep_dataset.replies.refusals import is_refusal
from komep_dataset.tables.values import written

# Share of a unit's content that stands in the answer, and of a reply's units that may have less (ours): a unit below the
# first is none of the answer's, a reply below the second no split of it. Of units by people and models
# (kqa, factbench, korfactscore, expertqa) 38 of 10,502 lie below, of lines put in from another answer 1,286 of 1,320.
UNIT_SHARE, ROW_SHARE = 0.4, 0.5
# Share and number of the units that name their subject (ours).
SUBJECT_SHARE, LEAST_UNITS = 2 / 3, 3
SHOWN = 80  # characters of a line that a reject shows
_NUMBER = r"\d{1,3}[.)\]:]|[①-⑳❶-❿]|[ivx]{1,4}[.)]|[a-z]\)|[가나다라마바사아자차카타파하][.)]"
_LABEL = r"(?:atomic[ -])?(?:facts?|claims?|statements?|sentences?|units?|answers?|outputs?|사실|진술|문장|항목|단위|답변|출력)"
_MARK = Pattern(
    rf"(?:[-–—*•·●○◦▪▸►‣➤✓✔→>+]\s+|[•·‣]|[\u2460-\u24ff\u25a0-\u27bf\u2b00-\u2bff\U0001f300-\U0001faff]\ufe0f?\s*|\d{{1,2}}\ufe0f?\u20e3\s*|\\item\s+|#{{1,6}}\s+|[(\[]?(?:{_NUMBER})\s+|\d{{1,3}}[.)](?=[A-Z가-힣\"'“*])|"
    rf"\(\d{{1,3}}\)|[\[<]{_LABEL}\s*#?\d{{0,3}}[\]>]:?\s*(?=\S)|[\"'*]*{_LABEL}\s*(?:#?\d{{1,3}}\s*[.):：–-]|[:：])[\"'*]*\s*|\*\*(?=\w)|\[[ x✓]\]\s+)",
    re.IGNORECASE,
)
_NO_UNIT = Pattern(
    r"\W*(?:true|false|supported|unsupported|참|거짓)\W*|`{3,}\w*|~{3,}\w*|[-*_=]{3,}|</?[a-z_]+>|\\(?:begin|end)\{\w+\*?\}|[\[\]{}],?|\W*"
    r"|\W*(?:(?:source|original|supporting)(?: (?:sentence|text|span|quote|passage))?|evidence|quote|출처|근거|원문)(?: (?:sentence|text|문장))?[*_\"' ]*[:：].*",
    re.IGNORECASE,
)
_TAGS = r"(?:\s*</?[a-z][a-z0-9_-]{0,15}(?:\s[^<>\n]{0,80})?/?>\s*)+"
# Around a statement: tags, and a verdict or a place in the answer that nobody asked for; a row of CSV; what Markdown escapes.
_AROUND = Pattern(
    rf"\A{_TAGS}|{_TAGS}\Z|\s*[\[(](?:true|false|(?:not |un)?supported|correct|yes|no|참|거짓|(?:directly |explicitly )?(?:stated|implied|inferred|verbatim)(?: in the \w+)?|(?:(?:from|in|see|source:?) )?(?:the )?(?:sentences?|lines?|paragraphs?|문장)[ #:]*\d+(?:[ ,–-]*(?:\d+|and|및))*|(?:(?:from|in|based on) )?the (?:answer|passage|(?:first|second|third|fourth|fifth|last) sentence)|(?:\d+|첫|두|세|네|마지막) ?(?:번째)? ?문장)[\])]\.?\Z|(?<=\S)\s*(?:\[\d{{1,3}}(?:\s*[,–-]\s*\d{{1,3}})*\]\s*)+(?=\.?\Z)",
    re.IGNORECASE,
)
# A number or letter before each line, of whatever form, and a heading above lines.
_COUNTED = Pattern(
    r"\s*([A-Za-z#]?)(\d{1,3})(\s?[-–—:.)/])\s+(?=\S)|\s*(#?)(\d{1,3})()\s+(?=[\"'“*]?[A-Z])|\s*(#)(\d{1,3})()\s+(?=\S)"
    r"|\s*()([A-Za-z])([.):])\s+(?=\S)"
)
_HEADING = Pattern(r"\s*#{1,6}\s+\S|\s*\*\*[^*]+\*\*:?\s*$")
_BULLET = Pattern(r"\s*(?:[-*•·+]|\d{1,3}[.)])\s")
_ENDS = Pattern(r"(?:[.!?。]|[다요])[\"'”’)*_\]\s]*$")
_CSV = Pattern(r'(?:\d{1,3},\s*)?"((?:[^"]|"")+)"(?:,\s*[^",]{1,20})*')
_ESCAPED = Pattern(r"\\(?=[.)(\[\]*_#+-])")
_HEADER = Pattern(
    rf"^\s*\|.*\|\s*\n\s*\|[\s:|-]+\|\s*$|\A\s*(?:\w{{1,6}},)?{_LABEL}(?:,\s?\w+)+\s*$",
    re.MULTILINE | re.IGNORECASE,
)
# Where a splitter gives the text again, or goes on with a text of its own.
_GIVEN = Pattern(r"<answer>|^\W{0,4}(?:input|human|user|입력)\W{0,3}[:：]", re.MULTILINE | re.IGNORECASE)
_TAKEN = Pattern(r"</answer>|^\W{0,4}(?:output|assistant|출력)\W{0,3}[:：]", re.MULTILINE | re.IGNORECASE)
# A line break as it is written in a string (and no `\nu` of LaTeX), or in a page.
_BREAK = Pattern(r"(?:(?:\\r)?\\n)+\s*(?=[A-Z0-9가-힣\"'“(*•\-]|\Z)|\s*<(?:br|BR)\s*/?>\s*")
_WHOLE = Pattern(r'"(?:[^"\\\n]|\\["\\/bfnrt])*"(?=\s*[,\]}])')  # a JSON string that is no key
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "`": "`", "「": "」"}
# What a splitter says about its work, at the beginning or at the end.
_CHATTER = Pattern(
    rf"""(?:sure|certainly|of\ course|absolutely|okay|ok|great|got\ it|understood|no\ problem|happy\ to|here(?:'s|\ is|\ are|\ you)|
      below|the\ following|following|these\ are|this\ is|i(?:'ve|\ have|'ll|\ will)?\ (?:broken?|split|break|divided?|extracted?|list|identified)|
      let\ me|let's|as\ requested|as\ per|based\ on|from\ the|in\ total|total|output|result|answer|breakdown|list\ of|atomic|breaking|splitting)\b
      .{{0,120}}?(?:\b(?:facts?|statements?|claims?|sentences?|units?|list|breakdown|answer|text|passage|below|request)\b|$)
    |{_LABEL}\W*$ | (?:i\ hope|hope\ th|let\ me\ know|feel\ free|if\ you(?:'d)?\ (?:need|have|want|would|like)|please\ (?:let|note|tell|provide)|
      \W?note\b|that's\ all|is\ there\ any|end\ of|no\ (?:more|other|further)|do\ you\ (?:want|need|have)|thank)
    |(?:네|예|물론|알겠|좋습니다|다음은|아래는|아래와|여기|이상|위의?|답변을?|요청하신|제공된|주어진|원자적?).{{0,80}}(?:사실|문장|진술|목록|나눈|나누|분해|분리|결과|내용|단위|같습니다|추출)
    |이상입니다|도움이\s?되|.{{0,20}}(?:궁금|필요)하(?:시|신).{{0,40}}(?:말씀|알려|문의)|(?:참고|주의?|비고)\s*[:：]""",
    re.VERBOSE | re.IGNORECASE,
)  # fmt: skip
_OF_ANSWER = Pattern(
    r"(?:the|this)\s(?:given\s|provided\s)?(?:answer|text|passage|response)\s(?:(?:does|did|is|was|has|only|also|not|been|itself)\s|doesn't\s|isn't\s)*(?:say|state|mention|contain|includ|provid|specif|describ|discuss|end|cut|incomplete|truncated|give)"
    r"|(?:이\s|위\s|해당\s|제공된\s)?(?:답변|본문|텍스트|글)(?:은|는|이|에는|에서는|에)\s.{0,60}(?:않|없|언급|끝[나났]|잘[리렸])",
    re.IGNORECASE,
)
_WORD = Pattern(r"[a-z]+|\d+|[가-힣]+|[^\W\d_a-z가-힣]")
_COMMON_WORDS = """
the and are for was were with that this from has have had not but can may its his her their them they she you your our also
into than then who which when where what will would could should been being such more most some any all one two other these
those there here about after before over only very each both between under during because
이다 니다 입니 습니 했다 했습 그는 그의 에서 으로 한다 있다 있는 하는 하였 였다 였습 되었 었다 었습 이며 에게 까지 부터 대한 위해 하고 하여
있습 된다 것이 것은 이고 되는 합니 됩니 는다 은다 이는
"""
_COMMON = frozenset(_COMMON_WORDS.split())
_STEM = 5  # letters of a word that are compared


# The mark of a line that holds nothing to check, as it was asked for and as splitters vary it.
_NOTHING = r"(?:un-?verifiable|not[ -]verifiable|검증\s?불가(?:능)?|확인\s?불가(?:능)?)"
_MARKED = Pattern(
    rf"\A\W{{0,4}}(?:\d{{1,3}}[.):]\s*)?\W{{0,6}}?(?:[\[(<【]\s*{_NOTHING}\s*[\])>】]|\*\*{_NOTHING}:?\*\*|{_NOTHING}\s*[:：])[*_:：\s-]*"
    rf"|\s*[\[(<【]\s*/?\s*{_NOTHING}\s*[\])>】]\W{{0,3}}\Z",
    re.IGNORECASE,
)


_NAMED = Pattern(_NOTHING, re.IGNORECASE)
_QUANTITY = Pattern(r"(?<![\w-])\d")  # a dose or another number, which can be true or false


@dataclass(frozen=True, slots=True)
class Split:
    """What a splitter's lines are: units of the answer, sentences of it that hold nothing to check, lines that are neither;
    why there is no split of it, or ""; and whether it was not split since nothing in it is about its question."""

    units: list[str] = field(default_factory=list)
    unverifiable: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    why: str = ""
    beside: bool = False


def units_of(reply: Reply, mode: str = "strict") -> list[str]:
    """Units of a splitter's reply. Strict drops what is no part of a unit; paper takes every line as it is.

    What holds nothing to check begins with `UNVERIFIABLE_MARK` in strict mode, however the splitter marked it.
    """
    if mode == "paper":
        return dahl.split_units(reply.text, mode)
    text = _lined(unicodedata.normalize("NFC", reply.text))
    if (listed := _json_units(text)) is not None:
        lines = listed
    else:
        text = _HEADER.sub("", _own_split(text))
        lines = _without_headings(_uncounted([line for line in text.split("\n") if line.strip()]))
        lines = [one for line in lines for one in _statements(line, alone=len(lines) == 1)]
    cleaned = [unit for line in lines if (unit := _cleaned(line))]
    units = [unit for unit in cleaned if not unit.endswith((":", "："))]
    return units if units or listed is not None else cleaned


def _cleaned(line: str) -> str:
    """A line as a bare unit, with the mark of what holds nothing to check where it has one; a mark alone is nothing."""
    text, marks = _MARKED.subn("", line)
    text = clean_unit(text)
    return f"{UNVERIFIABLE_MARK} {text}" if marks and text else text


def _uncounted(lines: list[str]) -> list[str]:
    """Lines without the numbers or letters before them, where these count on from line to line."""
    marks = [_COUNTED.match(line) for line in lines]
    found = [mark for mark in marks if mark]
    parts = [[part for part in mark.groups() if part is not None] for mark in found]
    kinds = {(before, behind) for before, _, behind in parts}
    places = [int(at) if at.isdigit() else ord(at.lower()) - ord("a") + 1 for _, at, _ in parts]
    counts_on = (
        len(found) > 1 == len(kinds) and places[0] < 2 and all(b - a == 1 for a, b in pairwise(places))
    )
    return [line[m.end() :] if counts_on and m else line for line, m in zip(lines, marks, strict=True)]


def _without_headings(lines: list[str]) -> list[str]:
    """Lines without the headings above them: a few words and no sentence, marked as one or the only ones without a bullet."""
    after = [*lines[1:], ""][: len(lines)]
    left = [
        line for line, next_one in zip(lines, after, strict=True)
        if _ENDS.search(line) or _BULLET.match(line) or not (_HEADING.match(line) or _BULLET.match(next_one))
    ]  # fmt: skip
    return left or lines


def _without_whole(units: Sequence[str]) -> list[str]:
    """Units without the text to be split, given again: what holds two of the others whole. Repeats stay, a line is a unit."""
    bare = {unit: unit.rstrip(".").casefold() for unit in units}
    others = {*bare.values()}
    return [unit for unit in units if sum(other in bare[unit] for other in others) <= 2]


def _lined(text: str) -> str:
    """A reply with its lines as they were meant: of a JSON string, of a `\\n` as it is written, of `<br>`; and where all of
    it is one line, of every other sign that ends one."""
    with suppress(ValueError):
        whole = json.loads(re.sub(r"\A\s*`{3}\w*|`{3}\s*\Z", "", text))
        text = whole if isinstance(whole, str) else text
    text = _BREAK.sub("\n", re.sub(r"(</([a-z]\w*)>)\s*(<\2\b[^<>\n]*>)", r"\1\n\3", text))
    return text if "\n" in text.strip() else re.sub("\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]", "\n", text)


def clean_unit(line: str) -> str:
    """A line without bullet, number, label, emphasis and quotes around it; "" where nothing else is in it.

    >>> clean_unit("- 1. **Insulin lowers blood glucose.**"), clean_unit("```json"), clean_unit("-5 °C is cold.")
    ('Insulin lowers blood glucose.', '', '-5 °C is cold.')
    """
    text = _ESCAPED.sub("", line).strip()
    if len(text) > 1 and text[0] == text[-1] == "|":
        text = max(text.split("|"), key=len).strip()
    if row := _CSV.fullmatch(text):
        text = row[1].replace('""', '"')
    for _ in range(4):
        if _NO_UNIT.fullmatch(text):
            return ""
        if not (mark := _MARK.match(text) or _AROUND.search(text)):
            break
        text = f"{text[: mark.start()]}{text[mark.end() :]}".strip()
    text = text.replace("**", "").strip()
    if text.endswith(('",', "',")):
        text = text[:-1]
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    return text


def _own_split(text: str) -> str:
    """A reply without the text to be split, given again before the units, and without a next text behind them."""
    given = _GIVEN.search(text)
    if given is None:
        return text
    if any(clean_unit(line) and not _CHATTER.match(line) for line in text[: given.start()].split("\n")):
        return text[: given.start()]
    taken = _TAKEN.search(text, given.end())
    after = text[taken.end() :] if taken else ""
    if any(map(clean_unit, after.split("\n"))) and not _CHATTER.match(after.strip()):
        return _own_split(after)
    return text[given.end() : taken.start() if taken else None]


def _statements(line: str, alone: bool) -> list[str]:
    """The statements of a line that numbers them within it, or joins them by semicolons."""
    if not (first := re.match(r"\s*([(\[]?)1([.)\]:])\s", line)):
        return re.split(
            r"(?<=[.!?。]);\s+" + (r"|;\s+(?=[A-Z가-힣])|(?<=\S)\s+\|\s+(?=\S+\s\S)" if alone else ""), line
        )
    found, number = [], 2
    before, behind = map(re.escape, first.groups())
    while next_one := re.search(rf"(?<=\S)\s+{before}{number}{behind}\s+(?=\D)", line):
        found.append(line[: next_one.start()])
        line, number = line[next_one.start() :], number + 1
    return [*found, line]


def _json_units(text: str) -> list[str] | None:
    """The texts of a reply that is JSON, in a fence or not, cut off or not; None where it is none."""
    body = re.sub(r"\A\s*(?:[^\n\[{]*\n)?\s*`{3,}\w*|`{3,}\s*\Z", "", text).strip()
    body = re.sub(r"\A[^\[{\n\"]{0,80}[:=]\s*(?=[\[{]\s*[\"'{])", "", body)
    if not body.startswith(("[", "{")):
        return None
    with suppress(ValueError, RecursionError):
        return _texts(written(body))
    # Cut off, or not quite JSON: what is whole in it.
    return [json.loads(text, strict=False) for text in _WHOLE.findall(body)] or None


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):  # what stands under the mark, or beside it as `true`, has it
        named = {key for key in value if _NAMED.fullmatch(key)}
        marked = value if any(value[key] is True for key in named) else named
        texts = ((key in marked, text) for key, one in value.items() for text in _texts(one))
        return [f"{UNVERIFIABLE_MARK} {text}" if mark else text for mark, text in texts]
    return [text for one in value for text in _texts(one)] if isinstance(value, list) else []


def content_of(text: str) -> frozenset[str]:
    """What a text is about: stems of its words and its numbers, of Korean ones every two syllables, but for common ones."""
    found: set[str] = set()
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if "가" <= word[0] <= "힣":
            found.update(word[i : i + 2] for i in range(max(1, len(word) - 1)))
        elif len(word) > 2 or word.isdigit() or not word.isascii():
            found.add(word if word in _COMMON else word[:_STEM])
    return frozenset(found - _COMMON)


def share_of(unit: str, answer: str, content: frozenset[str]) -> float:
    """Share of a unit's content that is among an answer's; of a unit without any, whether it stands there."""
    own = content_of(unit)
    return len(own & content) / len(own) if own else float(unit.casefold() in answer.casefold())


def units_in(answer: str, lines: Sequence[str]) -> Split:
    """What a splitter's lines, as `units_of` gives them, are to an answer.

    Left out are lines about the splitting, and units that share too little with the answer, or nothing but the subject of
    the others: the splitter's own. Where these are most of them, or all of it is an apology, the reply is no split of the answer.
    Unverifiable is what the splitter marked, and what is known to state nothing. What has a number is judged whatever its mark,
    and a mark that stands in the answer is its author's, who would not be judged: there no mark counts.
    """
    trusted = UNVERIFIABLE_MARK not in answer.casefold()
    texts = [line.removeprefix(UNVERIFIABLE_MARK).strip() for line in lines]
    differ = {text for text, line in zip(texts, lines, strict=True) if trusted and text != line}
    marked = {text for text in differ if not _QUANTITY.search(text)}
    units = _without_whole(texts)
    content = content_of(answer)
    shares = {unit: share_of(unit, answer, content) for unit in units}
    invented = _invented(units, content)
    on_it = [unit for unit in units if not _is_chatter(unit, shares[unit], len(units))]
    kept = [unit for unit in on_it if unit in marked or not _states_nothing(unit)]
    if units and not marked and is_refusal("\n".join(kept or units)):
        return Split(left_out=texts, why=f"the splitter refused: {units[0][:SHOWN]!r}")
    own = {unit for unit in kept if shares[unit] < UNIT_SHARE or (unit in invented and unit not in marked)}
    found = [unit for unit in kept if unit not in own and unit not in marked]
    left = own.union(found)
    nothing = [unit for unit in on_it if shares[unit] >= UNIT_SHARE and unit not in left]
    if units and (kept or not nothing) and sum(unit in own for unit in kept) >= ROW_SHARE * len(kept):
        why = f"the splitter's lines say nothing of the answer, as {units[0][:SHOWN]!r}"
        return Split(left_out=texts, why=why)
    said = {*found, *nothing}
    return Split(found, nothing, [text for text in texts if text not in said])


def _states_nothing(unit: str) -> bool:
    """Whether a unit is none: a question, a promise, a disclaimer; whom to see, and for what, may be advice."""
    bare = unit.strip(" .*_")
    return is_aside(bare, subject=0) or (is_refusal(unit) and not is_aside(bare))


def _invented(units: Sequence[str], content: frozenset[str]) -> list[str]:
    """Units that share with the answer only what most units are about: another statement of the same subject."""
    own = {unit: content_of(unit) for unit in units}
    counts = Counter(stem for stems in own.values() for stem in stems)
    subject = {stem for stem, count in counts.items() if count >= max(LEAST_UNITS, SUBJECT_SHARE * len(own))}
    rests = {unit: stems - subject for unit, stems in own.items() if stems & subject}
    return [unit for unit, rest in rests.items() if rest and not rest & content]


def _is_chatter(unit: str, share: float, units: int) -> bool:
    chatter = (share <= ROW_SHARE or units == 1) and _CHATTER.match(unit)
    return share < 1 and bool(_OF_ANSWER.match(unit) or chatter)
