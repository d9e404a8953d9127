"""How a gate is switched by the options of a build, and an order of pairs that no row order changes."""

import pytest

from komep_dataset.gates.length_control import GATE as LENGTH_CONTROL
from komep_dataset.gates.near_duplicates import GATE as NEAR_DUPLICATES
from komep_dataset.gates.trial.gate import SHOWN, pair_hashes, shortened, switch_option
from tests.gates.narrow_pairs import pairs_of, shuffled


@pytest.mark.parametrize(
    ("gate", "values", "switch"),
    [
        (LENGTH_CONTROL, {"length_control": False}, "off"),
        (LENGTH_CONTROL, {"length_control": True}, "reject"),
        (NEAR_DUPLICATES, {"near_duplicates": "report"}, "report"),
    ],
)
def test_a_switch_is_a_word_or_whether_there_is_a_value(gate, values, switch):
    assert gate.switch(values) == switch


def test_switches_may_change_in_a_release_that_grows_as_long_as_no_pair_does():
    option = switch_option("x", "report", "Look for things.")
    assert option.help.startswith("Look for things. off: ") and option.harmless == ("off", "report")


def test_hashes_of_pairs_are_those_of_their_keys():
    frame = pairs_of([{"chosen_model": model} for model in "abcdef"])
    other = shuffled(frame)
    by_model = dict(zip(frame["chosen_model"], pair_hashes(frame), strict=True))
    assert len(set(by_model.values())) == 6
    assert by_model == dict(zip(other["chosen_model"], pair_hashes(other), strict=True))


def test_evidence_quotes_no_more_than_it_may():
    assert shortened(" a\n b ") == "a b"
    assert len(shortened("x" * 500)) == SHOWN
