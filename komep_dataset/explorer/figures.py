"""The figures of the overview, from what `bias.measure`, `build.json` and `quality.json` say. Pure.

What a figure shows is said in a sentence or two computed from its numbers: a verdict of `audit/verdicts.py`, or what
that has no line for; in the language that `templates.say` speaks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from komep_dataset.audit.verdicts import verdicts
from komep_dataset.explorer.answers import LengthsAndScores, lengths_and_scores, reliability
from komep_dataset.explorer.notes import evidence_told
from komep_dataset.explorer.plots import Bar, Figure, bars, cell, columns, curve, heat, nice_ceiling, spread
from komep_dataset.schema import listed_statuses
from komep_dataset.scores.split_quality import SplitQuality
from komep_dataset.templates import say

SIDES = ("chosen", "rejected")
SHOWN_BARS = 12  # the rest waits behind a switch
MOST_EXAMPLES = 3
EXAMPLE_LENGTH = 160
# Column -> a share of `SplitQuality`.
SPLIT_SHARES = {
    "words in units": "covered",
    "units with a pronoun": "pronouns",
    "without a predicate": "fragments",
    "conditions lost": "lost",
}
WIDE_HEAT = 6  # models from which on the matrix takes a row of its own


def figure_groups(
    measured: Mapping[str, Any],
    facts: Mapping[str, Any] | None,
    quality: Mapping[str, Any] | None,
    splits: Mapping[str, SplitQuality],
    answers: LengthsAndScores | None = None,
) -> list[dict[str, Any]]:
    """The figures in groups: title, a line on what to look for, figures; without `facts` those of a set that others made."""
    lines = verdicts(measured)
    told = {name: line[:1].upper() + line[1:] + "." for name, line in lines.items()}
    told["wins"] = lines["wins"] + "."  # begins with a name

    def known(draw: Callable[..., Figure], name: str) -> list[Figure]:
        return [draw(measured[name], told[name])] if measured[name] else []

    learned = [
        baselines(measured["baselines"], lines),
        length(measured["length"], told["length"]),
        *([lengths_and_scores(answers)] if answers and answers.count > 1 else []),
        *known(wins, "wins"),
        *([win_shares(measured["wins"])] if measured["wins"] else []),
    ]
    labels, made = known(margins, "margins"), known(categories, "categories")
    if facts:
        labels += [
            units(measured["units"], told["units"]),
            noise(measured["label_noise"], told["label noise"]),
            split(splits),
            *reliability(facts.get("judge")),
        ]
        made += [models(facts["models"]), *rejects(facts)]
    groups = {
        "What else could be learned": (
            "A preference set teaches whatever tells chosen from rejected: length, a model’s style, a word.",
            learned,
        ),
        "How sure the labels are": (
            "A wide margin over several units is a safer label than a narrow one over two.",
            labels,
        ),
        "What the pairs are made of": ("Subjects and responders, and what was left out on the way.", made),
        "What the gates found": (
            "Checks that the build ran over questions and answers; each has its own switch.",
            gates(quality),
        ),
    }
    return [
        {"title": say(title), "lead": say(lead), "figures": arranged(figures)}
        for title, (lead, figures) in groups.items()
    ]


def arranged(figures: Sequence[Figure]) -> list[Figure]:
    """Figures for rows of two: narrow ones first, then those that need a row each; of an odd number the last takes a row."""
    narrow = [one for one in figures if not one.wide]
    rest = [one for one in figures if one.wide]
    if len(narrow) % 2:
        rest.insert(0, replace(narrow.pop(), wide=True))
    return narrow + rest


def link(**filters: str) -> str:
    """The address of the list of pairs with these filters."""
    return "#pairs?" + urlencode(filters)


def length(found: Mapping[str, Any], told: str) -> Figure:
    """Histogram of chosen length / rejected length."""
    edges, counts = found["histogram"]["edges"], found["histogram"]["counts"]
    labels = [spread(bin, ".3g") for bin in pairwise(edges)]
    labels[0] = say("below {edge}", edge=f"{edges[1]:.3g}")
    labels[-1] = say("{edge} and above", edge=f"{edges[-2]:.3g}")
    counted = say("pairs")
    ticks = [f"{edge:.3g}×" if i % 2 == 0 and i else "" for i, edge in enumerate(edges[:-1])]
    correlation = found["correlation"]["point_biserial"]["value"]
    rows = [
        (say("mean characters, chosen"), f"{found['chosen_mean']:,.0f}"),
        (say("mean characters, rejected"), f"{found['rejected_mean']:,.0f}"),
        (say("median of chosen / rejected"), f"{found['ratio_median']:.2f}"),
        (say("correlation of log length and label"), cell(correlation, "+.3f")),
        *((say("ratio {range}", range=label), f"{n:,}") for label, n in zip(labels, counts, strict=True)),
    ]
    data = columns(labels, {counted: counts}, counted, ticks)
    data |= {"below": say("characters, chosen ÷ rejected, from"), "beside": counted}
    title, header = "Length of chosen against rejected", ("figure", "value")
    return Figure.of("length", title, told, "columns", data, header, rows)


def wins(found: Mapping[str, Any], told: str) -> Figure:
    """Row against column: the share of pairs in which the row's model was chosen; who wins most stands first."""
    shares = {one["model"]: one["share"] for one in found["win_share"]}
    order = sorted(range(len(shares)), key=lambda n: -shares[found["models"][n]])
    models = [found["models"][n] for n in order]
    data = heat(models, [[found["matrix"][a][b] for b in order] for a in order], link)
    rows = [
        (a, b, cell(one["n"]), cell(one["of"]), cell(one["share"], ".1%"))
        for a, row in zip(models, data["cells"], strict=True)
        for b, one in zip(models, row, strict=True)
        if one["n"]
    ]
    title, header = "Who was chosen over whom", ("chosen", "rejected", "won", "pairs", "share")
    return Figure.of("wins", title, told, "heat", data, header, rows, len(models) >= WIDE_HEAT)


