"""DAHL scores of many responses as plain functions, by the pipeline's own rules (`komep_dataset.dahl`).

A *response* here is the list of its units' verdicts: what the checker replied to each atomic statement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from komep_dataset.dahl import MODES, model_score, parse_verdict, score_response
from komep_dataset.schema import Status, Unit, Verdict

ALWAYS = (Status.SCORED, Status.UNPARSED, Status.ABSTAINED, Status.EMPTY)  # the others where they occur


def verdict_texts(units: object, row: int = 0) -> list[str]:
    """The verdicts of one response, as given: a list of texts, or of units `{"text": …, "verdict": …}`.

    Args:
        units: the response's units.
        row: its number, for messages.

    Raises:
        ValueError: it is no list, or an entry is neither a text nor a unit with a verdict.
    """
    if isinstance(units, (str, bytes, Mapping)) or not isinstance(units, Sequence):
        raise ValueError(
            f"prediction {row} is {units!r}; give a list of verdicts, one a unit (empty for none)"
        )
    texts = [unit.get("verdict") if isinstance(unit, Mapping) else unit for unit in units]
    for unit, text in zip(units, texts, strict=True):
        if not isinstance(text, str):
            raise ValueError(f"prediction {row}: {unit!r} is neither a verdict nor a unit with one")
    return texts


def _group(rows: Sequence[tuple[float | None, Status, list[Verdict]]]) -> dict[str, object]:
    """The scores of some responses; see `score`."""
    scores = [value for value, status, _ in rows if status is Status.SCORED]
    mean = model_score(scores)
    statuses = Counter(status for _, status, _ in rows)
    verdicts = Counter(verdict for *_, found in rows for verdict in found)
    return {
        "dahl_score": mean.mean if mean else None,
        "interval": None if mean is None or mean.low is None else [mean.low, mean.high],
        "n": len(rows),
        "n_scored": len(scores),
        "good_share": len(scores) / len(rows),
        "statuses": {
            status.value: statuses[status] for status in Status if status in ALWAYS or statuses[status]
        },
        "verdicts": {verdict.value: verdicts[verdict] for verdict in Verdict},
    }


def _check_lengths(n: int, **columns: Sequence[object] | None) -> None:
    lengths = {name: len(column) for name, column in columns.items() if column is not None}
    if any(length != n for length in lengths.values()):
        counts = ", ".join(f"{length} {name}" for name, length in lengths.items())
        raise ValueError(f"one entry a response is needed, but got {n} predictions, {counts}")
    if not n:
        raise ValueError("there is nothing to score: predictions are empty")


def _check_texts(**columns: Sequence[object] | None) -> None:
    """Raise `ValueError`, with index and value, for an entry of a column that is no string."""
    for name, column in columns.items():
        for row, value in enumerate(() if column is None else column):
            if not isinstance(value, str):
                raise ValueError(f"{name}[{row}] is {value!r}, not a string")


def score(
    predictions: Sequence[object],
    mode: str = "strict",
    responses: Sequence[str] | None = None,
    categories: Sequence[str] | None = None,
) -> dict[str, object]:
    """Score responses by the verdicts of their units.

    Args:
        predictions: for each response, its units: verdicts as the checker gave them, or `{"text", "verdict"}`.
        mode: `strict` (the pipeline's default) or `paper`: as DAHL's reference code reads and scores.
        responses: the responses' texts, by which strict mode knows abstentions ("I don't know.").
        categories: a category a response, for the scores by category.

    Returns:
        `dahl_score` (mean over scored responses, 0 to 1, None without any), `interval` (95%, Student's t, None
        below two scores), `n`, `n_scored`, `good_share`, `statuses`, `verdicts` (counts), `scores` (one a response,
        None where it has none) and `categories` (the same without `scores`).

    Raises:
        ValueError: nothing to score, columns of different length, an unknown mode, or a prediction that is no list
            of verdicts.
    """
    if mode not in MODES:
        raise ValueError(f"mode {mode!r}: give one of {', '.join(MODES)}")
    _check_lengths(len(predictions), responses=responses, categories=categories)
    _check_texts(responses=responses, categories=categories)
    rows = []
    for row, units in enumerate(predictions):
        verdicts = [parse_verdict(text, mode) for text in verdict_texts(units, row)]
        text = "" if responses is None else responses[row]
        rows.append((*score_response(text, [Unit("", verdict) for verdict in verdicts], mode), verdicts))
    groups: dict[str, list] = {}
    for category, found in zip(categories or (), rows, strict=bool(categories)):
        groups.setdefault(category, []).append(found)
    return {
        **_group(rows),
        "scores": [value for value, *_ in rows],
        "categories": {name: _group(group) for name, group in groups.items()},
    }
