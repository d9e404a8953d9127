"""Croissant metadata of a release (mlcommons.org/croissant, version 1.0): `croissant.json`."""

import json
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from komep_dataset.release.facts import config_version
from komep_dataset.release.rows import data_files
from komep_dataset.schema import RECORDS, SPLITS, column_docs, column_types

FILE = "croissant.json"
_TYPES = {str: "sc:Text", int: "sc:Integer", float: "sc:Float"}
# The `@context` that the specification gives; readers warn of any other.
CONTEXT = Path(__file__).parents[2] / "templates" / "croissant_context.json"
LICENCE_OF_THE_SAMPLE = "https://www.apache.org/licenses/LICENSE-2.0"


def croissant(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """The metadata of a release: a file set and a record set for each split of each config that has rows.

    Paths are relative to the folder, whether it lies on a disk or on the Hub.

    Args:
        folder: the release, data files in place.
        facts: `rows`, `content_hash` and `is_sample` as in `build.json`.
    """
    parts = [(c, s) for c in facts["rows"] for s in SPLITS if data_files(folder, c, s)]
    return {
        "@context": json.loads(CONTEXT.read_text("utf-8")),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "komep",
        "description": "KoMeP, Korean Medical Preference: pairs of answers to biomedical questions, chosen "
        "and rejected by DAHL score, and the scored answers behind them. Not for clinical use."
        + (" This is the sample, written for the project." if facts["is_sample"] else ""),
        "license": LICENCE_OF_THE_SAMPLE if facts["is_sample"] else "The terms of the sources; see README.md",
        "version": config_version(facts["content_hash"]),
        "creator": {"@type": "sc:Organization", "name": "KoMeP contributors"},
        "citeAs": "doi:10.4258/hir.2025.31.2.166; arXiv:2411.09255",
        "distribution": [_file_set(config, split) for config, split in parts],
        "recordSet": [_record_set(config, split, RECORDS[config]) for config, split in parts],
    }


def write_croissant(folder: Path, facts: dict[str, Any]) -> None:
    """Write `croissant.json` into a release."""
    text = json.dumps(croissant(folder, facts), indent=1, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n", "utf-8")


def _file_set(config: str, split: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"files-{config}-{split}",
        "name": f"files-{config}-{split}",
        "description": f"Parquet files of config {config}, split {split}",
        "encodingFormat": "application/x-parquet",
        "includes": f"{config}/{split}-*.parquet",
    }


def _record_set(config: str, split: str, record: type) -> dict[str, Any]:
    name, docs = f"{config}-{split}", column_docs(record)
    fields = [_field(name, f"files-{name}", n, t, docs[n]) for n, (t, _) in column_types(record).items()]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"Rows of config {config}, split {split}",
        "field": fields,
    }


def _field(record_set: str, file_set: str, name: str, hint: Any, doc: str) -> dict[str, Any]:
    """A column; a list of rows of another type becomes a repeated field with sub-fields."""
    source = {"fileSet": {"@id": file_set}, "extract": {"column": name}}
    field = {"@type": "cr:Field", "@id": f"{record_set}/{name}", "name": name, "description": doc}
    if get_origin(hint) is not list:
        return {**field, "dataType": _TYPES[hint], "source": source}
    (inner,) = get_args(hint)
    if not is_dataclass(inner):
        return {**field, "dataType": _TYPES[inner], "repeated": True, "source": source}
    inner_docs = column_docs(inner)
    parts = [
        {
            "@type": "cr:Field",
            "@id": f"{record_set}/{name}/{part}",
            "name": part,
            "description": inner_docs[part],
            "dataType": _TYPES[part_type],
            "source": {**source, "transform": {"jsonPath": part}},
        }
        for part, (part_type, _) in column_types(inner).items()
    ]
    return {**field, "repeated": True, "subField": parts}