def win_shares(found: Mapping[str, Any]) -> Figure:
    """Of the pairs that a model is in, how many it wins."""
    order = sorted(found["win_share"], key=lambda m: (-m["share"], m["model"]))
    shares = ((m["model"], m["share"], m["interval"]) for m in order)
    drawn = [Bar(name, f"{n:.0%}", n, *interval, link(chosenModel=name)) for name, n, interval in shares]
    rows = [
        (m["model"], cell(m["hits"]), cell(m["n"]), f"{m['share']:.1%}", spread(m["interval"]), f"{m['of_all']:.1%}")
        for m in order
    ]  # fmt: skip
    best, worst = order[0], order[-1]
    told = say(
        "From {most} ({best}) down to {least} ({worst}) of the pairs that a model is in. Lines are 95% intervals.",
        most=f"{best['share']:.0%}",
        best=best["model"],
        least=f"{worst['share']:.0%}",
        worst=worst["model"],
    )
    title = "How often each model wins"
    header = ("model", "won", "pairs", "share", "interval", "of all pairs")
    return Figure.of("win-shares", title, told, "bars", bars(drawn, 0.5), header, rows)


def categories(found: Mapping[str, Any], told: str) -> Figure:
    """Pairs by category, the largest first."""
    names = found["names"]
    largest = max(one["pairs"] for one in names.values())
    drawn = [
        Bar(n, f"{one['pairs']:,}", one["pairs"] / largest, link=link(category=n)) for n, one in names.items()
    ]
    rows = [(n, f"{one['pairs']:,}", f"{one['share']:.1%}") for n, one in names.items()]
    data = bars(drawn, hidden=max(0, len(drawn) - SHOWN_BARS))
    header = ("category", "pairs", "share")
    return Figure.of("categories", "Pairs by category", told, "bars", data, header, rows)


def margins(found: Mapping[str, Any], told: str) -> Figure:
    """Histogram of the score margins."""
    edges, counts = found["histogram"]["edges"], found["histogram"]["counts"]
    form = ".1f" if edges[-1] - edges[0] <= 1 else "g"
    labels, counted = [spread(bin, form) for bin in pairwise(edges)], say("pairs")
    data = columns(labels, {counted: counts}, counted, [format(edge, form) for edge in edges[:-1]])
    data |= {"below": say("score margin, from"), "beside": counted}
    rows = [(label, f"{n:,}") for label, n in zip(labels, counts, strict=True)]
    return Figure.of("margins", "Pairs by score margin", told, "columns", data, ("margin", "pairs"), rows)


