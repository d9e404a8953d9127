"""The words of a text by which it is found: English ones by their stems, Korean ones by their morphemes.

Imports tantivy and, for the first Korean text, kiwipiepy.
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Any

from komep_dataset.errors import require
from komep_dataset.languages import HANGUL

BATCH = 1024  # texts that are analysed at a time
MOST_LETTERS = 60  # of a word
_HANGUL = re.compile(HANGUL)
# "80mg" is the same as "80 mg", "IL6" as "IL-6".
_BETWEEN_DIGITS = re.compile(r"(?<=\d)(?=[A-Za-zµμ])|(?<=[A-Za-z])(?=\d)")
# Of Kiwi's tags: nouns (no bound ones, no pronouns), numerals, roots, verbs and adjectives, foreign words, numbers.
_CONTENT = re.compile(r"NNG|NNP|NR|XR|VV.*|VA.*|SL|SH|SN")


@cache
def _english() -> Any:
    """Words in small letters, without accents, frequent words and endings."""
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    steps = (Filter.lowercase(), Filter.ascii_fold(), Filter.stopword("english"), Filter.stemmer("english"))
    builder = TextAnalyzerBuilder(Tokenizer.simple())
    for step in (*steps, Filter.remove_long(MOST_LETTERS)):
        builder = builder.filter(step)
    return builder.build()


@cache
def kiwi() -> Any:
    """The analyser of Korean; two seconds and 300 MB, so it is loaded for the first text that needs it.

    Raises `KomepError` where kiwipiepy is missing.
    """
    require("llm", "kiwipiepy")
    from kiwipiepy import Kiwi

    return Kiwi(num_workers=os.cpu_count() or 1)


def words_of(texts: Iterable[str]) -> Iterator[list[str]]:
    """The words of each text, in their order, repeated ones as often as they stand there.

    Raises `KomepError` for Korean where kiwipiepy is missing.
    """
    require("evidence", "tantivy")
    texts = (_BETWEEN_DIGITS.sub(" ", unicodedata.normalize("NFKC", text)) for text in texts)
    while batch := list(islice(texts, BATCH)):
        korean = [text for text in batch if _HANGUL.search(text)]
        morphemes = iter(kiwi().tokenize(korean)) if korean else iter(())
        for text in batch:
            if _HANGUL.search(text):
                tokens = [token.form for token in next(morphemes) if _CONTENT.fullmatch(token.tag)]
                yield _english().analyze(" ".join(tokens))
            else:
                yield _english().analyze(text)
