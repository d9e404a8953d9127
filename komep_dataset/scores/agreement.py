"""What several judges' verdicts on one unit come to, which units a pair hangs on, and how far judges are apart.

`all`: a verdict that all judges give; anything else is unknown. `majority`: that of more than half of them.
`first-then-appeal`: that of the first, unless it is unsure or a pair hangs on the unit; then the next judges are asked in
turn until two say the same; where the first is unsure, one is enough, and judges who contradict each other to the last leave
it unknown. The three are ours; `python -m benchmarks.judge_panels` has what they are worth.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from komep_dataset import dahl
from komep_dataset.config.config import ALL, MAJORITY
from komep_dataset.files.outputs import Beside
from komep_dataset.pairs.strategies.best_worst import best_worst
from komep_dataset.pairs.utility import F1, PRECISION, with_bounds, with_k
from komep_dataset.schema import Status, Verdict

# How far the judges of a table of scored generations are apart, if there are several.
PANEL = Beside("judges", ("judges", "agreement", "groups"))
_KNOWN = (Verdict.TRUE.value, Verdict.FALSE.value)
_FLIPS = dict(zip(_KNOWN, ((-1, 1), (1, -1)), strict=True))  # what a flip adds to true and false units


def agreed(verdicts: Sequence[str], agreement: str) -> str:
    """The verdict of those judges that were asked about a unit, in their order; at least one was."""
    if agreement == MAJORITY:
        return dahl.majority(verdicts).value
    if agreement == ALL:
        return verdicts[0] if len(set(verdicts)) == 1 else Verdict.UNKNOWN.value
    [known, *contradicted] = {*verdicts} & {*_KNOWN} or [Verdict.UNKNOWN.value]
    return settled(verdicts) or (Verdict.UNKNOWN.value if contradicted else known)


def settled(verdicts: Sequence[str]) -> str:
    """The verdict that two judges give first, or "": what ends an appeal."""
    seen: set[str] = set()
    for verdict in verdicts:
        if verdict in seen:
            return verdict
        seen |= {verdict} & set(_KNOWN)
    return ""


def is_open(verdicts: Sequence[str]) -> bool:
    """Whether the judges so far have left a unit unsure, or contested: the next one is asked."""
    return not settled(verdicts) and len(set(verdicts) & set(_KNOWN)) != 1


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer for the pairing: its key, the length of its text and the verdicts on its units."""

    question_id: str
    model: str
    length: int
    verdicts: tuple[str, ...]


def hanging(
    answers: Iterable[Answered], unknown_units: str, min_margin: float, utility: str = PRECISION
) -> set[tuple[str, str, str]]:
    """(question_id, model, verdict) of the units on which a pair hangs: if one unit with this verdict of the answer had the
    opposite, another answer of its question would be the best or the worst, or their scores would part or meet.

    Args:
        answers: all of some questions, once each.
        unknown_units, min_margin, utility: as a build has them; K of `f1` is the median of these answers.
    """
    rows = [
        (one.question_id, one.model, one.length, len(one.verdicts), *(one.verdicts.count(v) for v in _KNOWN))
        for one in answers
        if one.verdicts
    ]
    columns = ["question_id", "model", "_length", "_units", "_true", "_false"]
    frame = pl.DataFrame(rows, columns, orient="row").sort("question_id", "model")
    if utility == F1 and rows:
        utility = with_k(frame["_units"].median())
    flips = [
        frame.filter(pl.col(f"_{verdict}") > 0).select(
            "question_id", flipped="model", verdict=pl.lit(verdict), true=pl.lit(more), false=pl.lit(fewer)
        )
        for verdict, (more, fewer) in _FLIPS.items()
    ]
    # Every question again for each flip, under a name of its own.
    tried = pl.concat(flips).with_row_index("_try").join(frame, on="question_id")
    here = pl.col("model") == pl.col("flipped")
    tried = tried.with_columns(
        _true=pl.col("_true") + pl.when(here).then("true").otherwise(0),
        _false=pl.col("_false") + pl.when(here).then("false").otherwise(0),
    )
    apart = tried.with_columns(question_id=pl.format("{}/{}", "question_id", "_try"))
    both = frame, apart.sort("question_id", "model")
    before, after = (_pairs_of(one, unknown_units, min_margin, utility) for one in both)
    flipped = tried.filter(here).select("_try", "question_id", "model", "verdict").iter_rows()
    return {tuple(key) for at, *key in flipped if before.get(key[0]) != after.get(f"{key[0]}/{at}")}


def _pairs_of(
    frame: pl.DataFrame, unknown_units: str, min_margin: float, utility: str
) -> dict[str, tuple[str, str]]:
    """Question -> (best, worst) where their scores are so far apart that they pair."""
    whole = pl.when(pl.col("_true") + pl.col("_false") == pl.col("_units"))
    ready = frame.with_columns(
        **dict.fromkeys(("question", "category", "response"), pl.lit("")),
        **dict.fromkeys(("question_ko", "response_ko"), pl.lit(None, pl.String)),
        status=whole.then(pl.lit(Status.SCORED.value)).otherwise(pl.lit(Status.UNPARSED.value)),
        dahl_score=whole.then(pl.col("_true") / pl.col("_units")),
        _size=pl.lit(0),
    )
    pairs = best_worst(with_bounds(ready, unknown_units, utility))
    apart = pairs.filter(pl.col("chosen_score") - pl.col("rejected_score") > min_margin)
    rows = apart.select("question_id", "chosen_model", "rejected_model").iter_rows()
    return {question: (chosen, rejected) for question, chosen, rejected in rows}


@dataclass(frozen=True, slots=True)
class Disagreement:
    """How far judges are apart on the units of some responses: `several` units were put to more than one of them, on
    `differ` of these they do not all say the same, on `contradict` one says true and another false."""

    group: str
    units: int = 0
    several: int = 0
    differ: int = 0
    contradict: int = 0

    @property
    def share(self) -> float | None:
        return self.differ / self.several if self.several else None


def disagreements(said: Iterable[tuple[str, Sequence[str]]]) -> list[Disagreement]:
    """Of all units, then of each category.

    Args:
        said: (category, the verdicts of the judges that were asked) of each unit of each response.
    """
    counts: dict[str, Counter] = {"all": Counter()}
    for category, verdicts in said:
        found = {"units": True, "several": len(verdicts) > 1, "differ": len({*verdicts}) > 1}
        found["contradict"] = {*verdicts}.issuperset(_KNOWN)
        for name in ("all", f"category: {category}")[: 1 + bool(category)]:
            counts.setdefault(name, Counter()).update(filter(found.get, found))
    return [Disagreement(name, **counts[name]) for name in ("all", *sorted(counts.keys() - {"all"}))]


def as_record(judges: Sequence[str], agreement: str, groups: Sequence[Disagreement]) -> Mapping[str, Any]:
    """The figures as `provenance.json` and the file beside a table have them."""
    return {"judges": list(judges), "agreement": agreement, "groups": [asdict(one) for one in groups]}


def told(record: Mapping[str, Any]) -> str:
    """The figures of all units as a line for people."""
    every = record["groups"][0]
    share = every["differ"] / max(1, every["several"])
    return (
        f"{len(record['judges'])} judges ({record['agreement']}): {every['several']:,} of {every['units']:,} units put to more than one, "
        f"who differ on {every['differ']:,} ({share:.1%}) and contradict each other on {every['contradict']:,}"
    )
