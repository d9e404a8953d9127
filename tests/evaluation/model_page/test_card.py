"""A model's card with results in its model-index: everything else stays, byte by byte."""

import pytest
import yaml
from huggingface_hub import ModelCard

from evaluation.model_page.card import with_key
from komep_dataset.errors import KomepError
from tests.evaluation.model_page.results import CARD, index_of, merged, results_of


def test_a_card_keeps_everything_else_byte_by_byte():
    text = merged(CARD, results_of())
    start, end = text.index("model-index:"), text.index("# about the language")
    assert text[:start] == CARD[: CARD.index("model-index:")]
    assert text[end:] == CARD[CARD.index("# about the language") :]
    before, after = (yaml.safe_load(t.split("\n---\n")[0]) for t in (CARD, text))
    assert after["model-index"][0]["results"][0] == before["model-index"][0]["results"][0]
    assert (
        after["model-index"][0]["name"] == "Their name" and len(after["model-index"][0]["results"]) == 1 + 5
    )


@pytest.mark.parametrize(
    "card",
    [
        None,
        "# No metadata\n",
        "---\n---\n# Empty metadata\n",
        "---\nlicense: mit\n---\n",
        "---\r\nlicense: mit\r\n---\r\n\r\n# Windows\r\n",
        "\ufeff---\nlicense: mit\n---\n# BOM\n",
        "---\n{license: mit, tags: [a]}\n---\n# Braces\n",
        "---\nmodel-index:\nlicense: mit\n---\n",
    ],
)
def test_cards_of_every_shape(card):
    text = merged(card, results_of())
    assert len(index_of(text)[0]["results"]) == 5 and text == merged(text, results_of())
    if card and "license" in card:
        assert ModelCard(text).data.license == "mit"
    if card:
        assert text.endswith(card.removeprefix("\ufeff").split("---")[-1])
        assert text.count("\r\n") == (text.count("\n") if "\r" in card else 0)


def test_an_anchor_in_the_replaced_part_costs_the_comments_and_no_data():
    block = "model-index: &a [1]\nother: *a # gone"
    assert yaml.safe_load(with_key(block, "model-index", [2])) == {"model-index": [2], "other": [1]}


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ("---\nmodel-index: text\n---\n", "model-index is no list"),
        ("---\nmodel-index:\n- name: x\n---\n", "model_index"),
        ("---\n- a\n- b\n---\n", "no mapping"),
        ("---\na: [\n---\n", "README.md is not as"),
    ],
)
def test_a_broken_card_is_left_alone(card, reason):
    with pytest.raises(KomepError, match=reason) as error:
        merged(card, results_of())
    assert "\n" not in str(error.value)
