"""The stronger model's answer is chosen, whatever the score says."""

import json

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.pairs.strategies.delta import is_order
from komep_dataset.release.build import build
from komep_dataset.release.rows import read_rows
from komep_dataset.release.verify import verify
from tests.pairs.answers import answers, pairs, reasons
from tests.scored_rows import UNITS, row, write

FRAME = [{"s": "tf", "m": "tt", "w": "t"}, {"m": "f", "w": "t", "x": "t"}, {"s": "t", "x": "f"}]


def test_the_strongest_that_answered_meets_the_weakest():
    frame = answers(*FRAME)
    assert pairs(frame, pairs="delta", order="s, m ,w") == [("m", "w"), ("s", "w")]
    assert reasons(frame, pairs="delta", order="s,m,w") == [
        ("too_few_responses", "--pairs delta takes 1 of 2 scored responses")
    ]
    assert pairs(frame, pairs="delta", order="s,w,m", min_margin=0.4) == [("w", "m")]  # a margin is a margin


def test_what_is_an_order():
    assert is_order("a,b") and is_order("a, b ,c")
    for bad in ("", "a", "a,", ",", "a,a", "a,,b", ["a", "b"], None):
        assert not is_order(bad)


def test_a_release_says_how_far_the_score_agrees(tmp_path):
    other = {"units": UNITS[:1], "response": "Another."}
    rows = [
        *(row("s"), row("w", **other), row("x", response="Third.")),
        *(row("s", question="Why?", **other), row("w", question="Why?")),
        *(row("s", question="How?"), row("w", question="How?", response="Likewise.")),
    ]
    source = write(tmp_path / "s.jsonl", rows)
    facts = build([source], tmp_path / "komep", pairs="delta", order="s,w").facts
    assert facts["score_agreement"] == {"agrees": 1, "equal": 1, "contradicts": 1}
    assert facts["left_out_models"] == ["x"]
    assert sorted(read_rows(tmp_path / "komep", "en")["score_margin"]) == [-0.5, 0.0, 0.5]
    assert all(check.ok for check in verify(tmp_path / "komep"))
    card = " ".join((tmp_path / "komep" / "README.md").read_text("utf-8").split())
    assert "chosen and rejected by the model that wrote them" in card
    assert "Histogram of the pairs by score margin" not in card  # some lie below 0
    assert "it agrees with 1 of 3 pairs, is equal in 1 and contradicts 1. In no pair, for the order" in card
    assert "| `score_margin` | chosen_score - rejected_score, -1 to 1: the rule does not go by it |" in card
    path = tmp_path / "komep" / "build.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"score_agreement": {"agrees": 3}}))
    assert "counts" in [check.name for check in verify(tmp_path / "komep") if not check.ok]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ({"pairs": "delta"}, 2, "--pairs delta needs --order: give two models or more"),
        ({"pairs": "delta", "order": "s"}, 2, "--order s: give two models or more"),
        ({"pairs": "delta", "order": "s,typo"}, 1, "no answer of 'typo' in the data; their models are s, w"),
        ({"pairs": "delta", "order": "p,q"}, 1, "no answer of 'p', 'q'"),
        ({"order": "s,w"}, 2, "--order s,w: it goes with --pairs delta, and this is --pairs best-worst"),
    ],
)
def test_an_order_that_is_none_of_the_data(tmp_path, options, code, message):
    source = write(tmp_path / "s.jsonl", [row("s"), row("w", response="Other.", units=UNITS[:1])])
    with pytest.raises(KomepError, match=message) as caught:
        build([source], tmp_path / "komep", **options)
    assert caught.value.exit_code == code and not (tmp_path / "komep").exists()
