"""The figures of the overview, from what `bias.measure`, `build.json` and `quality.json` say. Pure.

What a figure shows is said in a sentence or two computed from its numbers: a verdict of `audit/verdicts.py`, or what
that has no line for.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from komep_dataset.explorer.plots import Bar, Figure, bars, columns, curve, heat, nice_ceiling
from komep_dataset.schema import listed_statuses
from komep_dataset.scores.split_quality import SplitQuality

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


def figure_groups(
    measured: Mapping[str, Any],
    facts: Mapping[str, Any] | None,
    quality: Mapping[str, Any] | None,
    splits: Mapping[str, SplitQuality],
) -> list[dict[str, Any]]:
    """The figures in groups: title, a line on what to look for, figures; without `facts` those of a set that others made."""
    told = {name: sentence(line) for name, line in measured["verdicts"].items()}
    known = {name: found for name, found in measured.items() if found}

    def figure(draw: Callable[..., Figure], name: str) -> list[Figure]:
        return [draw(known[name], told[name])] if name in known else []

    labels = facts and (
        units(measured["units"], told["units"]),
        noise(measured["label_noise"], told["label noise"]),
        split(splits),
    )
    return [
        {
            "title": "What else could be learned",
            "lead": "A preference set teaches whatever tells chosen from rejected: length, a model’s style, a word.",
            "figures": [
                baselines(measured["baselines"], measured["verdicts"]),
                length(measured["length"], told["length"]),
                *figure(wins, "wins"),
                *([win_shares(known["wins"])] if "wins" in known else []),
            ],
        },
        {
            "title": "How sure the labels are",
            "lead": "A wide margin over several units is a safer label than a narrow one over two.",
            "figures": [*figure(margins, "margins"), *(labels or ())],
        },
        {
            "title": "What the pairs are made of",
            "lead": "Subjects and responders, and what was left out on the way.",
            "figures": [
                *figure(categories, "categories"),
                *([models(facts["models"]), *rejects(facts)] if facts else []),
            ],
        },
        {
            "title": "What the gates found",
            "lead": "Checks that the build ran over questions and answers; each has its own switch.",
            "figures": gates(quality),
        },
    ]


def sentence(line: str) -> str:
    """A line of judgement as a sentence. A name at its start is left as it is written.

    >>> sentence("median 0.35"), sentence("sample-90 wins 35%")
    ('Median 0.35.', 'sample-90 wins 35%.')
    """
    first = line.split(" ", 1)[0]
    return (line[:1].upper() + line[1:] if first.isalpha() else line) + "."


def length(found: Mapping[str, Any], told: str) -> Figure:
    """Histogram of chosen length / rejected length."""
    edges, counts = found["histogram"]["edges"], found["histogram"]["counts"]
    labels = edge_labels(edges, "{:.3g}", open_ends=True)
    ticks = [f"{edge:.3g}×" if i % 2 == 0 and i else "" for i, edge in enumerate(edges[:-1])]
    correlation = found["correlation"]["point_biserial"]["value"]
    rows = [
        ("mean characters, chosen", f"{found['chosen_mean']:,.0f}"),
        ("mean characters, rejected", f"{found['rejected_mean']:,.0f}"),
        ("median of chosen / rejected", f"{found['ratio_median']:.2f}"),
        ("correlation of log length and label", "–" if correlation is None else f"{correlation:+.3f}"),
        *((f"ratio {label}", f"{n:,}") for label, n in zip(labels, counts, strict=True)),
    ]
    data = columns(labels, {"pairs": counts}, "pairs", ticks) | {
        "below": "characters, chosen ÷ rejected, from"
    }
    title = "Length of chosen against rejected"
    return Figure("length", title, told, "columns", data, ("", "pairs"), tuple(rows))


def edge_labels(edges: Sequence[float], form: str, open_ends: bool = False) -> list[str]:
    """Bins as text: `a to b`; with open ends the first and the last bin reach on."""
    labels = [f"{form.format(a)} to {form.format(b)}" for a, b in pairwise(edges)]
    if open_ends:
        labels[0], labels[-1] = f"below {form.format(edges[1])}", f"{form.format(edges[-2])} and above"
    return labels


def wins(found: Mapping[str, Any], told: str) -> Figure:
    """Row against column: the share of pairs in which the row's model was chosen."""
    header = ("chosen \\ rejected", *found["models"])
    rows = [(m, *map(_number, row)) for m, row in zip(found["models"], found["matrix"], strict=True)]
    data = heat(found["models"], found["matrix"])
    title = "Who was chosen over whom"
    return Figure("wins", title, told, "heat", data, header, tuple(rows))


