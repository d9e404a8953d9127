"""A release whose pairs go by F1@K: its extra column, K of the data, and what verify, growth, diff and the page make of it."""

import json
import random

import polars as pl
import pytest

from komep_dataset.errors import KomepError
from komep_dataset.explorer.report import write_report
from komep_dataset.release.build import build
from komep_dataset.release.diff import diff
from komep_dataset.release.rows import read_rows
from komep_dataset.release.sums import data_sums, write_sums
from komep_dataset.release.verify import verify
from tests.generated_rows import release_bytes, some_rows, write_jsonl


def unsound(folder):
    return [check.name for check in verify(folder) if not check.ok]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """`scored.jsonl` of thirty questions, and `komep`, its release by `f1`."""
    folder = tmp_path_factory.mktemp("f1")
    write_jsonl(folder / "scored.jsonl", some_rows(30))
    build([folder / "scored.jsonl"], folder / "komep", utility="f1", pairs="trimmed")
    return folder


def test_both_scores_are_in_scored_and_k_in_provenance_and_card(place):
    units = sorted(len(row["units"]) for row in some_rows(30) if row["units"])
    k = (units[(len(units) - 1) // 2] + units[len(units) // 2]) / 2
    scored = read_rows(place / "komep", "scored")
    assert [*scored.columns][-2:] == ["f1_at_k", "split"] and scored[
        "dahl_score"
    ].null_count() < scored.height
    for row in scored.filter(pl.col("status") == "scored").iter_rows(named=True):
        true = sum(unit["verdict"] == "true" for unit in row["units"])
        precision, recall = true / len(row["units"]), min(true / k, 1)
        assert row["dahl_score"] == precision
        assert row["f1_at_k"] == pytest.approx(true and 2 * precision * recall / (precision + recall))
    [provenance, facts] = (
        json.loads((place / "komep" / f"{n}.json").read_text()) for n in ("provenance", "build")
    )
    assert provenance["options"]["utility"] == f"f1@{k:g}" and provenance["options"]["trim_below"] is not None
    assert facts["f1_at_k"] == {"k": k}
    assert facts["from_data"]["utility"] == f"K is the median number of units of {len(units)} answers"
    pair = read_rows(place / "komep", "en").row(0, named=True)
    of = {row["model"]: row["f1_at_k"] for row in scored.filter(question_id=pair["question_id"]).to_dicts()}
    assert (pair["chosen_score"], pair["rejected_score"]) == (
        of[pair["chosen_model"]],
        of[pair["rejected_model"]],
    )
    card = " ".join((place / "komep" / "README.md").read_text("utf-8").split())
    assert (
        f"chosen and rejected by F1@{k:g}" in card
        and f"Pairs go by F1@{k:g}" in card
        and "| `f1_at_k` | F1@K" in card
    )
    write_report(place / "komep", place / "report.html")
    assert f"--utility f1@{k:g}" in (place / "report.html").read_text("utf-8")


def test_the_same_rows_in_another_order_are_the_same_bytes(place):
    some = list(some_rows(30))
    random.Random(1).shuffle(some)
    write_jsonl(place / "other.jsonl", [*some, *some[:7]])
    build([place / "other.jsonl"], place / "again", utility="f1", pairs="trimmed")
    assert release_bytes(place / "again") == release_bytes(place / "komep")


def test_verify_derives_it_and_sees_what_was_changed(place):
    assert unsound(place / "komep") == []
    build([place / "scored.jsonl"], place / "harmed", utility="f1@4")
    assert unsound(place / "harmed") == []
    path = place / "harmed" / "provenance.json"
    told = json.loads(path.read_text())
    for utility, found in (
        ("f1@5", {"scores", "pairs"}),
        ("precision", {"columns", "pairs"}),
        ("f1", {"facts"}),
    ):
        path.write_text(json.dumps(told | {"options": told["options"] | {"utility": utility}}))
        write_sums(place / "harmed", data_sums(place / "harmed")[0])
        assert found <= set(unsound(place / "harmed"))


def test_precision_leaves_no_trace(place):
    build([place / "scored.jsonl"], place / "plain")
    assert "f1_at_k" not in read_rows(place / "plain", "scored").columns
    facts = json.loads((place / "plain" / "build.json").read_text())
    assert not {"f1_at_k", "from_data", "score_agreement", "left_out_models"} & facts.keys()
    build([place / "komep" / "scored"], place / "of-release")  # its own column is derived, not read
    assert release_bytes(place / "of-release") == release_bytes(place / "plain")


def test_it_grows_with_the_k_that_it_has(place):
    more = [row for row in some_rows(33, seed=5) if row["question"][9:-1] in ("30", "31", "32")]
    source = write_jsonl(place / "more.jsonl", [row | {"units": row["units"] * 3} for row in more])
    for asked in (None, "f1"):
        facts = build([source], place / "grown", base=place / "komep", utility=asked).facts
        old = json.loads((place / "komep" / "provenance.json").read_text())["options"]
        assert facts["options"] == old and "from_data" in facts
        assert unsound(place / "grown") == []
    for other in ("precision", "f1@99"):
        with pytest.raises(KomepError, match=f"--utility {other}: the base .* was built with --utility f1@"):
            build([source], place / "grown", base=place / "komep", utility=other)
    changes = diff(place / "komep", place / "grown")
    assert {change for (_, _, change, _) in changes.counts} == {"added"}


def test_diff_gives_the_rule_as_the_reason(place):
    build([place / "scored.jsonl"], place / "by-4", utility="f1@9", pairs="trimmed")
    changes = diff(place / "komep", place / "by-4")
    assert "options.utility" in changes.facts
    assert {(config, reasons) for config, _, _, reasons in changes.counts} <= {
        ("en", "rule_changed"),
        ("ko", "rule_changed"),
    }


def test_a_release_from_before_an_option_has_its_default(place):
    build([place / "scored.jsonl"], place / "old")
    build([place / "scored.jsonl"], place / "new", min_margin=0.2)
    path = place / "old" / "provenance.json"
    told = json.loads(path.read_text())
    for name in ("utility", "length_gap", "length_tokenizer", "order", "trim_below"):
        del told["options"][name]
    path.write_text(json.dumps(told))
    write_sums(place / "old", data_sums(place / "old")[0])
    assert unsound(place / "old") == []
    assert [name for name in diff(place / "old", place / "new").facts if "options" in name] == [
        "options.min_margin"
    ]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ({"utility": "f1@0"}, 2, "--utility f1@0: give precision, f1, or f1@K"),
        ({"utility": "f1@-4"}, 2, "--utility"),
        ({"utility": "f1@nan"}, 2, "--utility"),
        ({"utility": "recall"}, 2, "--utility recall"),
        ({"length_gap": -1}, 2, "--length-gap -1: give a number from 0 to"),
        ({"length_gap": float("nan")}, 2, "--length-gap"),
        ({"trim_below": 2.0, "pairs": "trimmed"}, 2, "--trim-below"),
        ({"trim_below": 0.5}, 2, "it goes with --pairs trimmed"),
    ],
)
def test_bad_settings_stop_and_leave_what_is_there(place, options, code, message):
    before = release_bytes(place / "komep")
    with pytest.raises(KomepError, match=message) as caught:
        build([place / "scored.jsonl"], place / "komep", **options)
    assert caught.value.exit_code == code and release_bytes(place / "komep") == before


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"min_margin": 1.0},
        {"length_gap": 0, "min_margin": 0.9},
        {"pairs": "trimmed", "trim_below": 1.0, "utility": "f1@900"},
    ],
)
def test_a_release_without_a_pair_is_written_and_sound_whatever_left_none(place, tmp_path, capsys, options):
    """One model alone gave a release and a warning, a setting that left nothing gave an error."""
    one = tmp_path / "one.jsonl"
    one.write_text((place / "scored.jsonl").read_text().splitlines()[0] + "\n")
    result = build([one] if not options else [place / "scored.jsonl"], tmp_path / "komep", **options)
    assert result.facts["pairs"] == 0 and unsound(tmp_path / "komep") == []
    warned = capsys.readouterr().err
    assert warned.startswith("warning: no pair passed")
    assert all(f"--{name.replace('_', '-')} {value}" in warned for name, value in options.items())
