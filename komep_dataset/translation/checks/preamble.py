"""What a translator says around the translation: a preamble, a label, a note behind it, an offer of help."""

import re
import unicodedata
from collections.abc import Sequence

from komep_dataset.replies.patterns import Pattern
from komep_dataset.translation.alignment import beside
from komep_dataset.translation.checks.refused import refusal, said_beside
from komep_dataset.translation.checks.registry import WARN, Check
from komep_dataset.translation.checks.truncated import ORIGINAL
from komep_dataset.translation.glossary import Glossary
from komep_dataset.translation.latin_words import HANGUL
from komep_dataset.translation.sentence_ends import sentences

# A few words in front with a sign behind them, or in brackets.
_LABEL = Pattern(
    r"\W{0,4}(?:[^\s:：\n]{1,12}[ \t]){0,3}[^\s:：\n]{1,12}?\W{0,4}?(?:[:：](?!\d)|->|→)|[=-]?>|[(\[<【](?!\d)[^()\[\]<>\n]{1,20}[)\]>】]|`{3}\w*"
)
# A sign in front is the source's where the text has no more of its kind.
_COLONS, _OPEN = Pattern("[:：]"), Pattern(r"[(\[<【)\]>】]")
_CAUTION = Pattern(r"\W*(?:please )?(?:note|be aware|caution|warning|careful)", re.IGNORECASE)
_INSIDE = Pattern(r"[가-힣][(（][^)）]*$")  # "초기 징후(예:"
_ENDED = Pattern(r"(?:[>`]|#\w+|\n\W*)$")
_QUOTE = Pattern("[\"'“”‘’]")
_CLOSED = Pattern(r"[^\s\w,]$")
_BREAK = Pattern(r"\n[^\S\n]*\n|[.!?:：)\]>*]\s*\n")  # not within a sentence
# Logarithms of the odds that a sentence is beside the source: what counts on a line of its own, what is doubtful, and
# what counts.
_ON_LINE, _DOUBTFUL, _SURE = -3.0, 0.0, 4.0


def preamble(source: str, target: str, glossary: Glossary | None = None) -> str:
    """What stands before or behind the translation and has nothing in the source, or ""."""
    text = unicodedata.normalize("NFC", target)
    if not HANGUL.search(text) or refusal(source, text, glossary):
        return ""  # nothing is translated, so nothing stands around it
    if said := said_beside(source, text, glossary):
        return said[0][:80]
    return _marked(source.strip(), text.strip()) or _added(source, text, glossary)


def _marked(source: str, text: str) -> str:
    """A label in front, or signs at the end, where the source has none; originals in brackets aside."""
    text = ORIGINAL.sub("", text)
    if label := _LABEL.match(text):
        kind = next((signs for signs in (_COLONS, _OPEN) if signs.search(label[0][-1:])), None)
        known = (
            _LABEL.match(source)
            or source.startswith(label[0].strip(" :："))
            or (kind and len(kind.findall(text)) <= len(kind.findall(source)))
            or ("주의" in label[0] and _CAUTION.match(source))
            or _INSIDE.search(label[0])
        )
        if not known and HANGUL.search(text, label.end()):
            return label[0].strip()[:80]
    sign = _ENDED.search(text[-99:])
    return sign[0] if sign and not _ENDED.search(source[-99:]) else ""


def _added(source: str, text: str, glossary: Glossary | None) -> str:
    """A first or last sentence that says what the source does not: on a line more than the source has, or by all that
    shows."""
    said, odds = sentences(text), beside(source, text, glossary)
    place = 0 if odds[0] > odds[1] else -1
    if _is_part(said, place):
        return ""
    ours, theirs = (sum(bool(line.strip()) for line in t.split("\n")) for t in (source, text))
    on_line = theirs > ours and _BREAK.search(text) and (ours == 1 or odds[place] > _ON_LINE)
    near = said[:2] if place == 0 else said[-2:]
    sure = odds[1] > _SURE and _CLOSED.search(near[0]) and not _QUOTE.search(" ".join(near))
    return said[place][:80] if on_line or sure else ""


def doubtful(source: str, target: str, glossary: Glossary | None = None) -> str:
    """A last sentence that seems to say what the source does not, or ""."""
    text = unicodedata.normalize("NFC", target)
    said, (_, odds) = sentences(text), beside(source, text, glossary)
    if odds <= _DOUBTFUL or _is_part(said, -1) or not _CLOSED.search(said[-2]):
        return ""
    return f"its last sentence has no counterpart: {said[-1][:60]}"


def _is_part(said: Sequence[str], place: int) -> bool:
    """Whether a sentence is the only one, has no word, or is part of a loop."""
    others = said[1:] if place == 0 else said[:-1]
    one = said[place].strip(" .") if others else ""
    return not re.search(r"[^\W\d_]", one) or one in " ".join(others)


_TOLD = "it said something besides the translation"
CHECKS = (
    Check("preamble", preamble, _TOLD, order=40, rank=30, uses_glossary=True),
    Check("preamble", doubtful, _TOLD, order=45, rank=30, uses_glossary=True, severity=WARN),
)
