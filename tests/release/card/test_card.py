"""A release's card: what the Hub and `datasets` want of it, figures, and that its code runs."""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml
from datasets import Features, load_dataset
from huggingface_hub import DatasetCard

from komep_dataset.config.presets import ENTRIES
from komep_dataset.release.build import build
from komep_dataset.release.card.card import (
    OUTPUT_TERMS,
    features,
    hub_metadata,
    margin_counts,
    output_terms,
    write_figures,
)
from komep_dataset.release.facts import read_facts
from komep_dataset.release.rows import read_rows
from komep_dataset.samples import SAMPLE_INPUT
from komep_dataset.schema import CONFIGS, RECORDS, CitedGeneration, arrow_schema, column_docs, column_types

SVG = "{http://www.w3.org/2000/svg}"

# The Hub's lists (github.com/huggingface/hub-docs, datasetcard.md; docs/datasets, the tagging app).
MAKERS = {"crowdsourced", "expert-generated", "found", "machine-generated", "no-annotation", "other"}

ALLOWED = {
    "annotations_creators": MAKERS,
    "language_creators": MAKERS - {"no-annotation"},
    "multilinguality": {"monolingual", "multilingual", "translation"},
    "size_categories": {"n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M"},
    "source_datasets": {"original", "extended"},
    "task_categories": {"text-generation"},
}


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("release") / "komep"
    build([], folder)
    return folder


def test_the_metadata_are_the_hubs(release):
    card = DatasetCard((release / "README.md").read_text("utf-8"))
    data = card.data.to_dict()
    for key, values in ALLOWED.items():
        assert set(data[key]) <= values and data[key], key
    assert data["license"] == "apache-2.0" and data["language"] == ["ko", "en"] and data["pretty_name"]
    for total, size in ((999, "n<1K"), (1_000, "1K<n<10K"), (99_999, "10K<n<100K"), (2_000_000, "1M<n<10M")):
        found = hub_metadata({"en": {"train": total - 1, "test": 1}}, is_sample=False)
        assert found["size_categories"] == [size] and found["language"] == ["en"]
        assert (found["license"], found["multilinguality"]) == ("other", ["monolingual"])


@pytest.mark.parametrize("record", [*RECORDS.values(), CitedGeneration])
def test_the_features_are_what_datasets_writes(record):
    schema = arrow_schema(record)
    assert features(schema) == Features.from_arrow_schema(schema)._to_yaml_list()


def test_every_column_responder_and_source_is_explained(release):
    text, facts = (release / "README.md").read_text("utf-8"), read_facts(release)
    for config, record in RECORDS.items():
        part = text.split(f"### `{config}`")[1].split("\n#")[0]
        assert re.findall(r"^\| `(\w+)` \| (.+) \|$", part, re.M) == list(column_docs(record).items())
    licence = text.split("## Licence")[1].split("\n## ")[0]
    for name in [*facts["models"], *(file["name"] for file in facts["inputs"])]:
        assert f" {name} | Apache-2.0" in licence
    for part in (
        "Not for clinical use",
        "komep verify",
        "Not measured for this release",
        "@article",
        "Intended for",
    ):
        assert part in text
    assert set(OUTPUT_TERMS) == set(ENTRIES)
    terms = output_terms({"GPT-4o": {}, "mine": {}}, is_sample=False)
    assert "OpenAI" in terms["GPT-4o"] and terms["mine"] == "not recorded here"


def test_the_figures_show_the_numbers(release):
    text, facts = (release / "README.md").read_text("utf-8"), read_facts(release)
    pictures = re.findall(r"!\[[^]]+\]\((figures/\w+\.svg)\)", text)
    assert len(pictures) == 2 and {f"figures/{p.name}" for p in (release / "figures").iterdir()} == set(
        pictures
    )
    margins = [row["score_margin"] for row in read_rows(release, "ko").to_dicts()]
    wanted = [sum(i < round(m * 10, 6) <= i + 1 for m in margins) for i in range(10)]
    root = ElementTree.parse(release / "figures" / "margins.svg").getroot()
    shown = [e.text for e in root.iter(f"{SVG}text") if e.get("text-anchor") == "middle"][:10]
    assert [int(n) for n in shown] == wanted == margin_counts(release, "ko") and sum(wanted) == len(margins)
    root = ElementTree.parse(release / "figures" / "dahl.svg").getroot()
    means = [(float(c.get("cx")) - 220) / 380 for c in root.iter(f"{SVG}circle")]
    assert means == pytest.approx([m["dahl"]["mean"] for m in facts["models"].values()], abs=2e-4)


