"""What a figure shows, in a sentence or two computed from its numbers. Pure.

`bias_report.verdicts` judges a subject in one line, by fixed rules; here stands what it has no line for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def sentence(line: str) -> str:
    """A line of judgement as a sentence. A name at its start is left as it is written.

    >>> sentence("median 0.35"), sentence("sample-90 wins 35%")
    ('Median 0.35.', 'sample-90 wins 35%.')
    """
    first = line.split(" ", 1)[0]
    return (line[:1].upper() + line[1:] if first.isalpha() else line) + "."


def baselines(found: Sequence[Mapping[str, Any]], verdicts: Mapping[str, str]) -> str:
    """What is said of the trivial rule that tells chosen from rejected best."""
    fitted = [one for one in found if "accuracy" in one]
    if not fitted:
        return "No rule could be fitted: " + "; ".join(sorted({one["reason"] for one in found})) + "."
    best = max(fitted, key=lambda one: one["accuracy"])
    return sentence(f"the best of them: {verdicts['baseline: ' + best['name']]}")


def wins(found: Mapping[str, Any]) -> str:
    """How far apart the best and the worst model are."""
    order = sorted(found["win_share"], key=lambda m: (-m["share"], m["model"]))
    best, worst = order[0], order[-1]
    return (
        f"From {best['share']:.0%} ({best['model']}) down to {worst['share']:.0%} ({worst['model']}) "
        "of the pairs that a model is in. Lines are 95% intervals."
    )


def models(found: Mapping[str, Mapping[str, Any]]) -> str:
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
