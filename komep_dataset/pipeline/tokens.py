"""How many tokens a text has for a model: by its own tokenizer, or about."""

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from komep_dataset.config.endpoint import Endpoint
from komep_dataset.errors import KomepError
from komep_dataset.pairs.lengths import counter, tokenizer_file
from komep_dataset.replies.patterns import Pattern

# A guess where no tokenizer is at hand, for Hangul, Han and kana and for all else; `benchmarks/token_guess.py` has how far
# it is from real ones.
SYLLABLES_A_TOKEN, CHARACTERS_A_TOKEN = 0.8, 4.2
_SYLLABLES = Pattern("[\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af]")
MESSAGE_TOKENS = 4  # what a chat template puts around a message, about (ours)
GUESS = f"a guess: {CHARACTERS_A_TOKEN} characters a token, {SYLLABLES_A_TOKEN} of Hangul"
Count = Callable[[str], float]


@lru_cache
def token_counter(endpoint: Endpoint) -> tuple[Count, str]:
    """How the tokens of a model are counted, and by what.

    The model's own tokenizer where `tokenizer:` or a model folder on this machine has a `tokenizer.json`, tiktoken
    for a name that it knows, else a guess from the number of characters.

    Raises:
        KomepError: the file names a tokenizer that is not there or cannot be read.
    """
    named = endpoint.tokenizer
    for place in filter(None, (named, endpoint.model)):
        if path := tokenizer_file(place):
            if find_spec("tokenizers"):
                return _of_one(counter(path)), f"tokenizer of {Path(place).name}"
            if named:
                return guessed_tokens, f"{GUESS}; `tokenizer` needs the package tokenizers (extra [quality])"
        elif place == named:
            how = "is no tokenizer.json and holds none" if Path(place).exists() else "is not there"
            raise KomepError(f"`tokenizer`: {place} {how}")
    with suppress(Exception):  # downloads raise whatever the network raises; without them there is the guess
        import tiktoken

        encode = partial(tiktoken.encoding_for_model(endpoint.model).encode, disallowed_special=())
        return lambda text: len(encode(text)), "tiktoken"
    return guessed_tokens, GUESS


def _of_one(count: Callable[[list[str]], list[int]]) -> Count:
    return lambda text: count([text])[0]


def guessed_tokens(text: str) -> float:
    """About how many tokens a text has, by its scripts."""
    syllables = len(_SYLLABLES.findall(text))
    return syllables / SYLLABLES_A_TOKEN + (len(text) - syllables) / CHARACTERS_A_TOKEN


def prompt_tokens(body: dict[str, Any], count: Count) -> float:
    """Tokens of a request, with about what a chat template adds to each message."""
    if "prompt" in body:
        return count(body["prompt"])
    if "input" in body:
        return sum(map(count, body["input"]))
    return sum(count(message["content"]) + MESSAGE_TOKENS for message in body["messages"])
