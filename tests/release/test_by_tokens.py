"""A release whose answers' lengths are counted in tokens: its column, and what verify, growth, diff and Python make of it."""

import json
import re

import polars as pl
import pyarrow.parquet as pq
import pytest

import komep_dataset as komep
from komep_dataset.errors import KomepError
from komep_dataset.pipeline.run import run
from komep_dataset.release.build import build
from komep_dataset.release.diff import diff
from komep_dataset.release.rows import read_rows
from komep_dataset.release.sums import data_sums, write_sums
from komep_dataset.release.verify import verify
from tests.generated_rows import release_bytes, some_rows, write_jsonl
from tests.word_tokenizer import word_tokenizer

GAP = 2


def rows(n, seed=0):
    """Answers of one to six words, each as many characters."""
    return [
        row | {"response": " ".join(["x" * (24 // words)] * words)}
        for i, row in enumerate(some_rows(n, seed=seed))
        if row["response"].strip()
        for words in [1 + (i * 5 + seed) % 6]
    ]


def unsound(*arguments):
    return [check.name for check in verify(*arguments) if not check.ok]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """`scored.jsonl`, `words`, a tokenizer, and `komep`, the release whose pairs differ by two words at most."""
    folder = tmp_path_factory.mktemp("tokens")
    write_jsonl(folder / "scored.jsonl", rows(40))
    word_tokenizer(folder / "words")
    build([folder / "scored.jsonl"], folder / "komep", length_gap=GAP, length_tokenizer=folder / "words")
    return folder


def test_pairs_keep_to_the_gap_in_tokens_and_rejects_name_both_lengths(place):
    pairs, scored = (read_rows(place / "komep", config) for config in ("en", "scored"))
    assert scored.columns[-2:] == ["response_tokens", "split"]
    assert (scored["response_tokens"] == scored["response"].str.count_matches(r"\S+")).all()
    count = {(r["question_id"], r["model"]): r["response_tokens"] for r in scored.iter_rows(named=True)}
    for pair in pairs.iter_rows(named=True):
        chosen, rejected = (
            count[pair["question_id"], pair[f"{side}_model"]] for side in ("chosen", "rejected")
        )
        assert abs(chosen - rejected) <= GAP
    told = [json.loads(line) for line in (place / "komep" / "rejects.jsonl").read_text().splitlines()]
    gaps = [one["detail"] for one in told if one["reason"] == "length_gap"]
    assert pairs.height and gaps
    for detail in gaps:
        [(one, other)] = re.findall(r", (\d) and (\d) tokens of words: more than 2 apart$", detail)
        assert abs(int(one) - int(other)) > GAP
    given = json.loads((place / "komep" / "provenance.json").read_text())["options"]["length_tokenizer"]
    assert [one["name"] for one in given] == ["words"] and str(place) not in str(given)
    card = " ".join((place / "komep" / "README.md").read_text("utf-8").split())
    assert "at most 2 tokens of words" in card and "| `response_tokens` | tokens of `response`" in card


def test_the_same_tokenizer_elsewhere_gives_the_same_bytes_and_characters_leave_no_trace(place):
    (place / "again").mkdir()
    word_tokenizer(place / "again" / "words")
    other = {"length_gap": GAP, "length_tokenizer": place / "again" / "words" / "tokenizer.json"}
    build([place / "komep" / "scored"], place / "of-release", **other)  # its own column is counted, not read
    assert release_bytes(place / "of-release") == release_bytes(place / "komep")
    build([place / "scored.jsonl"], place / "plain", length_gap=30)
    assert "response_tokens" not in read_rows(place / "plain", "scored").columns
    assert "response_tokens" not in json.loads((place / "plain" / "build.json").read_text())
    found = komep.pairs(place / "scored.jsonl", "en", length_gap=GAP, length_tokenizer=str(place / "words"))
    assert found.equals(komep.load(place / "komep", "en", to="polars"))


def test_verify_needs_no_tokenizer_and_counts_again_by_the_one_that_is_given(place):
    assert unsound(place / "komep") == unsound(place / "komep", place / "words") == []
    other = word_tokenizer(place / "other", cut=True)
    with pytest.raises(
        KomepError, match=r"--length-tokenizer .*other: the release has lengths in the tokens of words"
    ) as caught:
        verify(place / "komep", other)
    assert caught.value.exit_code == 2
    options = {"length_gap": GAP, "length_tokenizer": place / "words"}
    build([place / "scored.jsonl"], place / "harmed", **options)
    [path] = (place / "harmed" / "scored").glob("train-*")
    more = pl.read_parquet(path).with_columns(pl.col("response_tokens") + 1)  # every gap is as it was
    pq.write_table(more.to_arrow().cast(pq.read_schema(path)), path)
    write_sums(place / "harmed", data_sums(place / "harmed")[0])
    assert "scores" not in unsound(place / "harmed") and "scores" in unsound(
        place / "harmed", place / "words"
    )


def test_verify_sees_other_options(place):
    build([place / "scored.jsonl"], place / "told", length_gap=GAP, length_tokenizer=place / "words")
    path = place / "told" / "provenance.json"
    told = json.loads(path.read_text())
    for wrong, found in (
        ({"length_gap": 0}, "pairs"),
        ({"length_tokenizer": []}, "columns"),
        ({"length_tokenizer": 3}, "facts"),
        ({"length_gap": None}, "facts"),
    ):
        path.write_text(json.dumps(told | {"options": told["options"] | wrong}))
        write_sums(place / "told", data_sums(place / "told")[0])
        assert found in unsound(place / "told")


def test_it_grows_by_the_same_tokenizer_alone(place):
    new = [row for row in rows(44, seed=3) if row["question"][9:-1] in ("40", "41", "42", "43")]
    source = write_jsonl(place / "more.jsonl", new)
    for wrong in ({}, {"length_tokenizer": word_tokenizer(place / "other", cut=True)}):
        with pytest.raises(
            KomepError, match=r"--length-tokenizer: the base .*komep has lengths in the tokens of words"
        ):
            build([source], place / "grown", base=place / "komep", **wrong)
    build([source], place / "grown", base=place / "komep", length_tokenizer=place / "words")
    assert unsound(place / "grown", place / "words") == []
    assert {change for _, _, change, _ in diff(place / "komep", place / "grown").counts} == {"added"}


def test_bad_settings_stop_and_leave_what_is_there(place):
    before = release_bytes(place / "komep")
    for options, code, message in (
        ({"length_tokenizer": place / "words"}, 2, "--length-tokenizer: it goes with --length-gap N"),
        ({"length_gap": 3, "length_tokenizer": place / "none"}, 1, "no such file or folder"),
        ({"length_gap": 3, "length_tokenizer": 7}, 2, "--length-tokenizer 7: give the path of a tokenizer.json"),
    ):  # fmt: skip
        with pytest.raises(KomepError, match=message) as caught:
            build([place / "scored.jsonl"], place / "komep", **options)
        assert caught.value.exit_code == code and release_bytes(place / "komep") == before


@pytest.mark.parametrize("missing", ["length_gap: 9, length_tokenizer: none", "decontaminate: {b: none}"])
def test_a_run_looks_for_the_files_of_its_selection_before_it_asks_anyone(tmp_path, missing):
    """A benchmark that was not there stopped the last stage, when every answer had been paid for."""
    (tmp_path / "questions.csv").write_text("question,category\nWhat is sepsis?,c\n")
    model = "{endpoint: 'http://127.0.0.1:9/v1', model: m}"
    responder = "{name: a, endpoint: 'http://127.0.0.1:9/v1', model: m}"
    path = tmp_path / "pipeline.yaml"
    path.write_text(
        f"questions: {{input: questions.csv}}\nresponders: [{responder}]\nsplitter: {model}\nchecker: {model}\n"
        f"selection: {{{missing}}}\n"
    )
    with pytest.raises(KomepError, match=r"none: no such file or folder"):
        run(path)
