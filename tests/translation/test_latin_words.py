"""Names in Latin letters, and English words that look like them."""

import pytest

from komep_dataset.translation.latin_words import is_name, is_title, runs


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
