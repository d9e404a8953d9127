"""Corrections that fit a table, and those that do not."""

import json

import polars as pl
import pytest

from komep_dataset.errors import KomepError
from komep_dataset.release.rows import read_rows
from komep_dataset.review.corrections import apply


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question_id": "0" * 16}, "no such row in the table"),
        ({"source": "Another answer"}, "the answer is another than the one that was reviewed"),
        ({"before": "다른 글"}, "its Korean is another than what was reviewed"),
    ],
)
def test_a_correction_that_does_not_fit_is_named_and_nothing_is_written(release, tmp_path, change, message):
    row = (
        read_rows(release, "scored")
        .filter(pl.col("question") == "Question 1?", pl.col("model") == "a")
        .to_dicts()[0]
    )
    fits = {
        "question_id": row["question_id"], "model": "a", "source": row["response"], "before": row["response_ko"],
        "after": "새 답", "reviewer": "kim",
    }  # fmt: skip
    source, path, output = release.parent / "scored.jsonl", tmp_path / "c.jsonl", tmp_path / "new.parquet"
    path.write_text(json.dumps(fits | change))
    with pytest.raises(KomepError, match=message):
        apply([source], path, output)
    assert not output.exists()
    path.write_text(json.dumps(fits))
    assert apply([source], path, output)[1:] == (40, 1)
    assert apply([output], path, output)[1:] == (40, 0)  # a second time changes nothing
    path.write_text(json.dumps(fits) + "\n{}")
    with pytest.raises(KomepError, match=r"c\.jsonl:2: question_id: missing_field"):
        apply([source], path, output)


def test_corrections_of_tables_under_other_names(release, tmp_path):
    lines = [json.loads(line) for line in (release.parent / "scored.jsonl").read_text("utf-8").splitlines()]
    path, corrections = tmp_path / "theirs.jsonl", tmp_path / "c.jsonl"
    path.write_text(
        "\n".join(
            json.dumps({("질문" if k == "question" else k): v for k, v in one.items()}) for one in lines
        )
    )
    one = read_rows(release, "scored").filter(pl.col("response_ko").is_not_null()).to_dicts()[0]
    corrections.write_text(
        json.dumps({
            "question_id": one["question_id"], "model": one["model"], "source": one["response"],
            "before": one["response_ko"], "after": "새 답", "reviewer": "kim",
        })
    )  # fmt: skip
    assert apply([path], corrections, tmp_path / "new.parquet", {"질문": "question"})[2] == 1
