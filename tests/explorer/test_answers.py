"""Length against score, and the judge's reliability, against plain computations."""

import re
from dataclasses import asdict

import polars as pl
import pytest
from scipy.stats import spearmanr

from komep_dataset.explorer.answers import (
    DOTS,
    FIFTHS,
    lengths_and_scores,
    read_lengths_and_scores,
    reliability,
)
from komep_dataset.explorer.plots import BOTTOM, LEFT, RIGHT, TOP
from komep_dataset.judge.risk_coverage import Answer, risk_coverage
from komep_dataset.release.rows import read_rows
from tests.explorer.pages import seen


def test_the_scatter_is_the_answers_and_the_line_their_means(sample):
    """Oracle: the table `scored` by polars, and scipy."""
    folder, page = sample
    scored = read_rows(folder, "scored").filter(pl.col("status") == "scored")
    lengths, scores = scored["response"].str.len_chars().to_list(), scored["dahl_score"].to_list()
    found = read_lengths_and_scores(folder)
    assert found.count == len(lengths) <= DOTS
    assert sorted(found.points) == sorted(zip(lengths, scores, strict=True))
    assert found.rank_correlation == pytest.approx(spearmanr(lengths, scores).statistic)
    assert found.interval[0] < found.rank_correlation < found.interval[1]
    assert sum(n for *_, n, _ in found.fifths) == len(lengths) and len(found.fifths) == FIFTHS
    means = sum(n * mean for *_, n, mean in found.fifths) / len(lengths)
    assert means == pytest.approx(scored["dahl_score"].mean())
    for (_, high, _, _), (low, *_) in zip(found.fifths, found.fifths[1:], strict=False):
        assert high <= low
    figure = seen(page).split('id="figure-length-score"')[1].split("</article>")[0]
    dots = re.findall(r'class="speck" cx="([\d.]+)" cy="([\d.]+)"', figure)
    assert len(dots) == len(lengths)
    heights = sorted(round(BOTTOM - (BOTTOM - TOP) * score, 1) for score in scores)
    assert sorted(float(y) for _, y in dots) == heights
    by_place = sorted((float(x), length) for (x, _), (length, _) in zip(dots, found.points, strict=True))
    assert [length for _, length in by_place] == sorted(lengths)  # longer stands further to the right
    assert all(LEFT <= x <= RIGHT for x, _ in by_place)


def test_what_the_scatter_says(sample):
    found = read_lengths_and_scores(sample[0])
    for rho, interval, told in (
        (0.3, [0.1, 0.5], "Longer answers have higher scores: rank correlation +0.30 (+0.10 to +0.50)"),
        (-0.3, [-0.5, -0.1], "Longer answers have lower scores"),
        (-0.001, [-0.1, 0.1], "Scores do not go with length: rank correlation +0.00 (-0.10 to +0.10)"),
        (None, None, "There are too few answers, or they are all alike: no correlation is given."),
    ):
        figure = lengths_and_scores(found._replace(rank_correlation=rho, interval=interval))
        assert figure.reading.startswith(told)
    assert "The dots are" not in figure.reading
    assert "The dots are 277 of them" in lengths_and_scores(found._replace(count=5000)).reading


def test_the_reliability_diagram_is_each_levels_own_share():
    """Oracle: the answers grouped by their confidence."""
    counts = {1.0: (40, 4), 0.75: (20, 5), 0.5: (10, 6)}  # confidence -> verdicts, wrong ones
    answers = [
        Answer(True, "false" if n < wrong else "true", confidence)
        for confidence, (many, wrong) in counts.items()
        for n in range(many)
    ] + [Answer(True, "unknown", 1.0), Answer(False, None, 1.0)]
    (figure,) = reliability({"curve": asdict(risk_coverage(answers))})
    table = pl.DataFrame(
        [a for a in answers if a.verdict in ("true", "false")], schema=Answer._fields, orient="row"
    )
    right = pl.col("verdict") == pl.col("label").cast(pl.String).str.to_lowercase()
    levels = table.group_by("confidence").agg(n=pl.len(), right=right.mean()).sort("confidence")
    assert [row[:3] for row in figure.rows] == [
        (f"{c:.0%}", f"{n}", f"{share:.1%}") for c, n, share in levels.iter_rows()
    ]
    gap = sum(n * abs(share - c) for c, n, share in levels.iter_rows()) / table.height
    assert (
        f"Of 70 verdicts on statements whose truth is known, 79% are right; confidence is off by {gap:.2f}"
        in figure.reading
    )
    places = [
        (round(LEFT + (RIGHT - LEFT) * c, 2), round(BOTTOM - (BOTTOM - TOP) * share, 2))
        for c, _, share in levels.iter_rows()
    ]
    assert figure.data["points"] == places and figure.data["diagonal"] and len(figure.data["whiskers"]) == 3


def test_a_judge_of_one_vote_and_none_at_all():
    (figure,) = reliability({"curve": asdict(risk_coverage([Answer(True, "true", 1.0)] * 5))})
    assert "All have the same confidence" in figure.reading
    assert reliability(None) == reliability({"curve": None}) == reliability({}) == []
    assert reliability({"curve": asdict(risk_coverage([Answer(True, "unknown", 1.0)]))}) == []
