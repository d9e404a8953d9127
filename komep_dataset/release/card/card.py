"""The card of a release: its YAML for `datasets` and the Hub, its text, and the two figures in it.

The same release gives the same bytes.
"""

import json
import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from komep_dataset.gates.trial.registry import LISTED
from komep_dataset.gates.trial.run import notes
from komep_dataset.pairs.told import chosen_by, flags, goes_by_score, pairing
from komep_dataset.release.card.columns import docs_of
from komep_dataset.release.card.croissant import write_croissant
from komep_dataset.release.card.statement import (
    example,
    headings,
    is_komep,
    terms_of,
    title_of,
    translated_pairs,
)
from komep_dataset.schema import CARD_FILE, arrow_schema, listed_statuses, records_of
from komep_dataset.templates import MARKUP, TEXT, one_line
from komep_dataset.translation.evidence import warnings_told

# github.com/huggingface/hub-docs, datasetcard.md: size classes by rows.
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
LARGER = "1M<n<10M"
FIGURES = "figures"  # their folder
BINS = 10  # of the histogram, each a tenth of the margins from 0 to 1


def write_card(folder: Path, facts: dict[str, Any], place: str = "komep") -> None:
    """Write README.md (YAML configs for `datasets`, and what a reader must know), its figures and `croissant.json` beside the data
    files, by `build.json` and `provenance.json`; `place` is the name of the folder in which the release will lie, which
    `load_dataset` is given beside it.
    """
    title = title_of(facts, place)
    header = {"pretty_name": title} | card_header(folder, facts)
    text = TEXT.get_template("card.md.j2").render(
        yaml=yaml.safe_dump(header, sort_keys=False, allow_unicode=True, width=1000),
        facts=facts,
        title=title,
        place=place,
        version=config_version(facts["content_hash"]),
        literal=json.dumps(place, ensure_ascii=False),
        is_komep=is_komep(facts),
        example=example(folder, facts),
        headings=headings(facts, chosen_by(facts["options"])),
        columns={config: docs_of(config, facts) for config in facts["rows"]},
        chosen_by=chosen_by(facts["options"]),
        flags=flags(facts["options"]),
        pairing=pairing(facts),
        gates=LISTED,
        gate_notes=[*notes(facts["quality"]), *warnings_told(facts["quality"])] if "quality" in facts else [],
        figures=write_figures(folder, facts),
        terms=terms_of(facts),
        statuses=listed_statuses(set().union(*(one["statuses"] for one in facts["models"].values()))),
    )
    (folder / CARD_FILE).write_text(text, "utf-8")
    write_croissant(folder, facts, config_version(facts["content_hash"]), title)


def config_version(content: str) -> str:
    """The version that each config of the card carries: 1.0, then a number made from the content hash.

    `datasets` keys its cache of a local folder by the card's YAML, not by the files: without a value that
    changes with the content, a rebuilt folder would silently give the old rows.
    """
    return f"1.0.{int(content[:8], 16)}"


