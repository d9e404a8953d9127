"""The card of a release: its YAML, its text, and what lies beside it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from komep_dataset.release.card.croissant import write_croissant
from komep_dataset.release.card.figures import write_figures
from komep_dataset.release.card.metadata import hub_metadata, output_terms
from komep_dataset.release.folder import config_version
from komep_dataset.schema import CARD_FILE, RECORDS, arrow_schema, column_docs

if TYPE_CHECKING:
    from jinja2 import Template


def card_header(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """The YAML of the card: what `datasets` reads, and what the Hub shows.

    Args:
        folder: the release, data files in place.
        facts: `content_hash`, `rows` and `arrow_bytes` as in `build.json`.
    """
    from datasets import Features

    version = config_version(facts["content_hash"])
    configs, infos = [], []
    for config, rows in facts["rows"].items():
        rows = {split: n for split, n in rows.items() if n}  # `datasets` cannot read a split without rows
        files = [{"split": s, "path": f"{config}/{s}-*.parquet"} for s in rows]
        entry = {"config_name": config, "version": version, "data_files": files}
        configs.append(entry | ({"default": True} if not infos else {}))
        sizes = {s: sum(p.stat().st_size for p in (folder / config).glob(f"{s}-*.parquet")) for s in rows}
        features = Features.from_arrow_schema(arrow_schema(RECORDS[config]))
        splits = [
            {"name": s, "num_bytes": facts["arrow_bytes"][config][s], "num_examples": n}
            for s, n in rows.items()
        ]
        infos.append(
            {
                "config_name": config,
                "features": features._to_yaml_list(),
                "splits": splits,
                "download_size": sum(sizes.values()),
                "dataset_size": sum(facts["arrow_bytes"][config][s] for s in rows),
            }
        )
    return {
        "pretty_name": "KoMeP: Korean Medical Preference",
        **hub_metadata(facts["rows"], facts.get("is_sample", False)),
        "configs": configs,
        "dataset_info": infos,
    }


@cache  # compiling it takes as long as a small build
def _card_template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("komep_dataset"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("card.md.j2")


def write_card(folder: Path, facts: dict[str, Any]) -> None:
    """Write README.md (YAML configs for `datasets`, and what a reader must know), its figures and `croissant.json`.

    Args:
        folder: the release, data files in place.
        facts: the content of `build.json` and `provenance.json`.
    """
    import yaml

    header = yaml.safe_dump(card_header(folder, facts), sort_keys=False, allow_unicode=True)
    columns = {config: column_docs(RECORDS[config]) for config in facts["rows"]}
    text = _card_template().render(
        yaml=header,
        facts=facts,
        columns=columns,
        figures=write_figures(folder, facts),
        terms=output_terms(facts["models"], facts["is_sample"]),
    )
    (folder / CARD_FILE).write_text(text, "utf-8")
    write_croissant(folder, facts)
