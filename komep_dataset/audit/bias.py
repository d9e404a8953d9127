"""What a set of pairs teaches besides its subject: lengths, winners, categories, margins, units, baselines.

`measure` reads a release; the figures themselves are pure functions over frames. Intervals are 95%; those of
shares take into account that pairs of one question are alike (`baselines.clustered_share`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import norm, pearsonr, spearmanr

from komep_dataset.audit.baselines import SIDES, clustered_share, separations
from komep_dataset.audit.label_noise import PURITIES, answer_counts, release_noise
from komep_dataset.audit.verdicts import verdicts
from komep_dataset.errors import KomepError
from komep_dataset.preferences.reading import check_unmapped, is_set, read_preferences
from komep_dataset.release.facts import pair_config, read_facts
from komep_dataset.release.rows import data_files, read_rows
from komep_dataset.release.sums import check_whole
from komep_dataset.schema import SPLITS, Pair, column_types
from komep_dataset.templates import say

NARROW = tuple(column_types(Pair))
QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
# Ratio of lengths, chosen / rejected; what lies beyond is counted in the outer bins.
RATIO_EDGES = (0.125, 0.25, 0.5, 0.667, 0.8, 0.952, 1.05, 1.25, 1.5, 2.0, 4.0, 8.0)
MARGIN_BINS = 10


def measure(
    folder: Path = Path("komep"),
    config: str | None = None,
    *,
    judge: Mapping[str, Any] | None = None,
    purities: Sequence[float] = PURITIES,
    columns: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The bias figures of one config of a release, or of a set that others made, as plain values.

    Args:
        folder: what `komep build` wrote, or a file or folder that `preferences.reading` reads; of the latter `config` and
            what it has no columns for are None: `wins`, `categories`, `margins`, always `label_noise`.
        config: `ko` or `en`; None = `ko` if the release has it, else `en`.
        judge: a calibration record of its judge; None = the one that the release holds.
        purities: those that a smallest margin is recommended for.
        columns: of a set that others made: its own name of a column -> the known one.

    Returns:
        `config`; `pairs`; `length`, `wins`, `categories`, `margins`, `units` (see the functions of these
        names); `baselines` (see `baselines.separations`); `label_noise` (see `label_noise.release_noise`),
        or None, and then `label_noise_reason`; `verdicts` (see `verdicts.verdicts`).

    Raises:
        KomepError: no release, no such config (exit code 2), or a config without pairs.
    """
    folder = Path(folder)
    if is_set(folder):
        if config is not None:
            raise KomepError(f"--dataset-config {config}: {folder} is no release, and has no configs", 2)
        if judge is not None:
            raise KomepError(f"--judge: {folder} is no release, and holds no verdicts of a judge", 2)
        return figures_of(read_preferences(folder, columns)) | {"source": folder.name}
    check_unmapped(folder, columns)
    facts = read_facts(folder)
    check_whole(folder)
    config = pair_config(folder, facts, config)
    text = {side: pl.col(side).list.first().struct.field("content") for side in SIDES}
    rows = read_rows(folder, config).select(*NARROW, "split", **text)
    if rows.is_empty():
        raise KomepError(f"{folder}: no pair in the config {config}; rejects.jsonl says why")
    files = [path for split in SPLITS for path in data_files(folder, "scored", split)]
    counts = answer_counts(pl.scan_parquet(files))
    noise, reason = release_noise(judge or facts.get("judge"), counts, rows, purities)
    return figures_of(rows, config, units(counts, rows), (noise, reason))


def figures_of(
    rows: pl.DataFrame,
    config: str | None = None,
    counted: dict[str, Any] | None = None,
    noise: tuple[dict[str, Any] | None, str | None] = (None, say("the set has no verdicts of a judge")),
) -> dict[str, Any]:
    """All figures of pairs; None for those whose columns are null."""

    def known(*names: str) -> bool:
        return not any(rows[name].null_count() for name in names)

    measured = {
        "config": config,
        "pairs": rows.height,
        "splits": {split: int((rows["split"] == split).sum()) for split in SPLITS},
        "length": length(rows),
        "wins": wins(rows) if known("chosen_model", "rejected_model") else None,
        "categories": categories(rows["category"].to_list()) if known("category") else None,
        "margins": margins(rows["score_margin"].to_numpy()) if known("score_margin") else None,
        "units": counted or dict.fromkeys(SIDES),
        "baselines": separations(rows),
        "label_noise": noise[0],
        **({"label_noise_reason": noise[1]} if noise[0] is None else {}),
    }
    return measured | {"verdicts": verdicts(measured)}


def length(pairs: pl.DataFrame) -> dict[str, Any]:
    """Lengths of the answers, in characters, and what they say of the label.

    `ratio` is chosen / rejected. `chosen_longer_share` is of the pairs whose lengths differ (None: there are
    none). `correlation`: over all answers, label 1 for chosen, 0 for rejected, against log length.
    """
    chosen, rejected = (pairs[c].str.len_chars().clip(lower_bound=1).to_numpy().astype(float) for c in SIDES)
    ratio = chosen / rejected
    differ = ratio != 1
    longer = differ.any() and clustered_share((ratio[differ] > 1) * 1.0, pairs["question_id"].filter(differ))
    counts, _ = np.histogram(ratio.clip(RATIO_EDGES[0], RATIO_EDGES[-1]), bins=RATIO_EDGES)
    return {
        "chosen_mean": float(chosen.mean()),
        "rejected_mean": float(rejected.mean()),
        "ratio_median": float(np.median(ratio)),
        "ratio_quartiles": np.quantile(ratio, [0.25, 0.75]).tolist(),
        "equal": int((~differ).sum()),
        "chosen_longer_share": longer[0] if longer else None,
        "chosen_longer_interval": list(longer[1]) if longer else None,
        "correlation": correlations(np.log(chosen), np.log(rejected)),
        "histogram": {"edges": list(RATIO_EDGES), "counts": counts.tolist()},
    }


