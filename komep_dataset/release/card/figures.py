"""The figures of a release's card, as small SVG files: the same release, the same bytes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

FOLDER = "figures"
BINS = 10  # of the histogram, each a tenth of the margins from 0 to 1


def write_figures(folder: Path, facts: dict[str, Any]) -> dict[str, str]:
    """Draw what the numbers of a release allow. Returns name -> path in the release, for the card.

    Args:
        folder: the release, data files in place; the figures go below it.
        facts: `rows` and `models` as in `build.json`.
    """
    pictures = {}
    if pairs := [config for config in facts["rows"] if config != "scored"]:
        pictures["margins"] = _render("margins.svg.j2", counts=margin_counts(folder, pairs[0]))
    models = {_printable(name): m["dahl"] for name, m in facts["models"].items() if m["dahl"]}
    if models:
        pictures["dahl"] = _render("dahl.svg.j2", models=models)
    for name, text in pictures.items():
        (folder / FOLDER).mkdir(exist_ok=True)
        (folder / FOLDER / f"{name}.svg").write_text(text, "utf-8")
    return {name: f"{FOLDER}/{name}.svg" for name in pictures}


def margin_counts(folder: Path, config: str) -> list[int]:
    """Pairs by score margin: bin i holds those above i / 10, up to and including (i + 1) / 10."""
    import pyarrow.parquet as pq

    counts = [0] * BINS
    for file in sorted((folder / config).glob("*.parquet")):
        margins = pq.read_table(file, columns=["score_margin"])["score_margin"]
        for margin, pairs in (one.values() for one in margins.value_counts().to_pylist()):
            # Rounded first: 0.9 - 0.2 is a little more than 0.7 in floating point, and belongs with it.
            counts[min(max(math.ceil(round(margin * BINS, 6)) - 1, 0), BINS - 1)] += pairs
    return counts


def _printable(name: str) -> str:
    text = "".join(c if c.isprintable() else " " for c in name)
    return text if len(text) <= 28 else f"{text[:27]}…"


def _render(template: str, **values: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("komep_dataset"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)
