"""Risk at each coverage, and the area, on answers that were counted by hand and by going through all orders."""

import xml.etree.ElementTree as ElementTree
from itertools import permutations

import pytest

from komep_dataset.judge.risk_coverage import Answer, risk_coverage

SAID = [
    Answer(True, "true", 1.0),
    Answer(False, "true", 1.0),
    Answer(True, "true", 2 / 3),
    Answer(False, "false", 2 / 3),
    Answer(False, "true", 2 / 3),
    Answer(True, "unknown", 1.0),
    Answer(True, None, 0.0),
]


def test_unknown_verdicts_lower_coverage_and_failed_requests_count_nowhere():
    high, low = risk_coverage(SAID).points
    assert (high.confidence, high.coverage.hits, high.coverage.n) == (1.0, 2, 6)
    assert (high.risk.hits, high.risk.n, low.risk.hits, low.risk.n, low.coverage.hits) == (1, 2, 2, 5, 5)


def test_the_area_is_the_mean_over_all_orders_of_equal_confidence():
    errors = [[one.verdict != str(one.label).lower() for one in group] for group in (SAID[:2], SAID[2:5])]
    areas = []
    for first in permutations(errors[0]):
        for second in permutations(errors[1]):
            order = [*first, *second]
            areas.append(sum(sum(order[:k]) / k for k in range(1, 6)) / 5)
    assert risk_coverage(SAID).area == pytest.approx(sum(areas) / len(areas))


def test_confidence_that_tells_right_from_wrong_has_the_smaller_area():
    right, wrong = Answer(True, "true", 1.0), Answer(False, "true", 0.6)
    good = risk_coverage([right] * 8 + [wrong] * 2).area
    assert (
        good < risk_coverage([right._replace(confidence=0.6)] * 8 + [wrong._replace(confidence=1.0)] * 2).area
    )
    assert good < risk_coverage([right] * 8 + [wrong._replace(confidence=1.0)] * 2).area == pytest.approx(0.2)


def test_nobody_answered():
    curve = risk_coverage([Answer(True, "unknown", 1.0)])
    assert curve.points == () and curve.area is None and "none: no statement was answered" in curve.as_text()
    ElementTree.fromstring(curve.as_svg())


def test_the_figure_has_a_mark_for_each_point():
    root = ElementTree.fromstring(risk_coverage(SAID).as_svg())
    marks = [one for one in root.iter("{http://www.w3.org/2000/svg}circle")]
    assert [mark.get("cx") for mark in marks] == [f"{60 + 380 * x / 6:.1f}" for x in (2, 5)]
    assert "risk 40.0%" in marks[1][0].text
