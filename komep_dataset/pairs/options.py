"""What a build may be told of its pairs: what scores, the margin, the rule that picks candidates, and which of them `ko` takes."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.options import Option, Range, record_of
from komep_dataset.pairs.lengths import conflict, is_tokenizer, read_tokenizer
from komep_dataset.pairs.strategies.registry import RULES
from komep_dataset.pairs.utility import F1, PRECISION, UNKNOWN_UNITS, is_utility
from komep_dataset.schema import Origin

PAIR_OPTIONS = (
    Option(
        "min_margin",
        float,
        0.0,
        "Make a pair only where the chosen answer scores higher by more than this, 0 to 1.",
        range=Range(0.0, 1.0),
    ),
    Option(
        "pairs",
        str,
        next(iter(RULES)),
        "Which answers of a question make a pair. "
        + "; ".join(f"{name}: {rule.help}" for name, rule in RULES.items())
        + ".",
        choices=tuple(RULES),
    ),
    Option(
        "utility",
        str,
        PRECISION,
        "What makes an answer the better one. precision: the share of its statements that are true (the DAHL score); "
        "f1@K: that, and how near it comes to K true statements; f1: K is the median number of statements.",
        metavar="precision|f1[@K]",
        check=is_utility,
        want="give precision, f1, or f1@K with a number K above 0, as f1@12",
    ),
    Option(
        "length_gap",
        int,
        None,
        "Make no pair of answers whose lengths differ by more than N characters, or tokens by --length-tokenizer.",
        range=Range(0, 10**9),
        metavar="N",
    ),
    Option(
        "length_tokenizer",
        Path,
        None,
        "With --length-gap: count tokens, by this tokenizer.json or that of this model's folder.",
        metavar="PATH",
        check=is_tokenizer,
        want="give the path of a tokenizer.json, or of a folder with one",
        read=read_tokenizer,
        conflict=conflict,
    ),
    *(option for rule in RULES.values() for option in rule.options),
    Option(
        "unknown_units",
        str,
        "reject",
        "What becomes of an answer with a statement that was judged neither true nor false. reject: it enters no pair; "
        "drop: it is scored by its other statements; bounds: its score is an interval, and a pair is made only where "
        "two intervals do not meet.",
        choices=UNKNOWN_UNITS,
    ),
    Option(
        "origin",
        str,
        "all",
        "Which pairs the config `ko` takes: all, translated, or native, which were asked in Korean.",
        choices=("all", *(origin.value for origin in Origin)),
    ),
)

# The values of these options, as attributes: how pairs are made of scored generations.
PairRules = record_of("PairRules", PAIR_OPTIONS)


def rule_problem(values: Any) -> str | None:
    """What does not go together in the values of these options, for a user; None: nothing."""
    chosen = RULES[values.pairs]
    if values.length_tokenizer and values.length_gap is None:
        return "--length-tokenizer: it goes with --length-gap N"
    for rule in RULES.values():
        for option in rule.options:
            value = getattr(values, option.name)
            if rule is not chosen and value != option.default:
                return f"{option.flag} {value}: it goes with --pairs {rule.name}, and this is --pairs {values.pairs}"
            if rule is chosen and option.name in rule.required and value is None:
                return f"--pairs {rule.name} needs {option.flag}: {option.wanted}"
    return None


def left_to_data(values: Any) -> list[str]:
    """The options whose value is to come from the data."""
    of_rule = [name for name in RULES[values.pairs].settles if getattr(values, name) is None]
    return [*(["utility"] if values.utility == F1 else []), *of_rule]


def check_models(values: Any, models: Collection[str]) -> list[str]:
    """The models whose answers the rule leaves out, sorted; none where it names no models.

    Raises:
        KomepError: it names some of which the data have no answer.
    """
    named = RULES[values.pairs].models(values)
    if missing := [name for name in named if name not in models]:
        raise KomepError(
            f"--pairs {values.pairs}: no answer of {', '.join(map(repr, missing))} in the data; their models are "
            f"{', '.join(sorted(models))}"
        )
    return sorted(set(models) - set(named)) if named else []
