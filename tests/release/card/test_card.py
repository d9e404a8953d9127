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
from markdown_it import MarkdownIt

from komep_dataset.errors import KomepError
from komep_dataset.release.build import build
from komep_dataset.release.card.card import features, hub_metadata, margin_counts, write_figures
from komep_dataset.release.facts import read_facts
from komep_dataset.release.rows import read_rows
from komep_dataset.release.verify import verify
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
        found = hub_metadata({"rows": {"en": {"train": total - 1, "test": 1}}})
        assert found["size_categories"] == [size] and found["language"] == ["en"]
        assert (found["license"], found["multilinguality"]) == ("other", ["monolingual"])
        assert "annotations_creators" not in found  # nobody said who judged
        assert found["tags"] == ["preference", "dpo", "orpo", "dahl"]
    both = {"rows": {"ko": {"train": 4, "test": 1}, "en": {"train": 3, "test": 1}}}
    said = [hub_metadata(both | {"native": native})["multilinguality"] for native in (0, 4, 5)]
    assert said == [["translation"], ["translation"], ["multilingual"]]


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
    rows = [row for row in tables(licence)[0] if row[2].startswith("Apache-2.0")]
    wanted = [*(f"answers of {name}" for name in facts["models"]), "questions in scored_generations.jsonl"]
    assert {*wanted, "verdicts", "Korean of the 58 translated pairs"} == {row[0] for row in rows}
    for part in (
        "Not for clinical use",
        "komep verify",
        "Not measured for this release",
        "@article",
        "Intended for",
    ):
        assert part in text


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


def tables(markdown: str) -> list[list[list[str]]]:
    """The tables of a markdown text as a reader sees them: rows of the texts of their cells, heads left out."""
    found, cell = [], None
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        if token.type == "tbody_open":
            found.append([])
        elif token.type == "tr_open" and found:
            found[-1].append([])
        elif token.type in ("td_open", "td_close"):
            cell = token.type
        elif token.type == "inline" and cell == "td_open":
            found[-1][-1].append("".join(part.content for part in token.children))
            assert {part.type for part in token.children} <= {"text", "text_special", "code_inline"}, (
                token.content
            )
    return [[row for row in table if row] for table in found]


def built(folder: Path, rows: list[dict], **options) -> str:
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    build([folder / "in.jsonl"], folder / "mine", **options)
    return (folder / "mine" / "README.md").read_text("utf-8")


ODD = (
    "a|b {{ 7 * 7 }} --- <b>",
    "b\n---\n",
    "`x` *y* _z_ [l](http://x.y) $e$ www.x.y a@b.c",
    "한국어 모델",
    "m" * 200,
)


def test_hostile_names_are_shown_as_they_are_and_change_nothing_else(tmp_path):
    """Each responder has its row in the tables of scores and of terms, with as many cells as all others."""
    question = "<script>alert(1)</script> | ```\n---\n# No heading " + "long " * 1000
    rows = [
        {"question": question, "category": "c|" * 100, "model": m, "response": f"{m} {question} {m}", "units": [{"text": "t", "verdict": v}]}
        for m, v in zip(ODD, ("true", "false", "true", "true", "true"), strict=True)
    ]  # fmt: skip
    name = "\"quoted\": <script> 'x' #한국어 ../a | - [b]"
    text = built(tmp_path, rows, name=name)
    header, body = text.split("---\n", 2)[1:]
    assert yaml.safe_load(header)["pretty_name"] == name
    parsed = MarkdownIt("commonmark").enable("table").parse(body)
    assert {token.type for token in parsed} & {"html_block", "hr", "heading_open"} == {"heading_open"}
    heads = [
        parsed[i + 1].children
        for i, token in enumerate(parsed)
        if token.type == "heading_open" and token.tag == "h1"
    ]
    assert ["".join(part.content for part in head) for head in heads] == [name]
    found = tables(body)
    names = [" ".join(m.split()) for m in ODD]
    [scores] = [table for table in found if names[0] in [row[0] for row in table]]
    assert {row[0] for row in scores} == {*names[:-1], "m" * 47 + "…"} and {len(row) for row in scores} == {8}
    terms = found[-1]
    assert {row[0] for row in terms} >= {f"answers of {one}" for one in names[:-1]} and {
        len(row) for row in terms
    } == {3}
    example = dict(found[0])
    assert (
        example["prompt"].startswith("<script>alert(1)</script> | ``` --- # No heading long")
        and len(example["prompt"]) < 410
    )
    assert example["chosen"] != example["rejected"] and len(example["category"]) == 100
    assert (
        load_dataset(str(tmp_path / "mine"), split="train", cache_dir=str(tmp_path / "cache")).num_rows == 1
    )


