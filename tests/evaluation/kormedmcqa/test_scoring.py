"""The scores."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from evaluation.kormedmcqa.scoring import score, wilson_interval

ROOT = Path(__file__).resolve().parents[3]


@given(st.integers(1, 4000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_is_that_of_statsmodels(counts):
    right, n = counts
    assert wilson_interval(right, n) == pytest.approx(proportion_confint(right, n, method="wilson"), abs=1e-9)


def test_score_counts_each_reading():
    predictions = ["정답: B", "정답은 C이다", "d", "비타민 D 결핍", ""]
    scores = score(predictions, [2, "C", 4, 1, 5], ["doctor", "doctor", "nurse", "nurse", "nurse"])
    assert scores["n"] == 5
    assert scores["accuracy"] == 2 / 5  # "정답: B" and "d"
    assert scores["accuracy_robust"] == 3 / 5
    assert scores["exact_match_raw"] == 1 / 5
    assert scores["parse_rate"] == 3 / 5
    assert scores["parse_rate_robust"] == 3 / 5
    assert scores["interval"] == pytest.approx(proportion_confint(2, 5, method="wilson"))
    assert list(scores["subjects"]) == ["doctor", "nurse"]
    assert scores["subjects"]["doctor"]["accuracy"] == 1 / 2
    assert scores["subjects"]["nurse"]["parse_rate_robust"] == 1 / 3
    assert set(scores["subjects"]["nurse"]) == set(scores) - {"subjects"}


@given(st.lists(st.tuples(st.sampled_from(["B", "정답은 C", "?", "A or B", "2"]), st.integers(1, 5), st.sampled_from("xyz")), min_size=1))  # fmt: skip
def test_total_is_the_mean_of_subjects_weighted_by_size(rows):
    predictions, references, subjects = map(list, zip(*rows, strict=True))
    scores = score(predictions, references, subjects)
    groups = scores["subjects"].values()
    assert sum(g["n"] for g in groups) == scores["n"] == len(rows)
    for name in ("accuracy", "accuracy_robust", "exact_match_raw", "parse_rate", "parse_rate_robust"):
        assert scores[name] == pytest.approx(sum(g["n"] * g[name] for g in groups) / len(rows))
        assert 0 <= scores[name] <= 1
    low, high = scores["interval"]
    assert 0 <= low <= scores["accuracy"] <= high <= 1


def test_options_let_a_reply_state_the_text():
    options = [["헤파린", "인슐린", "와파린", "아스피린", "디곡신"]]
    assert score(["인슐린"], [2])["accuracy_robust"] == 0
    assert score(["인슐린"], [2], options=options)["accuracy_robust"] == 1


def test_macro_is_the_plain_mean_of_subjects():
    scores = score(["A", "A", "A", "정답은 B이다"], [1, 1, 2, 2], ["x", "x", "x", "y"])
    assert scores["accuracy"] == 1 / 2
    assert scores["accuracy_macro"] == pytest.approx((2 / 3 + 0) / 2)
    assert scores["accuracy_robust_macro"] == pytest.approx((2 / 3 + 1) / 2)
    assert scores["interval_robust"] == pytest.approx(proportion_confint(3, 4, method="wilson"))
    for one in (score(["A", "B"], [1, 1]), score(["A", "B"], [1, 1], ["x", "x"]), scores["subjects"]["x"]):
        assert one["accuracy_macro"] == one["accuracy"]
        assert one["accuracy_robust_macro"] == one["accuracy_robust"]


def test_no_reading_gives_a_letter_beyond_the_options():
    four = [["가나", "나다", "다라", "라마"]]
    assert score(["정답: E"], [1], options=four)["parse_rate"] == 0
    assert score(["정답: E"], [1], options=four)["parse_rate_robust"] == 0
    assert score(["정답: E"], [1])["parse_rate"] == 1


@pytest.mark.parametrize("name", ["choices", "extraction", "pieces", "robust", "rules", "scoring"])
def test_the_scorer_needs_the_standard_library_alone(name):
    """Its modules load where nothing is installed (`-S` leaves out site-packages)."""
    command = [sys.executable, "-S", "-c", f"import evaluation.kormedmcqa.{name}"]
    assert subprocess.run(command, cwd=ROOT, env={}, timeout=300).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["A", 3], [1, 1]), r"predictions\[1\].*not 3"),
        ((["A", "B"], [1, "F"]), r"references\[1\].*not 'F'"),
        ((["A", "B"], [1, 1], ["x", None]), r"subjects\[1\].*not None"),
        ((["A"], [1], None, [["a"]]), r"options\[0\].*not \['a'\]"),
        ((["A"], [1], None, ["ABCDE"]), r"options\[0\].*not 'ABCDE'"),
        ((["A"], [1], None, [list("abcdef")]), r"options\[0\]"),
        ((["A"], [4], None, [["yes", "no", "maybe"]]), r"references\[0\].*'D' is none of the 3 options"),
        ((["A", "B"], [1]), r"references\[1\] is missing"),
        ((["A", "B"], [1]), "2 predictions, 1 references"),
        ((["A"], [1], ["x", "y"]), "2 subjects"),
        ((["A"], [1], []), "0 subjects"),
        ((["A"], [1], None, []), "0 options"),
        (([], []), "nothing to score"),
        ((["A"], [6]), "not 6"),
    ],
)
def test_score_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        score(*arguments)


THINKING = [
    "<think>정답: A 일까. 아니",
    "<think>정답: A</think>\n\n정답: C",
    "[THINK]A[/THINK]정답: C",
    "[THINK]정답: A",
    "C",
]


def test_thoughts_state_no_answer_and_unfinished_ones_are_counted():
    scores = score(THINKING, [1, 3, 3, 1, 3], ["a", "a", "b", "b", "b"])
    assert scores["accuracy"] == scores["accuracy_robust"] == scores["parse_rate"] == 3 / 5
    assert scores["cut_thinking"] == 2 and scores["subjects"]["b"]["cut_thinking"] == 1


def test_the_harness_s_reading_of_thoughts_is_there_by_name():
    scores = score(THINKING, [1, 3, 3, 1, 3], thoughts="harness")
    assert scores["parse_rate"] == 1 and scores["parse_rate_robust"] == 3 / 5
    with pytest.raises(ValueError, match="'apart' or 'harness', not 'off'"):
        score(["A"], [1], thoughts="off")


def test_thoughts_that_the_prompts_opened_are_known_by_the_replies_that_end_them():
    scores = score(["A일까 B일까", "A일까</think>C"], [1, 3])
    assert (scores["parse_rate"], scores["parse_rate_robust"], scores["cut_thinking"]) == (0.5, 0.5, 1)


def test_without_komep_the_metric_says_what_it_needs(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "komep_dataset.replies.thoughts", None)
    monkeypatch.delitem(sys.modules, "evaluation.kormedmcqa.scoring")
    with pytest.raises(ImportError, match="pip install komep"):
        importlib.import_module("evaluation.kormedmcqa.scoring")


def test_a_mark_of_one_s_own_ends_thoughts():
    scores = score(["정답: A ##끝 정답: C", "<think>B</think> 정답: A"], [3, 1], think_end_token="##끝")
    assert scores["accuracy"] == scores["accuracy_robust"] == 0.5 and scores["cut_thinking"] == 1
