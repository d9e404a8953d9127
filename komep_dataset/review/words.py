"""What reviewers write into cells: yes and no, marks of statements; in Korean, English and signs. Which answer is better: `better.py`."""

import re
from typing import NamedTuple

from komep_dataset.review.better import plain
from komep_dataset.tables.values import stands_for_none

YES = (
    "yes", "y", "true", "right", "correct", "예", "네", "참", "맞음", "맞다", "적절", "o", "○", "◯", "⭕", "✓", "✔", "☑", "✅", "√",
)  # fmt: skip
NO = (
    "no", "n", "false", "wrong", "incorrect", "아니오", "아니요", "거짓", "틀림", "틀리다", "아님", "부적절", "x", "×", "✗", "✘", "✕", "❌", "☒",
)  # fmt: skip
_UNSURE = (
    "?", "unsure", "not sure", "cannot say", "can't say", "don't know", "unknown", "모름", "잘 모름", "모르겠음", "판단 불가", "판단불가", "불확실",
)  # fmt: skip
# In place of a corrected text, what says that there is none, or that it stays.
_NO_TEXT = re.compile(
    r"(?:동일|상동|(?:해당|수정|이상|문제)\s?없음|그대로|확인|완료|보류"
    r"|no (?:change|correction)|same|ok(?:ay)?|done|tbd|todo|unchanged|ditto|see .*)[\W_]*",
    re.I,
)
_BRIEF = (
    *YES, *NO, "없음", "없다", "없습니다", "무", "좋음", "맞음", "적절", "모름", "none", "good", "fine", "correct",
)  # fmt: skip


def yes_or_no(cell: str) -> bool | None:
    """What a cell answers; None where it is empty. Raises `ValueError` for anything else."""
    if (said := plain(cell)) in ("", *YES, *NO):
        return said in YES if said else None
    raise ValueError(
        "none of yes, no, 예, 아니오 (nor O, X, TRUE, FALSE, ✓, or 1 and 0 in one sheet); leave it empty if unsure"
    )


_MARKS = dict.fromkeys((*YES, "t", "사실"), True) | dict.fromkeys((*NO, "f"), False)
_MARKS |= dict.fromkeys((*_UNSURE, "u"))
_SPELLED = "|".join(map(re.escape, sorted(_MARKS, key=len, reverse=True)))
_MARK = re.compile(rf"(?:(\d+) ?번? ?[.:)=-]? ?)?(?<![a-z])({_SPELLED})(?![a-z])")
_RUN = re.compile(r"(?<![a-z])[oxtf?]{2,}(?![a-z])")  # OXX?


def marks(cell: str, n: int) -> dict[int, bool | None]:
    """Which statements, from 0, a cell calls true or false, or leaves open: `1:O 2:X 4:?`, or a mark for each of them in their
    order. Raises `ValueError` for anything else."""
    said = _RUN.sub(lambda run: " ".join(run[0]), plain(cell))
    found = _MARK.findall(said)
    if re.sub(r"[\s,;/|.:()-]", "", _MARK.sub("", said)):
        raise ValueError("none of O, X, ? (true, false, unsure; 참, 거짓, 모름), with numbers: 1:O 2:X 3:?")
    numbers = [int(number) for number, _ in found if number]
    if not numbers and len(found) in (0, n):
        numbers = list(range(1, len(found) + 1))
    if len(numbers) < len(found):
        raise ValueError(
            f"{len(found)} mark{'s' * (len(found) > 1)} for {n} statements; write their numbers: 1:O 2:X 3:?"
        )
    if len({*numbers}) < len(numbers) or not {*numbers} <= {*range(1, n + 1)}:
        raise ValueError(f"numbers that are not those of {n} statements, each once")
    return {number - 1: _MARKS[mark] for number, (_, mark) in zip(numbers, found, strict=True)}


def is_remark(cell: str, text: str) -> bool:
    """Whether a cell for a corrected text holds something else: signs, a spreadsheet's error, or, in place of a longer
    text, words about it."""
    brief = cell.lower().rstrip(".!") in _BRIEF and len(cell) < len(text)
    return bool(brief or stands_for_none(cell) or _NO_TEXT.fullmatch(cell) or not re.search(r"[^\W_]", cell))


class Mark(NamedTuple):
    """What a reviewer says of one statement, by its place from 0; `label` None = cannot say."""

    side: str
    unit: int
    label: bool | None
