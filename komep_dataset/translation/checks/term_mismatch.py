"""A translation that does not use the glossary's Korean for the terms of its source."""

from itertools import islice

from komep_dataset.translation.checks.registry import Check
from komep_dataset.translation.glossary import Glossary


def missing_terms(source: str, target: str, glossary: Glossary) -> str:
    """Terms of the source whose Korean forms are not in the target, the first five of them, or ""."""
    missing = (
        f"{term}: no {' or '.join(glossary.accepted(term))}"
        for term in glossary.terms_in(source)
        if not glossary.carries(source, target, term)
    )
    return "; ".join(islice(missing, 5))


_TOLD = "it did not use the given translations of terms"
CHECKS = (Check("term_mismatch", missing_terms, _TOLD, order=70, rank=80, uses_glossary=True),)
