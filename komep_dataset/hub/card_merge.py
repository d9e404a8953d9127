"""A generated dataset card put into the one on the Hub: what people wrote there stays."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import yaml

from komep_dataset.errors import KomepError

BEGIN = "<!-- komep: generated ({}); edits below are replaced, write above this line or under the end -->"
END = "<!-- komep: end of the generated part; what stands below is kept -->"
_GENERATED = re.compile(
    r"<!-- komep: generated \((\w+)\)[^>]*-->\n(.*?)\n<!-- komep: end of the generated part[^>]*-->\n?",
    re.DOTALL,
)
_FRONT = re.compile(r"\A\s*---[ \t]*\n(.*?)(?:^|\n)---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
# These change with every release by themselves; a note about them would say nothing.
_OF_THE_DATA = ("configs", "dataset_info", "size_categories")


@dataclass(frozen=True, slots=True)
class Merged:
    """The card to publish, and one line for each thing of the Hub's card that gave way or moved."""

    text: str
    notes: tuple[str, ...] = ()


def merge_card(former: str | None, ours: str, where: str) -> Merged:
    """Our card in the place of the former generated part.

    Metadata: keys that only the Hub's card has stay, of shared keys ours win. Text outside the marks stays;
    where the generated part was edited, its sections that ours does not have are moved below it. A card
    without marks stays whole, below ours. Comments inside its YAML are lost.

    Args:
        former: README.md on the Hub; None = there is none.
        ours: README.md of the release.
        where: names the card in messages.

    Raises:
        KomepError: the Hub's card has metadata that are no YAML mapping; it is left alone.
    """
    data, body = _parse(ours, where)
    if former is None:
        return Merged(_write(data, "", body, ""))
    theirs, text = _parse(former.removeprefix("\ufeff").replace("\r\n", "\n"), where)
    merged = data | {key: value for key, value in theirs.items() if key not in data}
    notes = [
        f"card: {key!r} on the Hub ({_short(theirs[key])}) replaced by {_short(data[key])}"
        for key in data
        if key in theirs and theirs[key] != data[key] and key not in _OF_THE_DATA
    ]
    before, after, more = _around(text, body)
    return Merged(_write(merged, before, body, after), (*notes, *more))


def _parse(card: str, where: str) -> tuple[dict[str, Any], str]:
    """(metadata, text below them) of a card."""
    found = _FRONT.match(card)
    try:
        data = yaml.safe_load(found[1]) if found else {}
    except yaml.YAMLError as error:
        why = " ".join(str(error).split())
        raise KomepError(f"{where}: the metadata of its README.md are no YAML ({why})") from None
    if not isinstance(data or {}, dict):
        raise KomepError(f"{where}: the metadata of its README.md are no mapping; mend the card on the Hub")
    return data or {}, (card[found.end() :] if found else card).strip("\n")


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _write(data: dict[str, Any], before: str, body: str, after: str) -> str:
    front = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=1000)
    parts = (before, f"{BEGIN.format(_digest(body))}\n{body}\n{END}", after)
    return f"---\n{front}---\n\n" + "\n\n".join(filter(None, parts)) + "\n"


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def _around(text: str, ours: str) -> tuple[str, str, list[str]]:
    """What stays above and below our part, and what to say about it."""
    found = _GENERATED.search(text)
    if not found:
        note = ["card: the one on the Hub was not made by komep; its text stands below ours"] if text else []
        return "", text, note
    before, after = text[: found.start()].strip("\n"), text[found.end() :].strip("\n")
    if _digest(found[2]) == found[1]:
        return before, after, []
    known = sections(ours)
    kept = {title: part for title, part in sections(found[2]).items() if title and title not in known}
    note = "card: its generated part had been edited; "
    note += f"kept below it: {', '.join(kept)}" if kept else "the edits are replaced"
    return before, "\n\n".join(filter(None, (*kept.values(), after))), [note]


def sections(text: str) -> dict[str, str]:
    """Title -> text of each section of the second level, heading included; "" is what stands before them."""
    parts: dict[str, list[str]] = {"": []}
    title, in_code = "", False
    for line in text.split("\n"):
        in_code ^= line.startswith("```")
        if line.startswith("## ") and not in_code:
            title = line[3:].strip()
        parts.setdefault(title, []).append(line)
    return {title: "\n".join(lines).strip("\n") for title, lines in parts.items()}
