"""What a build may be told of its pairs."""

from dataclasses import asdict

from komep_dataset.pairs.options import PAIR_OPTIONS, PairRules
from komep_dataset.pairs.strategies.registry import RULES


def test_the_rules_of_pairs_are_the_values_of_the_options_in_their_order():
    assert asdict(PairRules()) == {option.name: option.unsaid for option in PAIR_OPTIONS}
    assert asdict(PairRules()) == {
        "min_margin": 0.0,
        "pairs": "best-worst",
        "utility": "precision",
        "length_gap": None,
        "length_tokenizer": [],
        "trim_below": None,
        "order": None,
        "unknown_units": "reject",
        "origin": "all",
    }
    assert all(option.default is None or option.allows(option.default) for option in PAIR_OPTIONS)


def test_pairs_names_the_rules_that_are_registered():
    [pairs] = [option for option in PAIR_OPTIONS if option.name == "pairs"]
    assert pairs.choices == tuple(RULES) and all(
        f"{name}: {rule.help}" in pairs.help for name, rule in RULES.items()
    )
