"""Which columns beside a question hold the options of a multiple-choice one: by names of benchmarks, else by shape."""

import re
from collections.abc import Mapping
from typing import Any

from komep_dataset.replies.patterns import Pattern

# Columns in which benchmarks keep the options of a question.
OPTION_COLUMN = Pattern(
    r"[A-Ja-j]|op[a-e]|(?:option|choice|ending)_?\w{1,2}(?:_ko|_en)?|options|choices", re.I
)
# What is said about a question, and is no part of it.
_ABOUT = Pattern(
    r"(?:.*[\W_])?(?:u?id|no|num(?:ber)?|index|idx|tags?|key ?words?|topics?|categor(?:y|ies)|subjects?|sections?|chapters?"
    r"|levels?|difficulty|sources?|refs?|references?|citations?|urls?|links?|authors?|annotators?|raters?|labels?|scores?"
    r"|ratings?|votes?|dates?|years?|periods?|rounds?|pages?|splits?|sets?|exams?|images?|img|fig(?:ure)?s?|notes?"
    r"|comments?|hints?|unnamed|columns?|fields?|versions?|lang(?:uage)?s?|licen[cs]e|번호|연도|년도|회차|출처|과목|분류|단원"
    r"|난이도|태그|키워드|비고|시험|쪽|페이지|작성자|검수자?)[\W_\d]*",
    re.I,
)
# What a question is asked about and no text holds, by the name of its column, or by its file: two of them, two questions.
_SHOWN = Pattern(
    r"image|(?:^|[\W_])img|(?:^|[\W_])fig(?:ure)?s?(?:$|[\W_\d])|picture|photo|pixel|audio|sound|video|clip(?:$|[\W_])|(?:^|[\W_])media(?:$|[\W_])"
    r"|attachment|x_?ray|radiograph|scan(?:$|[\W_])|ecg|(?:^|[\W_])(?:ct|mri|cxr|slide|graph|waveform|exhibit)(?:$|[\W_])|chart|diagram|그림|사진|이미지|영상|도표|음성|첨부",
    re.I,
)
_MEDIA = Pattern(
    r".*\.(?:png|jpe?g|gif|webp|bmp|tiff?|svg|dcm|nii|heic|pdf|mp[34]|wav|flac|ogg|m4a|mov|avi|webm)(?:[?#].*)?",
    re.I | re.S,
)
# How the members of a family of columns count; digits from 0 or 1.
_COUNTS = ("0123456789", "ABCDEFGHIJ", "①②③④⑤⑥⑦⑧⑨⑩", "가나다라마바사아", "ㄱㄴㄷㄹㅁㅂㅅㅇ")
_MEMBER = Pattern(
    r"(.*?)[\W_]*?([0-9]|[A-J]|[①-⑩]|[가나다라마바사아]|[ㄱㄴㄷㄹㅁㅂㅅㅇ])(?:번|[\W_])*((?:_ko|_en)?)",
    re.I | re.S,
)
# Columns that say which option is right: by its number or letter, or by a text that need not be among the others.
_ANSWER = Pattern(r"ans|correct|right|label|gold|key|target|solution|cop\b|답", re.I)
_RIGHT = Pattern(r"correct|right|gold|정답", re.I)
# A text that counts its options itself.
_COUNTED = Pattern(r"\s*(?:①.+②|\(?1[.)].+\b2[.)]|\(?A[.)].+\bB[.)])", re.S)


