"""The bias figures for a person in a hurry: one line of judgement a subject, by fixed rules."""

from collections.abc import Mapping, Sequence
from typing import Any

from komep_dataset.audit.baselines import BASELINES

# The rules. A share is called above (below) chance if its whole 95% interval is.
DOMINANT = 0.5  # one model wins more than this share of all pairs
UNEVEN = 0.5  # categories count as uneven if they are as even as fewer than this share of them would be
FEW = 20  # questions in the split test below which a baseline says too little
LEFT_OUT = "not known: "  # how the line of a figure that cannot be had begins
THIN = 0.2  # a side on which more than this share of the answers has a single unit


def percent(share: float, interval: Sequence[float] | None = None) -> str:
    """62% (55 to 69)"""
    return f"{share:.0%}" + (f" ({interval[0] * 100:.0f} to {interval[1] * 100:.0f})" if interval else "")


def against_chance(interval: Sequence[float]) -> str:
    """Where an interval lies to one half."""
    if interval[0] > 0.5:
        return "above chance"
    return "below chance" if interval[1] < 0.5 else "not told from chance"


def verdicts(measured: Mapping[str, Any]) -> dict[str, str]:
    """One line a subject, for a person in a hurry; the rules are the constants above.

    Args:
        measured: what `bias.measure` gives, without these.
    """
    built = measured["config"] is not None  # by options of ours, which could change it
    return {
        "length": _length(measured["length"], built),
        "wins": _wins(measured["wins"], built)
        if measured["wins"]
        else f"{LEFT_OUT}the set does not name the models",
        "categories": _categories(measured["categories"])
        if measured["categories"]
        else f"{LEFT_OUT}the set has none",
        "margins": _margins(measured["margins"])
        if measured["margins"]
        else f"{LEFT_OUT}the set has no scores",
        "units": _units(measured["units"]) if built else f"{LEFT_OUT}the set has none",
        **{f"baseline: {one['name']}": _baseline(one) for one in measured["baselines"]},
        "label noise": _noise(measured["label_noise"], measured.get("label_noise_reason")),
    }


def _length(found: Mapping[str, Any], built: bool) -> str:
    if found["chosen_longer_share"] is None:
        return "chosen and rejected are equally long in every pair"
    interval = found["chosen_longer_interval"]
    share, told = percent(found["chosen_longer_share"], interval), against_chance(interval)
    hint = "; `--length-control` takes a matched subset" if built and told != "not told from chance" else ""
    return f"the chosen answer is the longer one in {share} of pairs: {told}{hint}"


def _wins(found: Mapping[str, Any], built: bool) -> str:
    first = max(found["win_share"], key=lambda one: one["hits"])
    line = f"{first['model']} wins {percent(first['of_all'])} of all pairs"
    if first["of_all"] > DOMINANT:
        return f"{line}: more than half" + ("; `--balance-models` caps that" if built else "")
    return f"{line}, the most of {len(found['models'])} models"


def _categories(found: Mapping[str, Any]) -> str:
    name, first = next(iter(found["names"].items()))
    count = len(found["names"])
    even = "even" if found["effective"] >= UNEVEN * count else "uneven"
    spread = f"{count} categor{'y' if count == 1 else 'ies'}, as even as {found['effective']:.1f} equal ones: {even}"
    return f"{spread}; the largest, {name}, has {percent(first['share'])}"


def _margins(found: Mapping[str, Any]) -> str:
    low, middle, high = (found["quantiles"][q] for q in ("0.25", "0.5", "0.75"))
    small = found["histogram"]["counts"][0] / sum(found["histogram"]["counts"])
    least = found["quantiles"]["0.0"]
    turned = "" if least > 0 else f"; down to {least:g}: not every chosen answer has the higher score"
    edge = found["histogram"]["edges"][1]
    return f"median {middle:.2f} (quartiles {low:.2f} and {high:.2f}); {percent(small)} are {edge:g} or less{turned}"


def _units(found: Mapping[str, Any]) -> str:
    if not found["chosen"] or not found["rejected"]:
        return "not known: scores came without units"
    means = f"{found['chosen']['mean']:.1f} chosen, {found['rejected']['mean']:.1f} rejected, on average"
    single = max(found[side]["single"] for side in ("chosen", "rejected"))
    thin = f"; {percent(single)} of a side have a single unit: its score is 0 or 1"
    return means + (thin if single > THIN else "")


def _baseline(one: Mapping[str, Any]) -> str:
    label = BASELINES[one["name"]].label
    if "reason" in one:
        return f"{label}: not fitted, {one['reason']}"
    told = f"tells {percent(one['accuracy'], one['interval'])} of {one['test_pairs']:,} held-out pairs"
    if one["test_questions"] < FEW:
        return f"{label} {told}, of {one['test_questions']} questions: too few to tell"
    return f"{label} {told}: {against_chance(one['interval'])}"


def _noise(found: Mapping[str, Any] | None, reason: str | None) -> str:
    if found is None:
        return f"not known: {reason}"
    low, high = found["range"]
    highest = "no telling" if high is None else f"{high:.1%}"
    bounds = "no bounds" if low is None else f"{low:.1%} to {highest}"
    wanted = "; ".join(map(_recommended, *zip(*found["recommended"].items(), strict=True)))
    return (
        f"{found['flipped']:.1%} of {found['pairs']:,} pairs are expected the wrong way round "
        f"({bounds}, by how well the judge is known); {wanted}"
    )


def _recommended(purity: str, found: Mapping[str, Any]) -> str:
    wanted = f"purity {float(purity):.0%}" if float(purity) * 100 % 1 == 0 else f"purity {float(purity):.1%}"
    if found["min_margin"] is None:
        best = found["best"]
        return (
            f"{wanted}: cannot be reached, the highest is {best['purity']:.1%} "
            f"with `--min-margin {best['min_margin']:g}` ({best['pairs']:,} pairs)"
        )
    return f"{wanted}: `--min-margin {found['min_margin']:g}` keeps {found['pairs']:,} pairs"
