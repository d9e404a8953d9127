"""Croissant metadata of a release (mlcommons.org/croissant, version 1.0): `croissant.json`."""

import json
from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from komep_dataset.pairs.told import chosen_by
from komep_dataset.release.card.columns import docs_of
from komep_dataset.release.card.statement import KOMEP, is_komep
from komep_dataset.schema import SPLITS, column_docs, column_types, records_of

FILE = "croissant.json"
_TYPES = {str: "sc:Text", int: "sc:Integer", float: "sc:Float"}
# The `@context` that the specification gives; readers warn of any other.
CONTEXT = Path(__file__).parents[2] / "templates" / "croissant_context.json"
LICENCE_OF_THE_SAMPLE = "https://www.apache.org/licenses/LICENSE-2.0"


def croissant(facts: dict[str, Any], version: str, title: str = KOMEP) -> dict[str, Any]:
    """The metadata of a release: a file set and a record set for each split of each config that has rows.

    Paths are relative to the release's folder, whether it lies on a disk or on the Hub. `version` is that of the content (see
    `card.config_version`), `title` what the card calls the release.
    """
    komep, licence = is_komep(facts), facts["options"].get("license")
    parts = [(config, split) for config, rows in facts["rows"].items() for split in SPLITS if rows[split]]
    return {
        "@context": json.loads(CONTEXT.read_text("utf-8")),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "komep" if komep else title,
        "description": ("KoMeP, Korean Medical Preference" if komep else title)
        + f": pairs of answers to {'biomedical ' if komep else ''}questions, chosen "
        f"and rejected by {chosen_by(facts['options'])}, and the scored answers behind them. Not for clinical use."
        + (" This is the sample, written for the project." if facts["is_sample"] else ""),
        "license": licence
        or (LICENCE_OF_THE_SAMPLE if facts["is_sample"] else "The terms of the sources; see README.md"),
        "version": version,
        **({"creator": {"@type": "sc:Organization", "name": "KoMeP contributors"}} if komep else {}),
        "citeAs": "doi:10.4258/hir.2025.31.2.166; arXiv:2411.09255" if komep else "arXiv:2411.09255",
        "distribution": [
            {
                "@type": "cr:FileSet",
                "@id": f"files-{config}-{split}",
                "name": f"files-{config}-{split}",
                "description": f"Parquet files of config {config}, split {split}",
                "encodingFormat": "application/x-parquet",
                "includes": f"{config}/{split}-*.parquet",
            }
            for config, split in parts
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": f"{config}-{split}",
                "name": f"{config}-{split}",
                "description": f"Rows of config {config}, split {split}",
                "field": _fields(records_of(facts)[config], docs_of(config, facts), f"{config}-{split}"),
            }
            for config, split in parts
        ],
    }


def write_croissant(folder: Path, facts: dict[str, Any], version: str, title: str) -> None:
    """Write `croissant.json` into a release."""
    text = json.dumps(croissant(facts, version, title), indent=1, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n", "utf-8")


def _fields(record: type, docs: Mapping[str, str], rows: str, column: str = "") -> list[dict[str, Any]]:
    """The columns of a row type, or the parts of a column that holds a list of them: a repeated field with sub-fields."""
    fields, place = [], f"{rows}/{column}" if column else rows
    for name, (hint, _) in column_types(record).items():
        field = {"@type": "cr:Field", "@id": f"{place}/{name}", "name": name, "description": docs[name]}
        source = {"fileSet": {"@id": f"files-{rows}"}, "extract": {"column": column or name}}
        if column:
            source["transform"] = {"jsonPath": name}
        repeated = {"repeated": True} if get_origin(hint) is list else {}
        inner = get_args(hint)[0] if repeated else hint
        if is_dataclass(inner):
            field |= {**repeated, "subField": _fields(inner, column_docs(inner), rows, name)}
        else:
            field |= {"dataType": _TYPES[inner], **repeated, "source": source}
        fields.append(field)
    return fields
