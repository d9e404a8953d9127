"""Bias figures of the sample against independent oracles."""

import json
import math
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import stats

from komep_dataset.audit.bias import measure
from komep_dataset.errors import KomepError
from komep_dataset.release.build import build
from komep_dataset.samples import SAMPLE_INPUT
from komep_dataset.schema import question_id, split_of
from tests.preferences.sets import SHAPES, write


@pytest.fixture(scope="module")
def rows(release) -> list[dict]:
    files = [*sorted(release.glob("ko/train-*.parquet")), *sorted(release.glob("ko/test-*.parquet"))]
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def test_lengths_and_correlations_are_those_of_scipy(figures, rows):
    chosen, rejected = ([len(row[side][0]["content"]) for row in rows] for side in ("chosen", "rejected"))
    found = figures["length"]
    assert found["chosen_mean"] == pytest.approx(np.mean(chosen))
    assert found["ratio_median"] == pytest.approx(np.median(np.divide(chosen, rejected)))
    differ = [c - r for c, r in zip(chosen, rejected, strict=True) if c != r]
    low, high = found["chosen_longer_interval"]
    assert found["chosen_longer_share"] == pytest.approx(np.mean(np.array(differ) > 0))
    assert 0 < low < found["chosen_longer_share"] < high < 1
    assert found["equal"] == len(rows) - len(differ)
    label, values = np.repeat([1, 0], len(rows)), np.log(chosen + rejected)
    linear = stats.pearsonr(values, label)
    assert found["correlation"]["point_biserial"]["value"] == pytest.approx(linear.statistic)
    assert found["correlation"]["point_biserial"]["interval"] == pytest.approx(
        [*linear.confidence_interval()]
    )
    assert found["correlation"]["spearman"]["value"] == pytest.approx(
        stats.spearmanr(values, label).statistic
    )
    assert sum(found["histogram"]["counts"]) == len(rows) == figures["pairs"]
    assert len(found["histogram"]["edges"]) == len(found["histogram"]["counts"]) + 1


def test_wins_categories_margins_and_units_are_counted_right(figures, rows, release):
    wins, models = Counter((r["chosen_model"], r["rejected_model"]) for r in rows), figures["wins"]["models"]
    assert {
        (a, b): n
        for a, line in zip(models, figures["wins"]["matrix"], strict=True)
        for b, n in zip(models, line, strict=True)
        if n
    } == wins
    for one in figures["wins"]["win_share"]:
        won = sum(n for (a, _), n in wins.items() if a == one["model"])
        assert (one["hits"], one["n"]) == (won, sum(n for key, n in wins.items() if one["model"] in key))
    counts = Counter(r["category"] for r in rows)
    assert {k: v["pairs"] for k, v in figures["categories"]["names"].items()} == counts
    assert figures["categories"]["entropy"] == pytest.approx(stats.entropy([*counts.values()], base=2))
    margins = [r["score_margin"] for r in rows]
    assert figures["margins"]["quantiles"]["0.25"] == pytest.approx(np.quantile(margins, 0.25))
    bins = Counter(math.ceil(round(m * 10, 9)) - 1 for m in margins)
    assert figures["margins"]["histogram"]["counts"] == [bins[i] for i in range(10)]
    answers = [row for file in release.glob("scored/*.parquet") for row in pq.read_table(file).to_pylist()]
    units = {(a["question_id"], a["model"]): len(a["units"]) for a in answers}
    assert figures["units"]["rejected"]["mean"] == pytest.approx(
        np.mean([units[r["question_id"], r["rejected_model"]] for r in rows])
    )


def test_without_held_out_pairs_the_rest_is_still_told(tmp_path):
    lines = SAMPLE_INPUT.read_text("utf-8").splitlines()
    train = [line for line in lines if split_of(question_id(json.loads(line)["question"])) == "train"]
    (tmp_path / "train.jsonl").write_text("\n".join(train[:100]), "utf-8")
    build([tmp_path / "train.jsonl"], tmp_path / "komep")
    found = measure(tmp_path / "komep", "en")
    assert {one["reason"] for one in found["baselines"]} == {"no pair in the split test"}
    assert found["pairs"] == found["splits"]["train"] > 0
    assert "not fitted, no pair in the split test" in found["verdicts"]["baseline: tf-idf"]


def test_a_set_that_others_made_has_the_figures_that_its_columns_give(tmp_path):
    plain = measure(write(tmp_path / "set.jsonl", "ShareGPT ranking"))
    assert plain["pairs"] == 24 and plain["config"] is None and plain["source"] == "set.jsonl"
    assert plain["wins"] is plain["categories"] is plain["margins"] is plain["label_noise"] is None
    assert plain["units"] == {"chosen": None, "rejected": None} and plain["length"]["rejected_mean"] > 9
    told = plain["verdicts"]
    for name in ("wins", "categories", "margins", "units", "label noise"):
        assert told[name].startswith("not known: the set")
    assert "not fitted, the set does not name the models" in told["baseline: model name"]
    assert "--" not in " ".join(told.values())  # no option of a build could change it
    assert "accuracy" in next(one for one in plain["baselines"] if one["name"] == "length")
    with pytest.raises(KomepError, match="holds no verdicts of a judge"):
        measure(tmp_path / "set.jsonl", judge={"rates": {}})
    scored = measure(write(tmp_path / "scored.jsonl", "UltraFeedback"))
    assert scored["margins"]["mean"] == 5.5 and sum(scored["margins"]["histogram"]["counts"]) == 24
    assert scored["margins"]["histogram"]["edges"][-1] == 6 and scored["wins"]["models"] == ["x", "y"]
    assert scored["categories"] is None and scored["wins"]["win_share"][1]["hits"] == 24


def test_every_shape_of_one_set_has_the_same_lengths_and_baselines(tmp_path):
    found = [measure(write(tmp_path / f"{i}.jsonl", shape)) for i, shape in enumerate(SHAPES)]
    assert all(one["length"] == found[0]["length"] for one in found)
    words = [[b for b in one["baselines"] if b["name"] != "model name"] for one in found]
    assert all(one == words[0] for one in words)


def test_a_chosen_answer_with_the_lower_score_is_said(tmp_path):
    rows = [
        {"prompt": f"q{i}", "chosen": "a", "rejected": "bb", "chosen_score": i, "rejected_score": 2}
        for i in range(5)
    ]
    (tmp_path / "set.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = measure(tmp_path / "set.jsonl")
    assert (
        found["margins"]["histogram"]["edges"][0] == -2 and sum(found["margins"]["histogram"]["counts"]) == 5
    )
    assert "down to -2: not every chosen answer has the higher score" in found["verdicts"]["margins"]
