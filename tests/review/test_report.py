"""From sheets to figures, and from corrections to a release; what the command refuses."""

import json
import math
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from komep_dataset.cli import app, main
from komep_dataset.release.build import build
from komep_dataset.release.rows import read_rows
from komep_dataset.review.corrections import read_corrections
from komep_dataset.review.sheet import write_sheets
from komep_dataset.schema import ScoredGeneration
from komep_dataset.tables.reading import read_table
from tests.review.sheets import judged, pair_of, rows_of


def command(*words) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def test_judgements_become_figures_and_corrections_a_release(release, material, tmp_path):
    out = tmp_path / "sheets"
    command("review", "sample", release, "--output", out, "--n", 12, "--seed", 3)
    sheets = [out / f"reviewer-{i}" / "review.csv" for i in (1, 2)]
    pairs = material.pairs
    orders = [[pair_of(row, material) for row in rows_of(sheet)] for sheet in sheets]
    assert sorted(orders[0]) == sorted(orders[1]) and orders[0] != orders[1]
    translated = [p for p in orders[0] if pairs[p].origin == "translated"][:4]
    yes, no = (
        {"translation_ok": "yes", "better": "chosen"},
        {"translation_ok": "no", "better": "chosen"},
    )
    first = dict(
        zip(
            translated,
            (yes, yes, no | {"corrected_chosen": "- 고친 답"}, no | {"corrected_prompt": "하나"}),
            strict=True,
        )
    )
    second = dict(
        zip(
            translated,
            (yes, no, no | {"corrected_chosen": "- 고친  답 "}, no | {"corrected_prompt": "둘"}),
            strict=True,
        )
    )
    judged(sheets[0], material, first), judged(sheets[1], material, second)
    shown = command("review", "import", *sheets, "--release", release, "--output", tmp_path)
    record = json.loads((tmp_path / "review.json").read_text("utf-8"))
    share = record["translation_ok"]["all"]
    assert (share["yes"], share["n"]) == (3, 8) and share["low"] < 3 / 8 < share["high"]
    # Wilson's closed form
    z, p, n = 1.959963984540054, 3 / 8, 8
    half = z * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n)
    assert share["high"] - share["low"] == pytest.approx(2 * half)
    assert sum(s["n"] for s in record["translation_ok"]["by_stratum"].values()) == 8
    [agreed] = [a for a in record["agreement"] if a["question"] == "translation_ok"]
    assert agreed == {
        "question": "translation_ok",
        "reviewers": ["1", "2"],
        "n": 4,
        "same": 3,
        "kappa": pytest.approx(0.5),
    }
    assert record["alpha"]["translation_ok"]["items"] == 4
    assert "agree on 3 of 4 pairs, kappa 0.50" in shown and "kappa undefined" in shown
    assert len(record["conflicts"]) == 2 and "differ and are left out" in shown

    [correction] = read_corrections(tmp_path / "corrections.jsonl")
    source = release.parent / "scored.jsonl"
    shown = command(
        "review",
        "apply",
        source,
        "--corrections",
        tmp_path / "corrections.jsonl",
        "--output",
        tmp_path / "new.parquet",
    )
    assert "1 Korean text replaced in 40" in shown
    before, after = (read_corrected(path) for path in (release, tmp_path / "new.parquet"))
    build([tmp_path / "new.parquet"], tmp_path / "komep")
    row = read_rows(tmp_path / "komep", "ko").filter(pl.col("question_id") == correction.question_id)
    assert row["chosen"][0][0]["content"] == "- 고친 답"
    key = (correction.question_id, correction.model)
    assert {k for k in after if after[k] != before[k]} == {key} and after[key][1] == "- 고친 답"


def read_corrected(path: Path) -> dict:
    table = read_rows(path, "scored").drop("split") if path.is_dir() else read_table(path, ScoredGeneration)
    return {
        (r["question_id"], r["model"]): (r["question_ko"], r["response_ko"], r["response"])
        for r in table.to_dicts()
    }


def test_what_the_command_refuses(release, tmp_path, monkeypatch, capsys):
    write_sheets(release, tmp_path / "out", reviewers=1)
    for words, message in (
        (["sample", str(release), "--output", str(tmp_path / "out"), "--reviewers", "1"], "may be filled in"),
        (["sample", str(tmp_path), "--output", str(tmp_path / "new")], "not a KoMeP release"),
        (
            ["import", str(tmp_path / "out" / "review.csv"), "--release", str(release)],
            "nothing is filled in yet",
        ),
    ):
        monkeypatch.setattr("sys.argv", ["komep", "review", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == 1 and message in capsys.readouterr().err