def units(found: Mapping[str, Any], told: str) -> Figure:
    """Histogram of units an answer, chosen beside rejected; long tails in one last bin."""
    series = {say(side): found[side]["histogram"]["counts"] for side in SIDES if found[side]}
    title, of_each = "Units an answer", say("units an answer")
    if not series:
        return Figure.of("units", title, told)
    most = max(map(len, series.values()))
    shown = min(most, SHOWN_BARS)
    cut = {
        side: [*(counts + [0] * (most - len(counts)))[: shown - 1], sum(counts[shown - 1 :])]
        for side, counts in series.items()
    }
    labels = [str(n + 1) for n in range(shown)]
    if most > shown:
        labels[-1] += "+"
    data = columns(labels, cut, say("answers")) | {"below": of_each, "beside": say("answers")}
    rows = [(label, *(f"{cut[s][i]:,}" for s in cut)) for i, label in enumerate(labels)]
    return Figure.of("units", title, told, "columns", data, (of_each, *cut), rows)


def baselines(found: Sequence[Mapping[str, Any]], verdicts: Mapping[str, str]) -> Figure:
    """How well a trivial rule tells chosen from rejected on held-out pairs; the line is chance."""
    drawn, rows = [], []
    for one in found:
        name = say(one["name"])
        if "accuracy" not in one:
            rows.append((name, "–", "–", "–", say(one["reason"])))
            continue
        drawn.append(Bar(name, f"{one['accuracy']:.0%}", one["accuracy"], *one["interval"]))
        right, auc = f"{one['accuracy']:.1%}", cell(one.get("auc"), ".3f")
        rows.append((name, right, spread(one["interval"]), auc, cell(one["test_pairs"])))
    if drawn:
        best = max((one for one in found if "accuracy" in one), key=lambda one: one["accuracy"])
        told = say("The best of them: {line}.", line=verdicts[f"baseline: {best['name']}"])
    else:
        reasons = "; ".join(sorted({say(one["reason"]) for one in found}))
        told = say("No rule could be fitted: {reasons}.", reasons=reasons)
    title = "What trivial rules know of the label"
    header = ("rule", "right", "interval", "AUC", "held-out pairs")
    return Figure.of("baselines", title, told, "bars" if drawn else "", bars(drawn, 0.5), header, rows)


def noise(found: Mapping[str, Any] | None, told: str) -> Figure:
    """Expected share of flipped pairs by margin."""
    title = "Expected label noise by margin"
    if found is None:
        return Figure.of("noise", title, told)
    bins = [one for one in found["bins"] if one["pairs"]]
    points = [((one["low"] + one["high"]) / 2, one["flipped"], None, None) for one in bins]
    top = nice_ceiling(100 * max((one["flipped"] for one in bins), default=0.01)) / 100
    rows = [(spread((b["low"], b["high"]), ".1f"), f"{b['pairs']:,}", f"{b['flipped']:.1%}") for b in bins]
    data = curve(points, min(top, 1.0)) | {"below": say("score margin"), "beside": say("expected flipped")}
    return Figure.of("noise", title, told, "curve", data, ("margin", "pairs", "expected flipped"), rows)


def models(found: Mapping[str, Mapping[str, Any]]) -> Figure:
    """DAHL score of each responder."""
    order = sorted(found.items(), key=lambda m: (-(m[1]["dahl"] or {"mean": -1})["mean"], m[0]))
    scored = [(name, one["dahl"]) for name, one in order if one["dahl"]]
    drawn = [Bar(n, f"{of['mean']:.3f}", of["mean"], of["low"], of["high"]) for n, of in scored]
    rows, listed = [], listed_statuses(set().union(*(one["statuses"] for one in found.values())))
    for name, one in order:
        score = one["dahl"] or {"mean": None, "low": None}
        interval = "–" if score["low"] is None else spread((score["low"], score["high"]), ".3f")
        counts = (cell(one["statuses"].get(status, 0)) for status in listed)
        rows.append((name, cell(score["mean"], ".3f"), interval, *counts))
    header, plot = ("responder", "mean", "interval", *listed), "bars" if drawn else ""
    told = _told_of_models(scored)
    return Figure.of("models", "DAHL score by responder", told, plot, bars(drawn), header, rows)


