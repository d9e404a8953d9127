"""Verdicts by passages, from the table through a release: built, verified, grown, compared and loaded as any other."""

import json

import polars as pl
import pytest
from datasets import load_dataset

from komep_dataset.config.config import load_config
from komep_dataset.errors import KomepError
from komep_dataset.komep import Komep
from komep_dataset.pairs.generations import read_as_given
from komep_dataset.release.build import build
from komep_dataset.release.diff import diff
from komep_dataset.release.facts import read_facts
from komep_dataset.release.rows import data_files, read_rows
from komep_dataset.review.corrections import apply
from komep_dataset.schema import EVIDENCE, CitedGeneration, ScoredGeneration, column_types
from komep_dataset.tables.writing import write_scored
from komep_dataset.translation.stage import translate
from tests.gates.gated import failed
from tests.loopback import Loopback, loopback
from tests.scored_rows import row, write
from tests.translation.loopback_translator import korean, write_config

WHO = {"id": "who-1", "title": "Sepsis", "url": "https://WHO.int/a?b", "quotation": "Sepsis kills."}
BOOK = {"id": "ch. 3, p. 9", "title": "Harrison", "url": "", "quotation": "Sepsis is an infection…"}
NONE = dict.fromkeys(WHO, "")
CITED = [
    {"unit": 0, "reason": "", **WHO},
    {"unit": 0, "reason": "", **BOOK},
    {"unit": 1, "reason": "", **WHO},
]
OPEN = [{"unit": 0, "reason": "not_addressed", **NONE}, {"unit": 1, "reason": "contradictory", **WHO}]
TRUE = [{"text": "a fact", "verdict": "true"}]


def cited(question="What is sepsis?", **more):
    unknown = [{"text": "a fact", "verdict": "unknown"}, {"text": "another", "verdict": "unknown"}]
    return [
        row("m1", question, unit_evidence=CITED, **more),
        row(
            "m2", question, "Another.", units=TRUE, unit_evidence=[{"unit": 0, "reason": "", **BOOK}], **more
        ),
        row("m3", question, units=unknown, unit_evidence=OPEN, **more),
        row("m4", question, **more),
    ]


def plain(question="What is a stroke?"):
    return [row("m1", question), row("m2", question, units=TRUE, response="Another.")]


def test_a_release_says_what_its_verdicts_cite_and_from_where(tmp_path):
    release = build([write(tmp_path / "s.jsonl", cited() + plain())], tmp_path / "komep").folder
    assert failed(release) == set()
    facts = read_facts(release)
    assert facts[EVIDENCE] == {
        "units": 5, "cited": 4, "not_addressed": 1, "contradictory": 1, "unread": 0, "disagreed": 0,
        "from": {"who.int": 3, "Harrison": 2}, "sources": 2,
    }  # fmt: skip
    card = (release / "README.md").read_text("utf-8")
    assert "5 statements were judged by passages" in card and "from who.int (3), Harrison (2)." in card
    assert "| quotations in unit\\_evidence | the texts that they are taken from | not recorded |" in card
    assert (
        "`unit_evidence`" in card
        and '"scored-train/unit_evidence/quotation"' in (release / "croissant.json").read_text()
    )
    table = read_rows(release, "scored")
    assert set(table.columns) == {*column_types(CitedGeneration), "split"}
    found = {r["model"]: r[EVIDENCE] for r in table.iter_rows(named=True) if "sepsis" in r["question"]}
    assert found == {"m1": CITED, "m2": [{"unit": 0, "reason": "", **BOOK}], "m3": OPEN, "m4": None}


def test_it_is_loaded_by_every_way(tmp_path, monkeypatch):
    release = build([write(tmp_path / "s.jsonl", cited() + plain())], tmp_path / "komep").folder
    loaded = load_dataset(str(release), "scored", cache_dir=str(tmp_path / "cache"))
    rows = [one for split in loaded.values() for one in split.to_list()]
    assert sorted(rows, key=str) == sorted(read_rows(release, "scored").drop("split").to_dicts(), key=str)
    builder = Komep(config_name="scored", data_dir=str(release), cache_dir=str(tmp_path / "cache2"))
    builder.download_and_prepare()
    assert builder.as_dataset().keys() == loaded.keys()
    assert all(builder.as_dataset()[name].to_list() == split.to_list() for name, split in loaded.items())


def test_without_evidence_a_release_has_no_trace_of_it(tmp_path):
    release = build([write(tmp_path / "s.jsonl", plain())], tmp_path / "komep").folder
    again = build(
        [write(tmp_path / "n.jsonl", [r | {EVIDENCE: None} for r in plain()])], tmp_path / "again"
    ).folder
    for one in (release, again):
        assert failed(one) == set() and EVIDENCE not in read_facts(one)
        assert set(read_rows(one, "scored").columns) == {*column_types(ScoredGeneration), "split"}
        assert EVIDENCE not in (one / "README.md").read_text("utf-8")
    assert read_facts(release)["content_hash"] == read_facts(again)["content_hash"]


@pytest.mark.parametrize(
    "first, second", [(plain, cited), (cited, plain), (cited, lambda: cited("What is gout?"))]
)
def test_a_release_grows_into_evidence_and_with_it(tmp_path, first, second):
    old, new = write(tmp_path / "old.jsonl", first()), write(tmp_path / "new.jsonl", second())
    base = build([old], tmp_path / "base").folder
    grown = build([new], tmp_path / "grown", base=base).folder
    whole = build([old, new], tmp_path / "whole").folder
    assert failed(grown) == set()
    assert read_facts(grown)[EVIDENCE] == read_facts(whole)[EVIDENCE]
    ours, theirs = (read_rows(one, "scored").sort(*ScoredGeneration.KEY).to_dicts() for one in (grown, whole))
    assert ours == theirs


