"""The gates of a build through the real command: each rejects with its evidence, whatever the order of the rows.

Texts are read once for all gates, and what stands in two columns of a pair is told once.
"""

import json
import random

import polars as pl
import pytest

from komep_dataset.gates.trial.gate import TEXTS, Found, TextGate
from komep_dataset.gates.trial.run import EXAMPLES, Findings, scan, shown
from komep_dataset.release.build import build
from komep_dataset.release.rows import read_rows
from tests.gates.gated import failed, gated_release, rejects, scored


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    return gated_release(tmp_path_factory.mktemp("gated"))


def test_each_gate_rejects_with_its_evidence_and_verify_agrees(gated):
    by_reason = {}
    for reject in rejects(gated / "komep"):
        by_reason.setdefault(reject["reason"], []).append(reject)
    detail = by_reason["contaminated"][0]["detail"]
    assert "bench, bench row 1: 1.00 of the n-grams in common with a passage of question_ko" in detail
    assert by_reason["personal_data"][0]["detail"].startswith("e-mail address in chosen: ki…")
    assert "Stop taking your insulin" in by_reason["unsafe_directive"][0]["detail"]
    details = sorted(reject["detail"] for reject in by_reason["near_duplicate"])
    assert [d[:14] for d in details] == ["question nearl", "the two answer"]
    quality = json.loads((gated / "komep/quality.json").read_text("utf-8"))
    for gate, reason in (("length_control", "length_control"), ("contamination", "contaminated")):
        assert quality[gate]["rejected"] == len(by_reason[reason]) > 0
    pairs = read_rows(gated / "komep", "en")
    wins = pairs["chosen_model"].value_counts()["count"]
    assert wins.max() <= 0.6 * pairs.height
    assert quality["pairs"]["kept"] == pairs.height > 0
    assert "quality.json" in (gated / "komep/SHA256SUMS").read_text("utf-8")
    assert failed(gated / "komep") == set()


def test_neither_row_order_nor_threads_change_a_byte(gated, tmp_path, monkeypatch):
    rows = scored()
    random.Random(1).shuffle(rows)
    (tmp_path / "scored.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    monkeypatch.setattr("komep_dataset.release.buckets.BUCKET_BYTES", 1)  # 256 buckets
    options = {"near_duplicates": "reject", "personal_data": "reject", "unsafe": "reject"}
    build(
        [tmp_path / "scored.jsonl"],
        tmp_path / "komep",
        decontaminate={"bench": gated / "bench.jsonl"},
        length_control=True,
        balance_models=0.6,
        **options,
    )
    for name in ("en/train-00000-of-00001.parquet", "quality.json", "rejects.jsonl"):
        assert (tmp_path / "komep" / name).read_bytes() == (gated / "komep" / name).read_bytes(), name


def test_by_default_texts_are_looked_at_and_nothing_is_rejected(gated, tmp_path):
    result = build([gated / "scored.jsonl"], tmp_path / "komep")
    quality = result.quality
    assert [quality[g]["switch"] for g in ("personal_data", "unsafe_directives")] == ["report", "report"]
    assert [quality[g]["found"] for g in ("personal_data", "unsafe_directives")] == [1, 1]
    assert quality["pairs"]["selected"] == quality["pairs"]["kept"]
    item = {"question": "Which of these nine rare marsupials has quite unusual feet in Tasmania today?"}
    (tmp_path / "item.jsonl").write_text(json.dumps(item), "utf-8")
    options = {"decontaminate": {"item": tmp_path / "item.jsonl"}, "personal_data": "off"}
    asked = repr(build([gated / "scored.jsonl"], tmp_path / "asked", **options))
    assert (
        "  gate contamination (reject): 0 of 17 pairs, 0 rejected" in asked and "personal_data" not in asked
    )
    assert "contamination" not in repr(result)
    card = (tmp_path / "komep/README.md").read_text("utf-8")
    assert "| near duplicates | off | not checked |" in card
    assert "whether a pair holds an item of one was not checked" in card


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


def gate(name: str, hint: str) -> TextGate:
    def find(text):
        yield from (Found("word", word) for word in text.split() if word.startswith(name))

    return TextGate(name=name, reason=name, order=1, options=(), hint=hint, find=find, sought=(name, "x"))


def test_findings_by_gate_and_row_in_the_order_of_the_texts():
    texts = [
        {"rejected": "ab ac", "question": "ac"},
        {"chosen": "xa"},
        {"rejected_ko": "b1", "chosen": "a1 b1", "chosen_ko": "b1"},
    ]
    frame = pl.DataFrame(
        [dict.fromkeys(TEXTS) | row for row in texts], schema=dict.fromkeys(TEXTS, pl.String)
    )
    found = scan(frame, [gate("a", r"\ba"), gate("b", r"\bb")])
    assert {name: {row: shown(some) for row, some in rows.items()} for name, rows in found.items()} == {
        "a": {0: "word in question: ac; word in rejected: ab", 2: "word in chosen: a1"},
        "b": {2: "word in chosen: b1"},
    }
    assert scan(frame, []) == {}
