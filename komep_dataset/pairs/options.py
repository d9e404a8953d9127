"""What a build may be told of its pairs: the margin, the rule that picks candidates, and which of them `ko` takes."""

from dataclasses import make_dataclass

from komep_dataset.options import Option, Range
from komep_dataset.pairs.candidates import RULES, UNKNOWN_UNITS
from komep_dataset.schema import Origin

PAIR_OPTIONS = (
    Option("min_margin", float, 0.0, "A pair's score margin must lie above this.", range=Range(0.0, 1.0)),
    Option(
        "pairs",
        str,
        "best-worst",
        "; ".join(f"{name}: {rule.help}" for name, rule in RULES.items()) + ".",
        choices=tuple(RULES),
    ),
    Option(
        "unknown_units",
        str,
        "reject",
        "An answer with a unit of unknown verdict: reject: in no pair; drop: scored by its other units; bounds: its score "
        "is an interval, and a pair is made only where the intervals do not meet.",
        choices=UNKNOWN_UNITS,
    ),
    Option(
        "origin",
        str,
        "all",
        "Pairs that `ko` takes: all, translated, or native (asked in Korean).",
        choices=("all", *(origin.value for origin in Origin)),
    ),
)

# The values of these options, as attributes: how pairs are made of scored generations.
PairRules = make_dataclass(
    "PairRules", [(o.name, o.type, o.default) for o in PAIR_OPTIONS], frozen=True, slots=True
)