def test_figures_of_odd_releases(tmp_path):
    score = {"mean": 1.0, "low": None, "high": None, "n": 1}
    models = {"<b>&\x00\n" + "한" * 99: {"dahl": score}, "no score": {"dahl": None}}
    assert write_figures(tmp_path, {"rows": {"scored": {}}, "models": models}) == {"dahl": "figures/dahl.svg"}
    texts = [e.text for e in ElementTree.parse(tmp_path / "figures" / "dahl.svg").iter(f"{SVG}text")]
    assert any(t.startswith("<b>&") and t.endswith("…") for t in texts) and "no score" not in texts
    assert write_figures(tmp_path / "none", {"rows": {"scored": {}}, "models": {}}) == {}


@pytest.mark.slow
def test_the_code_of_the_card_runs(release):
    blocks = re.findall(r"```python\n(.*?)```", (release / "README.md").read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 2 and "load_dataset" in blocks[0] and "DPOTrainer" in blocks[1]
    code = blocks[0] + "\nprint(pairs.num_rows, scored.num_rows, list(pairs.features) == columns)\n"
    code = f"columns = {list(column_types(RECORDS['ko']))!r}\n" + code
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(release.parent / "home")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=release.parent, env=environment, capture_output=True, text=True
    )
    rows = read_facts(release)["rows"]
    assert done.stdout.split() == [str(rows["ko"]["train"]), str(rows["scored"]["train"]), "True"], (
        done.stderr
    )


def test_the_same_build_gives_the_same_card_figures_and_metadata(release, tmp_path):
    lines = SAMPLE_INPUT.read_text("utf-8").splitlines(keepends=True)
    for name, order in (("a", lines), ("b", lines[::-1])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "in.jsonl").write_text("".join(order), "utf-8")
        build([tmp_path / name / "in.jsonl"], tmp_path / name / "komep")
    for file in ("croissant.json", "figures/margins.svg", "figures/dahl.svg"):
        assert (tmp_path / "a" / "komep" / file).read_bytes() == (
            tmp_path / "b" / "komep" / file
        ).read_bytes()
    header = yaml.safe_load((tmp_path / "a" / "komep" / "README.md").read_text("utf-8").split("---\n")[1])
    assert header["license"] == "other" and header["license_name"]
    assert "Apache" not in json.loads((tmp_path / "a" / "komep" / "croissant.json").read_text())["license"]


def test_the_card_names_every_config_and_its_counts(release):
    text = (release / "README.md").read_text("utf-8")
    header = yaml.safe_load(text.split("---\n")[1])
    assert [c["config_name"] for c in header["configs"]] == list(CONFIGS)
    assert [c["config_name"] for c in header["configs"] if c.get("default")] == ["ko"]
    facts = read_facts(release)
    for info in header["dataset_info"]:
        counts = {s["name"]: s["num_examples"] for s in info["splits"]}
        assert counts == facts["rows"][info["config_name"]]
    assert "written for the KoMeP project" in text  # the sample says that it is one
    assert "Not for clinical use" in text
    assert len({c["version"] for c in header["configs"]}) == 1


def test_card_survives_hostile_names(tmp_path):
    rows = [
        {"question": "Q?", "category": "c", "model": m, "response": m, "units": [{"text": "t", "verdict": v}]}
        for m, v in (("a|b {{ 7 * 7 }} --- <b>", "true"), ("b\n---\n", "false"))
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    build([tmp_path / "in.jsonl"], tmp_path / "komep")
    text = (tmp_path / "komep" / "README.md").read_text("utf-8")
    assert "{{ 7 * 7 }}" in text
    assert (
        load_dataset(str(tmp_path / "komep"), split="train", cache_dir=str(tmp_path / "cache")).num_rows == 1
    )
