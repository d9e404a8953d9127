"""The quality gates of a finished release, for `komep verify`: what was rejected, and whether the data agree."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from komep_dataset.gates.trial.run import (
    GATE_REASONS,
    ORDER,
    SUBSET_REASONS,
    TEXT_GATES,
    Decision,
    by_row,
    evidence_of,
    narrow,
    needs_all,
    subsets,
    switches,
    text_findings,
)
from komep_dataset.pairs.derivation import Options, pair_key
from komep_dataset.schema import Pair, Reason

if TYPE_CHECKING:
    import polars as pl


def read_gate_rejects(path: Path) -> dict[str, tuple[str, str]]:
    """Key -> reason and detail of the lines that the gates wrote, as far as they can be read."""
    found = {}
    for line in path.read_bytes().decode("utf-8", "replace").split("\n") if path.is_file() else ():
        if not any(f'"{reason}"' in line for reason in GATE_REASONS):
            continue
        try:
            reject = json.loads(line)
            if reject["reason"] in GATE_REASONS and isinstance(reject["key"], str):
                found[reject["key"]] = (reject["reason"], str(reject["detail"]))
        except (ValueError, TypeError, KeyError):
            continue  # `_check_rejects` names the line
    return found


class Recorded:
    """The gates of a finished release, for `komep verify`.

    What looks at texts alone is derived again. Length control and balance are, too, once all pairs were seen
    (`subset_problems`). Contamination and near-duplicates are taken from `rejects.jsonl`: the benchmark is not in a
    release, and MinHash may not be installed.

    Args:
        options: of the build.
        recorded: key -> reason and detail of the pairs that `rejects.jsonl` says the gates rejected.
    """

    def __init__(self, options: Options, recorded: Mapping[str, Decision]):
        self.options, self.recorded = options, recorded
        self.states = {ORDER[gate].value: switch for gate, switch in switches(options).items()}
        self.narrow: list[pl.DataFrame] = []

    def __call__(self, pairs: pl.DataFrame) -> list[Decision | None]:
        """As `Gates`: reason and detail of each pair that goes."""
        decisions: list[Decision | None] = []
        texts = _rejected_texts(pairs, self.options)
        for row, pair in enumerate(pairs.select(Pair.KEY).iter_rows(named=True)):
            said = self.recorded.get(pair_key(pair, self.options.pairs))
            said = said if said and self.states[said[0]] == "reject" else None
            own = texts.get(row)
            first = said and said[0] == Reason.CONTAMINATED.value
            decisions.append(said if first or (own is None and not _of_texts(said)) else own)
        subset = [not d or d[0] in SUBSET_REASONS for d in decisions]
        if {"length_control", "balance_models"} & set(needs_all(self.options)):
            self.narrow.append(narrow(pairs.filter(subset)))
        return decisions

    def subset_problems(self) -> Iterable[tuple[str, str]]:
        """(key, what is wrong) where length control or balance would keep other pairs than are recorded."""
        import polars as pl

        if not self.narrow:
            return
        wanted: dict[str, str] = {}
        left = pl.concat(self.narrow).sort(Pair.KEY)
        for gate, frame in subsets(left, self.options):
            for pair in frame.filter(~frame["_kept"]).iter_rows(named=True):
                wanted[pair_key(pair, self.options.pairs)] = ORDER[gate].value
        said = {key: reason for key, (reason, _) in self.recorded.items() if reason in SUBSET_REASONS}
        for key in sorted(wanted.keys() | said.keys()):
            if wanted.get(key) != said.get(key):
                yield key, f"{said.get(key, 'kept')}, but the pairs give {wanted.get(key, 'kept')}"


def _of_texts(decision: Decision | None) -> bool:
    return decision is not None and decision[0] in (ORDER[gate].value for gate in TEXT_GATES)


def _rejected_texts(pairs: pl.DataFrame, options: Options) -> dict[int, Decision]:
    """Row -> reason and evidence of the pairs that go for what their texts say."""
    gone: dict[int, Decision] = {}
    for gate, placed in text_findings(pairs, options, at=("reject",)).items():
        for row, some in by_row(placed).items():
            gone.setdefault(row, (ORDER[gate].value, evidence_of(some)))
    return gone
