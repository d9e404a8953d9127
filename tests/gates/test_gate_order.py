"""What the gates say does not depend on the order in which they are shown the pairs, which is that of the buckets."""

import random

import numpy as np

from komep_dataset.gates import near_duplicates
from komep_dataset.gates.near_duplicates import BANDS, Shingled
from komep_dataset.gates.trial.run import EXAMPLES, Findings

ALIKE = "one two three four five six seven eight nine ten eleven twelve"
TEXTS = {
    "a": "arteries carry blood from the heart under pressure to every organ",
    "b": ALIKE,
    "c": "penicillin was found by chance on a plate of bacteria in London",
    "d": f"{ALIKE} thirteen",
}


def clusters(folder, order: str) -> list[tuple[str, ...]]:
    shingled = Shingled(folder / order)
    for name in order:
        shingled.add({name: TEXTS[name]})
    return [cluster.ids for cluster in shingled.clusters()]


def test_near_duplicates_in_any_order(tmp_path, monkeypatch):
    """Of a bucket of candidates each is compared with its first and the one before: which these are, the ids decide."""
    monkeypatch.setattr(
        near_duplicates, "_bands", lambda _, offsets: np.zeros((len(offsets) - 1, BANDS), np.uint64)
    )
    assert clusters(tmp_path, "bdac") == clusters(tmp_path, "abcd") == clusters(tmp_path, "acdb")


def test_examples_are_the_first_by_key_in_any_order():
    keys = [(f"{number:016x}", "m", "n") for number in range(3 * EXAMPLES)]
    shuffled = random.Random(0).sample(keys, len(keys))
    found = [Findings("report"), Findings("report")]
    for findings, order in zip(found, (keys, shuffled), strict=True):
        for key in order:
            findings.add(key, "evidence", ["kind"])
    assert found[0].record() == found[1].record()
    assert [one["question_id"] for one in found[1].examples] == [key[0] for key in keys[:EXAMPLES]]
    assert found[1].found == len(keys)
