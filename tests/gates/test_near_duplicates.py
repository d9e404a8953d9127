"""Near-duplicates against all pairs compared, and in any order of the buckets."""

import random
import sys

import numpy as np
import pytest

from komep_dataset.errors import KomepError
from komep_dataset.gates import near_duplicates
from komep_dataset.gates.near_duplicates import BANDS, SIMILAR, Shingled


def test_near_duplicates_are_those_of_every_pair_compared(tmp_path):
    rng = random.Random(3)
    words = [f"w{n}" for n in range(300)]
    texts = {}
    for base in range(40):
        text = rng.choices(words, k=40)
        for copy in range(4):
            changed = [w if rng.random() > 0.012 * copy**2 else rng.choice(words) for w in text]
            texts[f"{base:02d}-{copy}"] = " ".join(changed)
    shingled = Shingled(tmp_path / "s")
    for names in np.array_split(list(texts), 3):  # as buckets come
        shingled.add({name: texts[name] for name in names})
    pairs = {name: {tuple(t.split()[i : i + 2]) for i in range(39)} for name, t in texts.items()}
    group = {name: {name} for name in texts}
    for a in texts:
        for b in texts:
            if a < b and len(pairs[a] & pairs[b]) / len(pairs[a] | pairs[b]) >= SIMILAR:
                merged = group[a] | group[b]
                for name in merged:
                    group[name] = merged
    wanted = sorted({tuple(sorted(some)) for some in group.values() if len(some) > 1})
    found = [cluster.ids for cluster in shingled.clusters()]
    assert len(wanted) > 20
    assert found == wanted


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


def test_without_minhash_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "rensa", None)
    with pytest.raises(KomepError, match=r"pip install 'komep\[quality\]'"):
        near_duplicates.available()
