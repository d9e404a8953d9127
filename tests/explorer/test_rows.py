"""Which pairs of a release a page holds, and their texts."""

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.explorer.report import write_report
from komep_dataset.release.build import build
from komep_dataset.release.facts import read_facts
from komep_dataset.release.rows import read_rows
from komep_dataset.schema import CONFIGS
from tests.explorer.pages import data_of, write_jsonl


def test_every_pair_is_in_the_block_as_it_is_released(sample):
    release, page = sample
    data = data_of(page)
    columns, scored = data["columns"], read_rows(release, "scored")
    units = {(q, m): u for q, m, u in scored.select("question_id", "model", "units").iter_rows()}
    places = {}
    for n, question in enumerate(columns["id"]):
        models = (data["models"][columns[f"{side}Model"][n]] for side in ("chosen", "rejected"))
        places[(question, *models)] = n
    for config, bit in (("ko", 1), ("en", 2)):
        rows = read_rows(release, config)
        assert sum(bool(flag & bit) for flag in columns["languages"]) == rows.height == 478
        for row in rows.iter_rows(named=True):
            n = places[row["question_id"], row["chosen_model"], row["rejected_model"]]
            assert data["questions"][config][columns["question"][n]] == row["prompt"][0]["content"]
            assert data["splits"][columns["split"][n]] == row["split"]
            assert columns["margin"][n] == pytest.approx(row["score_margin"], abs=1e-4)
            for side in ("chosen", "rejected"):
                english, verdicts, *texts = data["english"][columns[side][n]]
                text = data["korean"][columns[side][n]] if config == "ko" else english
                assert text == row[side][0]["content"]
                told = units[row["question_id"], row[f"{side}_model"]]
                assert [(t, v[0]) for t, v in zip(texts, verdicts, strict=True)] == [
                    (u["text"], u["verdict"][0]) for u in told
                ]


def test_of_a_large_release_a_sample_over_both_splits_is_shown(sample, tmp_path):
    page = write_report(sample[0], tmp_path / "few.html", max_pairs=100).read_text("utf-8")
    splits = data_of(page)["columns"]["split"]
    assert len(splits) == 100 and set(splits) == {0, 1}
    assert "100 of the release’s 478 pairs" in page
    with pytest.raises(KomepError, match="at least one pair"):
        write_report(sample[0], tmp_path / "none.html", max_pairs=0)


def test_releases_of_little(tmp_path):
    """One pair, English alone, scores given without units; and Korean alone, asked in Korean."""
    given = [
        {"question": "Q?", "category": "c", "model": m, "response": m, "dahl_score": s, "units": []}
        for m, s in (("a", 0.9), ("b", 0.1))
    ]
    build([write_jsonl(tmp_path / "given.jsonl", given)], tmp_path / "given")
    data = data_of(write_report(tmp_path / "given", tmp_path / "given.html").read_text("utf-8"))
    assert data["languages"] == ["en"] and data["english"] == [["a", ""], ["b", ""]] and data["korean"] == []
    native = [
        {"question": "열이 나는가?", "category": "c", "model": m, "response": f"그렇다 {m}", "units": [{"text": "열이 난다.", "verdict": v}],
         "question_ko": "열이 나는가?", "response_ko": f"그렇다 {m}"}
        for m, v in (("a", "true"), ("b", "false"))
    ]  # fmt: skip
    build([write_jsonl(tmp_path / "native.jsonl", native)], tmp_path / "native")
    assert set(read_facts(tmp_path / "native")["rows"]) & set(CONFIGS) == {"ko", "scored"}
    data = data_of(write_report(tmp_path / "native", tmp_path / "native.html").read_text("utf-8"))
    assert data["languages"] == ["ko"] and data["origins"] == ["native"]
    assert data["english"][0] == [None, "t", "열이 난다."] and data["korean"][0] == "그렇다 a"
