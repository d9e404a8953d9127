"""A passage is a value: it is a key of what is judged, and equal ones are one."""

from komep_dataset.evidence.passages import Passage


def test_equal_passages_are_one_key():
    one, other = (Passage("a", "T", "Fever is a sign.", "https://host/a", "en") for _ in range(2))
    assert len({(one,), (other,)}) == 1
