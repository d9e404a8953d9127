"""The rules of pairs that there are: a module of this folder that declares a `RULE` is one."""

import pkgutil
from importlib import import_module

from komep_dataset.pairs import strategies as package
from komep_dataset.pairs.candidates import PairRule


def _declared() -> dict[str, PairRule]:
    found: dict[str, PairRule] = {}
    for file in pkgutil.iter_modules(package.__path__):
        if isinstance(
            rule := getattr(import_module(f"{package.__name__}.{file.name}"), "RULE", None), PairRule
        ):
            if rule.name in found:
                raise ValueError(f"{file.name}: another module has the rule {rule.name!r}")
            found[rule.name] = rule
    return dict(sorted(found.items(), key=lambda one: (one[1].order, one[0])))


# Name -> rule, in the order in which they are listed; the first is the default.
RULES = _declared()
