"""The sheets as they are written: who gets which pairs, the CSV, and the page."""

import json
import re
from collections import Counter
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from komep_dataset.errors import KomepError
from komep_dataset.release.build import build
from komep_dataset.review.sheet import COLUMNS, escape, read_material, unescape, write_sheets
from tests.review.sheets import HOSTILE, pair_of, rows_of
from tests.scored_rows import write

CELLS = st.text(st.sampled_from("=+-@'\t\r\n\";,가a "), max_size=8)


@given(CELLS)
def test_no_cell_is_a_formula_and_nothing_is_lost(text):
    assert not re.match(r"[=+\-@\t\r]", escape(text))
    assert unescape(escape(text)) == text


def test_an_empty_sheet(release, material, tmp_path, capsys):
    [folder] = write_sheets(release, tmp_path / "out", n=99, reviewers=1)
    assert capsys.readouterr().err == f"note: {release} has 20 pairs, and all of them are drawn\n"
    assert folder == tmp_path / "out"
    rows = rows_of(folder / "review.csv")
    assert tuple(rows[0]) == COLUMNS and len(rows) == 20
    for row in rows:
        pair = material.pairs[pair_of(row, material)]
        sides = {side: getattr(pair, f"{side}_korean") for side in ("chosen", "rejected")}
        assert {unescape(row["a_korean"]), unescape(row["b_korean"])} == set(sides.values())
        assert len(row["a_units"].split("\n")) == len(row["b_units"].split("\n")) == 4
        assert row["a_units"].startswith("1. ") and row["prompt_korean"] == escape(pair.prompt_korean)
    again = tmp_path / "again"
    write_sheets(release, again, n=99, reviewers=1)
    for name in ("review.csv", "review.html"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize(
    ("shared", "sizes"), [(None, (12, 12, 12)), (12, (12, 12, 12)), (0, (4, 4, 4)), (5, (8, 7, 7))]
)
def test_shared_pairs_go_to_all_and_the_others_to_one(release, material, tmp_path, shared, sizes):
    folders = write_sheets(release, tmp_path / "out", n=12, seed=2, reviewers=3, shared=shared)
    got = [[pair_of(row, material) for row in rows_of(folder / "review.csv")] for folder in folders]
    assert tuple(map(len, got)) == sizes
    times = Counter(Counter(pair for own in got for pair in own).values())
    assert times == Counter({3: 12 if shared is None else shared, 1: 0 if shared is None else 12 - shared})
    common = [[pair for pair in own if all(pair in other for other in got)] for own in got]
    if len(common[0]) > 4:
        assert common[0] != common[1]  # orders of their own


def test_what_cannot_be_drawn(release, tmp_path):
    with pytest.raises(KomepError, match="--shared 9: more than the 8 pairs of --n") as stop:
        write_sheets(release, tmp_path / "out", n=8, shared=9)
    assert stop.value.exit_code == 2
    with pytest.raises(KomepError, match="2 pairs, 0 of them for all, are too few for 3 sheets") as stop:
        write_sheets(release, tmp_path / "out", n=2, reviewers=3, shared=0)
    assert stop.value.exit_code == 2 and not (tmp_path / "out").exists()
    write_sheets(release, tmp_path / "out", reviewers=1)
    with pytest.raises(KomepError, match="may be filled in"):
        write_sheets(release, tmp_path / "out", reviewers=1)


def test_a_release_without_korean_is_reviewed_in_english(tmp_path):
    rows = [
        {
            "question": f"Q{n}?",
            "category": "c",
            "model": model,
            "response": f"{model} {n}",
            "dahl_score": score,
        }
        for n in range(4)
        for model, score in (("a", 1.0), ("b", 0.5))
    ]
    release = build([write(tmp_path / "s.jsonl", rows)], tmp_path / "komep").folder
    write_sheets(release, tmp_path / "out", reviewers=1)
    rows, material = rows_of(tmp_path / "out" / "review.csv"), read_material(release)
    assert len(rows) == 4
    for row in rows:
        pair = material.pairs[pair_of(row, material)]
        assert (row["origin"], row["prompt_korean"], row["a_korean"], row["a_units"]) == (
            "english",
            "",
            "",
            "",
        )
        assert {row["a_source"], row["b_source"]} == {pair.chosen_source, pair.rejected_source}


class Page(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.tags: Counter = Counter()
        self.scripts: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def test_the_page_stands_alone_and_holds_hostile_text_as_data(release, material, tmp_path):
    [folder] = write_sheets(release, tmp_path / "out", n=99, reviewers=1)
    text = (folder / "review.html").read_text("utf-8")
    page = Page(text)
    assert page.tags["script"] == 2 and not page.tags["img"] and not page.addresses
    assert not re.search(r"https?://|@import|url\(", text)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src") and "unsafe" not in policy and "script-src" in policy
    rows = [one["row"] for one in json.loads(page.scripts[0])["pairs"]]
    assert {row["prompt_korean"] for row in rows} == {pair.prompt_korean for pair in material.pairs.values()}
    assert HOSTILE["question_ko"] in {row["prompt_korean"] for row in rows}


def test_the_page_has_every_word_in_both_languages():
    from komep_dataset.templates import own

    words = own("review_words.js")
    korean, english = (
        set(re.findall(r"^    (?=\w)|(?<=[,{\s])(\w+): [\"(]", part)) for part in words.split("  en: {")
    )
    assert korean - {""} == english - {""} and len(korean) > 50
    used = set(re.findall(r"words\.(\w+)", own("review_main.js"))) | set(
        re.findall(r'data-word="(\w+)"', own("review.html.j2"))
    )
    assert used <= korean
