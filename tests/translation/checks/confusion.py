"""How well the checks of a translation find what is wrong: recall and false alarms on a labelled set.

    python -m tests.translation.checks.confusion                 the table
    python -m tests.translation.checks.confusion --misses        the table and every miss and false alarm
    python -m tests.translation.checks.confusion --bounds        the length bounds that good pairs give, with the real translations in DATA

The set, `translations.jsonl`, was written for this project and is no medical advice: its bad rows are wrong
on purpose. Each row has `source`, `target`, `expected` (the reasons that the checks must give), `tolerated`
(reasons that are right as well, but not demanded: a cut translation may have lost a number) and `round`: the
checks were written with round 1 at hand; each later round was measured before anything was fitted to it.
Rounds 4 to 6 are by another author, who wrote round 4 before reading the checks. Round 6 is refusals, notes and
good pairs like them alone, worded after reading the rules so as to pass them by.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from benchmarks.translation_checks import HALVES, good_rows
from komep_dataset import samples
from komep_dataset.translation.checks.registry import all_checks, check_translation
from komep_dataset.translation.checks.truncated import LENGTHS, SHORTEST, length_bin, sizes
from komep_dataset.translation.glossary import read_glossary
from tests.real_data import DATA

SAMPLES = Path(samples.__file__).parent
SET = Path(__file__).with_name("translations.jsonl")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of the labelled set and the reasons that the checks gave."""

    source: str
    target: str
    expected: frozenset[str]
    tolerated: frozenset[str]
    found: dict[str, str]  # reason -> detail
    round: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One check over the set: `caught` of `faulty` rows, `alarms` in `sound` rows and in `good` pairs."""

    check: str
    caught: int
    faulty: int
    alarms: int
    sound: int
    alarms_good: int
    good: int

    @property
    def recall(self) -> float:
        return self.caught / self.faulty if self.faulty else 1.0

    @property
    def false_alarms(self) -> float:
        return self.alarms / self.sound if self.sound else 0.0

    @property
    def false_alarms_good(self) -> float:
        return self.alarms_good / self.good if self.good else 0.0


def read_set(path: Path = SET) -> list[dict]:
    """The labelled rows, without the note in the first line."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [row for row in rows if "source" in row]


def labelled() -> list[str]:
    """Names of the checks that some row of the set expects to fail, in the order of trial."""
    expected = {reason for row in read_set() for reason in row["expected"]}
    orders = {check.name: check.order for check in all_checks() if check.name in expected}
    return sorted(orders, key=orders.__getitem__)


def run_checks(rows: Iterable[dict]) -> list[Outcome]:
    """Every row through every check that the set has labels of, with the shipped glossary."""
    glossary, names = read_glossary(), labelled()
    outcomes = []
    for row in rows:
        failures = check_translation(row["source"], row["target"], glossary)
        expected, tolerated = frozenset(row["expected"]), frozenset(row.get("tolerated", ()))
        found = {failure.reason: failure.detail for failure in failures if failure.reason in names}
        outcomes.append(Outcome(row["source"], row["target"], expected, tolerated, found, row["round"]))
    return outcomes


def measure(outcomes: Sequence[Outcome]) -> list[Measured]:
    """Recall over rows that expect a reason; false alarms over all that neither expect nor tolerate it."""
    table = []
    for check in labelled():
        faulty = [o for o in outcomes if check in o.expected]
        sound = [o for o in outcomes if check not in o.expected | o.tolerated]
        good = [o for o in outcomes if not o.expected]
        table.append(
            Measured(
                check, _hits(faulty, check), len(faulty), _hits(sound, check), len(sound),
                _hits(good, check), len(good),
            )
        )  # fmt: skip
    return table


def _hits(outcomes: Iterable[Outcome], check: str) -> int:
    return sum(check in outcome.found for outcome in outcomes)


def render(table: Iterable[Measured]) -> str:
    """The table as text."""
    lines = [f"{'check':<16}{'recall':>18}{'false alarms':>20}{'in good pairs':>20}"]
    for m in table:
        recall = f"{m.caught}/{m.faulty} {m.recall:.1%}"
        alarms = f"{m.alarms}/{m.sound} {m.false_alarms:.1%}"
        good = f"{m.alarms_good}/{m.good} {m.false_alarms_good:.1%}"
        lines.append(f"{m.check:<16}{recall:>18}{alarms:>20}{good:>20}")
    return "\n".join(lines)


def misses(outcomes: Iterable[Outcome]) -> str:
    """Every reason that was not found, and every one that should not have been."""
    lines = []
    for o in outcomes:
        lines += [f"MISSED {r}\n  {o.source!r}\n  {o.target!r}" for r in sorted(o.expected - o.found.keys())]
        extra = o.found.keys() - o.expected - o.tolerated
        lines += [f"ALARM {r}: {o.found[r]}\n  {o.source!r}\n  {o.target!r}" for r in sorted(extra)]
    return "\n".join(lines)


def good_pairs() -> Iterator[tuple[str, str]]:
    """Source and target of every good pair: of the labelled set, then of the shipped sample."""
    yield from ((row["source"], row["target"]) for row in read_set() if not row["expected"])
    for row in map(json.loads, (SAMPLES / "facts.jsonl").read_text("utf-8").splitlines()):
        yield row["question"], row["question_ko"]
        yield from ((fact["en"], fact["ko"]) for fact in row["true"] + row["false"])
    for row in map(json.loads, (SAMPLES / "scored_generations.jsonl").read_text("utf-8").splitlines()):
        if row.get("response") and row.get("response_ko"):
            yield row["response"], row["response_ko"]


def bounds() -> list[tuple[int, list[float], float, float]]:
    """The length bounds, a row a bin: pairs, quantiles of target / source length, then the two bounds.

    The pairs: ours and the real translations of the half that rules may be written with. The rule: 0.65 times the
    0.5% quantile and 1.3 times the 99.5% quantile, cut to two places. The margin is ours: other translators are
    terser or wordier.
    """
    ratios: list[list[float]] = [[] for _ in range(len(LENGTHS) + 1)]
    for source, target in chain(
        good_pairs(), ((row.source, row.target) for row in good_rows(DATA, HALVES[0]))
    ):
        ours, theirs = sizes(source, target)
        if ours >= SHORTEST:
            ratios[length_bin(ours)].append(theirs / ours)
    table = []
    for values in ratios:
        values.sort()
        cut = [values[round(q * (len(values) - 1))] for q in (0, 0.005, 0.5, 0.995, 1)]
        table.append((len(values), cut, int(65 * cut[1]) / 100, int(130 * cut[3]) / 100))
    return table


def render_bounds() -> str:
    """The table of `bounds` as text."""
    lines = ["source up to    pairs    min   0.5%    50%  99.5%    max   lower   upper"]
    for edge, (n, cut, *limits) in zip((*LENGTHS, "more"), bounds(), strict=True):
        lines.append(
            f"{edge!s:>12}{n:9}" + "".join(f"{v:7.2f}" for v in cut) + "".join(f"{v:8.2f}" for v in limits)
        )
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    if "--bounds" in arguments:
        print(render_bounds())
        return
    outcomes = run_checks(read_set())
    if "--misses" in arguments:
        print(misses(outcomes))
    for number in sorted({o.round for o in outcomes}):
        print(f"round {number}\n{render(measure([o for o in outcomes if o.round == number]))}\n")
    print(f"all\n{render(measure(outcomes))}")


if __name__ == "__main__":
    main(sys.argv[1:])
