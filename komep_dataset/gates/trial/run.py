"""The gates of a build: which pairs are looked at for what, what was found, which pairs go, and how that is told.

A gate that is switched to `report` counts and shows; one at `reject` takes the pair out of `en` and `ko` and writes
it to `rejects.jsonl` with the evidence. The config `scored` keeps every generation: it is the evidence from which
`komep verify` derives the pairs. A pair has one reason, that of the first gate in the order of trial that holds.

What reads texts is on (`report`) by default: a fast pattern over the texts decides which are read by the rules.
Near-duplicates are off by default, since they have to hold a signature of every text, and contamination needs
a benchmark to compare with. What looks at all pairs at once (near-duplicates at `reject`, length control, balance)
takes a pass of its own over the buckets of a build, with narrow columns only, before the one that writes.
"""

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from komep_dataset.gates.trial.gate import EXAMPLES, TEXTS, Found, Gate, PairGate, SubsetGate, TextGate
from komep_dataset.gates.trial.registry import GATES, LISTED, SUBSET_GATES, TEXT_GATES
from komep_dataset.schema import Pair, column_types

Key = tuple[str, str, str]  # of a pair
Decision = tuple[str, str]  # reason and detail of a reject
PLACED = "{kind} in {column}: {evidence}"


@dataclass
class Findings:
    """What one gate found so far."""

    switch: str
    checked: int = 0
    found: int = 0  # pairs
    rejected: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    examples: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def add(self, key: Key, evidence: str, kinds: Iterable[str] = ()) -> None:
        self.found += 1
        for kind in kinds:
            self.kinds[kind] = self.kinds.get(kind, 0) + 1
        # The first by key, whatever the order in which the pairs are seen.
        example = {**dict(zip(Pair.KEY, key, strict=True)), "evidence": evidence}
        insort(self.examples, example, key=lambda one: tuple(one[name] for name in Pair.KEY))
        del self.examples[EXAMPLES:]

    def record(self) -> dict[str, Any]:
        """As quality.json has it."""
        counts = {name: getattr(self, name) for name in ("switch", "checked", "found", "rejected")}
        kinds = {"kinds": dict(sorted(self.kinds.items()))} if self.kinds else {}
        return {**counts, **self.facts, **kinds, "examples": self.examples}


class Gates:
    """The gates of one build.

    Args:
        values: of the build's options by name; of those that are read (`Option.read`), what was read.
        scratch: folder for what gates put down.
    """

    def __init__(self, values: Mapping[str, Any], scratch: Path):
        self.values = values
        self.findings = {gate.name: Findings(switch) for gate, switch in switches(values).items()}
        self.needs_all = bool(needs_all(values))  # a pass over all pairs, before the one that writes
        self.decided: dict[Key, Decision] = {}
        self.settled = False  # all pairs were seen before: what is decided is all there is
        self.pairs = 0
        self.narrow: list[pl.DataFrame] = []
        on = [gate for gate in GATES if self.findings[gate.name].switch != "off"]
        self.readers = [gate for gate in on if isinstance(gate, TextGate)]
        self.watches = {
            gate: gate.watch(scratch, **{option.name: values[option.name] for option in gate.options})
            for gate in on
            if isinstance(gate, PairGate)
        }
        for gate, watch in self.watches.items():
            self.findings[gate.name].facts = watch.facts

    def __call__(self, pairs: pl.DataFrame) -> list[Decision | None]:
        """Reason and detail for each pair that goes, None for one that stays; [] if all stay. For `derive`."""
        if not self.settled:
            self._look(pairs)
        return [self.decided.get(key) for key in pair_keys(pairs)] if self.decided else []

    def _look(self, pairs: pl.DataFrame) -> None:
        """Every gate that looks at one pair at a time; and what the others need of these pairs."""
        self.pairs += pairs.height
        read = scan(pairs, self.readers)
        for gate in (gate for gate in GATES if gate in self.readers or gate in self.watches):
            self.findings[gate.name].checked += pairs.height
            if gate in self.watches:
                # Of two near-duplicates the one that stays must not go for another reason.
                left = self._undecided(pairs)
                for row, evidence, kinds in self.watches[gate].look(left):
                    self._found(gate, left, row, evidence, kinds)
            else:
                for row, some in read[gate.name].items():
                    self._found(gate, pairs, row, shown(some), {one.kind for one in some})
        if self.needs_all:
            self.narrow.append(narrow(pairs))

    def _undecided(self, pairs: pl.DataFrame) -> pl.DataFrame:
        left = [key not in self.decided for key in pair_keys(pairs)] if self.decided else []
        return pairs if all(left) else pairs.filter(pl.Series(left, dtype=pl.Boolean))

    def _found(
        self, gate: Gate, pairs: pl.DataFrame, row: int, evidence: str, kinds: Iterable[str] = ()
    ) -> None:
        key, findings = pairs.select(Pair.KEY).row(row), self.findings[gate.name]
        findings.add(key, evidence, kinds)
        if findings.switch == "reject":
            self._reject(gate, key, evidence)

    def _reject(self, gate: Gate, key: Key, detail: str) -> None:
        if key not in self.decided:
            self.decided[key] = (gate.reason, detail)
            self.findings[gate.name].rejected += 1

    def settle(self) -> None:
        """All pairs have been seen: decide what depends on them all. Call it before the pass that writes."""
        for gate, watch in self.watches.items():
            gone = watch.settle()
            findings = self.findings[gate.name]
            findings.found += len(gone)
            if findings.switch == "reject":
                for key in sorted(k for frame in self.narrow for k in pair_keys(frame) if k[0] in gone):
                    self._reject(gate, key, gone[key[0]])
        if self.narrow:
            for gate, kept in subsets(self._undecided(pl.concat(self.narrow).sort(Pair.KEY)), self.values):
                findings, gone = self.findings[gate.name], kept.filter(~kept["_kept"])
                findings.checked, findings.found = kept.height, gone.height
                for key in pair_keys(gone):
                    self._reject(gate, key, gate.why(self.values[gate.options[0].name]))
                findings.facts |= {"pairs_before": kept.height, "pairs_after": kept.height - gone.height}
        self.settled = True

    def record(self) -> dict[str, Any]:
        """The content of quality.json, once all pairs have been seen."""
        if not self.settled:
            self.settle()
        pairs = {"selected": self.pairs, "kept": self.pairs - len(self.decided)}
        return {gate: one.record() for gate, one in self.findings.items()} | {"pairs": pairs}


