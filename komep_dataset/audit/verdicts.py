"""The bias figures for a person in a hurry: one line of judgement a subject, by fixed rules."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from komep_dataset.audit.baselines import BASELINES
from komep_dataset.templates import say

# The rules. A share is called above (below) chance if its whole 95% interval is.
DOMINANT = 0.5  # one model wins more than this share of all pairs
UNEVEN = 0.5  # categories count as uneven if they are as even as fewer than this share of them would be
FEW = 20  # questions in the split test below which a baseline says too little
THIN = 0.2  # a side on which more than this share of the answers has a single unit


def percent(share: float, interval: Sequence[float] | None = None) -> str:
    """62% (55 to 69)"""
    if not interval:
        return f"{share:.0%}"
    low, high = (f"{100 * end:.0f}" for end in interval)
    return say("{share} ({low} to {high})", share=f"{share:.0%}", low=low, high=high)


def against_chance(interval: Sequence[float]) -> str:
    """Where an interval lies to one half."""
    if interval[0] > 0.5:
        return say("above chance")
    return say("below chance") if interval[1] < 0.5 else say("not told from chance")


def verdicts(measured: Mapping[str, Any]) -> dict[str, str]:
    """One line a subject, for a person in a hurry; the rules are the constants above.

    Args:
        measured: what `bias.measure` gives, without these.
    """
    built = measured["config"] is not None  # by options of ours, which could change it
    left_out = reasons_left_out(measured)

    def line(name: str, tell: Callable[..., str], *more: Any) -> str:
        if name in left_out:
            return say("not known: {reason}", reason=left_out[name])
        return tell(measured[name.replace(" ", "_")], *more)

    return {
        "length": line("length", _length, built),
        "wins": line("wins", _wins, built),
        "categories": line("categories", _categories),
        "margins": line("margins", _margins),
        "units": line("units", _units),
        **{f"baseline: {one['name']}": _baseline(one) for one in measured["baselines"]},
        "label noise": line("label noise", _noise),
    }


def reasons_left_out(measured: Mapping[str, Any]) -> dict[str, str]:
    """Why a figure cannot be had, of those that cannot."""
    built, units = measured["config"] is not None, measured["units"]
    reasons = {
        "wins": (measured["wins"], say("the set does not name the models")),
        "categories": (measured["categories"], say("the set has none")),
        "margins": (measured["margins"], say("the set has no scores")),
        "units": (
            built and units["chosen"] and units["rejected"],
            say("scores came without units") if built else say("the set has none"),
        ),
        "label noise": (measured["label_noise"], say(measured.get("label_noise_reason") or "")),
    }
    return {name: reason for name, (found, reason) in reasons.items() if not found}


def _length(found: Mapping[str, Any], built: bool) -> str:
    if found["chosen_longer_share"] is None:
        return say("chosen and rejected are equally long in every pair")
    interval = found["chosen_longer_interval"]
    share, told = percent(found["chosen_longer_share"], interval), against_chance(interval)
    facts = {"share": share, "told": told, "n": f"{found['equal']:,}"}
    line = say("the chosen answer is the longer one in {share} of pairs: {told}", **facts)
    if found["equal"]:
        line = say(
            "of the pairs whose answers differ in length (equal: {n}), the chosen one is longer in {share}: {told}",
            **facts,
        )
    if built and not interval[0] <= 0.5 <= interval[1]:
        return say("{line}; `komep build --length-control` takes a matched subset", line=line)
    return line


def _wins(found: Mapping[str, Any], built: bool) -> str:
    first = max(found["win_share"], key=lambda one: one["hits"])
    facts = {"model": first["model"], "share": percent(first["of_all"])}
    if first["of_all"] > DOMINANT:
        line = say("{model} wins {share} of all pairs: more than half", **facts)
        return say("{line}; `komep build --balance-models` caps that", line=line) if built else line
    return say("{model} wins {share} of all pairs, the most of {n} models", **facts, n=len(found["models"]))


def _categories(found: Mapping[str, Any]) -> str:
    name, first = next(iter(found["names"].items()))
    if (count := len(found["names"])) == 1:
        return say("all pairs are of one category, {name}", name=name)
    return say(
        "{n} categories, as even as {effective} equal ones: {even}; the largest, {name}, has {share}",
        n=count,
        effective=f"{found['effective']:.1f}",
        even=say("even") if found["effective"] >= UNEVEN * count else say("uneven"),
        name=name,
        share=percent(first["share"]),
    )


def _margins(found: Mapping[str, Any]) -> str:
    quartiles = {"low": "0.25", "middle": "0.5", "high": "0.75"}
    least, (edges, counts) = found["quantiles"]["0.0"], map(found["histogram"].get, ("edges", "counts"))
    line = say(
        "median {middle} (quartiles {low} and {high}); {share} are {edge} or less",
        **{name: f"{found['quantiles'][q]:.2f}" for name, q in quartiles.items()},
        share=percent(counts[0] / sum(counts)),
        edge=f"{edges[1]:g}",
    )
    below = "{line}; down to {least}: not every chosen answer has the higher score"
    return line if least > 0 else say(below, line=line, least=f"{least:g}")


def _units(found: Mapping[str, Any]) -> str:
    means = {side: f"{of['mean']:.1f}" for side, of in found.items()}
    line = say("{chosen} chosen, {rejected} rejected, on average", **means)
    single = max(side["single"] for side in found.values())
    thin = "{line}; {share} of a side have a single unit: its score is 0 or 1"
    return say(thin, line=line, share=percent(single)) if single > THIN else line


def _baseline(one: Mapping[str, Any]) -> str:
    label = say(BASELINES[one["name"]].label)
    if "reason" in one:
        return say("{label}: not fitted, {reason}", label=label, reason=say(one["reason"]))
    few = "{label} was right in {share} of {pairs} held-out pairs; {questions} questions are too few to conclude from"
    return say(
        few
        if one["test_questions"] < FEW
        else "{label} is right in {share} of {pairs} held-out pairs: {told}",
        label=label,
        share=percent(one["accuracy"], one["interval"]),
        pairs=f"{one['test_pairs']:,}",
        questions=one["test_questions"],
        told=against_chance(one["interval"]),
    )


def _noise(found: Mapping[str, Any]) -> str:
    low, high = (say("no telling") if end is None else f"{end:.1%}" for end in found["range"])
    return say(
        "{share} of {pairs} pairs are expected the wrong way round ({bounds}, by how well the judge is known); {wanted}",
        share=f"{found['flipped']:.1%}",
        pairs=f"{found['pairs']:,}",
        bounds=say("no bounds") if found["range"][0] is None else say("{low} to {high}", low=low, high=high),
        wanted="; ".join(map(_recommended, *zip(*found["recommended"].items(), strict=True))),
    )


def _recommended(purity: str, found: Mapping[str, Any]) -> str:
    wanted = f"{float(purity):.0%}" if float(purity) * 100 % 1 == 0 else f"{float(purity):.1%}"
    best = found["best"] if found["min_margin"] is None else found
    facts = {"wanted": wanted, "margin": f"{best['min_margin']:g}", "pairs": f"{best['pairs']:,}"}
    if best is found:
        return say("purity {wanted}: `komep build --min-margin {margin}` keeps {pairs} pairs", **facts)
    none = "purity {wanted}: cannot be reached, the highest is {highest} with `komep build --min-margin {margin}` ({pairs} pairs)"
    return say(none, **facts, highest=f"{best['purity']:.1%}")
