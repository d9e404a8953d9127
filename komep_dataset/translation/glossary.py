"""The glossary: which Korean words a translation of a medical term may use.

A glossary is a TSV file, UTF-8: English term, Korean term and, if there are any, further accepted Korean
forms separated by `|`. A line that begins with `#` is a comment. The file that ships was written for this project.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from komep_dataset.errors import KomepError

SHIPPED = Path(__file__).parents[1] / "glossary.tsv"

# Hangul is no letter here, so that the particle in "CT를" does not hide the term.
_WORD = re.compile(r"[A-Za-z0-9À-ÖØ-öø-ɏΑ-Ωα-ω]+(?:['’][A-Za-z]+)?")
_GAP = re.compile(r"[-‐‑–]|[^\S\n]+|[^\S\n]*\n[^\S\n]*")  # what may stand between two words of one term

# Longer words in which a Korean form stands by chance: "수두증" (hydrocephalus) is no "수두" (chickenpox).
_BY_CHANCE = {
    "기관": ("기관지", "의료기관", "보건기관", "소화기관", "감각기관"),
    "이자": ("이자율", "환자이자", "의사이자", "자이자"),
    "유산": ("유산소", "유산균"),
    "해마": ("해마다",),
    "복수": ("복수의", "복수형"),
    "수두": ("수두증",),
    "비만": ("비만세포",),
    "소뇌": ("최소뇌",),
    "구역": ("구역별", "구역내", "보호구역"),
    "이명": ("이명칭", "환자이명"),
    "건": ("조건", "사건", "물건", "여건", "요건", "보건", "안건", "건강", "건조", "건물", "건선", "건설", "건수"),
    "열": ("배열", "열린", "열거", "서열", "나열", "계열", "균열", "파열", "열량", "열등", "분열", "정렬", "열쇠", "구개열"),
    "균": ("평균", "균형", "균등", "균일", "균열", "불균"),
}  # fmt: skip

_Key = tuple[str, ...]


def _key(term: str) -> _Key:
    """The words of a term, case-folded: hyphen and blank are the same."""
    return tuple(map(_folded, _WORD.findall(term)))


def _folded(word: str) -> str:
    return word.casefold().replace("’", "'")


def _is_abbreviation(term: str) -> bool:
    return term.isupper() and " " not in term


def _singulars(word: str) -> Iterator[str]:
    """The word itself, then what it may be the English plural of; a possessive counts as its noun."""
    yield word
    if word.endswith("'s"):
        yield word[:-2]
    if word.endswith("ies"):
        yield word[:-3] + "y"
    if word.endswith("ses"):
        yield word[:-2] + "is"  # diagnoses, metastases
    if word.endswith("es"):
        yield word[:-2]
    if word.endswith("s") and not word.endswith("ss"):
        yield word[:-1]


def squeeze(text: str) -> str:
    """NFC, case-folded, without blanks and hyphens: Korean compounds are spaced in several ways."""
    return "".join(unicodedata.normalize("NFC", text).split()).casefold().replace("-", "")


@dataclass(frozen=True, slots=True)
class Glossary:
    """English medical terms with the Korean forms that translate them; the first is the preferred one."""

    forms: dict[str, tuple[str, ...]]
    index: dict[str, list[tuple[_Key, str]]]  # first word -> (words, term)
    longer: dict[str, list[tuple[str, str]]]  # squeezed form -> (term, its preferred form, if it ends so)
    __hash__ = object.__hash__  # of what it is, not of what it has: it is the key of a cache

    @classmethod
    def of(cls, forms: dict[str, tuple[str, ...]]) -> "Glossary":
        """A glossary from English term -> accepted Korean forms."""
        index: dict[str, list[tuple[_Key, str]]] = {}
        for term in forms:
            key = _key(term)
            for first in set(_singulars(key[0])) if len(key) > 1 else (key[0],):
                index.setdefault(first, []).append((key, term))
        ends: dict[str, list[tuple[str, str]]] = {}
        for term, (preferred, *_) in forms.items():
            word = squeeze(preferred)
            for start in range(1, len(word)):
                ends.setdefault(word[start:], []).append((term, word))
        every = {squeeze(form) for accepted in forms.values() for form in accepted}
        return cls(forms, index, {form: ends[form] for form in every if form in ends})

    def __len__(self) -> int:
        return len(self.forms)

    def accepted(self, term: str) -> tuple[str, ...]:
        """Every accepted Korean form of a term, the preferred one first; () for a term it does not have."""
        return self.forms.get(term, ())

    def carries(self, source: str, target: str, term: str) -> bool:
        """Whether a target has a form of a term, blanks and hyphens aside: particles attach to nouns.

        A form does not count inside another word: neither one that has it by chance, nor the preferred form of
        another term of which the source has no word ("편두통", migraine, is no "headache").
        """
        accepted = {squeeze(form) for form in self.accepted(term)}
        known = {word for key in _key(unicodedata.normalize("NFC", source)) for word in _singulars(key)}
        text = unicodedata.normalize("NFC", target).casefold()
        for form in accepted:
            others = [
                word
                for other, word in self.longer.get(form, ())
                if word not in accepted and not (set(_key(other)) - set(_key(term))) & known
            ]
            if form in squeeze(_without(text, others, _BY_CHANCE.get(form, ()))):
                return True
        return False

    def terms_in(self, text: str) -> dict[str, str]:
        """The terms of the glossary that a text uses, in order, each with its preferred Korean form.

        The longest term wins: "portal hypertension" is not also "hypertension". Terms end at word boundaries;
        English plurals count; case is ignored, except in all-caps abbreviations ("AIDS" is not "aids").
        """
        text = unicodedata.normalize("NFC", text)
        words = list(_WORD.finditer(text))
        keys = [_folded(word[0]) for word in words]
        found: dict[str, str] = {}
        at = 0
        while at < len(words):
            term, length = self._longest(text, words, keys, at)
            if term:
                found[term] = self.forms[term][0]
            at += length
        return found

    def _longest(self, text: str, words: list[re.Match], keys: list[str], at: int) -> tuple[str, int]:
        """The longest term that begins at a word, and its number of words; ("", 1) if there is none."""
        candidates = {row for first in _singulars(keys[at]) for row in self.index.get(first, ())}
        for key, term in sorted(candidates, key=lambda row: (-len(row[0]), row[1])):
            end = at + len(key)
            if end > len(words) or tuple(keys[at : end - 1]) != key[:-1]:
                continue
            alike = key[-1] in _singulars(keys[end - 1])
            joined = all(_GAP.fullmatch(text, a.end(), b.start()) for a, b in pairwise(words[at:end]))
            cased = not _is_abbreviation(term) or words[at][0].startswith(term.split("-")[0])
            if alike and joined and cased:
                return term, len(key)
        return "", 1


def _without(text: str, openings: Iterable[str], words: Iterable[str]) -> str:
    """A text in which words are blotted out: some where they open a word, blanks in them aside, some anywhere."""
    for opening in openings:
        text = re.sub(r"(?<![가-힣])" + r"[\s-]?".join(map(re.escape, opening)), "\0", text)
    for word in words:
        text = text.replace(word, "\0")
    return text


def read_glossary(path: Path | None = None) -> Glossary:
    """Read a glossary.

    Args:
        path: TSV file; None is the glossary that ships.

    Raises:
        KomepError: naming file and line, where the file cannot be read, is not UTF-8 or has no term, a line
            has not two or three columns or an empty one, or a term is given twice with different translations.
    """
    path = SHIPPED if path is None else path
    forms: dict[str, tuple[str, ...]] = {}
    first: dict[str | _Key, tuple[int, str]] = {}
    for number, line in _lines(path):
        term, accepted = _entry(line, f"{path}:{number}")
        key = term if _is_abbreviation(term) else _key(term)
        line_before, same = first.setdefault(key, (number, term))
        if same in forms and forms[same] != accepted:
            raise KomepError(
                f"{path}:{number}: {term!r} is translated {'|'.join(accepted)!r} here and "
                f"{'|'.join(forms[same])!r} in line {line_before}; keep one of the two lines"
            )
        forms.setdefault(same, accepted)
    if not forms:
        raise KomepError(f"{path}: no term; write one a line: English, tab, Korean")
    return Glossary.of(forms)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines of a file without comments and blank lines."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KomepError(f"{path}: cannot be read ({error.strerror})") from error
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            line = raw.decode("utf-8").rstrip("\r")
        except UnicodeDecodeError as error:
            raise KomepError(f"{path}:{number}: not UTF-8 (byte {error.start}); save it as UTF-8") from error
        if line.strip() and not line.startswith("#"):
            yield number, line


def _entry(line: str, where: str) -> tuple[str, tuple[str, ...]]:
    """The term of a line and its accepted Korean forms."""
    columns = [unicodedata.normalize("NFC", column).strip() for column in line.split("\t")]
    if len(columns) not in (2, 3):
        raise KomepError(
            f"{where}: {len(columns)} column(s) in {line!r}; write English, tab, Korean[, tab, variants by |]"
        )
    variants = columns[2].split("|") if len(columns) == 3 else []
    forms = [form.strip() for form in columns[1:2] + variants]
    if not _key(columns[0]) or not all(forms):
        raise KomepError(f"{where}: an empty English term or Korean form in {line!r}")
    return columns[0], tuple(dict.fromkeys(forms))