def switches(values: Mapping[str, Any]) -> dict[Gate, str]:
    """How each gate is switched, in the order of trial, by the values of a build's options."""
    return {gate: gate.switch(values) for gate in GATES}


def needs_all(values: Mapping[str, Any]) -> list[Gate]:
    """The gates whose rejects depend on all pairs at once, of those that are on."""
    return [gate for gate, switch in switches(values).items() if gate.at_once and switch == "reject"]


def pair_keys(pairs: pl.DataFrame) -> list[Key]:
    return list(pairs.select(Pair.KEY).iter_rows())


def scan(pairs: pl.DataFrame, gates: Sequence[TextGate]) -> dict[str, dict[int, dict[Found, str]]]:
    """Search every text of some pairs, once for all gates; one that a hint matches is read by the rules.

    Returns:
        name of the gate -> row, ascending -> each finding with the first column of `TEXTS` that it stands in.
    """
    found: dict[str, dict[int, dict[Found, str]]] = {gate.name: {} for gate in gates}
    hint = "|".join(f"(?:{gate.hint})" for gate in gates)
    for column in TEXTS if gates else ():
        hinted = pairs[column].str.contains(hint).fill_null(False).arg_true()
        for row, text in zip(hinted, pairs[column].gather(hinted), strict=True):
            for gate in gates:
                for one in gate.find(text):
                    found[gate.name].setdefault(row, {}).setdefault(one, column)
    return {gate: dict(sorted(rows.items())) for gate, rows in found.items()}


def shown(some: Mapping[Found, str]) -> str:
    """The findings of one pair, with their columns, in one line."""
    first = list(some.items())[:5]
    return "; ".join(PLACED.format(kind=f.kind, column=column, evidence=f.evidence) for f, column in first)


def narrow(pairs: pl.DataFrame) -> pl.DataFrame:
    """What the gates keep of all pairs at once: the columns of `Pair`, and the answers' lengths in characters."""
    sides = ("chosen", "rejected")
    lengths = [pl.col(side).str.len_chars().cast(pl.Int64).alias(f"{side}_length") for side in sides]
    return pairs.select(*column_types(Pair), *lengths)


def subsets(pairs: pl.DataFrame, values: Mapping[str, Any]) -> Iterator[tuple[SubsetGate, pl.DataFrame]]:
    """The gates that keep a subset, over narrow columns of all pairs that the others left.

    Yields:
        (gate, the pairs before it, with a column `_kept`); what one drops, the next does not see.
    """
    left = pairs
    for gate in SUBSET_GATES:
        if gate.switch(values) != "off":
            kept = pl.Series("_kept", gate.keep(left, values[gate.options[0].name]))
            yield gate, left.with_columns(kept)
            left = left.filter(kept)


def notes(quality: Mapping[str, Any]) -> list[str]:
    """What the card says of the gates below their table."""
    said = [gate.note(quality[gate.name]) for gate in LISTED if gate.note]
    if any(quality[gate.name]["switch"] != "off" for gate in TEXT_GATES):
        (what, how), *others = (gate.sought for gate in TEXT_GATES)
        known = [f"{what[0].upper()}{what[1:]} are looked for {how}", *map(" ".join, others)]
        said.append(f"{', '.join(known)}: what is not found may be there.")
    return [note for note in said if note]


def as_text(quality: Mapping[str, Any]) -> str:
    """One line for each gate that found or cost something, or that somebody asked for, for the terminal."""
    lines = []
    for gate in GATES:
        one = quality[gate.name]
        unasked = gate.switch({option.name: option.default for option in gate.options})
        if one["found"] or one["switch"] not in ("off", unasked):
            what = f"{one['found']:,} of {one['checked']:,} pairs, {one['rejected']:,} rejected"
            lines.append(f"  gate {gate.name} ({one['switch']}): {what}: see quality.json")
    return "\n".join(lines)
