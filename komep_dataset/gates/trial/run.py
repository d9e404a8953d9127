"""The gates of a build: which pairs are looked at for what, what was found, and which pairs go.

A gate that is switched to `report` counts and shows; one at `reject` takes the pair out of `en` and `ko` and writes
it to `rejects.jsonl` with the evidence. The config `scored` keeps every generation: it is the evidence from which
`komep verify` derives the pairs. A pair has one reason, that of the first gate in the order of trial that holds.

What reads texts is on (`report`) by default: a fast pattern over the texts decides which are read by the rules.
Near-duplicates are off by default, since they have to hold a signature of every text, and contamination needs
a benchmark to compare with. What looks at all pairs at once (near-duplicates at `reject`, length control, balance)
takes a pass of its own over the buckets of a build, with narrow columns only, before the one that writes.
"""

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from komep_dataset.gates.trial.evidence import scan, shown
from komep_dataset.gates.trial.gate import EXAMPLES, Gate, PairGate, SubsetGate, TextGate
from komep_dataset.gates.trial.registry import GATES, SUBSET_GATES, needs_all
from komep_dataset.schema import Pair, column_types

Key = tuple[str, str, str]  # of a pair
Decision = tuple[str, str]  # reason and detail of a reject


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
        counts = {
            "switch": self.switch,
            "checked": self.checked,
            "found": self.found,
            "rejected": self.rejected,
        }
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
        self.findings = {gate.name: Findings(gate.switch(values)) for gate in GATES}
        self.decided: dict[Key, Decision] = {}
        self.settled = False  # all pairs were seen before: what is decided is all there is
        self.pairs = 0
        self.narrow: list[pl.DataFrame] = []
        on = [gate for gate in GATES if gate.switch(values) != "off"]
        self.readers = [gate for gate in on if isinstance(gate, TextGate)]
        self.watches = {gate: gate.opened(values, scratch) for gate in on if isinstance(gate, PairGate)}
        for gate, watch in self.watches.items():
            self.findings[gate.name].facts = watch.facts

    def __call__(self, pairs: pl.DataFrame) -> list[Decision | None]:
        """Reason and detail for each pair that goes, None for one that stays; [] if all stay. For `derive`."""
        if not self.settled:
            self._look(pairs)
        if not self.decided:
            return []
        return [self.decided.get(key) for key in pair_keys(pairs)]

    def _look(self, pairs: pl.DataFrame) -> None:
        """Every gate that looks at one pair at a time; and what the others need of these pairs."""
        self.pairs += pairs.height
        read = scan(pairs, self.readers)
        for gate in GATES:
            findings = self.findings[gate.name]
            if findings.switch == "off" or isinstance(gate, SubsetGate):
                continue
            findings.checked += pairs.height
            if isinstance(gate, TextGate):
                for row, some in read[gate.name].items():
                    self._found(gate, key_of(pairs, row), shown(some), {one.found.kind for one in some})
            else:
                # Of two near-duplicates the one that stays must not go for another reason.
                left = self._undecided(pairs)
                for row, evidence, kinds in self.watches[gate].look(left):
                    self._found(gate, key_of(left, row), evidence, kinds)
        if needs_all(self.values):
            self.narrow.append(narrow(pairs))

    def _undecided(self, pairs: pl.DataFrame) -> pl.DataFrame:
        left = [key not in self.decided for key in pair_keys(pairs)] if self.decided else []
        return pairs if all(left) else pairs.filter(pl.Series(left, dtype=pl.Boolean))

    def _found(self, gate: Gate, key: Key, evidence: str, kinds: Iterable[str] = ()) -> None:
        findings = self.findings[gate.name]
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
                self._settle_subset(gate, kept)
        self.settled = True

    def _settle_subset(self, gate: SubsetGate, kept: pl.DataFrame) -> None:
        findings = self.findings[gate.name]
        gone = kept.filter(~kept["_kept"])
        findings.checked, findings.found = kept.height, gone.height
        for key in pair_keys(gone):
            self._reject(gate, key, gate.why(self.values[gate.options[0].name]))
        findings.facts |= {"pairs_before": kept.height, "pairs_after": kept.height - gone.height}

    def record(self) -> dict[str, Any]:
        """The content of quality.json."""
        pairs = {"selected": self.pairs, "kept": self.pairs - len(self.decided)}
        return {gate: one.record() for gate, one in self.findings.items()} | {"pairs": pairs}


def pair_keys(pairs: pl.DataFrame) -> list[Key]:
    return list(pairs.select(Pair.KEY).iter_rows())


def key_of(pairs: pl.DataFrame, row: int) -> Key:
    return pairs.select(Pair.KEY).row(row)


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
