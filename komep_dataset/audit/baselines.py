"""How well trivial baselines tell chosen from rejected on held-out pairs: what a set teaches besides its subject.

Each baseline is fitted on the pairs of `train` and asked, for each pair of `test`, which answer was chosen.
All work on the difference of two answers, so none can tell which is shown first. Fits are convex, without any
random draw.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import diags_array, issparse
from scipy.stats import mannwhitneyu

from komep_dataset.errors import KomepError, require
from komep_dataset.judge.shares import wilson
from komep_dataset.schema import Pair
from komep_dataset.templates import say

MOST_PAIRS = 10_000  # of a split that are looked at, the first by a hash of their key
STRENGTH = 2.0  # C of scikit-learn: what the data weigh against the penalty
# Parts of words, so that Korean endings do not hide a stem: 2 and 3 letters within a word.
TEXT_OPTIONS = {"analyzer": "char_wb", "ngram_range": (2, 3), "sublinear_tf": True, "max_features": 20_000}
SIDES = ("chosen", "rejected")
# (scores of chosen, scores of rejected) of the test pairs, given (train, test)
Scores = Callable[[pl.DataFrame, pl.DataFrame], Sequence[np.ndarray]]


@dataclass(frozen=True, slots=True)
class Baseline:
    """A trivial rule; whoever adds one writes a function with `@baseline`, and `komep bias` and the report show it."""

    label: str  # in a sentence: "… is right in 62% of held-out pairs"
    scores: Scores


BASELINES: dict[str, Baseline] = {}  # by name, in the order in which they are shown


def baseline(name: str, label: str) -> Callable[[Scores], Scores]:
    """Register the function below as a baseline."""

    def register(scores: Scores) -> Scores:
        BASELINES[name] = Baseline(label, scores)
        return scores

    return register


def separations(pairs: pl.DataFrame) -> list[dict[str, Any]]:
    """Every baseline on the pairs of a config.

    Args:
        pairs: the columns of `Pair`, `split`, `chosen` and `rejected` (texts).

    Returns:
        for each baseline its `name`; `train_pairs`; `accuracy`: the share of `test_pairs`, of `test_questions`, in which
        it puts the chosen answer ahead, ties half; `interval`: 95%, see `clustered_share`; `auc`: area under the ROC
        curve of its scores over single answers, pairs mixed. Or `name` and the `reason` why it was not fitted.
    """
    train, test = (_first(pairs.filter(pairs["split"] == split)) for split in ("train", "test"))
    return [{"name": name, **_separation(train, test, one.scores)} for name, one in BASELINES.items()]


def _first(pairs: pl.DataFrame) -> pl.DataFrame:
    if pairs.height > MOST_PAIRS:
        keys = ("\0".join(map(str, row)).encode() for row in pairs.select(Pair.KEY).iter_rows())
        hashes = [hashlib.sha256(key).digest() for key in keys]
        pairs = pairs[sorted(range(len(hashes)), key=hashes.__getitem__)[:MOST_PAIRS]]
    return pairs.sort(Pair.KEY)


def _separation(train: pl.DataFrame, test: pl.DataFrame, scores: Scores) -> dict[str, Any]:
    if test.is_empty():
        return {"reason": say("no pair in the split test")}
    if train.height < 2:
        return {"reason": say("fewer than two pairs in the split train")}
    try:
        chosen, rejected = scores(train, test)
    except KomepError as error:  # no word to look at, or scikit-learn is not installed
        return {"reason": str(error)}
    right = (chosen > rejected) + 0.5 * (chosen == rejected)
    accuracy, interval = clustered_share(right, test["question_id"])
    return {
        "train_pairs": train.height,
        "test_pairs": test.height,
        "test_questions": test["question_id"].n_unique(),
        "accuracy": accuracy,
        "interval": list(interval),
        "auc": float(mannwhitneyu(chosen, rejected).statistic / (len(chosen) * len(rejected))),
    }


def clustered_share(values: np.ndarray, questions: pl.Series) -> tuple[float, tuple[float, float]]:
    """The mean of values from 0 to 1, one a pair, and its 95% Wilson interval.

    Pairs of one question are alike: Wilson is given not their number but what they are worth, the number of
    independent ones that would vary as much; no fewer than questions, no more than pairs.
    """
    n, share = len(values), float(values.mean())
    _, place = np.unique(questions.to_numpy(), return_inverse=True)
    sums = np.bincount(place, weights=values - share)
    clusters = len(sums)
    spread = (sums**2).sum() / n**2 * clusters / max(clusters - 1, 1)
    worth = share * (1 - share) / spread if spread > 0 else 0.0
    worth = min(float(n), max(float(clusters), worth))
    return share, wilson(share * worth, worth)


@baseline("longer wins", "the rule learned from train on which length wins")
def longer_wins(train: pl.DataFrame, test: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """One rule: the longer answer, or the shorter one, whichever is right more often in `train`."""
    chosen, rejected = _lengths(train)
    sign = 1.0 if (chosen > rejected).sum() >= (chosen < rejected).sum() else -1.0
    return tuple(sign * side for side in _lengths(test))


@baseline("length", "length alone")
def length(train: pl.DataFrame, test: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Logistic regression on log length and its square, so that it may prefer a middle length."""
    logs = [np.log(np.maximum(side, 1.0)) for split in (train, test) for side in _lengths(split)]
    centre, scale = np.mean(logs[:2]), np.std(logs[:2]) + 1e-9
    return _fit_difference(*(np.stack([z, z**2], axis=1) for z in ((log - centre) / scale for log in logs)))


