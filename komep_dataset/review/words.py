"""What reviewers write into cells: yes and no, which answer is better, marks of statements; in Korean, English and signs."""

import re
import unicodedata
from typing import NamedTuple

from komep_dataset.tables.values import stands_for_none

YES = (
    "yes", "y", "true", "right", "correct", "예", "네", "참", "맞음", "맞다", "적절", "o", "○", "◯", "⭕", "✓", "✔", "☑", "✅", "√",
)  # fmt: skip
NO = (
    "no", "n", "false", "wrong", "incorrect", "아니오", "아니요", "거짓", "틀림", "틀리다", "아님", "부적절", "x", "×", "✗", "✘", "✕", "❌", "☒",
)  # fmt: skip
_UNSURE = (
    "?",
    "unsure",
    "not sure",
    "cannot say",
    "can't say",
    "don't know",
    "unknown",
    "모름",
    "잘 모름",
    "모르겠음",
    "판단 불가",
    "판단불가",
    "불확실",
)
# Which answer is better: one letter and words that praise it; the letters of both, or none, and words that both are alike;
# that nobody can say. Each as a whole, so that a denial is none of them.
_LETTER = re.compile(r"(?<![a-z])[ab](?![a-z])")
_KO_END = "(?:함|하다|합니다|해요|하네요|하게|한)?"
_PRAISE = re.compile(
    rf"(?:[\s():*-]|[가이을를은]|쪽이?|번이?|답변?이?|응답이?|더|훨씬|조금|약간|매우|다소|사실에?|가까(?:움|워요)|가깝(?:다|습니다)|이김|승리?"
    rf"|나(?:음|은|아요)|(?:낫|좋|맞)(?:다|음|습니다|네요|아요)?|(?:우세|우수|정확|선호|선택){_KO_END}"
    r"|answer|response|the|is|was|much|slightly|clearly|somewhat|prefer(?:red)?|more|accurate|correct|factual|better|best|wins?)*"
)
_ALIKE = re.compile(
    rf"(?:[\s(),=/가이]|와|과|둘 ?다|모두|서로|거의|차이|없(?:음|다|습니다)|무승부|(?:같|맞|틀|좋|나쁘|나빠)(?:음|다|습니다|림|아요|요)?|(?:동일|비슷|동등|동점){_KO_END}"
    r"|both|the|are|answers|neither|no|difference|preference|same|tied?|draw|equal(?:ly)?|good|bad|fine|wrong|right|correct|true|false)+"
)
_ALIKE_SAYS = re.compile(
    r"같|동일|비슷|동등|동점|무승부|차이|둘 ?다|모두|both|neither|no |same|tie|draw|equal|="
)
_OPEN = re.compile(
    r"\?+|모름|모르|불확실|불명|애매|글쎄|보류|(?:판단|구분|결정).*(?:불가|어려|못|없)|확신.*없|확실하지|unsure|not (?:sure|certain)|unclear|uncertain"
    r"|unknown|idk|undecided|(?:can ?not|can't|don't|do not|hard to) (?:say|tell|know|judge|decide)"
)
_MORE = {"a>b": "A", "b<a": "A", "b>a": "B", "a<b": "B"}
A, B, SAME, UNSURE = "A", "B", "same", "unsure"
# In place of a corrected text, what says that there is none, or that it stays.
_NO_TEXT = re.compile(
    r"(?:동일|상동|(?:해당|수정|이상|문제)\s?없음|그대로|확인|완료|보류"
    r"|no (?:change|correction)|same|ok(?:ay)?|done|tbd|todo|unchanged|ditto|see .*)[\W_]*",
    re.I,
)
_BRIEF = (
    *YES, *NO, "없음", "없다", "없습니다", "무", "좋음", "맞음", "적절", "모름", "none", "good", "fine", "correct",
)  # fmt: skip


def _plain(cell: str) -> str:
    """A cell without capitals, wide letters, the variation that makes a sign a picture, blanks around it and a full stop."""
    text = unicodedata.normalize("NFKC", cell).replace("\ufe0f", "").casefold()
    return " ".join(text.replace("’", "'").split()).rstrip(".!").strip()


def yes_or_no(cell: str) -> bool | None:
    """What a cell answers; None where it is empty. Raises `ValueError` for anything else."""
    said = _plain(cell)
    if said in YES or said in NO:
        return said in YES
    if said:
        raise ValueError(
            "none of yes, no, 예, 아니오 (nor O, X, TRUE, FALSE, ✓, or 1 and 0 in one sheet); leave it empty if unsure"
        )
    return None


def better(cell: str) -> str | None:
    """`A`, `B`, `same`, `unsure`, or None where a cell is empty. Raises `ValueError` for anything else."""
    said = _plain(cell)
    letters, rest = _LETTER.findall(said), _LETTER.sub("", said)
    if not said:
        return None
    if more := _MORE.get(said.replace(" ", "")):
        return more
    if not letters and _OPEN.search(said):
        return UNSURE
    if len(letters) != 1 and _ALIKE_SAYS.search(said) and _ALIKE.fullmatch(rest):
        return SAME
    if len(letters) != 1 or not _PRAISE.fullmatch(rest):
        raise ValueError("none of A, B, same, unsure (같음, 모름)")
    return letters[0].upper()


_MARKS = {
    **dict.fromkeys((*YES, "t", "사실"), True),
    **dict.fromkeys((*NO, "f"), False),
    **dict.fromkeys((*_UNSURE, "u"), None),
}
_SPELLED = "|".join(map(re.escape, sorted(_MARKS, key=len, reverse=True)))
_MARK = re.compile(rf"(?:(\d+) ?번? ?[.:)=-]? ?)?(?<![a-z])({_SPELLED})(?![a-z])")
_RUN = re.compile(r"(?<![a-z])[oxtf?]{2,}(?![a-z])")  # OXX?


def marks(cell: str, n: int) -> dict[int, bool | None]:
    """Which statements, from 0, a cell calls true or false, or leaves open: `1:O 2:X 4:?`, or a mark for each of them in their
    order. Raises `ValueError` for anything else."""
    said = _RUN.sub(lambda run: " ".join(run[0]), _plain(cell))
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
    said = brief or stands_for_none(cell) or _NO_TEXT.fullmatch(cell)
    return bool(said) or not re.search(r"[^\W_]", cell)


class Mark(NamedTuple):
    """What a reviewer says of one statement, by its place from 0; `label` None = cannot say."""

    side: str
    unit: int
    label: bool | None
