"""Faults that are planted in real splits move the figure that is there for them."""

import random

import pytest

from benchmarks import split_quality as benchmark
from komep_dataset.languages import language_of
from komep_dataset.scores.split_quality import quality_of
from tests.real_data import DATA, needs_data

# Fault -> the figure that it makes worse, and the least share of answers in which it does, English and Korean.
EXPECTED = {
    benchmark.condition_deleted: (3, 0.7, 0.65),
    benchmark.number_deleted: (3, 0.8, 0.9),
    benchmark.pronoun_put_in: (1, 0.9, 0.95),
    benchmark.predicate_cut: (2, 0.6, 0.9),
    benchmark.unit_dropped: (0, 0.9, 0.9),
}


@pytest.mark.slow
@needs_data("kqa", "factbench", "expertqa", "korfactscore", "gemini_replies")
@pytest.mark.parametrize("fault", EXPECTED, ids=lambda fault: fault.__name__)
def test_planted_faults_are_seen(fault):
    figure, *least = EXPECTED[fault]
    found = {"en": [], "ko": []}
    for row in list(benchmark.real_rows(DATA, "unseen"))[::4]:
        units = fault(row, random.Random(row.answer))
        if units and units != row.units:
            worse = benchmark.moved(quality_of(row.answer, row.units), quality_of(row.answer, units))
            found[language_of(row.answer)].append(worse[figure])
    for share, each in zip(least, found.values(), strict=True):
        assert len(each) > 20 and sum(each) >= share * len(each)


@pytest.mark.slow
@needs_data("kqa", "factbench", "expertqa", "korfactscore", "gemini_replies")
def test_splits_by_people_and_strong_models_lose_little():
    rows = [row for row in benchmark.real_rows(DATA, "both") if row.material != benchmark.SENTENCES][::2]
    shares = {
        name: benchmark.total([row for row in rows if row.material == name]).shares()
        for name in dict.fromkeys(row.material for row in rows)
    }
    assert shares["ExpertQA"]["lost"] == 0 and max(one["lost"] for one in shares.values()) < 0.08
    assert (
        shares["K-QA"]["pronouns"]
        < 0.01
        < shares["ExpertQA"]["pronouns"]
        < shares["KorFactScore"]["pronouns"]
    )
    assert min(one["covered"] for one in shares.values()) > 0.7
    assert max(one["fragments"] for one in shares.values()) < 0.05