def test_verdicts_that_are_judged_anew_by_passages_replace_and_are_told(tmp_path):
    judged = [one | {EVIDENCE: None} for one in cited()]
    old, new = (write(tmp_path / f"{n}.jsonl", rows) for n, rows in (("a", judged), ("b", cited())))
    base = build([old], tmp_path / "base").folder
    grown = build([new], tmp_path / "grown", base=base).folder
    assert failed(grown) == set() and read_facts(grown)["rejects"]["replaced"] == 3
    changes = {(c, ch, why): n for (c, _, ch, why), n in diff(base, grown).counts.items()}
    assert changes == {("scored", "changed", "evidence_changed"): 3}
    back = {(c, ch, why): n for (c, _, ch, why), n in diff(grown, base).counts.items()}
    assert back == changes
    untrue = [one | {"verdict": "false"} for one in TRUE]
    third = [*cited()[:1], cited()[1] | {"units": untrue}, *cited()[2:]]
    other = build([write(tmp_path / "c.jsonl", third)], tmp_path / "other").folder
    found = {(ch, why): n for (c, _, ch, why), n in diff(base, other).counts.items() if c == "scored"}
    assert found == {("changed", "evidence_changed"): 2, ("changed", "verdict_changed"): 1}


@pytest.mark.parametrize(
    "entry, said",
    [
        (CITED[0] | {"unit": 2}, "cites passages for a unit that is not there: there are 2"),
        (CITED[0] | {"unit": -1}, "cites passages for a unit that is not there"),
        (CITED[0] | {"reason": "bored"}, "unknown reason bored; give one of not_addressed, contradictory"),
        (CITED[0] | {"id": None}, "no value"),
        (CITED[0] | {"url": 3}, "expected a string, got 3"),
        ({"unit": 0}, "no value|expected List"),
    ],
)  # fmt: skip
def test_evidence_that_fits_no_unit_is_named(tmp_path, entry, said):
    rows = [row("m1", unit_evidence=[entry]), row("m2", units=TRUE)]
    for name in ("s.jsonl", "s.parquet"):
        path = tmp_path / name
        if name == "s.jsonl":
            write(path, rows)
        elif entry.get("url") != 3:
            pl.DataFrame([json.loads(json.dumps(r)) for r in rows], infer_schema_length=None).write_parquet(
                path
            )
        else:
            continue
        with pytest.raises(KomepError, match=f"{EVIDENCE}.*(?:{said})"):
            build([path], tmp_path / "komep")


def test_an_answer_that_is_given_twice_with_other_evidence_is_a_conflict(tmp_path):
    with pytest.raises(KomepError, match=r"conflicting_duplicate|another content"):
        build(
            [write(tmp_path / "s.jsonl", [*cited(), row("m1", unit_evidence=CITED[:1])])], tmp_path / "komep"
        )
    build([write(tmp_path / "s.jsonl", [*cited(), *cited()])], tmp_path / "komep")


def test_verify_sees_evidence_that_was_changed_or_taken_out(tmp_path):
    release = build([write(tmp_path / "s.jsonl", cited() + plain())], tmp_path / "komep").folder
    [path] = [p for p in data_files(release, "scored", "train") if EVIDENCE in pl.read_parquet(p).columns][:1]
    table = pl.read_parquet(path)
    table.drop(EVIDENCE).write_parquet(path)
    assert "files" in failed(release)


def test_translating_and_correcting_leave_what_verdicts_cite_as_it_is(tmp_path):
    pytest.importorskip("datatrove", reason="needs the extra [llm]")
    table = write(tmp_path / "s.jsonl", cited())
    with loopback(Loopback(korean)) as (_, url):
        config = load_config(write_config(tmp_path, url, {"scope": "all"}))
        translate(table, config, tmp_path / "t.parquet")
    rows = {r["model"]: r for r in pl.read_parquet(tmp_path / "t.parquet").to_dicts()}
    assert [rows[m][EVIDENCE] for m in ("m1", "m3", "m4")] == [CITED, OPEN, None] and rows["m1"][
        "response_ko"
    ]
    one = rows["m1"]
    fits = {"source": one["response"], "before": one["response_ko"], "after": "고친 답", "reviewer": "kim"}
    (tmp_path / "c.jsonl").write_text(json.dumps({n: one[n] for n in ("question_id", "model")} | fits))
    apply([tmp_path / "t.parquet"], tmp_path / "c.jsonl", tmp_path / "c.parquet")
    fixed = {r["model"]: r for r in pl.read_parquet(tmp_path / "c.parquet").to_dicts()}
    assert fixed["m1"][EVIDENCE] == CITED and fixed["m1"]["response_ko"] == "고친 답"


def test_a_table_gains_and_loses_its_citations_with_its_rows(tmp_path):
    rows = [
        read_as_given([write(tmp_path / "s.jsonl", some())])[0].drop("_file", "_line")
        for some in (cited, plain)
    ]
    for name in ("t.parquet", "t.jsonl"):
        for frame, cites in ((rows[0], True), (rows[1], False), (rows[0], True)):
            write_scored(frame, tmp_path / name)
            assert (EVIDENCE in read_head(tmp_path / name)) == cites


def read_head(path) -> list[str]:
    return (
        list(json.loads(path.read_text().split("\n")[0]))
        if path.suffix == ".jsonl"
        else pl.read_parquet(path).columns
    )
