"""A translation that departs from the lines of its source, their markers, tables, code and addresses."""

from komep_dataset.translation.checks.registry import Check
from komep_dataset.translation.segments import INLINE, lines_of


def layout_changes(source: str, target: str) -> str:
    """How a translation of a text departs from its lines, markers, table cells, code spans and addresses; or ""."""
    old, new = ([kind for _, _, kind in lines_of(text)[0]] for text in (source, target))
    if len(old) != len(new):
        return f"lines with text: {len(new):,} instead of {len(old):,}"
    for number, (was, has) in enumerate(zip(old, new, strict=True), 1):
        if was != has:
            return f"line {number:,} begins with {has or 'a word'} instead of {was or 'a word'}"
    spans = (span.rstrip(".,;") for span in INLINE.findall(source) if span.startswith(("`", "http")))
    return next((f"{span[:80]} is gone" for span in spans if span not in target), "")


_TOLD = "it did not keep the lines, their markers, tables or code"
CHECKS = (Check("layout_changed", layout_changes, _TOLD, order=90, rank=90),)
