"""The gates that there are: every module of `komep_dataset/gates/` that declares a `GATE`."""

from collections.abc import Collection

from komep_dataset import gates
from komep_dataset.gates.trial.gate import Gate, SubsetGate, TextGate
from komep_dataset.options import declared
from komep_dataset.pairs.options import PAIR_OPTIONS
from komep_dataset.schema import Reason


def _once(found: Collection[Gate]) -> Collection[Gate]:
    """The gates; `ValueError` where one takes a reason or an option that is taken."""
    options = [option.name for option in (*PAIR_OPTIONS, *(o for gate in found for o in gate.options))]
    for what, some in (
        ("reason", [*(r.value for r in Reason), *(g.reason for g in found)]),
        ("option", options),
    ):
        if twice := [one for one in some if some.count(one) > 1]:
            raise ValueError(f"gates in {', '.join(gates.__path__)}: the {what} {twice[0]!r} is taken")
    return found


# In the order in which a pair is tried: what looks at all pairs sees those that the others left, subsets come last.
GATES = tuple(
    sorted(
        _once(declared(gates, "GATE", Gate).values()),
        key=lambda gate: (gate.at_once, isinstance(gate, SubsetGate), gate.order),
    )
)
# In the order of their options, and of the card: by what they look at.
LISTED = tuple(sorted(GATES, key=lambda gate: (gate.LISTED, gate.order)))
TEXT_GATES = tuple(gate for gate in GATES if isinstance(gate, TextGate))
SUBSET_GATES = tuple(gate for gate in GATES if isinstance(gate, SubsetGate))
OF_REASON = {gate.reason: gate for gate in GATES}