ROWS = [
    {
        "question": "Q?",
        "category": "c",
        "model": m,
        "response": f"{m}.",
        "units": [{"text": "t", "verdict": v}],
    }
    for m, v in (("gpt-4o", "true"), ("own", "false"))
]


def test_a_release_that_is_not_komep_says_so(tmp_path, release):
    text = built(tmp_path, ROWS)
    header = yaml.safe_load(text.split("---\n")[1])
    assert header["pretty_name"] == "mine" and "\n# mine\n" in text and 'load_dataset("mine", split' in text
    assert (
        "10.4258" not in text and "@article" not in text and "2411.09255" in text and "not recorded" in text
    )
    assert "beside the folder `mine` that holds this card and the folders `en`, `scored`:" in text
    assert f"`{header['configs'][0]['version']}`, a number made from this content" in text
    meta = json.loads((tmp_path / "mine" / "croissant.json").read_text("utf-8"))
    assert (meta["name"], meta["citeAs"]) == ("mine", "arXiv:2411.09255") and "creator" not in meta
    own = built(tmp_path, ROWS, name="KoMeP-ICU", license="cc-by-4.0")
    assert "@article{komep2025" in own and "\nlicense: cc-by-4.0\n" in own and "license_name" not in own
    ours = (release / "README.md").read_text("utf-8")
    assert "# KoMeP: Korean Medical Preference\n" in ours and 'load_dataset("komep", split' in ours
    named = yaml.safe_load((Path(__file__).parents[3] / "CITATION.cff").read_text("utf-8"))["references"]
    for paper in named:
        authors = " and ".join(f"{one['family-names']}, {one['given-names']}" for one in paper["authors"])
        assert f"{{{authors}}}" in ours and paper["title"] in " ".join(ours.split())


def test_a_grown_release_keeps_its_name_and_may_be_told_another(tmp_path):
    built(tmp_path, ROWS, name="ICU", license="cc-by-4.0")
    new = tmp_path / "new.jsonl"
    new.write_text("".join(json.dumps(row | {"question": "Another?"}) + "\n" for row in ROWS))
    for options, wanted in (
        ({}, ["ICU", "cc-by-4.0"]),
        ({"name": "ICU 2", "license": "mit"}, ["ICU 2", "mit"]),
    ):
        build([new], tmp_path / "grown", base=tmp_path / "mine", **options)
        text = (tmp_path / "grown" / "README.md").read_text("utf-8")
        header = yaml.safe_load(text.split("---\n")[1])
        assert [header["pretty_name"], header["license"]] == wanted
        assert all(check.ok for check in verify(tmp_path / "grown"))
        assert {row[0] for row in tables(text)[-1]} >= {"questions in new.jsonl", "questions in in.jsonl"}


@pytest.mark.parametrize("value", ["", " ", "two\nlines", "x" * 101, "a\u202eb"])
def test_a_name_is_one_line(value, tmp_path):
    with pytest.raises(KomepError, match=r"--name .*: give one line") as caught:
        build([], tmp_path / "komep", name=value)
    assert caught.value.exit_code == 2 and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["", "CC BY", "mit\nx: y", "ㅎ", "a" * 41])
def test_a_licence_is_an_identifier(value, tmp_path):
    with pytest.raises(KomepError, match=r"as cc-by-4\.0, or unknown"):
        build([], tmp_path / "komep", license=value)
