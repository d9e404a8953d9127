"""The gates of a finished release, for `komep verify`: what was rejected, and whether the data agree."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from komep_dataset.gates.trial.registry import OF_REASON, SUBSET_GATES, TEXT_GATES
from komep_dataset.gates.trial.run import Decision, narrow, scan, shown, subsets, switches
from komep_dataset.pairs.rules import pair_key
from komep_dataset.schema import Pair


class Recorded:
    """The gates of a finished release, for `komep verify`.

    What reads texts is derived again. Subsets are, too, once all pairs were seen (`subset_problems`). What compares
    pairs is taken from `rejects.jsonl` (`recorded`: key -> reason and detail): the benchmark is not in a release, and MinHash
    may not be installed.
    """

    def __init__(self, values: Mapping[str, Any], recorded: Mapping[str, Decision]):
        self.values, self.recorded = values, recorded
        self.rejecting = [gate for gate, switch in switches(values).items() if switch == "reject"]
        self.readers = [gate for gate in self.rejecting if gate in TEXT_GATES]
        self.narrow: list[pl.DataFrame] = []

    def __call__(self, pairs: pl.DataFrame) -> list[Decision | None]:
        """As `Gates`: reason and detail of each pair that goes."""
        read = scan(pairs, self.readers)
        decisions = []
        for row, pair in enumerate(pairs.select(Pair.KEY).iter_rows(named=True)):
            own = [gate for gate in self.readers if row in read[gate.name]]
            found = {gate: (gate.reason, shown(read[gate.name][row])) for gate in own}
            said = self.recorded.get(self._key(pair))
            if said and OF_REASON[said[0]] not in TEXT_GATES:
                found[OF_REASON[said[0]]] = said
            decisions.append(next((found[gate] for gate in self.rejecting if gate in found), None))
        if any(gate in SUBSET_GATES for gate in self.rejecting):
            others_left = [not one or OF_REASON[one[0]] in SUBSET_GATES for one in decisions]
            self.narrow.append(narrow(pairs.filter(others_left)))
        return decisions

    def subset_problems(self) -> Iterator[tuple[str, str]]:
        """(key, what is wrong) where the gates that keep a subset would keep other pairs than are recorded."""
        if not self.narrow:
            return
        wanted: dict[str, str] = {}
        for gate, frame in subsets(pl.concat(self.narrow).sort(Pair.KEY), self.values):
            for pair in frame.filter(~frame["_kept"]).iter_rows(named=True):
                wanted[self._key(pair)] = gate.reason
        said = {key: why for key, (why, _) in self.recorded.items() if OF_REASON[why] in SUBSET_GATES}
        for key in sorted(wanted.keys() | said.keys()):
            if wanted.get(key) != said.get(key):
                yield key, f"{said.get(key, 'kept')}, but the pairs give {wanted.get(key, 'kept')}"

    def _key(self, pair: Mapping[str, Any]) -> str:
        return pair_key(pair, self.values["pairs"])