def _told_of_models(scored: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """Whether the best responder is told from the next one."""
    if not scored:
        return say("No responder has a scored answer.")
    name, best = scored[0]
    if len(scored) == 1:
        return say("{name} scores {mean} on average.", name=name, mean=f"{best['mean']:.3f}")
    second, after = scored[1]
    clear = best["low"] is not None and after["high"] is not None and best["low"] > after["high"]
    return say(
        "{name} scores highest ({mean}), then {second} ({after}); {apart}.",
        name=name,
        mean=f"{best['mean']:.3f}",
        second=second,
        after=f"{after['mean']:.3f}",
        apart=say("their intervals do not meet") if clear else say("their intervals overlap"),
    )


def split(found: Mapping[str, SplitQuality]) -> Figure:
    """What units cover of their answers and what they lack, by model."""
    whole = sum(found.values(), SplitQuality())
    every = {**found, say("all"): whole} if len(found) > 1 else found
    rows = []
    for name, one in every.items():
        shares = (cell(one.shares()[share], ".1%") for share in SPLIT_SHARES.values())
        rows.append((name, cell(one.answers), cell(one.units), *shares))
    told = f"{whole}." if whole.units else say("No answer has units.")
    header = ("model", "answers", "units", *SPLIT_SHARES)
    return Figure.of("split", "How answers were split", told, header=header, rows=rows, wide=bool(rows))


def rejects(facts: Mapping[str, Any]) -> list[Figure]:
    """What was left out, by reason; nothing if nothing was."""
    counts = {reason: n for reason, n in facts.get("rejects", {}).items() if n}
    if not counts:
        return []
    order = sorted(counts.items(), key=lambda c: (-c[1], c[0]))
    drawn = [Bar(_named(reason), f"{n:,}", n / order[0][1]) for reason, n in order]
    total, most = f"{sum(counts.values()):,}", drawn[0].label
    told = say("{n} in all; the most frequent reason is “{reason}”.", n=total, reason=most)
    return [Figure.of("rejects", "Left out, by reason", told, "bars", bars(drawn))]


def gates(quality: Mapping[str, Any] | None) -> list[Figure]:
    """One table of what each gate checked, found and rejected, with a few of its examples."""
    records = {n: r for n, r in (quality or {}).items() if isinstance(r, Mapping) and "found" in r}
    if not records:
        return []
    header = ("gate", "switch", "checked", "found", "rejected", "for example")
    on = {name: r for name, r in records.items() if r.get("switch") != "off"}
    rows = [  # a gate that was off has no counts
        (_named(name), say(_text(r.get("switch"))), *(_text(on.get(name, {}).get(n)) for n in header[2:5]), _examples(r))
        for name, r in records.items()
    ]  # fmt: skip
    hits = [f"{_named(name)} {_text(r['found'])}" for name, r in on.items() if r["found"]]
    found = say("Found: {hits}.", hits=", ".join(hits)) if hits else say("Nothing was found.")
    told = say("{on} of {n} gates were on. {found}", on=len(on), n=len(records), found=found)
    return [Figure.of("gates", "Findings", told, header=header, rows=rows, wide=True)]


def _named(name: str) -> str:
    return say(name.replace("_", " "))


def _examples(record: Mapping[str, Any]) -> str:
    """Evidence, with the beginning of its question's id, which the search finds."""
    shown = []
    for one in list(record.get("examples") or [])[:MOST_EXAMPLES]:
        text = _text(one)
        if isinstance(one, Mapping) and {"evidence", "question_id"} <= one.keys():
            text = f"{one['question_id'][:8]}: {evidence_told(_text(one['evidence']))}"
        shown.append(text[:EXAMPLE_LENGTH])
    return "; ".join(shown) or "–"


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(one)}" for name, one in value.items()) or "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "–"
    return f"{value:,}" if isinstance(value, int) else str(value)
