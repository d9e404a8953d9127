"""What a build may be told of its pairs: the margin, the rule that picks candidates, and which of them `ko` takes."""

from dataclasses import make_dataclass

from komep_dataset.options import Option, Range
from komep_dataset.pairs.candidates import RULES
from komep_dataset.schema import Origin

PAIR_OPTIONS = (
    Option(
        name="min_margin",
        type=float,
        default=0.0,
        range=Range(0.0, 1.0),
        help="A pair's score margin must lie above this.",
    ),
    Option(
        name="pairs",
        type=str,
        default="best-worst",
        choices=tuple(RULES),
        help="; ".join(f"{name}: {rule.help}" for name, rule in RULES.items()) + ".",
    ),
    Option(
        name="origin",
        type=str,
        default="all",
        choices=("all", *(origin.value for origin in Origin)),
        help="Pairs that `ko` takes: all, translated, or native (asked in Korean).",
    ),
)

# The values of these options, as attributes: how pairs are made of scored generations.
PairRules = make_dataclass(
    "PairRules", [(o.name, o.type, o.default) for o in PAIR_OPTIONS], frozen=True, slots=True
)
