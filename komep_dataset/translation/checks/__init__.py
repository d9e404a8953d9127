"""Checks of a medical translation from English to Korean, as pure functions of the two texts.

Each check knows the source and its translation and nothing else: never which answer was chosen or rejected,
so
that no check can favour one. What they catch and miss is measured on a labelled set:
tests/translation/checks/confusion.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from komep_dataset.schema import Reason
from komep_dataset.translation.checks.language_checks import leftover, wrong_script
from komep_dataset.translation.checks.number_checks import changed_numbers
from komep_dataset.translation.checks.reply_checks import preamble, refusal, repetition, truncation
from komep_dataset.translation.glossary import Glossary


@dataclass(frozen=True, slots=True)
class Failure:
    """A check that a translation does not pass: which, and the words or numbers behind it."""

    reason: Reason
    detail: str


def check_translation(
    source: str,
    target: str,
    *,
    terms: Mapping[str, str] | None = None,
    glossary: Glossary | None = None,
) -> list[Failure]:
    """Every check that a translation fails, at most one failure a check, in the order of `Reason`.

    Args:
        source: the English text.
        target: the Korean text. Empty for a source that is not is `truncated`; an echo of the source is
            `untranslated` and `not_korean`.
        terms: English term -> Korean form that must be in the target; forms separated by `|` are
            alternatives.
        glossary: where given, its terms in the source are demanded as well, and `terms` that it has may
            stand in
            any of their accepted forms.
    """
    if not target.strip():
        return [Failure(Reason.TRUNCATED, "the translation is empty")] if source.strip() else []
    found = (
        (Reason.UNTRANSLATED, leftover(source, target)),
        (Reason.NOT_KOREAN, wrong_script(source, target)),
        (Reason.NUMBERS_CHANGED, "; ".join(changed_numbers(source, target)[:5])),
        (Reason.PREAMBLE, preamble(source, target)),
        (Reason.REFUSED, refusal(source, target)),
        (Reason.TRUNCATED, truncation(source, target)),
        (Reason.TERM_MISMATCH, "; ".join(missing_terms(source, target, terms, glossary)[:5])),
        (Reason.REPETITION, repetition(source, target)),
    )
    return [Failure(reason, detail) for reason, detail in found if detail]


def missing_terms(
    source: str, target: str, terms: Mapping[str, str] | None = None, glossary: Glossary | None = None
) -> list[str]:
    """Terms whose Korean form is not in the target, blanks and hyphens aside: particles attach to nouns."""
    wanted = {term: tuple(form.split("|")) for term, form in (terms or {}).items()}
    if glossary:
        wanted |= {term: glossary.accepted(term) for term in glossary.terms_in(source)}
        wanted = {term: glossary.accepted(term) + forms for term, forms in wanted.items()}
    judge = glossary or Glossary.of({})
    return [
        f"{term}: no {' or '.join(dict.fromkeys(forms))}"
        for term, forms in wanted.items()
        if not judge.carries(source, target, term, forms)
    ]
