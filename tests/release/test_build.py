"""`komep build`: every reason by its name, file and line; nothing lost; nothing overwritten by mistake."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import polars as pl
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from komep_dataset.cli import app
from komep_dataset.config.config import load_config
from komep_dataset.errors import KomepError
from komep_dataset.release import buckets as spill_module
from komep_dataset.release.build import build
from komep_dataset.release.facts import read_facts
from komep_dataset.release.rows import read_rows
from komep_dataset.schema import CONFIGS, ScoredGeneration, polars_schema
from tests.generated_rows import release_bytes, some_rows, write_jsonl
from tests.release.native_pairs import NATIVE, TRANSLATED, write_input
from tests.scored_rows import GOOD, UNITS, row, write


def without(name):
    some = row("bad")
    del some[name]
    return some


BAD_ROWS = [
    ("malformed", "", b'{"question": "What'),
    ("malformed", "", b"[1, 2]"),
    ("malformed", "", b'"text"'),
    ("malformed", "", json.dumps(row("bad")).encode().replace(b"An answer", b"An \xff answer")),
    ("malformed", "", row("bad", response="half a pair \ud83d")),
    ("malformed", "", b"[" * 100_000),
    ("missing_field", "question", without("question")),
    ("missing_field", "model", without("model")),
    ("missing_field", "category", row("bad", category=None)),
    ("missing_field", "response", without("response")),
    ("missing_field", "units", row("bad", units=[{"text": "no verdict"}])),
    ("missing_field", "units", row("bad", units=[None])),
    ("missing_field", "units", row("bad", units=[], status="scored")),
    ("missing_field", "units", without("units")),
    (
        "missing_field",
        "units",
        without("units") | {"facts": [{"text": "in another column", "verdict": "true"}]},
    ),
    ("wrong_type", "response", row("bad", response=5)),
    ("wrong_type", "units", row("bad", units="true")),
    ("wrong_type", "units", row("bad", units=["true"])),
    ("wrong_type", "units", row("bad", units=[{"text": 1, "verdict": "true"}])),
    ("wrong_type", "dahl_score", row("bad", dahl_score="0.5")),
    ("wrong_type", "dahl_score", row("bad", dahl_score=True)),
    ("wrong_type", "question_id", row("bad", question_id=12345678)),
    ("wrong_type", "response_ko", row("bad", response_ko=["글"])),
    ("bad_value", "question", row("bad", question=" \t\u3000")),
    ("bad_value", "model", row("")),
    ("bad_value", "units", row("bad", units=[{"text": "a", "verdict": "Yes"}])),
    ("bad_value", "units", row("bad", units=[{"text": "a", "verdict": "maybe"}])),
    ("bad_value", "dahl_score", row("bad", units=[], dahl_score=1.5)),
    ("bad_value", "dahl_score", row("bad", units=[], dahl_score=-0.01)),
    ("bad_value", "dahl_score", row("bad", units=[], dahl_score=float("nan"))),
    ("bad_value", "dahl_score", row("bad", units=[], dahl_score=float("inf"))),
    ("bad_value", "dahl_score", row("bad", dahl_score=0.5, status="abstained")),
    ("bad_value", "status", row("bad", status="good")),
    ("bad_value", "status", row("bad", units=[{"text": "a", "verdict": "unknown"}], status="scored")),
    ("bad_value", "question_id", row("bad", question_id="q1")),
    ("score_contradicts_units", "dahl_score", row("bad", dahl_score=0.6)),
    ("score_contradicts_units", "dahl_score", row("bad", dahl_score=0.5 + 2e-6)),
    (
        "score_contradicts_units",
        "dahl_score",
        row("bad", units=[{"text": "a", "verdict": "unknown"}], dahl_score=0.5),
    ),
]


@pytest.mark.parametrize(("reason", "column", "bad"), BAD_ROWS)
def test_a_bad_row_is_named_by_file_line_column_and_reason(tmp_path, reason, column, bad):
    source = write(tmp_path / "scored.jsonl", [GOOD[0], b"", bad, GOOD[1]])
    with pytest.raises(KomepError) as caught:
        build([source], tmp_path / "komep")
    assert "1 bad row" in str(caught.value)
    place = f"{source}:3: {column}: {reason}: " if column else f"{source}:3: {reason}: "
    assert place in str(caught.value)
    assert not (tmp_path / "komep").exists()

    result = build([source], tmp_path / "komep", on_error="reject")
    assert result.facts["generations"] == 2
    reject = json.loads((tmp_path / "komep" / "rejects.jsonl").read_text("utf-8").splitlines()[0])
    assert (reject["stage"], reject["key"], reject["reason"]) == ("build", f"{source}:3", reason)
    assert reject["detail"].startswith(column)


def test_conflicting_duplicates_all_go_and_identical_repeats_collapse(tmp_path):
    other = row("m3", response="One thing.")
    source = write(tmp_path / "a.jsonl", [*GOOD, GOOD[0], other])
    again = write(
        tmp_path / "b.jsonl", [other, row("m3", response="Another thing."), row("m1", dahl_score=0.5)]
    )
    with pytest.raises(KomepError) as caught:
        build([source, again], tmp_path / "komep")
    text = str(caught.value)
    assert "3 bad rows" in text
    for place in (f"{source}:4", f"{again}:1", f"{again}:2"):
        assert f"{place}: question_id, model: conflicting_duplicate" in text
    facts = build([source, again], tmp_path / "komep", on_error="reject").facts
    assert facts["generations"] == 2  # m1 once (a score that agrees with its units is no difference), m2
    assert facts["rejects"] == {"conflicting_duplicate": 3, "untranslated": 1}


def test_an_error_lists_twenty_and_counts_all(tmp_path):
    source = write(tmp_path / "scored.jsonl", [row("m", response=i) for i in range(33)])
    with pytest.raises(KomepError) as caught:
        build([source], tmp_path / "komep")
    text = str(caught.value)
    assert text.startswith("33 bad rows:")
    assert f"{source}:20: " in text
    assert f"{source}:21: " not in text
    assert "and 13 more" in text


def rejects_of(folder):
    return [json.loads(line) for line in (folder / "rejects.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("reason", "rows", "options"),
    [
        ("too_few_responses", [GOOD[0]], {}),
        ("too_few_responses", [GOOD[0], row("m2", response="I don't know.", units=[])], {}),
        ("tie", [GOOD[0], row("m2", response="Other.")], {}),
        ("below_margin", GOOD, {"min_margin": 0.5}),
        ("identical_text", [GOOD[0], row("m2", response=" An  answer.\n", units=UNITS[:1])], {}),
        (
            "identical_text",
            [row("m1", response="가"), row("m2", response="\u1100\u1161", units=UNITS[:1])],
            {},
        ),
    ],
)
def test_a_question_without_a_pair_has_its_reason(tmp_path, reason, rows, options):
    source = write(tmp_path / "scored.jsonl", rows)
    result = build([source], tmp_path / "komep", **options)
    assert result.facts["pairs"] == 0
    assert list(result.facts["rows"]) == ["scored"]  # a config without rows is left out
    assert [r["reason"] for r in rejects_of(tmp_path / "komep")] == [reason]


def test_untranslated_pairs_stay_in_english(tmp_path):
    rows = [r | {"question_ko": "패혈증이란?"} for r in GOOD]
    rows[0]["response_ko"] = "답"
    result = build([write(tmp_path / "s.jsonl", rows)], tmp_path / "komep")
    assert list(result.facts["rows"]) == ["en", "scored"]
    assert (
        "config_name: en" in (tmp_path / "komep" / "README.md").read_text("utf-8").split("default: true")[0]
    )
    [reject] = rejects_of(tmp_path / "komep")
    assert (reject["reason"], reject["detail"]) == ("untranslated", "no chosen_ko: in `en` only")


def test_texts_are_released_exactly_as_given(tmp_path):
    texts = (
        "  decomposed e\u0301\r\n\ttail  ",
        "<script>alert(1)</script> | `x` 한국어 \u1100\u1161 😀 \x00",
    )
    rows = [
        row("m1", question=" What?\n", response=texts[0]),
        row("m2", question=" What?\n", response=texts[1]),
    ]
    rows[1]["units"] = UNITS[:1]
    build([write(tmp_path / "s.jsonl", rows)], tmp_path / "komep")
    [pair] = read_rows(tmp_path / "komep", "en").to_dicts()
    assert pair["prompt"] == [{"role": "user", "content": " What?\n"}]
    assert pair["chosen"] == [{"role": "assistant", "content": texts[1]}]
    assert pair["rejected"] == [{"role": "assistant", "content": texts[0]}]


def test_authors_own_scores_are_taken_and_counted(tmp_path):
    rows = [row("m1", dahl_score=0.25), row("m2", response="B.", dahl_score=1)]
    for r in rows:
        del r["units"]
    facts = build([write(tmp_path / "s.jsonl", rows)], tmp_path / "komep").facts
    assert facts["scores_without_units"] == 2
    [pair] = read_rows(tmp_path / "komep", "en").to_dicts()
    assert (pair["chosen_score"], pair["rejected_score"], pair["score_margin"]) == (1.0, 0.25, 0.75)


def test_a_rounded_score_counts_as_the_share_of_its_units(tmp_path):
    """0.333333 and 1/3 are the same score: rounding must not make a pair of a tie."""
    thirds = [UNITS[0], UNITS[1], {"text": "third", "verdict": "false"}]
    rows = [row("m1", units=thirds, dahl_score=0.333333), row("m2", units=thirds, response="B.")]
    facts = build([write(tmp_path / "s.jsonl", rows)], tmp_path / "komep").facts
    assert facts["rejects"] == {"tie": 1}


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ({"min_margin": -0.1}, 2, "--min-margin"),
        ({"min_margin": float("nan")}, 2, "--min-margin"),
        ({"pairs": "most"}, 2, "--pairs"),
        ({"on_error": "ignore"}, 2, "--on-error"),
    ],
)
def test_wrong_usage(tmp_path, options, code, message):
    with pytest.raises(KomepError, match=message) as caught:
        build([write(tmp_path / "s.jsonl", GOOD)], tmp_path / "komep", **options)
    assert caught.value.exit_code == code


def test_inputs_that_are_none(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "notes.txt").write_text("hello")
    for path, message in [
        (tmp_path / "nowhere.jsonl", "no such file"),
        (tmp_path / "empty", "no .jsonl"),
        (tmp_path / "empty.jsonl", "no usable row"),
        (tmp_path / "notes.txt", "a table is Parquet"),
    ]:
        with pytest.raises(KomepError, match=message):
            build([path], tmp_path / "komep")


def test_a_folder_as_input_leaves_out_what_lies_beside_its_tables(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    write(tmp_path / "in" / "deep" / "s.jsonl", GOOD)
    (tmp_path / "in" / "rejects.jsonl").write_text('{"stage": "score"}\n')
    (tmp_path / "in" / "s.verdicts.parquet").write_bytes(b"other columns")
    (tmp_path / "in" / ".hidden.jsonl").write_text("{")
    assert build([tmp_path / "in"], tmp_path / "komep").facts["generations"] == 2


def test_only_a_release_is_replaced(tmp_path):
    source = write(tmp_path / "s.jsonl", GOOD)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(KomepError, match="not a KoMeP release"):
        build([source], mine)
    assert (mine / "thesis.txt").read_text() == "years of work"
    with pytest.raises(KomepError, match=r"holds a file of \d+ bytes"):
        build([source], source)


def test_a_failed_build_leaves_the_old_release(tmp_path):
    build([write(tmp_path / "s.jsonl", GOOD)], tmp_path / "komep")
    before = {p: p.read_bytes() for p in (tmp_path / "komep").rglob("*") if p.is_file()}
    with pytest.raises(KomepError):
        build([write(tmp_path / "bad.jsonl", [*GOOD, b"{"])], tmp_path / "komep")
    assert {p: p.read_bytes() for p in (tmp_path / "komep").rglob("*") if p.is_file()} == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.jsonl", "komep", "s.jsonl"]


@pytest.mark.slow
def test_kill_9_leaves_the_old_release_whole_and_the_next_build_sweeps(tmp_path):
    """Killed at growing delays, the release is at every moment the old one or the new one."""
    old = write(tmp_path / "old.jsonl", GOOD)
    many = [row(f"m{i % 5}", f"Question {i // 5}?", f"Answer {i}") for i in range(20_000)]
    new = write(tmp_path / "new.jsonl", many)
    build([old], tmp_path / "komep")
    old_hash = json.loads((tmp_path / "komep" / "build.json").read_text())["content_hash"]
    code = "import sys; from pathlib import Path; from komep_dataset.release.build import build; print('ready', flush=True); build([Path(sys.argv[1])], Path(sys.argv[2]))"
    killed_midway = 0
    for delay in (0.05, 0.2, 0.4, 0.8):
        process = subprocess.Popen(
            [sys.executable, "-c", code, new, tmp_path / "komep"], stdout=subprocess.PIPE
        )
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        facts = json.loads((tmp_path / "komep" / "build.json").read_text())
        if facts["content_hash"] == old_hash:
            killed_midway += 1
            assert read_rows(tmp_path / "komep", "en").height == 1
    assert killed_midway  # otherwise the delays are all too long to show anything
    build([new], tmp_path / "komep")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["komep", "new.jsonl", "old.jsonl"]
    assert not [p for p in (tmp_path / "komep").iterdir() if p.name.startswith(".")]


def test_output_under_a_file_is_an_error_not_a_traceback(tmp_path):
    source = write(tmp_path / "s.jsonl", GOOD)
    with pytest.raises(KomepError, match="cannot be written"):
        build([source], source / "komep")


def test_parquet_as_the_hub_likes_it(tmp_path):
    build([write(tmp_path / "s.jsonl", GOOD)], tmp_path / "komep")
    shards = [pq.read_metadata(p) for p in (tmp_path / "komep").rglob("*.parquet")]
    columns = [m.row_group(0).column(0) for m in shards if m.num_row_groups and m.num_rows]
    assert columns
    assert all(c.compression == "ZSTD" and c.has_offset_index and c.has_column_index for c in columns)


@pytest.mark.parametrize(
    ("origin", "ko", "en", "rejects"),
    [
        ("all", ["native", "translated"], 1, {}),
        ("native", ["native"], 1, {"other_origin": 1}),
        ("translated", ["translated"], 1, {"other_origin": 1}),
    ],
)
def test_origin_selects_what_ko_takes(tmp_path, origin, ko, en, rejects):
    source = write_input(tmp_path / "s.jsonl", NATIVE + TRANSLATED)
    output = tmp_path / "komep"
    done = CliRunner().invoke(app, ["build", str(source), "-o", str(output), "--origin", origin])
    assert done.exit_code == 0, done.output
    assert sorted(read_rows(output, "ko")["origin"]) == ko
    assert read_rows(output, "en").height == en
    facts = read_facts(output)
    assert (facts["rejects"], facts["native"], facts["options"]["origin"]) == (rejects, 1, origin)


def test_a_wrong_origin_is_refused(tmp_path):
    source = write_input(tmp_path / "s.jsonl", NATIVE)
    with pytest.raises(KomepError, match="--origin both: give one of all, translated, native") as error:
        build([source], tmp_path / "komep", origin="both")
    assert error.value.exit_code == 2
    (tmp_path / "p.yaml").write_text("selection: {origin: both}")
    with pytest.raises(KomepError, match=r"selection\.origin"):
        load_config(tmp_path / "p.yaml")


def test_the_default_config_is_the_first_that_has_rows(tmp_path):
    build([write_input(tmp_path / "s.jsonl", TRANSLATED)], tmp_path / "komep", origin="native")
    assert list(read_facts(tmp_path / "komep")["rows"]) == [c for c in CONFIGS if c != "ko"]


@pytest.mark.slow
def test_same_bytes_whatever_the_order_the_files_the_format_and_the_buckets(tmp_path, monkeypatch):
    some = list(some_rows(300))
    build([write_jsonl(tmp_path / "in.jsonl", some)], tmp_path / "whole")
    random.Random(1).shuffle(some)
    (tmp_path / "parts").mkdir()
    for part in range(7):
        write_jsonl(tmp_path / "parts" / f"{part}.jsonl", some[part::7])
    build([tmp_path / "parts"], tmp_path / "parted")
    complete = read_rows(tmp_path / "whole", "scored").drop("split").sample(fraction=1, shuffle=True, seed=3)
    complete.write_parquet(tmp_path / "in.parquet")
    build([tmp_path / "in.parquet"], tmp_path / "from-parquet")
    monkeypatch.setattr(spill_module, "BUCKET_BYTES", 1)  # 256 buckets
    build([tmp_path / "parts"], tmp_path / "bucketed")
    size = sum(path.stat().st_size for path in (tmp_path / "parts").iterdir())
    monkeypatch.setattr(spill_module, "BUCKET_BYTES", size // 8)
    monkeypatch.setattr(spill_module, "HELD_BYTES", 100_000)  # some parts in files, the rest in memory
    build([tmp_path / "parts"], tmp_path / "spilled")
    whole = release_bytes(tmp_path / "whole")
    assert len(whole) == 6
    for other in ("parted", "from-parquet", "bucketed", "spilled"):
        assert release_bytes(tmp_path / other) == whole, other


@pytest.mark.parametrize("threads", ["1", "2"])
def test_same_bytes_for_any_number_of_threads(tmp_path, threads):
    source = write_jsonl(tmp_path / "in.jsonl", some_rows(200))
    build([source], tmp_path / "here")
    code = "import sys; from pathlib import Path; from komep_dataset.release.build import build; build([Path(sys.argv[1])], Path(sys.argv[2]))"
    environment = {**os.environ, "POLARS_MAX_THREADS": threads}
    subprocess.run([sys.executable, "-c", code, source, tmp_path / "there"], env=environment, check=True)
    assert release_bytes(tmp_path / "there") == release_bytes(tmp_path / "here")


def test_parquet_input_equals_jsonl_input(tmp_path):
    some = [{**r, "question_id": None, "dahl_score": None, "status": None} for r in some_rows(50)]
    frame = pl.DataFrame(some, schema=polars_schema(ScoredGeneration))
    frame.write_parquet(tmp_path / "in.parquet")
    build([tmp_path / "in.parquet"], tmp_path / "a")
    build([write_jsonl(tmp_path / "in.jsonl", some)], tmp_path / "b")
    assert release_bytes(tmp_path / "a") == release_bytes(tmp_path / "b")


def test_a_release_in_the_folder_of_its_input_is_no_input(tmp_path):
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row(m)) + "\n" for m in ("m1", "m2")))
    first = build([tmp_path], tmp_path / "komep").facts
    assert build([tmp_path], tmp_path / "komep").facts["content_hash"] == first["content_hash"]
    # What lies in it can be named.
    assert build([tmp_path / "komep" / "scored"], tmp_path / "komep").facts["generations"] == 2


def test_what_is_strange_about_models_and_categories_is_told(tmp_path, capsys):
    some = [
        row(
            model,
            f"What is {n}?",
            f"{model} says {n}.",
            dahl_score=score,
            units=[],
            status="scored",
            category=category,
        )
        for n in range(5)
        for model, score, category in (("a", 1.0, "x"), ("A ", 0.5, "y" if n < 2 else "x"))
    ]
    build([write(tmp_path / "some.jsonl", some)], tmp_path / "komep")
    told = capsys.readouterr().err
    assert "warning: the models 'A ', 'a' differ in case or blanks alone and count as 2" in told
    assert "warning: 2 questions of more than one category: a pair has that of its chosen answer" in told
    turned = [{**one, "model": one["response"], "response": one["model"]} for one in some]
    build([write(tmp_path / "turned.jsonl", turned)], tmp_path / "komep")
    assert "10 answers are of 10 models: does the column model hold their names" in capsys.readouterr().err


def test_an_id_that_stands_for_two_questions_is_told(tmp_path, capsys):
    """The answers to both made one pair without a word."""
    rows = [
        row("m1", question="What is sepsis?", question_id="00000001", units=UNITS[:1]),
        row("m2", question="What is gout?", question_id="00000001"),
        row("m1", question="What is asthma?", question_id="00000002", units=UNITS[:1]),
        row("m2", question=" what is  ASTHMA?", question_id="00000002"),
    ]
    build([write(tmp_path / "s.jsonl", rows)], tmp_path / "komep")
    told = capsys.readouterr().err
    assert "warning: 1 id stands for more than one question, so that answers to several make one pair" in told
    build([write(tmp_path / "s.jsonl", rows[2:])], tmp_path / "komep")
    assert "stands for" not in capsys.readouterr().err
