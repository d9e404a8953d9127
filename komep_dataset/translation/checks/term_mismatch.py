"""A translation that does not use the glossary's Korean for the terms of its source.

A glossary does not know every right word: that a term is missing is doubtful. That another one stands in the same
sentence, of which the source says nothing, is what an exchange looks like.
"""

import re
from functools import lru_cache

from komep_dataset.translation.alignment import aligned
from komep_dataset.translation.checks.registry import WARN, Check
from komep_dataset.translation.glossary import Glossary

_STEM = 7  # letters by which a word is known: "hypertensive" says hypertension
_missing = lru_cache(maxsize=1)(lambda source, target, glossary: glossary.missing(source, target))


def exchanged_terms(source: str, target: str, glossary: Glossary) -> str:
    """Terms of the source that are missing where the target has others, the first five of them, or ""."""
    missing, found = _missing(source, target, glossary), []
    others = set(glossary.strange(source, target)) if missing else set()
    for bead in aligned(source, target, glossary) if others else ():
        there = [other for other in glossary.strange("", " ".join(bead.target)) if other in others]
        for term in glossary.terms_in(" ".join(bead.source)) if there else ():
            # Not "hepatitis A" of "hepatitis", nor what the source may say by another word: "cohorts" a cohort study.
            forms = [glossary.accepted(one)[0] for one in there if not _may_be_said(one, term, source)]
            if term in missing and forms:
                found.append(f"{_told(term, glossary)}, but {' and '.join(dict.fromkeys(forms))}")
    return "; ".join(found[:5])


def _may_be_said(other: str, term: str, source: str) -> bool:
    own = [word for word in {*other.casefold().split()} - {*term.casefold().split()} if len(word) > 3]
    words = re.findall(r"[a-z]+", source.casefold())
    said = any(one.startswith(word[:_STEM]) or one.endswith(word) for word in own for one in words)
    return said or {*term.split()} <= {*other.split()}


def missing_terms(source: str, target: str, glossary: Glossary) -> str:
    """Terms of the source whose Korean forms are not in the target, the first five of them, or ""."""
    return "; ".join(_told(term, glossary) for term in _missing(source, target, glossary)[:5])


def _told(term: str, glossary: Glossary) -> str:
    return f"{term}: no {' or '.join(glossary.accepted(term)[:4])}"


_WORDS = {"name": "term_mismatch", "told": "it did not use the given translations of terms", "rank": 80}
CHECKS = (
    Check(find=exchanged_terms, order=70, uses_glossary=True, **_WORDS),
    Check(find=missing_terms, order=71, uses_glossary=True, severity=WARN, **_WORDS),
)
