"""K-QA: the label is about the answer, not about the world."""

import pytest

from komep_dataset.judge.sets.kqa import statements

# Written for this project.
ROW = {
    "Question": "Does it rain?",
    "answer": "It rains.",
    "claim": "Rain is wet",
    "category_x": "Must_have",
    "majority_label": "Neutral",
}


@pytest.mark.parametrize(
    ("said", "label"), [("Entailment", True), ("Neutral", False), ("Contradiction", False)]
)
def test_a_claim_is_judged_against_the_answer(said, label):
    [one] = statements(ROW | {"majority_label": said})
    assert one.text == 'The text "It rains." states or implies: Rain is wet'
    assert (one.label, one.category, one.question) == (label, "Must have", "Does it rain?")


def test_a_row_without_a_claim_or_with_another_label():
    with pytest.raises(ValueError, match="are text"):
        list(statements(ROW | {"claim": " "}))
    with pytest.raises(KeyError):
        list(statements(ROW | {"majority_label": "Perhaps"}))
