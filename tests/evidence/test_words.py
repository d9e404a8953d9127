"""The words by which texts are found: one form of a word, in either language."""

import pytest

from komep_dataset.evidence.words import words_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The patients were treated", "a patient was treated"),
        ("80mg of IL6", "80 mg of IL-6"),
        ("Métoprolol", "metoprolol"),
        ("혈압을 낮춘다", "혈압이 낮추었다"),
        ("ｆｅｖｅｒ", "fever"),
    ],
)
def test_forms_of_a_word_are_one(one, other):
    first, second = words_of([one, other])
    skip = {"were", "wa"}
    assert [word for word in first if word not in skip] == [word for word in second if word not in skip] != []


def test_texts_of_both_languages_keep_their_places_and_what_says_nothing_has_no_words():
    found = list(words_of(["fever", "발열은 체온이 오르는 것이다", "", "…", "chills"]))
    assert found == [["fever"], ["발열", "체온", "오르"], [], [], ["chill"]]
