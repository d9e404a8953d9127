"""The rules of pairs that there are: a module of this folder that declares a `RULE` is one."""

from komep_dataset.options import declared
from komep_dataset.pairs import strategies
from komep_dataset.pairs.candidates import PairRule

# Name -> rule, in the order in which they are listed; the first is the default.
RULES = dict(sorted(declared(strategies, "RULE", PairRule).items(), key=lambda one: (one[1].order, one[0])))
