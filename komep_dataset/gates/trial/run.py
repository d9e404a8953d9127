"""The quality gates of a build: which pairs are looked at for what, what was found, and which pairs go.

A gate that is switched to `report` counts and shows; one at `reject` takes the pair out of `en` and `ko` and writes
it to `rejects.jsonl` with the evidence. The config `scored` keeps every generation: it is the evidence from which
`komep verify` derives the pairs. A pair has one reason, the first of `ORDER` that holds.

`personal_data` and `unsafe` are on (`report`) by default: a fast pattern over the texts decides which are read by the
rules. `near_duplicates` is off by default, since it has to hold a signature of every text, and contamination needs
a benchmark to compare with. What looks at all pairs at once (near-duplicates at `reject`, length control, balance)
takes a pass of its own over the buckets of a build, with narrow columns only, before the one that writes.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from komep_dataset.gates import near_duplicates, personal_data, unsafe_directives
from komep_dataset.gates.near_duplicates import Cluster, Shingled
from komep_dataset.gates.trial.benchmark_files import Benchmark
from komep_dataset.gates.trial.evidence import Placed, scan
from komep_dataset.schema import GATE_SWITCHES, Pair, Reason, column_types

if TYPE_CHECKING:
    import polars as pl

    from komep_dataset.pairs.derivation import Options

EXAMPLES = 20  # of each gate, in quality.json
# Gate, as quality.json has it -> the reason of its rejects, in the order in which a pair is tried.
ORDER = {
    "contamination": Reason.CONTAMINATED,
    "personal_data": Reason.PERSONAL_DATA,
    "unsafe_directives": Reason.UNSAFE_DIRECTIVE,
    "near_duplicates": Reason.NEAR_DUPLICATE,
    "length_control": Reason.LENGTH_CONTROL,
    "balance_models": Reason.BALANCE_MODELS,
}
TEXT_GATES = {
    "personal_data": (personal_data.HINT, personal_data.find_personal_data),
    "unsafe_directives": (unsafe_directives.HINT, unsafe_directives.find_unsafe_directives),
}

GATE_REASONS = frozenset(reason.value for reason in ORDER.values())
SUBSET_REASONS = (Reason.LENGTH_CONTROL.value, Reason.BALANCE_MODELS.value)

Key = tuple[str, str, str]  # of a pair
Decision = tuple[str, str]  # reason and detail of a reject


def switches(options: Options) -> dict[str, Any]:
    """Gate -> how it is switched, in the order in which a pair is tried."""
    return {
        "contamination": "reject" if options.decontaminate else "off",
        "personal_data": options.personal_data,
        "unsafe_directives": options.unsafe,
        "near_duplicates": options.near_duplicates,
        "length_control": "reject" if options.length_control else "off",
        "balance_models": "off" if options.balance_models is None else "reject",
    }


def needs_all(options: Options) -> list[str]:
    """The gates whose rejects depend on all pairs at once."""
    states = switches(options)
    return [gate for gate in list(ORDER)[3:] if states[gate] == "reject"]


def pair_keys(pairs: pl.DataFrame) -> list[Key]:
    return list(pairs.select(Pair.KEY).iter_rows())


def key_of(pairs: pl.DataFrame, row: int) -> Key:
    return pairs.select(Pair.KEY).row(row)


def text_findings(
    pairs: pl.DataFrame, options: Options, at: Sequence[str] = ("report", "reject")
) -> dict[str, list[Placed]]:
    """Gate -> findings of the gates that look at texts alone, of those that are switched to one of `at`."""
    on = {gate: TEXT_GATES[gate] for gate in TEXT_GATES if switches(options)[gate] in at}
    if not on:
        return {}
    return scan(pairs, {g: hint for g, (hint, _) in on.items()}, {g: find for g, (_, find) in on.items()})


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
        options: of the build.
        benchmarks: what pairs are compared with.
        scratch: folder for the shingles of near-duplicates.
    """

    def __init__(self, options: Options, benchmarks: Sequence[Benchmark], scratch: Path):
        self.options, self.scratch = options, scratch
        self.findings = {gate: Findings(switch) for gate, switch in switches(options).items()}
        self.decided: dict[Key, Decision] = {}
        self.settled = False  # all pairs were seen before: what is decided is all there is
        self.pairs = 0
        self.narrow: list[pl.DataFrame] = []
        self.index = None
        if benchmarks:
            from komep_dataset.gates.contamination import CHARACTERS, WORDS, Index

            self.index = Index(benchmarks)
            self.findings["contamination"].facts = {
                "threshold": options.overlap_threshold,
                "ngrams": {"en": f"{WORDS} words", "ko": f"{CHARACTERS} characters"},
                "benchmarks": [b.record() | {"too_short": self.index.too_short[b.name]} for b in benchmarks],
            }
        self.texts: dict[str, Shingled] = {}
        if options.near_duplicates != "off":
            near_duplicates.available()
            self.texts = {n: Shingled(scratch / f"{n}.shingles") for n in ("questions", "responses")}

    def __call__(self, pairs: pl.DataFrame) -> list[Decision | None]:
        """Reason and detail for each pair that goes, None for one that stays; [] if all stay. For `derive`."""
        if not self.settled:
            self._look(pairs)
        if not self.decided:
            return []
        return [self.decided.get(key) for key in pair_keys(pairs)]

    def _look(self, pairs: pl.DataFrame) -> None:
        """Every gate that looks at one pair at a time; and what the others need of these pairs."""
        import polars as pl

        self.pairs += pairs.height
        for gate, findings in self.findings.items():
            findings.checked += pairs.height if findings.switch != "off" and gate in list(ORDER)[:4] else 0
        if self.index:
            for one in self.index.overlaps(pairs, self.options.overlap_threshold):
                self._found("contamination", key_of(pairs, one.row), str(one), [one.benchmark])
        for gate, placed in text_findings(pairs, self.options).items():
            for row, some in by_row(placed).items():
                self._found(gate, key_of(pairs, row), evidence_of(some), {one.found.kind for one in some})
        if self.texts:  # of two near-duplicates the one that stays must not go for another reason
            undecided = [key not in self.decided for key in pair_keys(pairs)]
            self._shingle(pairs.filter(pl.Series(undecided, dtype=pl.Boolean)))
        if needs_all(self.options):
            self.narrow.append(narrow(pairs))

    def _found(self, gate: str, key: Key, evidence: str, kinds: Iterable[str] = ()) -> None:
        findings = self.findings[gate]
        findings.add(key, evidence, kinds)
        if findings.switch == "reject":
            self._reject(gate, key, evidence)

    def _reject(self, gate: str, key: Key, detail: str) -> None:
        if key not in self.decided:
            self.decided[key] = (ORDER[gate].value, detail)
            self.findings[gate].rejected += 1

    def _shingle(self, pairs: pl.DataFrame) -> None:
        for row, similar in near_duplicates.same_answers(pairs):
            detail = f"the two answers are near-duplicates of each other (Jaccard {similar:.2f})"
            self._found("near_duplicates", key_of(pairs, row), detail, ["answers of one pair"])
        ids = pairs["question_id"]
        self.texts["questions"].add(dict(zip(ids, pairs["question"], strict=True)))
        responses = {}
        for side in ("chosen", "rejected"):
            names = (f"{q}/{m}" for q, m in zip(ids, pairs[f"{side}_model"], strict=True))
            responses |= dict(zip(names, pairs[side], strict=True))
        self.texts["responses"].add(responses)

    def settle(self) -> None:
        """All pairs have been seen: decide what depends on them all. Call it before the pass that writes."""
        self._settle_duplicates()
        for gate, kept in self._subsets():
            before = kept.height
            findings = self.findings[gate]
            findings.checked = before
            gone = kept.filter(~kept["_kept"])
            findings.found = gone.height
            for key in pair_keys(gone):
                self._reject(gate, key, _subset_detail(gate, self.options))
            findings.facts |= {"pairs_before": before, "pairs_after": before - gone.height}
        self.settled = True

    def _settle_duplicates(self) -> None:
        if not self.texts:
            return
        found = {name: texts.clusters() for name, texts in self.texts.items()}
        findings = self.findings["near_duplicates"]
        findings.facts = {
            "similarity": near_duplicates.SIMILAR,
            **{name: _cluster_facts(clusters) for name, clusters in found.items()},
        }
        later = _later_questions(found["questions"])
        findings.found += len(later)
        if findings.switch == "reject":
            for key in sorted(k for frame in self.narrow for k in pair_keys(frame) if k[0] in later):
                self._reject("near_duplicates", key, later[key[0]])

    def _subsets(self) -> Iterable[tuple[str, pl.DataFrame]]:
        """(gate, the pairs that are left when it is its turn, with `_kept`), for each that is on."""
        import polars as pl

        if not self.narrow:
            return
        left = pl.concat(self.narrow).sort(Pair.KEY)
        left = left.filter(pl.Series([key not in self.decided for key in pair_keys(left)], dtype=pl.Boolean))
        yield from subsets(left, self.options)

    def record(self) -> dict[str, Any]:
        """The content of quality.json."""
        pairs = {"selected": self.pairs, "kept": self.pairs - len(self.decided)}
        return {gate: one.record() for gate, one in self.findings.items()} | {"pairs": pairs}


