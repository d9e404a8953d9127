"""Which checks there are, and every one of them tried on a translation.

A module of this folder that has `CHECKS`, a tuple of `Check`, declares checks by being there; nothing lists it.
"""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from komep_dataset.translation import checks as package
from komep_dataset.translation.glossary import Glossary

REJECT, WARN = SEVERITIES = "reject", "warn"


@dataclass(frozen=True, slots=True)
class Check:
    """One way in which a translation can be wrong.

    Args:
        name: the reason in the evidence, the rejects and the report of the stage.
        find: source and target, with `uses_glossary` the glossary as well -> the words or numbers behind the
            failure, "" where there is none.
        told: what a translator that is asked again is told of its translation; what was found follows.
        order: the checks are tried, and their failures told, from the lowest to the highest.
        rank: of several failures a reject names the one of the lowest: an apology is English, too short and
            without the numbers as well.
        of_nothing: whether it judges an empty translation, which the others are not tried on.
        severity: `reject` where the text is asked for again and then refused; `warn` where what was found is as
            likely right as wrong, so that the text stays and is counted. A name may have a check of each.
    """

    name: str
    find: Callable[..., str]
    told: str
    order: int
    rank: int
    uses_glossary: bool = False
    of_nothing: bool = False
    severity: str = REJECT


@dataclass(frozen=True, slots=True)
class Failure:
    """A check that a translation does not pass, and the words or numbers behind it."""

    check: Check
    detail: str

    @property
    def reason(self) -> str:
        return self.check.name


@cache
def all_checks() -> tuple[Check, ...]:
    """Every check that a module of this folder declares, in the order of trial.

    Raises:
        ValueError: two modules declare checks of one name.
    """
    found: list[Check] = []
    for file in pkgutil.iter_modules(package.__path__):
        declared = getattr(import_module(f"{package.__name__}.{file.name}"), "CHECKS", ())
        if twice := {check.name for check in declared} & {check.name for check in found}:
            raise ValueError(f"{file.name}: another module has a check named {min(twice)!r}")
        found += declared
    return tuple(sorted(found, key=lambda check: (check.order, check.name)))


def wordings() -> dict[str, str]:
    """Name -> what a translator is told of a translation that failed the check."""
    return {check.name: check.told for check in all_checks()}


def check_translation(source: str, target: str, glossary: Glossary | None = None) -> list[Failure]:
    """Every check that a translation fails, at most one failure a name, in the order of trial.

    Args:
        source: the English text.
        target: the Korean text. Blank for a source that is not is `untranslated`; an echo of the source is
            `untranslated` and `not_korean`.
        glossary: where given, its terms in the source are demanded, in any of their accepted forms.
    """
    found: dict[str, Failure] = {}
    for check in all_checks():
        if check.name in found or not (target.strip() or check.of_nothing):
            continue
        terms = ((glossary or Glossary.of({})),) if check.uses_glossary else ()
        if detail := check.find(source, target, *terms):
            found[check.name] = Failure(check, detail)
    return list(found.values())