def option_columns(row: Mapping[Any, Any], taken: set[str]) -> list[str]:
    """The columns of a row that hold options of its question.

    Args:
        row: column -> value, of CSV all text.
        taken: columns that a table of questions has.
    """
    named = [name for name in row if name and OPTION_COLUMN.fullmatch(name) and row[name]]
    if len(named) > 1 or {"options", "choices"} & {name.casefold() for name in named}:
        return named
    question = next((v for n, v in row.items() if n and n.casefold() == "question"), "")
    rest = {n: v for n, v in row.items() if n and n.casefold() not in taken and _filled(v)}
    families: dict[tuple[str, int, str], dict[int, str]] = {}
    for name in rest:
        if (member := _MEMBER.fullmatch(name)) and not _ABOUT.fullmatch(member[1]):
            sign = member[2].upper()
            kind, place = next((k, s.find(sign)) for k, s in enumerate(_COUNTS) if sign in s)
            families.setdefault((member[1].casefold(), kind, member[3].casefold()), {})[place] = name
    for (_, kind, _), places in families.items():
        if 1 in places and (0 in places or (kind == 0 and 2 in places)):
            return list(places.values())
    return [
        name
        for name, value in rest.items()
        if not _ABOUT.fullmatch(name) and _is_list_of_options(value, name, rest, str(question))
    ]


def telling_columns(one: Mapping[Any, Any], other: Mapping[Any, Any], taken: set[str]) -> list[str]:
    """The columns in which two rows of one question differ, and by which they may be two questions: pictures and sounds,
    and what is no number, no id and nothing about a question."""
    names = [n for n in dict.fromkeys((*one, *other)) if n and n.casefold() not in taken]
    found = []
    for name in (n for n in names if one.get(n) != other.get(n)):
        values = one.get(name), other.get(name)
        media = any(isinstance(value, str) and _MEDIA.fullmatch(value) for value in values)
        if _SHOWN.search(name) or media or (not _ABOUT.fullmatch(name) and any(map(_is_content, values))):
            found.append(name)
    return found


def _filled(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value not in (None, [], {})


def _is_content(value: Any) -> bool:
    """Whether a value says something: neither a number, nor one word with a digit in it, such as an id or a date."""
    if not isinstance(value, str):
        return isinstance(value, (list, dict)) and bool(value)
    coded = len(value.split()) == 1 and any(sign.isdigit() for sign in value)
    return any(sign.isalpha() for sign in value) and not coded


def _is_list_of_options(value: Any, name: str, rest: Mapping[str, Any], question: str) -> bool:
    """Whether a value lists texts, and something in the row points at one of them."""
    if isinstance(value, list) and all(isinstance(one, dict) for one in value) and value:
        value = {key: [one.get(key) for one in value] for key in value[0]}
    if isinstance(value, dict) and len(value) > 1 and _marks([*value]) and _texts([*value.values()]):
        return True
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if isinstance(inner, list) and len(inner) > 1]
        beside = ((text, inner) for text in lists if _texts(text) for inner in lists if inner is not text)
        return any(_marks(inner) and len(inner) == len(text) for text, inner in beside)
    if isinstance(value, str):
        if _COUNTED.match(value) and not _COUNTED.search(question):
            return any(_points(n, v, []) for n, v in rest.items() if n != name)
        begins = value.strip()[:1] == "[" and value.strip()[-1:] == "]"
        value = [a or b for a, b in re.findall(r"'([^']*)'|\"([^\"]*)\"", value)] if begins else value
    if not isinstance(value, list) or not _texts(value):
        return False
    return any(_RIGHT.match(n) or _points(n, v, value) for n, v in rest.items() if n != name)


def _texts(value: list[Any]) -> bool:
    texts = {one for one in value if isinstance(one, str) and one.strip()}
    return len(texts) == len(value) > 1


def _marks(value: list[Any]) -> bool:
    """Whether a list says which option is right, or how each is called."""
    if all(isinstance(one, int) and one in (0, 1) for one in value):
        return any(value)
    return [str(one).upper() for one in value] in ([*s[: len(value)]] for s in (*_COUNTS, _COUNTS[0][1:]))


def _points(column: str, value: Any, options: list[str]) -> bool:
    """Whether a value is one of some options; of a column of answers, also its number or letter (of none, any)."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return False
    mark = str(value).strip().removesuffix(".0").upper()
    if value in options or not _ANSWER.search(column):
        return value in options
    if mark.isascii() and mark.isdigit():
        return int(mark) <= (len(options) or 10)
    return len(mark) == 1 and any(mark in signs[: len(options) or 10] for signs in _COUNTS)
