"""Hashed n-grams are equal exactly where the n-grams are."""

from hypothesis import given, settings
from hypothesis import strategies as st

from komep_dataset.gates.trial.ngrams import grams, normal

WORDS = st.lists(
    st.sampled_from(["fever", "cough", "열이", "기침을", "ACE", "2.5", "mg", "étude", "é", "--", "발열"]),
    max_size=12,
).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, max_size=6), st.sampled_from(["en", "ko"]), st.integers(1, 4))
def test_hashed_grams_are_equal_exactly_where_the_grams_are(texts, language, n):
    texts = [normal(text) for text in texts]
    plain = [t.split() if language == "en" else list(t.replace(" ", "")) for t in texts]
    wanted = [[tuple(one[i : i + n]) for i in range(len(one) - n + 1)] for one in plain]
    made = grams(texts, language, n)
    assert [len(made.of(i)) for i in range(len(texts))] == [len(one) for one in wanted]
    flat, hashes = [gram for one in wanted for gram in one], made.hashes.tolist()
    assert len(set(flat)) == len(set(hashes)) == len(set(zip(flat, hashes, strict=True)))
