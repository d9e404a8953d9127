"""What single answers and verdicts say: length against score, and how far the judge is right when it is sure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from komep_dataset.audit.bias import rank_correlation
from komep_dataset.explorer.plots import Figure, cloud, curve, spread
from komep_dataset.explorer.rows import ANSWER, scan
from komep_dataset.judge.shares import share
from komep_dataset.schema import Status
from komep_dataset.templates import say

DOTS = 600  # answers that are drawn by length and score
FIFTHS = 5


class LengthsAndScores(NamedTuple):
    """The scored answers of a release: how many; `points`: (characters, score) of `DOTS` at the most, drawn by the hash in
    their ids; `fifths` by length: (shortest, longest, answers, mean score); Spearman's correlation with its 95% interval by
    Fisher's z (error of Bonett and Wright), None where all are alike. Answers of one question are taken as independent."""

    count: int
    points: list[tuple[int, float]]
    fifths: list[tuple[int, int, int, float]]
    rank_correlation: float | None
    interval: list[float] | None


def read_lengths_and_scores(folder: Path) -> LengthsAndScores:
    """How long the scored answers of a release are, and their scores."""
    characters = pl.col("response").str.len_chars().cast(pl.Int64)
    rows = scan(folder, "scored").filter(pl.col("status") == Status.SCORED.value)
    rows = rows.select(*ANSWER, length=characters, score="dahl_score").collect().sort("length", *ANSWER)
    place = (pl.int_range(pl.len()) * FIFTHS) // pl.len()
    grouped = rows if rows.height >= 2 * FIFTHS else rows.clear()
    length, score = pl.col("length"), pl.col("score")
    fifths = grouped.group_by(place.alias("fifth")).agg(
        low=length.min(), high=length.max(), n=pl.len(), mean=score.mean()
    )
    points = rows.sort(pl.col("question_id").str.slice(8), *ANSWER).head(DOTS)
    known = rows.height > 3 and rows["length"].n_unique() > 1 and rows["score"].n_unique() > 1
    found = rank_correlation(rows["length"], rows["score"]) if known else (None, None)
    fifths = fifths.sort("fifth").drop("fifth").rows()
    return LengthsAndScores(rows.height, points.select("length", "score").rows(), fifths, *found)


def lengths_and_scores(found: LengthsAndScores) -> Figure:
    """Each scored answer by length and score, and the mean score of each fifth by length."""
    told = say("There are too few answers, or they are all alike: no correlation is given.")
    if found.interval is not None:
        low, high = found.interval
        goes = "Longer answers have higher scores" if low > 0 else "Longer answers have lower scores"
        figures = {"rho": found.rank_correlation, "low": low, "high": high}
        told = say(
            "{told}: rank correlation {rho} ({low} to {high}) over {n} scored answers.",
            **{name: f"{value:+z.2f}" for name, value in figures.items()},
            told=say("Scores do not go with length" if low <= 0 <= high else goes),
            n=f"{found.count:,}",
        )
    rows = [(spread(ends, ","), f"{n:,}", f"{mean:.3f}") for *ends, n, mean in found.fifths]
    if len(found.points) < found.count:
        told = f"{told} {say('The dots are {n} of them, drawn by chance.', n=f'{len(found.points):,}')}"
    data = cloud(found.points, [(low, high, mean) for low, high, _, mean in found.fifths]) | {
        "below": say("characters of the answer (logarithmic)"),
        "beside": say("score"),
        "names": [("dot", say("an answer")), ("line", say("mean of a fifth of the answers, by length"))],
    }
    header = ("characters", "answers", "mean score")
    return Figure.of("length-score", "Length against score", told, "curve", data, header, rows)


def reliability(judge: Mapping[str, Any] | None) -> list[Figure]:
    """How often the judge's verdicts are right, by the share of votes that say them; nothing without a calibration's curve.

    The record counts from each confidence up (see `judge.risk_coverage`); a level's own counts are the differences.
    """
    found, answered, wrong = [], 0, 0
    for point in ((judge or {}).get("curve") or {}).get("points", ()):
        own, bad = point["coverage"]["hits"] - answered, point["risk"]["hits"] - wrong
        answered, wrong = answered + own, wrong + bad
        found.insert(0, (point["confidence"], share(own - bad, own)))
    if not answered:
        return []
    gap = sum(one.n * abs(one.share - confidence) for confidence, one in found) / answered
    told = say(
        "Of {n} verdicts on statements whose truth is known, {share} are right; confidence is off by {gap} on average.",
        **{"share": f"{1 - wrong / answered:.0%}", "n": f"{answered:,}", "gap": f"{gap:.2f}"},
    )
    if len(found) == 1:
        told = f"{told} {say('All have the same confidence: one vote each says nothing of how sure the judge is.')}"
    data = curve([(confidence, one.share, one.low, one.high) for confidence, one in found], 1.0) | {
        "below": say("confidence: share of votes for the verdict"),
        "beside": say("right"),
        "diagonal": True,
        "names": [("dot", say("verdicts, with 95% interval")), ("ideal", say("as right as confident"))],
    }
    rows = [(f"{sure:.0%}", f"{s.n:,}", f"{s.share:.1%}", spread((s.low, s.high))) for sure, s in found]
    header = ("confidence", "verdicts", "right", "interval")
    return [Figure.of("reliability", "Reliability of the judge", told, "curve", data, header, rows)]
