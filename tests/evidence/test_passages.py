"""A passage is a value: it is a key of what is judged. Long texts lose nothing when they are cut, and are cut where they pause."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from komep_dataset.evidence.passages import LONGEST, Passage, cut, pieces


@given(st.text("ab .\n가。", max_size=300), st.integers(2, 40))
def test_pieces_are_the_whole_text_and_none_is_too_long(text, longest):
    found = list(pieces(text, longest))
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(one and one == one.strip() and len(one) <= longest for one in found)


def test_a_text_is_cut_between_sentences_and_paragraphs():
    sentence = "The dose is 80 mg a day. "
    assert all(one.endswith("day.") for one in pieces(sentence * 40, 130))
    assert list(pieces("one " * 5 + "\n\n" + "two " * 5, 36)) == [("one " * 5).strip(), ("two " * 5).strip()]
    assert [len(one) for one in pieces("x" * 25, 10)] == [10, 10, 5]


def test_a_passage_of_ten_megabytes_is_cut_and_numbered_and_korean_ones_are_shorter():
    found = cut(Passage("a", "T", "체온이 오른다. " * 800_000, "u", ""))
    assert {one.language for one in found} == {"ko"} and max(len(one.text) for one in found) <= LONGEST["ko"]
    assert [one.id for one in found[:2]] == ["a#1", "a#2"] and len({one.id for one in found}) == len(found)
    assert all(one.title == "T" and one.url == "u" for one, _ in pairwise(found))


def test_a_short_text_is_a_passage_as_it_is_and_a_blank_one_is_none():
    assert cut(Passage("a", "", " Short. ", "", "")) == [Passage("a", "", "Short.", "", "en")]
    assert cut(Passage("a", "", " \n", "", "")) == []


def test_equal_passages_are_one_key():
    one, other = (Passage("a", "T", "Fever is a sign.", "https://host/a", "en") for _ in range(2))
    assert len({(one,), (other,)}) == 1
