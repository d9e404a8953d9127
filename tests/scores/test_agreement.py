"""What several verdicts come to, which units a pair hangs on, how far judges are apart."""

import json
from itertools import product

import pytest

from komep_dataset.config.config import AGREEMENTS
from komep_dataset.schema import Verdict
from komep_dataset.scores.agreement import (
    PANEL,
    Answered,
    agreed,
    as_record,
    disagreements,
    hanging,
    is_open,
    told,
)

T, F, U = "true", "false", "unknown"


@pytest.mark.parametrize(
    ("said", "everybody", "most", "appeal"),
    [
        ([T, T], T, T, T),
        ([T, F], U, U, U),
        ([T, U], U, U, T),
        ([U, F], U, U, F),
        ([U, U], U, U, U),
        ([T, F, F], U, F, F),
        ([F, T, U], U, U, U),
        ([F], F, F, F),
    ],
)
def test_what_verdicts_come_to(said, everybody, most, appeal):
    assert [agreed(said, how) for how in AGREEMENTS] == [everybody, most, appeal]


def test_no_way_gives_a_verdict_that_no_judge_gave():
    for how, n in product(AGREEMENTS, (1, 2, 3)):
        for said in product((T, F, U), repeat=n):
            verdict = agreed(said, how)
            assert Verdict(verdict) == Verdict.UNKNOWN or verdict in said


def test_an_appeal_ends_with_two_that_say_the_same_or_one_that_is_sure():
    assert [is_open(said) for said in ([U], [T], [U, T], [T, F], [T, F, T], [U, U])] == [
        True, False, False, True, False, True,
    ]  # fmt: skip


def test_a_pair_hangs_on_units_whose_other_verdict_gives_another_best_or_worst():
    best, second, worst = (T, T, T, T), (T, T, T, F), (F, F, F, F)
    answers = [Answered("q", m, 9, v) for m, v in zip("abc", (best, second, worst), strict=True)]
    # b would be as good as a if its false unit were true, and a as good as b: the name decides for a both times.
    assert hanging(answers, "reject", 0.0) == set()
    assert hanging([Answered("q", "z", 9, best), *answers[1:]], "reject", 0.0) == {
        ("q", "z", T),
        ("q", "b", F),
    }
    # Two answers one unit apart: any of them makes a tie, or parts more; a margin asks for more.
    close = [Answered("q", "a", 9, best), Answered("q", "b", 9, second)]
    assert hanging(close, "reject", 0.0) == {("q", "a", T), ("q", "b", F)}
    assert hanging(close, "reject", 0.3) == {("q", "b", T)}


def test_answers_with_unknown_units_count_as_the_build_takes_them():
    answers = [Answered("q", "a", 9, (T, T)), Answered("q", "b", 9, (T, U)), Answered("q", "c", 9, (F, F))]
    assert hanging(answers[:2], "reject", 0.0) == set()
    assert ("q", "b", T) in hanging(answers, "drop", 0.0) | hanging(answers[:2], "drop", 0.0)
    assert hanging([], "reject", 0.0) == set()


def test_disagreement_of_all_units_and_of_each_category():
    said = [("heart", [T, T]), ("heart", [T, F]), ("skin", [T, U]), ("skin", [T]), ("", [F, F, F])]
    every, heart, skin = disagreements(said)
    assert (every.units, every.several, every.differ, every.contradict) == (5, 4, 2, 1)
    assert (heart.group, heart.several, heart.differ, heart.contradict) == ("category: heart", 2, 1, 1)
    assert (skin.units, skin.several, skin.differ, skin.share) == (2, 1, 1, 1.0)
    line = told(as_record(["a", "b"], "all", [every, heart, skin]))
    assert line.startswith("2 judges (all): 4 of 5 units put to more than one, who differ on 2 (50.0%)")


def test_counts_of_a_single_unit_are_numbers():
    [every] = as_record(["a", "b"], "all", disagreements([("", [T, F])]))["groups"]
    assert json.dumps(every) == '{"group": "all", "units": 1, "several": 1, "differ": 1, "contradict": 1}'


def test_the_figures_lie_beside_the_table_and_go_with_the_panel(tmp_path):
    table = tmp_path / "s.parquet"
    record = as_record(["a", "b"], "all", disagreements([("c", [T, F])]))
    PANEL.keep(table, record)
    assert PANEL.read(table) == record
    PANEL.keep(table, None)
    assert PANEL.read(table) is None and not PANEL.path(table).exists()
    PANEL.path(table).write_text(json.dumps({"mine": 1}))
    PANEL.keep(table, None)
    assert PANEL.path(table).is_file()


def test_a_pair_hangs_on_a_unit_by_the_utility_of_the_build():
    """`a` says one true thing, `b` seven true and a false one, `c` nothing true: by F1 the first is nobody's best."""
    answers = [
        Answered("q", "a", 9, (T,)),
        Answered("q", "b", 90, (T,) * 7 + (F,)),
        Answered("q", "c", 9, (F, F)),
    ]
    assert ("q", "a", T) in hanging(answers, "reject", 0.0)
    assert ("q", "a", T) not in hanging(answers, "reject", 0.0, "f1@8")
    assert hanging(answers, "reject", 0.0, "f1") == hanging(answers, "reject", 0.0, "f1@2")
