"""What a release's facts say of how its pairs were made, for the terminal, the card and the page of `komep report`."""

from collections.abc import Mapping
from typing import Any

from komep_dataset.pairs.options import PAIR_OPTIONS
from komep_dataset.pairs.rules import AGREEMENT
from komep_dataset.pairs.strategies.registry import RULES
from komep_dataset.pairs.utility import units_wanted
from komep_dataset.templates import say

_ALWAYS = ("pairs", "min_margin", "origin")
_TOLD_ELSEWHERE = ("unknown_units",)


def score_name(options: Mapping[str, Any]) -> str:
    """What the scores of the pairs are: `DAHL score`, or `F1@12`."""
    utility = options.get("utility") or ""
    return f"F1@{utility.partition('@')[2]}" if units_wanted(utility) else "DAHL score"


def goes_by_score(options: Mapping[str, Any]) -> bool:
    """Whether the chosen answer of every pair has the higher score; one of an unknown rule has."""
    rule = RULES.get(options["pairs"])
    return rule is None or rule.by_score


def chosen_by(options: Mapping[str, Any]) -> str:
    """By what one answer is chosen and another rejected."""
    return score_name(options) if goes_by_score(options) else "the model that wrote them"


def flags(options: Mapping[str, Any]) -> list[str]:
    """The options of pairs as the command has them: those that are always told, and others where they say something."""
    told = []
    for option in PAIR_OPTIONS:
        value = options.get(option.name, option.default)
        if option.name in _ALWAYS or (option.name not in _TOLD_ELSEWHERE and value != option.default):
            told.append(f"{option.flag} {value}")
    return sorted(told, key=lambda flag: not flag.startswith("--pairs"))


def pairing(facts: Mapping[str, Any]) -> list[str]:
    """A sentence for each thing in which these pairs are not the paper's; [] where all is.

    Args:
        facts: of `build.json` and `provenance.json`.
    """
    options = facts["options"]
    name, from_data = options["pairs"], facts.get("from_data", {})
    rule, told = RULES.get(name), []
    if name != next(iter(RULES)):
        told.append(
            say("Rule `{name}`: {help}.", name=name, help=say(rule.help))
            if rule
            else say("Rule `{name}`.", name=name)
        )
    if k := units_wanted(options.get("utility") or ""):
        told.append(
            say(
                "Pairs go by {score}, the harmonic mean of precision and of true units / {k}, at most 1 (Wei et al. 2024, arXiv "
                "2403.18802); {given}. `scored` has both scores.",
                score=score_name(options),
                k=f"{k:g}",
                given=say(from_data.get("utility") or "K was given"),
            )
        )
    for option in rule.options if rule else ():
        value = options.get(option.name)
        if value is not None:
            left = f", {from_data[option.name]}" if option.name in from_data else ""
            told.append(f"`{option.flag}`: {value}{left}.")
    if options.get("length_gap") is not None:
        told.append(
            say(
                "The two answers of a pair differ by at most {n} characters in length.",
                n=options["length_gap"],
            )
        )
    if said := facts.get("score_agreement"):
        agrees, equal, contradicts = (said[way] for way in AGREEMENT)
        told.append(
            say(
                "The score was not asked: it agrees with {agrees} of {n} pairs, is equal in {equal} and contradicts {contradicts}.",
                agrees=agrees,
                n=sum(said.values()),
                equal=equal,
                contradicts=contradicts,
            )
        )
    if others := facts.get("left_out_models"):
        told.append(say("In no pair, for the order does not name them: {models}.", models=", ".join(others)))
    return told
