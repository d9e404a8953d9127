"""The glossary: which Korean words a translation of a medical term may use.

A glossary is a TSV file, UTF-8: English term, preferred Korean term and, if there are any, further accepted Korean
forms separated by `|`; among these, one that begins with `!` is none, but a longer word in which a form stands by
chance: "수두증" (hydrocephalus) is no "수두" (chickenpox). A line that begins with `#` is a comment. The file that
ships was written for this project.
"""

import re
import unicodedata
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

from komep_dataset.errors import KomepError
from komep_dataset.replies.patterns import Pattern

SHIPPED = Path(__file__).parents[1] / "glossary.tsv"
BY_CHANCE = "!"

# Hangul is no letter here, so that the particle in "CT를" does not hide the term.
_WORD = Pattern(r"[A-Za-z0-9À-ÖØ-öø-ɏΑ-Ωα-ω]+(?:['’][A-Za-z]+)?")
_GAP = Pattern(r"[-‐‑–]|[^\S\n]+|[^\S\n]*\n[^\S\n]*")  # what may stand between two words of one term
# A possessive counts as its noun.
_PLURALS = (("'s", ""), ("ies", "y"), ("ses", "sis"), ("es", ""), ("s", ""))
# Older and newer parts of words, and spellings; "허혈성 뇌졸중" is "허혈뇌졸중", "제2형" is "2형".
_SAME = {
    "갑상샘": "갑상선", "전립샘": "전립선", "콩팥": "신장", "허파": "폐", "가슴막": "흉막", "쓸개": "담낭", "질환": "병",
    "질병": "병", "알러지": "알레르기", "류머티즘": "류마티스", "류머티스": "류마티스", "류마토이드": "류마티스",
}  # fmt: skip
_ANY_WAY = Pattern("|".join(_SAME) + r"|(?<=[가-힣])성(?=[\s-]*[가-힣])|제(?=\d)")
_LATIN = Pattern(r"[a-z0-9]{2}")
_BRACKETS = Pattern(r"[(（\[]([^()（）\[\]]{2,80})[)）\]]")

_Key = tuple[str, ...]


def _key(term: str) -> _Key:
    """The words of a term, case-folded: hyphen and blank are the same."""
    return tuple(word.casefold().replace("’", "'") for word in _WORD.findall(term))


def _is_abbreviation(term: str) -> bool:
    return term.isupper() and " " not in term


def _singulars(word: str) -> set[str]:
    """The word itself, and what it may be the English plural of."""
    found = {word[: -len(end)] + one for end, one in _PLURALS if word.endswith(end)}
    return {word} if word.endswith("ss") else {word, *found}


def squeeze(text: str) -> str:
    """NFC, case-folded, without blanks and hyphens, in one of several ways of writing: Korean compounds are spaced in
    several ways, and have older and newer parts."""
    return "".join(_squeezed_words(text))


def _squeezed_words(text: str) -> list[str]:
    text = unicodedata.normalize("NFC", text).casefold()
    return re.split(r"[\s-]+", _ANY_WAY.sub(lambda part: _SAME.get(part[0], ""), text))


