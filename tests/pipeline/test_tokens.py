"""Tokens are counted by a model's own tokenizer, or about."""

import pytest

from komep_dataset.config.endpoint import Endpoint
from komep_dataset.errors import KomepError
from komep_dataset.pipeline import tokens
from tests.word_tokenizer import word_tokenizer


def test_tokens_are_counted_by_the_models_own_tokenizer_or_called_a_guess(tmp_path):
    word_tokenizer(tmp_path / "model", cut=True)
    count, by = tokens.token_counter(Endpoint(model=str(tmp_path / "model"), server="vllm"))
    assert (count("a b c"), count("a " * 20)) == (3, 20) and by == "tokenizer of model"
    other = Endpoint(model="x", endpoint="http://x/v1", tokenizer=str(tmp_path / "model"))
    assert tokens.token_counter(other)[1] == "tokenizer of model"
    count, by = tokens.token_counter(Endpoint(model="x", endpoint="http://x/v1"))
    assert count("x" * 42) == 10 and by.startswith("a guess")


@pytest.mark.parametrize(
    ("text", "count"), [("가" * 8, 10), ("ᄀ" * 8, 10), ("糖尿病と診" + "x" * 21, 11.25), ("", 0)]
)
def test_scripts_of_syllables_have_more_tokens_a_character(text, count):
    assert tokens.guessed_tokens(text) == pytest.approx(count)


@pytest.mark.parametrize("content", [None, "{}", "no JSON"])
def test_a_tokenizer_that_is_named_and_cannot_be_read_is_told(content, tmp_path):
    pytest.importorskip("tokenizers", reason="comes with the extra [quality]")
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(KomepError, match=r"holds none|cannot be read as a tokenizer"):
        tokens.token_counter(Endpoint(model="x", endpoint="http://x/v1", tokenizer=str(tmp_path)))
