"""Lengths of answers in tokens, for `--length-gap` by `--length-tokenizer`: by a tokenizer.json alone, without a model.

How long an answer is stands in the column `response_tokens` of `scored`, so that pairs follow from a release where no tokenizer is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError, require
from komep_dataset.schema import RESPONSE_TOKENS
from komep_dataset.system import late

pl = late("polars")

TOKENIZER = "tokenizer.json"
AT_ONCE = 1_000  # texts, which bounds what the library holds of them


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """A tokenizer: what it is called, the SHA-256 of its file, and texts -> how many tokens each has, without special ones."""

    name: str
    sha256: str
    count: Callable[[Sequence[str]], list[int]]

    def record(self) -> dict[str, str]:
        """What a release keeps of it."""
        return {"name": self.name, "sha256": self.sha256}


def tokenizer_file(place: Path | str) -> Path | None:
    """A tokenizer.json, as it is named or in a folder of that name; None where there is none."""
    path = Path(place)
    path = path / TOKENIZER if path.is_dir() else path
    return path if path.suffix == ".json" and path.is_file() else None


def counter(path: Path) -> Callable[[Sequence[str]], list[int]]:
    """How tokens are counted by a tokenizer.json, whatever it says of cutting and filling up.

    Raises `KomepError` where it cannot be read as one.
    """
    from tokenizers import Tokenizer as Read

    try:
        read = Read.from_file(str(path))
    except Exception as error:  # of Rust, with no class of its own
        raise KomepError(f"{path}: cannot be read as a tokenizer ({error})") from None
    read.no_truncation()
    read.no_padding()

    def count(texts: Sequence[str]) -> list[int]:
        parts = (texts[first : first + AT_ONCE] for first in range(0, len(texts), AT_ONCE))
        return [len(one) for part in parts for one in read.encode_batch_fast(part, add_special_tokens=False)]

    return count


def is_tokenizer(value: object) -> bool:
    """Whether a value is a path, or the records that a release has."""
    if not isinstance(value, list) or len(value) > 1:
        return isinstance(value, Path | str)
    texts = [one.get(name) if isinstance(one, dict) else None for one in value for name in ("name", "sha256")]
    return all(isinstance(text, str) for text in texts)


def read_tokenizer(place: Path | None) -> list[Tokenizer]:
    """The tokenizer of `--length-tokenizer`; [] of None.

    Raises:
        KomepError: nothing is there, it is no tokenizer.json and holds none, it cannot be read, the extra is not installed.
    """
    if place is None:
        return []
    if (path := tokenizer_file(place)) is None:
        how = f"is no {TOKENIZER} and holds none" if Path(place).exists() else "no such file or folder"
        raise KomepError(
            f"--length-tokenizer {place}: {how}; give a {TOKENIZER} or a model's folder with one (of a model of the Hub: hf download "
            f"ID {TOKENIZER} --local-dir FOLDER)"
        )
    require("quality", "tokenizers")
    name = path.absolute().parent.name if path.name == TOKENIZER else path.name
    return [Tokenizer(name, hashlib.sha256(path.read_bytes()).hexdigest(), counter(path))]


def with_tokens(frame: pl.DataFrame, tokenizers: Sequence[Tokenizer]) -> pl.DataFrame:
    """Generations with the column `response_tokens`, where there is a tokenizer."""
    for one in tokenizers:
        tokens = pl.Series(RESPONSE_TOKENS, one.count(frame["response"].to_list()), dtype=pl.Int64)
        frame = frame.with_columns(tokens)
    return frame


def same_tokenizer(records: Sequence[Mapping[str, str]], place: Path | None) -> list[Tokenizer]:
    """The tokenizer that a release was built with, by its records; [] where none is given.

    Raises `KomepError` for what `read_tokenizer` refuses, and for another one (exit code 2).
    """
    found = read_tokenizer(place)
    if said := found and conflict(records, [one.record() for one in found]):
        raise KomepError(f"--length-tokenizer {place}: the release {said}", exit_code=2)
    return found


def unit(options: Mapping[str, Any]) -> str:
    """What `--length-gap` counts, by the options of a release: characters, or tokens of a named tokenizer."""
    named = options.get("length_tokenizer")
    return f"tokens of {named[0]['name']}" if named else "characters"


def conflict(old: Sequence[Mapping[str, str]], new: Sequence[Mapping[str, str]] | None) -> str | None:
    """A base that grows keeps its tokenizer, wherever its file lies."""
    was, now = ([one["sha256"] for one in some or ()] for some in (old, new))
    if was == now:
        return None
    counted = f"the tokens of {old[0]['name']} (SHA-256 {was[0][:12]}…)" if old else "characters"
    return f"has lengths in {counted}; give the same tokenizer, if any"