def narrow(pairs: pl.DataFrame) -> pl.DataFrame:
    """What the gates keep of all pairs at once: the columns of `Pair`, and the answers' lengths in characters."""
    import polars as pl

    sides = ("chosen", "rejected")
    lengths = [pl.col(side).str.len_chars().cast(pl.Int64).alias(f"{side}_length") for side in sides]
    return pairs.select(*column_types(Pair), *lengths)


def subsets(pairs: pl.DataFrame, options: Options) -> Iterable[tuple[str, pl.DataFrame]]:
    """Length control, then the balance of models, over narrow columns of all pairs that the gates left.

    Yields:
        (gate, the pairs before it, with a column `_kept`); what one drops, the next does not see. Balance comes
        last, so that its cap holds in the release; with both, lengths are matched only before it.
    """
    from komep_dataset.gates.subsets import length_controlled, models_balanced

    left = pairs
    if options.length_control:
        left = left.with_columns(length_controlled(left).alias("_kept"))
        yield "length_control", left
        left = left.filter(left["_kept"])
    if options.balance_models is not None:
        yield (
            "balance_models",
            left.with_columns(models_balanced(left, options.balance_models).alias("_kept")),
        )


def by_row(placed: Iterable[Placed]) -> dict[int, list[Placed]]:
    """Findings by the row of their pair."""
    rows: dict[int, list[Placed]] = {}
    for one in placed:
        rows.setdefault(one.row, []).append(one)
    return rows


