"""Answers that stand in a reply's layout, not in its sentences, rewritten as text that the rules read; plain Python.

JSON becomes the answer that its fields give, a list of ticked and crossed options one item a line with its verdict, an
option that an arrow points at a field.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

LONGEST_DECOMPOSED = 16_000  # characters of JSON whose Hangul may be decomposed
_KEY = re.compile(r"(?:\w+_)?(?:answer|choice|final|정답|답)(?:_\w+)?", re.IGNORECASE)
_TRUTH = re.compile(
    r"(?:is_?)?(?:the_?)?(?:correct|right|true|best|answer|selected|chosen|checked|정답|답|맞음|옳음|선택)(?:_?(?:answer|여부))?",
    re.IGNORECASE,
)
_TRUE = re.compile(r"정답|답|맞음|옳음|맞다|옳다|correct|right|true|yes|[o○✓✔✅⭕]", re.IGNORECASE)
_FALSE = re.compile(r"오답|틀림|아님|틀리다|incorrect|wrong|false|no|[x×✗✘❌]", re.IGNORECASE)
_LETTER = re.compile(r"\(?(?:[A-Ea-e]|[1-5])\)?번?[.)]?|[①-⑤]")
_START = re.compile(r"^(?:```\w*\s*)?(?=[{\[]\s*[\"{\[])", re.MULTILINE)


def json_as_text(text: str) -> str:
    """A reply without what is around all of it, its first JSON value replaced by "정답: X", where its fields answer; else as it is.

    A field of the answer at the top counts; else the one object, or the one letter, that is called true.
    """
    text = text.strip()
    inner = text[2:-2]
    if text[:2] == text[-2:] == "**" and ("**" not in inner or text.endswith("****")):
        text = inner.strip()  # all of it in bold type
    if not (start := _START.search(text)):
        return text
    if len(text) <= LONGEST_DECOMPOSED:
        text = unicodedata.normalize("NFC", text)
        start = _START.search(text)
    try:
        value, end = json.JSONDecoder().raw_decode(text, start.end())
    except (ValueError, RecursionError):
        return text
    while (
        isinstance(value, dict) and len(value) == 1 and isinstance(inner := next(iter(value.values())), dict)
    ):
        value = inner
    stated = _stated(value)
    return (
        text if stated is None else f"{text[: start.start()]}\n{stated}\n{text[end:].lstrip(' `' + chr(10))}"
    )


def _stated(value: Any) -> str | None:
    fields = value if isinstance(value, dict) else {}
    keys = [key for key in fields if _KEY.fullmatch(key) and not isinstance(fields[key], bool | list | dict)]
    if keys:  # the final one, or one that is a letter, before a text
        key = max(
            keys,
            key=lambda key: (
                "final" in key.lower() or "최종" in key,
                bool(_LETTER.fullmatch(str(fields[key]))),
            ),
        )
        return "" if fields[key] is None else f"정답: {fields[key]}"
    lists = [value] if isinstance(value, list) else [one for one in fields.values() if isinstance(one, list)]
    judged = [pair for one in lists for item in one if isinstance(item, dict) for pair in _judged(item)]
    judged = judged or [
        (key, one) for key, one in fields.items() if _LETTER.fullmatch(key) and one in (True, False)
    ]
    if len(judged) < 2:
        return None
    right = [letter for letter, verdict in judged if verdict]
    return f"정답: {right[0]}" if len(right) == 1 else ""


def _judged(item: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """The letter of one object of a list and its verdict, if it has both."""
    letters = [str(one) for one in item.values() if not isinstance(one, bool) and _LETTER.fullmatch(str(one))]
    verdicts = [one for key, one in item.items() if isinstance(one, bool) and _TRUTH.fullmatch(key)]
    words = [one for one in item.values() if isinstance(one, str)]
    verdicts += [True for one in words if _TRUE.fullmatch(one)] + [
        False for one in words if _FALSE.fullmatch(one)
    ]
    if letters and len(verdicts) == 1:
        yield letters[0], verdicts[0]


# Signs of a list of options, each kind stronger than the one before: of two kinds the stronger one ticks.
_KINDS = ("☐□", "❌✗✘✕✖❎☒×", "○◯", "☑✅✔✓⭕●■◉")
_SIGN = rf"(?:\[(?:[ xXvV]|[✓✔])\]|[{''.join(_KINDS)}]\ufe0f?)"
_ARROWS = "←⇐◀👈→⇒➡➜➔▶"
_LABEL = r"[ \t|>*_•·#-]*[(\[]?([A-E]|[1-5])(?:번(?![째지호])|(?![A-Za-z0-9가-힣]))[\])]?[.:)*|]*"
_SIGN_FIRST = re.compile(rf"[\s|>*_•·-]*({_SIGN}){_LABEL}(.*)")
_LABEL_FIRST = re.compile(rf"{_LABEL}([^\n]*?)({_SIGN})(.*)")
_ONE_SIGN = re.compile(rf"({_SIGN})")
_POINTED = re.compile(
    rf"^({_LABEL}[^\n{_ARROWS}]{{0,200}}?)\s?(?:[{_ARROWS}]|<-+|<=|-+>|=>)\ufe0f?\s*"
    r"(?=[^\n]{0,20}?(?:정답|답|골라|고를|선택|\banswer\b|\bcorrect\b|\bpick\b|\bchoose\b))"
    r"(?![^\n]*(?:아니|아닌|아님|아닙|오답|않|없|낮|\bnot\b|\bwrong\b|\bincorrect\b|[( :][A-E1-5](?![A-Za-z0-9])))[^\n]{0,40}$",
    re.MULTILINE,
)


def lists_as_text(text: str) -> str:
    """A text whose ticked and crossed options stand one a line, "A. … (X)", and a field where an arrow says "정답"."""
    text = _POINTED.sub(lambda found: f"{found[1].rstrip(' *')}\n\n정답: {found[2]}\n", text)
    if len(_ONE_SIGN.findall(text)) < 2:
        return text
    done: list[str] = []
    run: list[tuple[str, str, str]] = []
    held: list[str] = []
    for line in [*text.split("\n"), None]:
        items = _items(line) if line else []
        if items and (not run or run[-1][0] < items[0][0]):
            run, held = run + items, [*held, line]
        elif line is not None and run and not line.strip():
            held.append(line)
        else:
            done += _run(run, held)
            run, held = items, [line] if items else []
            done += [] if items or line is None else [line]
    return "\n".join(done)


def _items(line: str) -> list[tuple[str, str, str]]:
    """(label, sign, other words) of the items in one line; none where a part of it is something else."""
    starts = _SIGN_FIRST.match(line)
    parts = (
        _ONE_SIGN.sub(r"\n\1" if starts else r"\1\n", line).split("\n")
        if len(_ONE_SIGN.findall(line)) > 1
        else [line]
    )
    found = []
    for part in parts:
        if not part.strip(" ,;/|*"):
            continue
        item = (_SIGN_FIRST if starts else _LABEL_FIRST).match(part.lstrip(" ,;/"))
        if not item:
            return []
        sign, label, rest = item.groups() if starts else (item[3], item[1], item[2] + item[4])
        found.append((label, sign, rest.strip(f" ,;/|*:-{_ARROWS}")))
    labels = [one[0] for one in found]
    return found if labels == sorted(set(labels)) else []


def _run(run: list[tuple[str, str, str]], held: list[str]) -> list[str]:
    """The lines of one list; as they were where it does not single one option out."""
    strengths = [_strength(sign) for _, sign, _ in run]
    ticked = strengths.count(max(strengths, default=0))
    if len(run) < 2 or len(set(strengths)) != 2 or ticked not in (1, len(run) - 1):
        return held
    verdicts = ("O" if one == max(strengths) else "X" for one in strengths)
    return [f"{label}. {rest} ({verdict})" for (label, _, rest), verdict in zip(run, verdicts, strict=True)]


def _strength(sign: str) -> int:
    if sign[0] == "[":
        return 3 if sign[1].strip() else 0
    return next(i for i, kind in enumerate(_KINDS) if sign[0] in kind)
