"""Two releases on one page."""

import json
from pathlib import Path

import komep_dataset
from komep_dataset.explorer.comparison import pair_changes
from komep_dataset.explorer.report import write_report
from komep_dataset.release.build import build
from komep_dataset.release.rows import read_rows
from tests.explorer.pages import data_of, hostile_rows, write_jsonl


def test_two_releases_against_a_plain_comparison(tmp_path):
    """Oracle: the two tables of pairs as dicts by question."""
    sample_file = Path(komep_dataset.__file__).parent / "samples" / "scored_generations.jsonl"
    source = [json.loads(line) for line in sample_file.read_text("utf-8").splitlines()]
    questions = list(dict.fromkeys(row["question"] for row in source))
    altered = [
        row | ({"response": row["response"] + " More."} if row["question"] == questions[9] else {})
        for row in source
        if row["question"] not in questions[:2] and not (row["question"] == questions[5] and row["model"] == "sample-90")
    ]  # fmt: skip
    build([write_jsonl(tmp_path / "old.jsonl", source)], tmp_path / "old")
    build([write_jsonl(tmp_path / "new.jsonl", [*altered, *hostile_rows("new")])], tmp_path / "new")
    old, new = (
        {r["question_id"]: r for r in read_rows(tmp_path / n, "en").to_dicts()} for n in ("old", "new")
    )
    changes = pair_changes(tmp_path / "old", tmp_path / "new")
    told = {
        name: {key[0] for key, c in changes.items() if c["change"] == name}
        for name in ("added", "removed", "changed")
    }
    assert told["added"] == new.keys() - old.keys() and told["removed"] == old.keys() - new.keys()
    assert told["changed"] == {q for q in old.keys() & new.keys() if old[q] != new[q]}
    page = write_report(tmp_path / "new", tmp_path / "page.html", compare=tmp_path / "old").read_text("utf-8")
    data = data_of(page)
    assert len(data["columns"]["id"]) == len(new) + len(told["removed"])
    gone = {data["columns"]["id"][int(n)] for n, c in data["changes"].items() if c["change"] == "removed"}
    assert gone == told["removed"] and "Both releases, side by side" in page