@baseline("model name", "the model's name alone")
def model_name(train: pl.DataFrame, test: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Bradley-Terry strengths: logistic regression on which model is which; an unseen model has the mean, 0."""
    if any(split[f"{side}_model"].null_count() for split in (train, test) for side in SIDES):
        raise KomepError(say("the set does not name the models"))
    models = np.array(sorted({*train["chosen_model"], *train["rejected_model"]}), dtype=object)
    names = (split[f"{side}_model"].to_numpy() for split in (train, test) for side in SIDES)
    return _fit_difference(*((one[:, None] == models).astype(float) for one in names))


@baseline("tf-idf", "words alone (TF-IDF)")
def tfidf(train: pl.DataFrame, test: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Logistic regression on TF-IDF of parts of words."""
    require("quality", "sklearn")
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(**TEXT_OPTIONS)
    try:
        both = vectorizer.fit_transform([*train["chosen"], *train["rejected"]])
    except ValueError as error:  # not one letter in any answer
        raise KomepError(f"no word in the answers of the split train ({error})") from error
    held_out = (vectorizer.transform(test[c].to_list()) for c in SIDES)
    return _fit_difference(both[: train.height], both[train.height :], *held_out)


def _lengths(pairs: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Characters of chosen and of rejected."""
    return tuple(pairs[side].str.len_chars().to_numpy().astype(float) for side in SIDES)


def _fit_difference(chosen: Any, rejected: Any, *test: Any) -> Sequence[np.ndarray]:
    """Scores of both sides of the test pairs by a logistic regression on differences of features.

    Every other training pair stands there the other way round. Without an intercept that changes no loss; it
    only gives the fit both of the labels that it asks for.
    """
    require("quality", "sklearn")
    from sklearn.linear_model import LogisticRegression

    difference = chosen - rejected
    signs = np.where(np.arange(difference.shape[0]) % 2, -1.0, 1.0)
    turned = diags_array(signs) @ difference if issparse(difference) else signs[:, None] * difference
    fitted = LogisticRegression(fit_intercept=False, max_iter=1000, C=STRENGTH).fit(turned, signs > 0)
    # Rounded, so that answers that a fit cannot tell apart tie, whatever the order of its sums.
    return tuple(np.round(side @ fitted.coef_[0], 9) for side in test)
