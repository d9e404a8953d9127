"""Names in Latin letters, and English words that look like them."""

import pytest

from komep_dataset.translation.latin_words import is_function, is_name, is_title, runs, without_names


@pytest.mark.parametrize(
    "word", ["COPD", "IL-6", "mRNA", "mg", "Crohn", "metformin", "lactase", "x", "coli-2"]
)
def test_names(word):
    assert is_name(word)


@pytest.mark.parametrize("word", ["the", "The", "medicine", "urine", "sleep", "causes", "Treatment"])
def test_english(word):
    assert not is_name(word)


def test_titles_and_runs():
    assert is_title(["New", "England", "Journal", "of", "Medicine"])
    assert (
        not is_title(["This", "Is", "How"]) and not is_title(["Sepsis"]) and not is_title(["sepsis", "care"])
    )
    assert list(runs("Sepsis care는 중요하다. Use it; HIV/AIDS")) == [
        ["Sepsis", "care"],
        ["Use", "it"],
        ["HIV/AIDS"],
    ]


def test_names_that_look_like_words():
    assert is_function("who") and not is_function("WHO")
    assert without_names("Use the field `blood_pressure.any`.", "blood_pressure.any 항목") == "  항목"
    assert without_names("the default 'any event'", "기본 ‘any event’의").strip() == "기본  의"
    assert without_names("in the song I Love it", "'I Love it'라는 곡") == " 라는 곡"
    assert "good sleep" in without_names("He has good sleep.", "'good sleep'을 한다")
