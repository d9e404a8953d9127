"""Benchmark items in pairs: planted copies are found, clean pairs are not, the evidence names the item."""

import sys
from pathlib import Path

import polars as pl
import pytest

from komep_dataset.errors import KomepError
from komep_dataset.gates.contamination import THRESHOLD, Index, parse_named_paths
from komep_dataset.gates.trial.benchmark_files import Benchmark, Item
from komep_dataset.gates.trial.gate import TEXTS

ROOT = Path(__file__).resolve().parents[2]


def test_planted_copies_are_found_and_clean_pairs_are_not():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import leaks
    finally:
        sys.path.pop(0)
    found = leaks.measure(leaks.shipped_items(), 2, 3, 100, [])
    for name in leaks.ALTERATIONS:
        assert len(found[name]) == 100
        assert sum(share >= THRESHOLD for share in found[name]) >= 99, name
    assert max(found["clean"]) < THRESHOLD - 0.1
    assert len(found["clean"]) > 400


def test_the_share_is_of_the_item_and_the_evidence_names_it():
    question = "Which drug first treats status epilepticus in an adult without venous access?"
    index = Index([Benchmark("b", (Item("test", 7, (question,), ()),)), Benchmark("a", ())])
    row = dict.fromkeys(TEXTS, "")
    half = " ".join(question.split()[:6])
    rows = [row | {"chosen": f"Long ago. {question.upper()} Never mind."}, row | {"question": half}, row]
    found = list(index.overlaps(pl.DataFrame(rows), 0.4))
    assert [(o.row, o.column, o.split, o.item, round(o.share, 3)) for o in found] == [
        (0, "chosen", "test", 7, 1.0),
        (1, "question", "test", 7, round(5 / 11, 3)),
    ]
    assert found[1].longest == half.casefold()
    short = Index([Benchmark("s", (Item("test", 1, ("옳은 것은?",), ("간", "폐")),))])
    assert short.too_short == {"s": 1}


def test_arguments_of_decontaminate():
    for bad in (["kormedmcqa"], ["=x"], ["a="], ["a b=x"], ["a=x", "a=y"]):
        with pytest.raises(KomepError, match="--decontaminate") as caught:
            parse_named_paths(bad)
        assert caught.value.exit_code == 2
