"""The `model-index` of a model card, changed in place: every other line of the card stays as it is."""

import re
from collections.abc import Callable
from typing import Any

import yaml
from huggingface_hub import ModelCardData

from komep_dataset.errors import KomepError

KEY = "model-index"
# As the Hub finds a card's metadata (the expression in huggingface_hub.repocard).
FRONT = re.compile(r"^(\s*---(?:\r\n|\r|\n))([\S\s]*?)((?:\r\n|\r|\n)---[ \t]*(?:\r\n|\n|$))")


def _dump(content: Any) -> str:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000).rstrip("\n")


def _lines_of(block: str, key: str) -> tuple[int, int] | None:
    """First line and line after the last of a top-level key, comments after it left out; None where it is not."""
    node = yaml.compose(block)
    starts = [(k.value, k.start_mark.line) for k, _ in node.value] if node is not None else []
    lines = block.split("\n")
    ends = [start for _, start in starts[1:]] + [len(lines)]
    for (name, start), end in zip(starts, ends, strict=False):
        if name == key:
            while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
                end -= 1
            return start, end
    return None


def with_key(block: str, key: str, value: Any) -> str:
    """YAML text of a mapping with one key set and every other line unchanged.

    Where the text cannot be cut by lines (a mapping in braces, an alias into the replaced part), the whole mapping
    is written anew: the same data, without its comments.
    """
    wanted = {**(yaml.safe_load(block) or {}), key: value}
    lines, new = block.split("\n"), _dump({key: value}).split("\n")
    start, end = _lines_of(block, key) or (len(lines), len(lines))
    text = "\n".join([*lines[:start], *new, *lines[end:]]) if block.strip() else "\n".join(new)
    try:
        if yaml.safe_load(text) == wanted:
            return text
    except yaml.YAMLError:
        pass
    return _dump(wanted)


def _check(metadata: Any) -> None:
    """Raise `ValueError` unless card metadata are a mapping that huggingface_hub's own model can read."""
    if not isinstance(metadata, dict):
        raise ValueError("its metadata are no mapping")
    index = metadata.get(KEY)
    if index is not None and not isinstance(index, list):
        raise ValueError(f"{KEY} is no list")
    try:
        ModelCardData(**metadata)
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(str(error)) from None


def merge_card(card: str | None, merged: Callable[[list[Any] | None], list[Any]], repo_id: str) -> str:
    """A card's text with a new model-index; the same text where the index does not change.

    Args:
        card: the README.md of the repository, or None where there is none.
        merged: gives the new index for the old one, which may be None.
        repo_id: names the card in messages, and a new card.

    Raises:
        KomepError: the card's metadata, before or after, are not as the Hub's schema has them.
    """
    text = f"# {repo_id.rpartition('/')[2]}\n" if card is None else card.removeprefix("\ufeff")
    found = FRONT.match(text)
    block = found[2].replace("\r\n", "\n") if found else ""
    try:
        metadata = yaml.safe_load(block) or {}
        _check(metadata)
        index = merged(metadata.get(KEY))
        if card is not None and index == metadata.get(KEY):
            return card
        block = with_key(block, KEY, index)
        _check(yaml.safe_load(block))
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise KomepError(f"{repo_id}: README.md is not as the Hub's schema has it ({reason})") from None
    if not found:
        return f"---\n{block}\n---\n\n{text}"
    newline = "\r\n" if "\r\n" in found[1] else "\n"
    return found[1] + block.replace("\n", newline) + found[3] + text[found.end() :]