@dataclass(frozen=True, slots=True)
class Glossary:
    """English medical terms with the Korean forms that translate them; the first is the preferred one."""

    forms: dict[str, tuple[str, ...]]
    index: dict[str, list[tuple[_Key, str]]]  # first word -> (words, term)
    owners: dict[str, set[str]]  # squeezed form -> the terms that have it; `!` where it holds one by chance
    by_letter: dict[str, list[str]]  # first letter of squeezed forms
    __hash__ = object.__hash__  # of what it is, not of what it has: it is the key of a cache

    @classmethod
    def of(cls, given: dict[str, tuple[str, ...]]) -> "Glossary":
        """A glossary from English term -> accepted Korean forms, and words that hold one by chance behind a `!`."""
        forms = {term: tuple(form for form in some if form[0] != BY_CHANCE) for term, some in given.items()}
        index, owners, by_letter = {}, {}, {}
        for term, some in given.items():
            key = _key(term)
            for first in _singulars(key[0]) if len(key) > 1 else key:
                index.setdefault(first, []).append((key, term))
            for form in some:
                word = squeeze(form.removeprefix(BY_CHANCE))
                # An illness is named with and without 증: 심근경색, 심근경색증.
                for one in {word, word.removesuffix("증") if len(word) > 3 else word}:
                    owners.setdefault(one, set()).add(BY_CHANCE if form[0] == BY_CHANCE else term)
        for form in owners:
            by_letter.setdefault(form[0], []).append(form)
        return cls(forms, index, owners, by_letter)

    def __len__(self) -> int:
        return len(self.forms)

    def accepted(self, term: str) -> tuple[str, ...]:
        """Every accepted Korean form of a term, the preferred one first; () for a term it does not have."""
        return self.forms.get(term, ())

    def missing(self, source: str, target: str) -> list[str]:
        """The terms of a source that a target has in no accepted form: with particles, in compounds, spaced otherwise;
        an abbreviation as it is, and the English of a term in brackets, count too.

        A form does not count inside another word: neither one that has it by chance, nor at the end of a form of
        another term of which the source has no word ("편두통", migraine, is no "headache").
        """
        left, openers = self.terms_in(source), {}
        words = _known(source) if left else set()
        for _, end, form, opens in self._found(target) if left else ():
            longer = openers.setdefault(end, [])  # words that end here, by the terms that have them
            for term in self.owners[form] & left.keys():
                own = set(_key(term))
                if all(term in has or any((set(_key(one)) - own) & words for one in has) for has in longer):
                    del left[term]
            longer += [self.owners[form]] * opens
        kept = self.terms_in("; ".join(_BRACKETS.findall(target))) if left else {}
        return [t for t in left if t not in kept and not (_is_abbreviation(t) and t in target)]

    def strange(self, source: str, target: str) -> list[str]:
        """The terms of which a target has the preferred form, or another of three letters, and a source has no word."""
        words, last, terms = _known(source), 0, {}
        for _, end, form, _ in sorted(self._found(target), key=lambda one: (one[0], -one[1])):
            if end > last and not any(set(_key(term)) <= words for term in self.owners[form]):
                for term in sorted(self.owners[form]):
                    if len(form) > (1 if form == squeeze(self.forms[term][0]) else 2):
                        terms[term] = None
            last = max(last, end)
        return list(terms)

    def _found(self, target: str) -> list[tuple[int, int, str, bool]]:
        """(start, end, form, whether it opens a word) of the forms in a target, without those in words by chance."""
        words, found, hidden = _squeezed_words(target), [], 0
        text, starts = "".join(words), {*accumulate(map(len, words), initial=0)}
        parts = lambda place: place in starts or not _LATIN.fullmatch(text, place - 1, place + 1)  # noqa: E731
        for start, letter in enumerate(text):
            here = [form for form in self.by_letter.get(letter, ()) if text.startswith(form, start)]
            hidden = max([hidden, *(start + len(form) for form in here if BY_CHANCE in self.owners[form])])
            opens = start in starts or not "가" <= text[start - 1] <= "힣"
            for form in here:
                end = start + len(form)
                if (end > hidden or BY_CHANCE in self.owners[form]) and (
                    not form.isascii() or (parts(start) and parts(end))
                ):
                    found.append((start, end, form, opens))
        return found

    def terms_in(self, text: str) -> dict[str, str]:
        """The terms of the glossary that a text uses, in order, each with its preferred Korean form.

        The longest term wins: "portal hypertension" is not also "hypertension". Terms end at word boundaries;
        English plurals count; case is ignored, except in all-caps abbreviations ("AIDS" is not "aids").
        """
        text = unicodedata.normalize("NFC", text)
        words = list(_WORD.finditer(text))
        keys, at, found = _key(text), 0, {}
        while at < len(words):
            rows = [row for first in _singulars(keys[at]) for row in self.index.get(first, ())]
            for key, term in sorted(rows, key=lambda row: (-len(row[0]), row[1])):
                last = at + len(key) - 1
                joined = pairwise(words[at : last + 1])
                if (
                    last < len(words)
                    and keys[at:last] == key[:-1]
                    and key[-1] in _singulars(keys[last])
                    and (not _is_abbreviation(term) or words[at][0].startswith(term.split("-")[0]))
                    and all(_GAP.fullmatch(text, a.end(), b.start()) for a, b in joined)
                ):
                    found[term], at = self.forms[term][0], last
                    break
            at += 1
        return found


def _known(source: str) -> set[str]:
    """The words of a source, in singular and plural."""
    return {word for key in _key(unicodedata.normalize("NFC", source)) for word in _singulars(key)}


def read_glossary(path: Path | None = None) -> Glossary:
    """Read a glossary.

    Args:
        path: TSV file; None is the glossary that ships.

    Raises:
        KomepError: naming file and line, where the file cannot be read, is not UTF-8 or has no term, a line
            has not two or three columns or an empty one, or a term is given twice with different translations.
    """
    path = SHIPPED if path is None else path
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise KomepError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        *before, last = error.object[: error.start].split(b"\n")
        where = f"{path}:{len(before) + 1}"
        raise KomepError(f"{where}: not UTF-8 (byte {len(last)}); save it as UTF-8") from error
    forms: dict[str, tuple[str, ...]] = {}
    first: dict[str | _Key, tuple[int, str]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        columns = [unicodedata.normalize("NFC", column).strip() for column in line.split("\t")]
        if len(columns) not in (2, 3):
            what = f"{len(columns)} column(s) in {line!r}; write English, tab, Korean[, tab, variants by |]"
            raise KomepError(f"{path}:{number}: {what}")
        term, given = columns[0], "|".join(columns[1:]).split("|")
        given = tuple(dict.fromkeys(form.strip() for form in given))
        if not _key(term) or not all(form.strip(BY_CHANCE) for form in given) or given[0][0] == BY_CHANCE:
            raise KomepError(f"{path}:{number}: an empty English term or Korean form in {line!r}")
        before, same = first.setdefault(term if _is_abbreviation(term) else _key(term), (number, term))
        if forms.setdefault(same, given) != given:
            raise KomepError(
                f"{path}:{number}: {term!r} is translated {'|'.join(given)!r} here and "
                f"{'|'.join(forms[same])!r} in line {before}; keep one of the two lines"
            )
    if not forms:
        raise KomepError(f"{path}: no term; write one a line: English, tab, Korean")
    return Glossary.of(forms)
