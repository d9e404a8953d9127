"""What a data statement says of who made what, and which pair it shows."""

from pathlib import Path

import polars as pl

from komep_dataset.config.presets import ENTRIES
from komep_dataset.release.build import build
from komep_dataset.release.card.statement import (
    OUTPUT_TERMS,
    UNRECORDED,
    example,
    headings,
    makers_of,
    terms_of,
    unrecorded,
)
from komep_dataset.release.facts import read_facts
from komep_dataset.scores.scoring import VerdictRow
from komep_dataset.scores.sources import verdicts_path
from komep_dataset.tables.writing import frame_of, write_table

FACTS = {
    "is_sample": False,
    "options": {"origin": "all"},
    "inputs": [{"name": "new.jsonl"}],
    "base": {"inputs": [{"name": "old.jsonl"}], "makers": {"checker": ["judge-1"]}},
    "makers": {"checker": ["judge-2"], "translator": ["nllb"]},
    "models": {"GPT-4o": {}, "mine": {}},
    "rows": {"ko": {"train": 5, "test": 1}, "en": {"train": 4, "test": 0}, "scored": {"train": 9, "test": 2}},
    "native": 2,
    "questions": 6,
    "generations": 11,
}


def test_who_made_the_parts_and_under_which_terms():
    assert set(OUTPUT_TERMS) == set(ENTRIES)
    rows = {part: (who, terms) for part, who, terms in terms_of(FACTS)}
    assert rows["verdicts"] == ("judge-1, judge-2", UNRECORDED)
    assert rows["Korean of the 4 translated pairs"] == ("nllb", UNRECORDED)
    assert "OpenAI" in rows["answers of GPT-4o"][1] and rows["answers of mine"][1] == UNRECORDED
    assert "answers of GPT-4o" not in unrecorded(FACTS) and "questions in old.jsonl" in unrecorded(FACTS)
    stated = FACTS | {"options": {"origin": "all", "license": "cc-by-4.0"}}
    assert unrecorded(stated) == [] and "OpenAI" in dict(terms_of_models(stated))["answers of GPT-4o"]
    assert len(unrecorded(FACTS | {"options": {"origin": "all", "license": "unknown"}})) == 5
    assert "2 written in Korean, 4 translated" in dict(headings(FACTS, "DAHL score"))["Language variety"]


def terms_of_models(facts):
    return [(part, terms) for part, _, terms in terms_of(facts)]


def test_the_evidence_beside_a_table_says_who_judged(tmp_path):
    table = tmp_path / "scored.jsonl"
    assert makers_of([table]) == {}
    row = VerdictRow("q", "m", 0, 0, "u", "True", "true", "a-judge", "stop", None, None, None)
    write_table(frame_of([row], VerdictRow), verdicts_path(table), VerdictRow)
    assert makers_of([table]) == {"checker": ["a-judge"]}
    verdicts_path(table).write_text("somebody's")
    assert makers_of([table]) == {}


def test_the_example_is_a_pair_of_the_release(tmp_path):
    build([], tmp_path / "komep")
    facts = read_facts(tmp_path / "komep")
    shown = example(tmp_path / "komep", facts)
    assert (
        shown["config"] == "ko"
        and shown["is_short"]
        and shown["chosen"] == shown["row"]["chosen"][0]["content"]
    )
    long = example(tmp_path / "komep", facts, limit=20)
    assert not long["is_short"] and all(
        len(long[side]) <= 22 and "…" in long[side] for side in ("chosen", "rejected")
    )
    assert long["chosen"] != long["rejected"]
    assert example(tmp_path / "komep", {"rows": {"scored": {}}}) is None


def test_the_example_is_the_same_in_whatever_order_a_disk_lists_the_shards(tmp_path, monkeypatch):
    build([], tmp_path / "komep", pairs="all")
    facts, [shard] = read_facts(tmp_path / "komep"), (tmp_path / "komep" / "ko").glob("train-*")
    rows = pl.read_parquet(shard)
    for number in (0, 1):
        rows[number:].write_parquet(shard.with_name(f"train-0000{number}-of-00002.parquet"))
    shard.unlink()
    glob = Path.glob
    found = []
    for listed in (sorted, lambda paths: sorted(paths, reverse=True)):
        monkeypatch.setattr(Path, "glob", lambda self, pattern, listed=listed: listed(glob(self, pattern)))
        found.append(example(tmp_path / "komep", facts)["row"])
    assert found[0] == found[1] == rows.row(0, named=True)
