"""Where a reply ends."""

from evaluation.backends.local.generation import cut_at_stops


def test_cut_at_stops():
    assert cut_at_stops("B\n\nQ: 다음", ("Q:", "\n\n")) == "B"
    assert cut_at_stops("B", (".",)) == "B"
    assert cut_at_stops(". B", (".",)) == ""
