"""Ends of sentences, and what asks."""

import pytest

from komep_dataset.translation.sentence_ends import ASKS, is_question, sentence_ends


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("Fever is common. It passes.", 2),
        ("The E. coli grew vs. none in 2. 5 mL", 0),
        ("열은 흔하다. 지나간다", 1),
        ("1. first\n2. second", 0),
        ('He said "yes." Then he left!', 2),
    ],
)
def test_sentence_ends(text, ends):
    assert sentence_ends(text) == ends


def test_questions():
    assert is_question("What is sepsis?") and is_question('**Is it common?**"')
    assert not is_question("What is sepsis? It is severe.")
    for text in ("패혈증이란 무엇인가", "흔한 원인을 고르시오.", "알려 주세요.", "흔한가요?"):
        assert ASKS.search(text), text
    assert not ASKS.search("패혈증은 흔하다.")