def correlations(chosen: np.ndarray, rejected: np.ndarray) -> dict[str, Any]:
    """Point-biserial and Spearman correlation of a measure with the label, over all answers.

    Intervals by Fisher's z (Spearman with the standard error of Bonett and Wright). They take the answers as
    independent; those of one question are alike, so the intervals are rather too wide. None: no variation.
    """
    values = np.concatenate([chosen, rejected])
    label = np.repeat([1.0, 0.0], len(chosen))
    linear = ranked = (None, None)
    if len(values) > 3 and np.ptp(values):
        value = float(pearsonr(values, label).statistic)
        linear = value, _around(value, (len(values) - 3) ** -0.5)
        ranked = rank_correlation(values, label)
    found = {"point_biserial": linear, "spearman": ranked}
    return {name: dict(zip(("value", "interval"), of, strict=True)) for name, of in found.items()}


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> tuple[float, list[float]]:
    """Spearman's correlation and its 95% interval, of at least four values that are not all alike."""
    rank = float(spearmanr(a, b).statistic)
    return rank, _around(rank, ((1 + rank**2 / 2) / (len(a) - 3)) ** 0.5)


def _around(value: float, error: float) -> list[float]:
    ends = np.arctanh(np.clip(value, -1 + 1e-12, 1 - 1e-12)) + norm.ppf([0.025, 0.975]) * error
    return np.tanh(ends).tolist()


def wins(pairs: pl.DataFrame) -> dict[str, Any]:
    """Who wins against whom.

    `models`, sorted; `matrix[i][j]`: pairs in which models[i] was chosen over models[j]; `win_share`: for
    each model `hits` wins of `n` pairs that it is in, with interval, and `of_all`: its wins / all pairs.
    """
    counts = Counter(pairs.select("chosen_model", "rejected_model").iter_rows())
    models = sorted({model for key in counts for model in key})
    shares = []
    for model in models:
        own = pairs.filter((pairs["chosen_model"] == model) | (pairs["rejected_model"] == model))
        won = (own["chosen_model"] == model).to_numpy()
        share, interval = clustered_share(won * 1.0, own["question_id"])
        figures = {"hits": int(won.sum()), "n": own.height, "share": share, "interval": list(interval)}
        shares.append({"model": model, **figures, "of_all": figures["hits"] / pairs.height})
    matrix = [[counts[a, b] for b in models] for a in models]
    return {"models": models, "matrix": matrix, "win_share": shares}


def categories(names: Sequence[str]) -> dict[str, Any]:
    """How evenly the pairs are spread over the categories.

    `names`: {category: {pairs, share}}, the largest first; `entropy` in bits; `effective`: 2 to the entropy,
    the number of equally large categories that would be as even; `evenness`: entropy / its maximum, 1 for one
    category.
    """
    counts = Counter(names)
    shares = {name: n / len(names) for name, n in sorted(counts.items(), key=lambda c: (-c[1], c[0]))}
    entropy = -sum(s * log2(s) for s in shares.values()) + 0.0
    return {
        "names": {name: {"pairs": counts[name], "share": s} for name, s in shares.items()},
        "entropy": entropy,
        "effective": 2**entropy,
        "evenness": entropy / log2(len(counts)) if len(counts) > 1 else 1.0,
    }


def margins(values: np.ndarray) -> dict[str, Any]:
    """Quantiles of the score margins, and a histogram whose bins hold their upper edge: from 0 to 1, or, where scores are of
    another scale, from 0 or the whole number below the lowest to the one above the highest."""
    low, high = min(0.0, np.floor(values.min())), max(1.0, np.ceil(values.max()))
    edges = np.linspace(low, high, MARGIN_BINS + 1).round(6)
    places = np.searchsorted(edges, values.round(9)) - 1  # 0.7 - 0.6 is 0.1, whatever the floats say
    counts = np.bincount(places.clip(0), minlength=MARGIN_BINS)
    return {
        "mean": float(values.mean()),
        "quantiles": {str(q): float(np.quantile(values, q)) for q in QUANTILES},
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def units(counts: pl.DataFrame, pairs: pl.DataFrame) -> dict[str, Any]:
    """Atomic units of the chosen and of the rejected answers: `answers` that have any, `mean`, `histogram`.

    A score over one unit is 0 or 1; `single` is the share of answers with one. A side is None where no answer
    has units. `counts` as of `label_noise.answer_counts`.
    """
    found: dict[str, Any] = dict.fromkeys(SIDES)
    for side in SIDES:
        of_side = counts.select("question_id", "units", pl.col("model").alias(f"{side}_model"))
        own = pairs.join(of_side, on=["question_id", f"{side}_model"])["units"]
        if tally := Counter(own):
            n, bins = len(own), range(1, max(tally) + 1)
            histogram = {"edges": [*bins, bins.stop], "counts": [tally[units] for units in bins]}
            figures = {"answers": n, "mean": own.sum() / n, "single": tally[1] / n}
            found[side] = figures | {"histogram": histogram}
    return found
