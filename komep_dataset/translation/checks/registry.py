"""Which checks there are, and every one of them tried on a translation.

A module of this folder that has `CHECKS`, a tuple of `Check`, declares checks by being there; nothing lists it.
"""

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import Any

from komep_dataset.config.yaml_records import nearest
from komep_dataset.errors import KomepError
from komep_dataset.translation import checks as package
from komep_dataset.translation.glossary import Glossary

REJECT, WARN = SEVERITIES = "reject", "warn"
OFF = "off"


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
    """Every check that a module of this folder declares, in the order of trial: what rejects before what warns.

    Raises:
        ValueError: two modules declare checks of one name.
    """
    found: list[Check] = []
    for file in pkgutil.iter_modules(package.__path__):
        declared = getattr(import_module(f"{package.__name__}.{file.name}"), "CHECKS", ())
        if twice := {check.name for check in declared} & {check.name for check in found}:
            raise ValueError(f"{file.name}: another module has a check named {min(twice)!r}")
        found += declared
    return tuple(sorted(found, key=lambda check: (check.severity != REJECT, check.order, check.name)))


def checks_of(severities: Mapping[str, Any], where: str = "checks") -> tuple[Check, ...]:
    """Every check with the severity that a user gave its name, or with its own; without those that are off.

    Args:
        severities: name of a check -> `reject`, `warn` or `off` (which YAML reads as false).
        where: file and key, for messages.

    Raises:
        KomepError: names that no check has, values that are no severity: all of them.
    """
    names, known, wrong = list(wordings()), (*SEVERITIES, OFF), []
    given = {name: OFF if value is False else value for name, value in severities.items()}
    for name, value in given.items():
        if name not in names:
            wrong.append(f"{where}.{name}: unknown check; {nearest(name, names)}")
        if value not in known:
            like = f"; {nearest(value, known)}" if isinstance(value, str) else ""
            wrong.append(f"{where}.{name}: {value!r} is none of {', '.join(known)}{like}")
    if wrong:
        raise KomepError("\n".join(wrong))
    found = (replace(check, severity=given.get(check.name, check.severity)) for check in all_checks())
    return tuple(sorted((c for c in found if c.severity != OFF), key=lambda c: c.severity != REJECT))


def wordings() -> dict[str, str]:
    """Name -> what a translator is told of a translation that failed the check."""
    return {check.name: check.told for check in all_checks()}


def check_translation(
    source: str, target: str, glossary: Glossary | None = None, checks: Sequence[Check] | None = None
) -> list[Failure]:
    """Every check that a translation fails, at most one failure a name, in the order of trial.

    Args:
        source: the English text.
        target: the Korean text. Blank for a source that is not is `untranslated`; an echo of the source is
            `untranslated` and `not_korean`.
        glossary: where given, its terms in the source are demanded, in any of their accepted forms.
        checks: what `checks_of` gives; all as they are declared where left out. A blank translation is none
            whatever they say.
    """
    found: dict[str, Failure] = {}
    for check in all_checks() if checks is None or not target.strip() else checks:
        if check.name in found or not (target.strip() or check.of_nothing):
            continue
        terms = ((glossary or Glossary.of({})),) if check.uses_glossary else ()
        if detail := check.find(source, target, *terms):
            found[check.name] = Failure(check, detail)
    return list(found.values())
