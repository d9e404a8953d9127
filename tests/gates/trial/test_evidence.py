"""Texts are read once for all gates, and what stands in two columns of a pair is told once."""

import polars as pl

from komep_dataset.gates.trial.evidence import TEXTS, scan, shown
from komep_dataset.gates.trial.gate import Found, TextGate


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