def card_header(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """The YAML of the card, by `content_hash`, `rows` and `arrow_bytes` of `build.json`: what `datasets` reads, and the Hub shows."""
    version = config_version(facts["content_hash"])
    configs, infos = [], []
    for config, rows in facts["rows"].items():
        rows = {split: n for split, n in rows.items() if n}  # `datasets` cannot read a split without rows
        files = [{"split": s, "path": f"{config}/{s}-*.parquet"} for s in rows]
        entry = {"config_name": config, "version": version, "data_files": files}
        configs.append(entry | ({"default": True} if not infos else {}))
        sizes = facts["arrow_bytes"][config]
        paths = [path for s in rows for path in (folder / config).glob(f"{s}-*.parquet")]
        infos.append(
            {
                "config_name": config,
                "features": features(arrow_schema(records_of(facts)[config])),
                "splits": [{"name": s, "num_bytes": sizes[s], "num_examples": n} for s, n in rows.items()],
                "download_size": sum(path.stat().st_size for path in paths),
                "dataset_size": sum(sizes[s] for s in rows),
            }
        )
    return {**hub_metadata(facts), "configs": configs, "dataset_info": infos}


def features(columns: Iterable[pa.Field]) -> list[dict[str, Any]]:
    """Columns as `datasets` has them in a card's YAML; importing it takes longer than a build of the sample."""
    found = []
    for one in columns:
        kind = {"dtype": "float64" if pa.types.is_float64(one.type) else str(one.type)}
        kind = {"list": features(one.type.value_type)} if pa.types.is_list(one.type) else kind
        found.append({"name": one.name} | kind)
    return found


def hub_metadata(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Licence, size, languages and makers of a release as the Hub names them; what is not known of them is left out.

    Args:
        facts: `rows` (config -> split -> rows; the first config is the default one), and, where it is known, `is_sample`,
            `options`, `makers` and `judge`.
    """
    rows, sample = facts["rows"], facts.get("is_sample", False)
    options = facts.get("options", {})
    total = sum(next(iter(rows.values()), {}).values())
    licence = options.get("license") or ("apache-2.0" if sample else "other")
    judged = "other" if sample else "machine-generated" if facts.get("makers") or facts.get("judge") else None
    both = {"ko", "en"} <= rows.keys()
    komep = is_komep({"is_sample": sample, "options": options})
    return {
        "license": licence,
        **({"license_name": "terms-of-its-sources"} if licence == "other" else {}),
        "language": [c for c in ("ko", "en") if c in rows] or ["en"],
        "multilinguality": [
            "monolingual" if not both else "translation" if translated_pairs(facts) else "multilingual"
        ],
        "size_categories": [next((name for limit, name in SIZES if total < limit), LARGER)],
        "source_datasets": ["original"],
        **({"annotations_creators": [judged]} if judged else {}),
        "language_creators": ["other"] if sample else ["found", "machine-generated"],
        "task_categories": ["text-generation"],
        "tags": [*["medical"] * komep, "preference", "dpo", "orpo", *["korean"] * ("ko" in rows), "dahl"],
    }


def write_figures(folder: Path, facts: dict[str, Any]) -> dict[str, str]:
    """Draw what the numbers of a release allow, below its folder. Returns name -> path in the release, for the card."""
    pictures = {}
    pairs = [config for config in facts["rows"] if config != "scored"]
    if pairs and goes_by_score(facts["options"]):
        pictures["margins"] = _drawn("margins.svg.j2", counts=margin_counts(folder, pairs[0]))
    models = {_printable(name): m["dahl"] for name, m in facts["models"].items() if m["dahl"]}
    if models:
        pictures["dahl"] = _drawn("dahl.svg.j2", models=models)
    for name, text in pictures.items():
        (folder / FIGURES).mkdir(exist_ok=True)
        (folder / FIGURES / f"{name}.svg").write_text(text, "utf-8")
    return {name: f"{FIGURES}/{name}.svg" for name in pictures}


def margin_counts(folder: Path, config: str) -> list[int]:
    """Pairs by score margin: bin i holds those above i / 10, up to and including (i + 1) / 10."""
    counts = [0] * BINS
    for file in sorted((folder / config).glob("*.parquet")):
        with pq.ParquetFile(file) as source:  # `pq.read_table` imports pandas where that is installed
            margins = source.read(["score_margin"])["score_margin"]
        for margin, pairs in (one.values() for one in margins.value_counts().to_pylist()):
            # Rounded first: 0.9 - 0.2 is a little more than 0.7 in floating point, and belongs with it.
            counts[min(max(math.ceil(round(margin * BINS, 6)) - 1, 0), BINS - 1)] += pairs
    return counts


def _printable(name: str, room: int = 26) -> str:
    """A name of at most so many narrow characters; those of Korean are twice as wide."""
    text = one_line(name)
    ends = list(accumulate(1 + (east_asian_width(c) in "WF") for c in text))
    return text if not ends or ends[-1] <= room else f"{text[: bisect_right(ends, room - 1)]}…"


def _drawn(template: str, **values: Any) -> str:
    return MARKUP.get_template(template).render(**values)
