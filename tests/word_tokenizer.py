"""A tokenizer whose tokens are words and signs; that of a model that cuts its input and fills it up says so in its file."""

import pytest


def word_tokenizer(folder, cut=False):
    """Write `tokenizer.json` into a folder, which is made; returns the folder."""
    tokenizers = pytest.importorskip("tokenizers", reason="comes with the extra [quality]")
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing

    made = tokenizers.Tokenizer(WordLevel({"[UNK]": 0, "<s>": 1}, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    made.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    if cut:
        made.enable_truncation(4)
        made.enable_padding(length=16)
    folder.mkdir(exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    return folder