def evidence_of(some: Sequence[Placed]) -> str:
    """The findings of one pair in one line."""
    return "; ".join(str(one) for one in some[:5])


def _subset_detail(gate: str, options: Options) -> str:
    if gate == "length_control":
        return "no partner whose length ratio is the inverse: --length-control"
    return f"its winner has more than its share of the pairs: --balance-models {options.balance_models}"


def _later_questions(clusters: Sequence[Cluster]) -> dict[str, str]:
    """Question id -> detail, of all questions of a cluster but the first."""
    return {
        name: f"question nearly that of {cluster.ids[0]} (Jaccard {similar:.2f}), which is kept"
        for cluster in clusters
        for name, similar in list(zip(cluster.ids, cluster.similarity, strict=True))[1:]
    }


def _cluster_facts(clusters: Sequence[Cluster]) -> dict[str, Any]:
    return {
        "clusters": len(clusters),
        "texts": sum(len(cluster.ids) for cluster in clusters),
        "largest": max((len(cluster.ids) for cluster in clusters), default=0),
        "examples": [
            {"ids": list(c.ids[:10]), "similarity": [round(s, 4) for s in c.similarity[:10]]}
            for c in clusters[:EXAMPLES]
        ],
    }


def as_text(quality: Mapping[str, Any]) -> str:
    """One line for each gate that found or cost something, for the terminal."""
    lines = []
    for gate in ORDER:
        one = quality[gate]
        if one["found"]:
            what = f"{one['found']:,} of {one['checked']:,} pairs, {one['rejected']:,} rejected"
            lines.append(f"  gate {gate} ({one['switch']}): {what}: see quality.json")
    return "\n".join(lines)


def check_switches(given: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """(option, what is wrong with it) of the options of the gates, None where one is left out."""
    for name in ("near_duplicates", "personal_data", "unsafe"):
        value = given.get(name)
        if value is not None and value not in GATE_SWITCHES:
            yield name, f"give one of {', '.join(GATE_SWITCHES)}"
    for name in ("overlap_threshold", "balance_models"):
        value = given.get(name)
        if value is not None and not 0.0 < value <= 1.0:
            yield name, "give a number above 0, at most 1"
