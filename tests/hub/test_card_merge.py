"""The card put into the one on the Hub: what people wrote there stays."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from komep_dataset.errors import KomepError
from komep_dataset.hub.card_merge import merge_card, sections
from tests.hub.publications import REPO

OURS = (
    "---\nlicense: other\ntags: [a]\n---\n\n# KoMeP\n\n## One\n\n```\n## no heading\n```\n\n## Two\n\ntext\n"
)

prose = st.text(st.sampled_from("ab #-\n`한"), max_size=40).filter(lambda t: "---" not in t)


@settings(max_examples=60, deadline=None)
@given(above=prose, below=prose)
def test_what_people_wrote_around_the_generated_part_stays(above, below):
    once = merge_card(None, OURS, REPO).text
    front, body = once.split("---\n\n", 1)
    edited = f"{front}---\n\n{above}\n\n{body}\n\n{below}\n"
    merged = merge_card(edited, OURS.replace("text", "new text"), REPO)
    assert above.strip("\n") in merged.text and below.strip("\n") in merged.text
    assert "new text" in merged.text and merged.text.count("## Two") == 1 and merged.notes == ()
    again = merge_card(merged.text, OURS.replace("text", "new text"), REPO)
    assert again.text == merged.text


def test_a_card_that_cannot_be_merged_is_left_alone():
    for card, reason in (("---\na: [\n---\n", "no YAML"), ("---\n- a\n---\n", "no mapping")):
        with pytest.raises(KomepError, match=reason):
            merge_card(card, OURS, REPO)


def test_cards_of_other_shapes():
    assert sections(OURS.split("---\n")[2]).keys() == {"", "One", "Two"}
    for card in (
        "",
        "# Only text\n",
        "\ufeff---\r\nlicense: mit\r\nmine: 1\r\n---\r\nText\r\n",
        "---\n---\nText\n",
    ):
        merged = merge_card(card, OURS, REPO)
        assert yaml.safe_load(merged.text.split("---\n")[1])["license"] == "other"
        assert ("mine: 1" in merged.text) == ("mine" in card) and ("Text" in merged.text) == ("Text" in card)
        assert merge_card(merged.text, OURS, REPO).text == merged.text