def win_shares(found: Mapping[str, Any]) -> Figure:
    """Of the pairs that a model is in, how many it wins."""
    order = sorted(found["win_share"], key=lambda m: (-m["share"], m["model"]))
    drawn = [Bar(m["model"], f"{m['share']:.0%}", m["share"], *m["interval"]) for m in order]
    rows = [
        (m["model"], _number(m["hits"]), _number(m["n"]), f"{m['share']:.1%}", _range(m["interval"]), f"{m['of_all']:.1%}")
        for m in order
    ]  # fmt: skip
    header = ("model", "won", "pairs", "share", "interval", "of all pairs")
    best, worst = order[0], order[-1]
    told = (
        f"From {best['share']:.0%} ({best['model']}) down to {worst['share']:.0%} ({worst['model']}) "
        "of the pairs that a model is in. Lines are 95% intervals."
    )
    title = "How often each model wins"
    return Figure("win-shares", title, told, "bars", bars(drawn, 0.5), header, tuple(rows))


def categories(found: Mapping[str, Any], told: str) -> Figure:
    """Pairs by category, the largest first."""
    names = found["names"]
    largest = max(one["pairs"] for one in names.values())
    drawn = [Bar(n, f"{one['pairs']:,}", one["pairs"] / largest) for n, one in names.items()]
    rows = [(n, f"{one['pairs']:,}", f"{one['share']:.1%}") for n, one in names.items()]
    data = bars(drawn, hidden=max(0, len(drawn) - SHOWN_BARS))
    return Figure("categories", "Pairs by category", told, "bars", data,
                  ("category", "pairs", "share"), tuple(rows))  # fmt: skip


def margins(found: Mapping[str, Any], told: str) -> Figure:
    """Histogram of the score margins."""
    edges, counts = found["histogram"]["edges"], found["histogram"]["counts"]
    form = "{:.1f}" if edges[-1] - edges[0] <= 1 else "{:g}"
    labels = edge_labels(edges, form)
    data = columns(labels, {"pairs": counts}, "pairs", [form.format(e) for e in edges[:-1]])
    data["below"] = "score margin, from"
    rows = [(label, f"{n:,}") for label, n in zip(labels, counts, strict=True)]
    return Figure("margins", "Pairs by score margin", told, "columns", data,
                  ("margin", "pairs"), tuple(rows))  # fmt: skip


def units(found: Mapping[str, Any], told: str) -> Figure:
    """Histogram of units an answer, chosen beside rejected; long tails in one last bin."""
    series = {side: found[side]["histogram"]["counts"] for side in SIDES if found[side]}
    if not series:
        return Figure("units", "Units an answer", told)
    most = max(map(len, series.values()))
    shown = min(most, SHOWN_BARS)
    cut = {
        side: [*(counts + [0] * (most - len(counts)))[: shown - 1], sum(counts[shown - 1 :])]
        for side, counts in series.items()
    }
    labels = [str(n + 1) for n in range(shown)]
    if most > shown:
        labels[-1] += "+"
    data = columns(labels, cut, "answers") | {"below": "units an answer"}
    rows = [(label, *(f"{cut[s][i]:,}" for s in cut)) for i, label in enumerate(labels)]
    return Figure("units", "Units an answer", told, "columns", data,
                  ("units", *cut), tuple(rows))  # fmt: skip


def baselines(found: Sequence[Mapping[str, Any]], verdicts: Mapping[str, str]) -> Figure:
    """How well a trivial rule tells chosen from rejected on held-out pairs; the line is chance."""
    drawn, rows = [], []
    for one in found:
        if "accuracy" not in one:
            rows.append((one["name"], "–", "–", "–", one["reason"]))
            continue
        drawn.append(Bar(one["name"], f"{one['accuracy']:.0%}", one["accuracy"], *one["interval"]))
        auc = "–" if one.get("auc") is None else f"{one['auc']:.3f}"
        right, held_out = f"{one['accuracy']:.1%}", _number(one["test_pairs"])
        rows.append((one["name"], right, _range(one["interval"]), auc, held_out))
    if drawn:
        best = max(drawn, key=lambda bar: bar.value)
        told = sentence(f"the best of them: {verdicts[f'baseline: {best.label}']}")
    else:
        told = f"No rule could be fitted: {'; '.join(sorted({one['reason'] for one in found}))}."
    header = ("rule", "right", "interval", "AUC", "held-out pairs")
    title, plot = "What trivial rules know of the label", "bars" if drawn else ""
    return Figure("baselines", title, told, plot, bars(drawn, 0.5), header, tuple(rows))


def noise(found: Mapping[str, Any] | None, told: str) -> Figure:
    """Expected share of flipped pairs by margin."""
    title = "Expected label noise by margin"
    if found is None:
        return Figure("noise", title, told)
    bins = [one for one in found["bins"] if one["pairs"]]
    points = [((one["low"] + one["high"]) / 2, one["flipped"], None, None) for one in bins]
    top = nice_ceiling(100 * max((one["flipped"] for one in bins), default=0.01)) / 100
    rows = [(f"{b['low']:.1f} to {b['high']:.1f}", f"{b['pairs']:,}", f"{b['flipped']:.1%}") for b in bins]
    data = curve(points, min(top, 1.0)) | {"below": "score margin"}
    return Figure("noise", title, told, "curve", data,
                  ("margin", "pairs", "expected flipped"), tuple(rows))  # fmt: skip


