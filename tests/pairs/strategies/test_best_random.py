"""Best against one of the others: the same draw in every build, and every answer drawn in its turn."""

from collections import Counter

import polars as pl

from komep_dataset.pairs.options import PairRules
from komep_dataset.pairs.rules import select_pairs
from tests.pairs.answers import answers, pairs

QUESTION = {"a": "tttf", "b": "ttff", "c": "tfff", "d": "ffff"}


def drawn(frame: pl.DataFrame) -> dict[str, tuple[str, str]]:
    rows = select_pairs(frame, PairRules(pairs="best-random"))[0]
    return {question: tuple(models) for question, *models in rows.select(
        "question_id", "chosen_model", "rejected_model").iter_rows()}  # fmt: skip


def test_each_of_the_lower_answers_is_drawn_as_often():
    counts = Counter(drawn(answers(*[QUESTION] * 300)).values())
    assert {chosen for chosen, _ in counts} == {"a"} and len(counts) == 3
    assert all(70 < n < 130 for n in counts.values())


def test_new_questions_rows_in_another_order_and_undrawn_answers_change_nothing():
    few, many = answers(*[QUESTION] * 40), answers(*[QUESTION] * 80)
    before = drawn(few)
    assert (
        drawn(many).items() >= before.items()
        and drawn(few.sample(fraction=1.0, shuffle=True, seed=1)) == before
    )
    more = drawn(answers(*[QUESTION | {"e": "fffff"}] * 40))
    changed = {question for question, models in more.items() if models != before[question]}
    assert changed and all(more[question] == ("a", "e") for question in changed)


def test_an_equal_answer_is_drawn_only_where_no_other_is():
    assert (
        pairs(answers(*[{"a": "tttt", "b": "ttt", "c": "tf"}] * 20), pairs="best-random") == [("a", "c")] * 20
    )
    assert pairs(answers({"a": "tt", "b": "t"}), pairs="best-random") == []
