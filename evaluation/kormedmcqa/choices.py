"""Finding a choice in a text: its normal form, and whether a letter or digit at a place names an option.

Plain Python, no dependencies. A letter is no choice when it is an article ("needs a biopsy") or part of a
name ("비타민 D", "B형 간염", "C-반응단백", "E. coli"); a digit is none when it is a quantity ("3일", "5 mg").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

LETTERS = "ABCDE"


class Choice(NamedTuple):
    """A choice as it stands in a text: its letter, where it ends, and whether brackets or "번" mark it."""

    letter: str
    end: int
    marked: bool


_DIGIT_SIGNS = (0x2460, 0x2776, 0x2780, 0x278A)  # ①, ❶, ➀, ➊
_LETTER_SIGNS = (0x24B6, 0x24D0)  # Ⓐ, ⓐ
_CIRCLED = {base + i: f"({i + 1})" for base in _DIGIT_SIGNS for i in range(5)}
_CIRCLED |= {base + i: f"({letter})" for base in _LETTER_SIGNS for i, letter in enumerate(LETTERS)}
_BRACKETS = str.maketrans("[]{}<>〈〉《》【】〔〕", "()()()()()()()")
_DASHES = str.maketrans("‐‑–—−", "-----")
_DROPPED = str.maketrans("", "", "*`$\"'“”‘’「」『』\u200b\u200c\u200d\ufeff")
_BOXED = re.compile(
    r"\\boxed\s*\{\s*(?:\\(?:text|textbf|mathrm|mathbf)\s*\{\s*)?\(?([A-Ea-e1-5])\)?[^{}]*\}{1,2}"
)
_TAG = re.compile(r"</?(?:b|i|u|p|em|strong|span|div|answer|br)\s*/?>")
_ARROW = re.compile(r"(?:=>|->|[→⇒➡▶☞👉✅✔])\ufe0f?")
_LINE_MARK = re.compile(r"^[ \t]*(?:#+|>|[-•·▪](?=\s))[ \t]*", re.MULTILINE)
_BLANKS = re.compile(r"[^\S\n]+")


def normal_form(generation: str) -> str:
    """NFKC text after any `</think>`, without markdown or quotes; a circled or boxed choice becomes "(2)"."""
    text = generation.rsplit("</think>", 1)[-1].translate(_CIRCLED)
    text = unicodedata.normalize("NFKC", text)
    text = _BOXED.sub(r" 정답: (\1) ", text)
    text = _ARROW.sub(" : ", _TAG.sub("", text)).replace("∴", "따라서 ")
    text = _LINE_MARK.sub("", text.translate(_DROPPED))
    return _BLANKS.sub(" ", text.translate(_BRACKETS).translate(_DASHES)).strip()


_BRACKETED = re.compile(r"\(\s*([A-Ea-e1-5])\s*(?:번\s*)?\)")
_LETTER = re.compile(r"([A-Ea-e])(?![A-Za-z0-9+%])")
_DIGIT = re.compile(r"(?<!\d[.,])([1-5])(?![A-Za-z0-9%]|[.,/:~-]\s?\d)")
_ATTACHED = re.compile(  # what Korean may attach to a choice; "형", "군", "일" (days) and the like are not
    r"번(?![째지])|입니|이다|임(?![가-힣])|이[며고라므기에예었지니자거]|[예에]요|였|인지|인데|인(?![가-힣])"
    r"|일\s?[수지까듯것거]|라[고는면]|또는|혹은|및"
    r"|(?:이|가|은|는|을|를|로|으로|와|과|도|만|의|나|이나|야|요|다|라|뿐|에|에서)(?![가-힣])"
)
_NAME_AFTER = re.compile(  # words after a letter that make it part of a name: "B 세포", "C 반응 단백"
    r"\s(?:세포|림프|형|군|간염|반응|단백|펩|섬유|수용체|항원|항체|그룹|등급|병동|연쇄|바이러스|독소)"
)
_NAME_BEFORE = re.compile(  # words before a letter that make it part of a name: "비타민 D", "type A"
    r"(?:비타민|바이타민|프로테인|간염|혈액형|유형|타입|형|그룹|등급|단계|병기|헤모글로빈|혈색소|글로불린|단백|독소"
    r"|인자|병동|vitamins?|hepatitis|type|group|class|grade|stage|ha?emoglobin|protein|factor|influenza"
    r"|lipoprotein)[은는이가]?\s*$",
    re.IGNORECASE,
)
_SPECIES = re.compile(  # "E. coli" is a germ, not an answer
    r"\.\s?(?:coli|diff|albicans|cereus|burgdorferi|pertussis|fragilis|anthracis|perfringens|tetani|botulinum"
    r"|trachomatis|pneumoniae|psittaci|jejuni|neoformans|baumannii|fumigatus|faec|cloacae|aerogenes|histolytica"
    r"|henselae|quintana|melitensis|abortus|glabrata|krusei|auris|lumbricoides|duodenale|granulosus|immitis"
    r"|multilocularis|vermicularis|burnetii|bovis|canis|elegans|dermatitidis|hominis|cepacia|divergens|microti)"
)
_GOES_ON = re.compile(  # English words that may follow a chosen letter; another one makes it an article
    r"\s(?:is|was|are|because|since|as|for|due|which|and|or|but|given|based|here|would|must|seems|should|fits|by|in"
    r"|not|option|choice|instead)\b",
    re.IGNORECASE,
)
_ENGLISH_WORD = re.compile(r"\s([A-Za-z])")
_UNIT = re.compile(
    r"\s?(?:mg|ml|g|kg|mcg|µg|l|cm|mm|m|meq|mmol|units?|days?|weeks?|months?|years?|hours?|times|steps?|patients?"
    r"|일|주|개|회|시간|분|초|년|세|명|가지|차|기|도|단계|배|단위|알|정|병|형|급|점|살|번째|번지|월|리터)(?![A-Za-z])",
    re.IGNORECASE,
)


def named_before(text: str) -> bool:
    """Whether a text ends in a word that turns a letter after it into part of a name ("비타민")."""
    return bool(_NAME_BEFORE.search(text[-24:]))


def choice_at(text: str, position: int, options: Sequence[str] = ()) -> Choice | None:
    """The choice that begins at a position of a normal form, or None.

    A digit counts as the option of that number unless an option's own text is that digit.
    """
    found = _BRACKETED.match(text, position)
    if found:
        return Choice(_letter(found[1]), found.end(), True)
    before = text[max(0, position - 24) : position]
    if before[-1:].isalnum() and not _is_hangul(before[-1]):
        return None
    found = _LETTER.match(text, position)
    if found:
        part_of_name = named_before(before) or not _stands_alone(text, found.end(), found[1])
        return None if part_of_name else Choice(found[1].upper(), found.end(), False)
    found = _DIGIT.match(text, position)
    if found and _joins(text, found.end()) and not _is_quantity(text, found.end()):
        numbered = text.startswith("번", found.end())
        as_text = [letter for letter, option in zip(LETTERS, options, strict=False) if option == found[1]]
        return Choice(as_text[0] if as_text and not numbered else _letter(found[1]), found.end(), numbered)
    return None


def _letter(mark: str) -> str:
    return LETTERS[int(mark) - 1] if mark.isdigit() else mark.upper()


def _is_hangul(sign: str) -> bool:
    return "가" <= sign <= "힣"


def _joins(text: str, end: int) -> bool:
    """Whether what follows a choice without a blank may follow it so."""
    return not _is_hangul(text[end : end + 1]) or bool(_ATTACHED.match(text, end))


def _is_quantity(text: str, end: int) -> bool:
    """Whether a unit follows a digit; "5도 아니다" and "3일 것이다" have particles that look like one."""
    attached = _ATTACHED.match(text, end)
    return bool(_UNIT.match(text, end)) and not attached


def _stands_alone(text: str, end: int, letter: str) -> bool:
    """Whether a letter that ends here stands as an answer does, not as an article or part of a name."""
    if not _joins(text, end) or _SPECIES.match(text, end) or _NAME_AFTER.match(text, end):
        return False
    if re.match(r"-\S", text[end : end + 2]):
        return False
    word = _ENGLISH_WORD.match(text, end)
    if not word or _GOES_ON.match(text, end):
        return True
    return word[1].isupper() and letter in "BCDE"
