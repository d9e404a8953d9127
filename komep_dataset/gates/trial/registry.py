"""The gates that there are: every module of `komep_dataset/gates/` that declares a `GATE`."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from pkgutil import iter_modules

from komep_dataset import gates as gates_package
from komep_dataset.gates.trial.gate import Gate, SubsetGate, TextGate
from komep_dataset.pairs.options import PAIR_OPTIONS
from komep_dataset.schema import Reason


def _declared() -> Iterator[Gate]:
    for found in iter_modules(gates_package.__path__):
        module = import_module(f"{gates_package.__name__}.{found.name}")
        if isinstance(gate := getattr(module, "GATE", None), Gate):
            yield gate


def _once(gates: Sequence[Gate]) -> tuple[Gate, ...]:
    """The gates; `ValueError` where one takes a name, a reason or an option that is taken."""
    for what, some in (
        ("name", [gate.name for gate in gates]),
        ("reason", [*(reason.value for reason in Reason), *(gate.reason for gate in gates)]),
        ("option", [option.name for option in (*PAIR_OPTIONS, *(o for gate in gates for o in gate.options))]),
    ):
        if twice := [one for one in some if some.count(one) > 1]:
            raise ValueError(
                f"gates in {', '.join(gates_package.__path__)}: the {what} {twice[0]!r} is taken"
            )
    return tuple(gates)


# In the order in which a pair is tried: what looks at all pairs sees those that the others left, subsets come last.
GATES = _once(sorted(_declared(), key=lambda gate: (gate.at_once, isinstance(gate, SubsetGate), gate.order)))
# In the order of their options, and of the card: by what they look at.
LISTED = tuple(sorted(GATES, key=lambda gate: (gate.LISTED, gate.order)))
TEXT_GATES = tuple(gate for gate in GATES if isinstance(gate, TextGate))
SUBSET_GATES = tuple(gate for gate in GATES if isinstance(gate, SubsetGate))
OF_REASON = {gate.reason: gate for gate in GATES}