def models(found: Mapping[str, Mapping[str, Any]]) -> Figure:
    """DAHL score of each responder."""
    order = sorted(found.items(), key=lambda m: (-(m[1]["dahl"] or {"mean": -1})["mean"], m[0]))
    drawn = [
        Bar(name, f"{one['dahl']['mean']:.3f}", one["dahl"]["mean"], one["dahl"]["low"], one["dahl"]["high"])
        for name, one in order
        if one["dahl"]
    ]
    rows, listed = [], listed_statuses(status for one in found.values() for status in one["statuses"])
    for name, one in order:
        score = one["dahl"] or {"mean": None, "low": None}
        mean = "–" if score["mean"] is None else f"{score['mean']:.3f}"
        interval = "–" if score["low"] is None else f"{score['low']:.3f} to {score['high']:.3f}"
        rows.append((name, mean, interval, *(_number(one["statuses"].get(status, 0)) for status in listed)))
    return Figure("models", "DAHL score by responder", _told_of_models(found), "bars" if drawn else "", bars(drawn),
                  ("responder", "mean", "interval", *listed), tuple(rows))  # fmt: skip


def _told_of_models(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Whether the best responder is told from the next one."""
    scored = [(m["dahl"]["mean"], name, m["dahl"]) for name, m in found.items() if m["dahl"]]
    scored.sort(key=lambda one: (-one[0], one[1]))
    if not scored:
        return "No responder has a scored answer."
    if len(scored) == 1:
        return f"{scored[0][1]} scores {scored[0][0]:.3f} on average."
    (mean, name, best), (_, next_name, after) = scored[:2]
    clear = best["low"] is not None and after["high"] is not None and best["low"] > after["high"]
    apart = "their intervals do not meet" if clear else "their intervals overlap"
    return f"{name} scores highest ({mean:.3f}), then {next_name} ({after['mean']:.3f}); {apart}."


def split(found: Mapping[str, SplitQuality]) -> Figure:
    """What units cover of their answers and what they lack, by model."""
    header = ("model", "answers", "units", *SPLIT_SHARES)
    whole = sum(found.values(), SplitQuality())
    every = {**found, "all": whole} if len(found) > 1 else found
    rows = [
        (
            name,
            f"{one.answers:,}",
            f"{one.units:,}",
            *(_share(one.shares()[s]) for s in SPLIT_SHARES.values()),
        )
        for name, one in every.items()
    ]
    told = f"{whole}." if whole.units else "No answer has units."
    return Figure("split", "How answers were split", told, header=header, rows=tuple(rows))


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def rejects(facts: Mapping[str, Any]) -> list[Figure]:
    """What was left out, by reason; nothing if nothing was."""
    counts = {reason: n for reason, n in facts.get("rejects", {}).items() if n}
    if not counts:
        return []
    order = sorted(counts.items(), key=lambda c: (-c[1], c[0]))
    drawn = [Bar(reason.replace("_", " "), f"{n:,}", n / order[0][1]) for reason, n in order]
    told = f"{sum(counts.values()):,} in all; the most frequent reason is “{order[0][0].replace('_', ' ')}”."
    return [Figure("rejects", "Left out, by reason", told, "bars", bars(drawn))]


def gates(quality: Mapping[str, Any] | None) -> list[Figure]:
    """One table of what each gate checked, found and rejected, with a few of its examples."""
    records = {n: r for n, r in (quality or {}).items() if isinstance(r, Mapping) and "found" in r}
    if not records:
        return []
    header = ("gate", "switch", "checked", "found", "rejected", "for example")
    rows = [
        (name.replace("_", " "), _text(r.get("switch")), *(_count(r, n) for n in header[2:5]), _examples(r))
        for name, r in records.items()
    ]
    on = {name: r for name, r in records.items() if r.get("switch") != "off"}
    hits = [f"{name.replace('_', ' ')} {_text(r['found'])}" for name, r in on.items() if _amount(r["found"])]
    told = f"{len(on)} of {len(records)} gates were on. " + (
        f"Found: {', '.join(hits)}." if hits else "Nothing was found."
    )
    return [Figure("gates", "Findings", told, "", {}, header, tuple(rows), wide=True)]


def _count(record: Mapping[str, Any], name: str) -> str:
    """A count as text; none where the gate was off."""
    return "–" if record.get("switch") == "off" else _text(record.get(name))


def _amount(value: Any) -> int:
    return value if isinstance(value, int) else len(value) if hasattr(value, "__len__") else 0


def _examples(record: Mapping[str, Any]) -> str:
    """Evidence, with the beginning of its question's id, which the search finds."""
    shown = []
    for one in list(record.get("examples") or [])[:MOST_EXAMPLES]:
        of_question = isinstance(one, Mapping) and {"evidence", "question_id"} <= one.keys()
        text = f"{one['question_id'][:8]}: {_text(one['evidence'])}" if of_question else _text(one)
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


def _number(value: int) -> str:
    return f"{value:,}"


def _range(interval: Sequence[float]) -> str:
    return f"{interval[0]:.1%} to {interval[1]:.1%}"
