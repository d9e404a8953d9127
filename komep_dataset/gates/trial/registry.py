"""The gates that there are: every module of `komep_dataset/gates/` that declares a `GATE`."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

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


def needs_all(values: Mapping[str, Any]) -> list[Gate]:
    """The gates whose rejects depend on all pairs at once, of those that are on."""
    return [gate for gate in GATES if gate.at_once and gate.switch(values) == "reject"]


def notes(quality: Mapping[str, Any]) -> list[str]:
    """What the card says of the gates below their table."""
    said = [gate.note(quality[gate.name]) for gate in LISTED]
    if any(quality[gate.name]["switch"] != "off" for gate in TEXT_GATES):
        (what, how), *others = (gate.sought for gate in TEXT_GATES)
        known = ", ".join(
            [f"{what[0].upper()}{what[1:]} are looked for {how}", *(" ".join(one) for one in others)]
        )
        said.append(f"{known}: what is not found may be there.")
    return [note for note in said if note]


def as_text(quality: Mapping[str, Any]) -> str:
    """One line for each gate that found or cost something, for the terminal."""
    lines = []
    for gate in GATES:
        one = quality[gate.name]
        if one["found"]:
            what = f"{one['found']:,} of {one['checked']:,} pairs, {one['rejected']:,} rejected"
            lines.append(f"  gate {gate.name} ({one['switch']}): {what}: see quality.json")
    return "\n".join(lines)
