"""`komep build` against a plain-Python reading of its rules, on generated input."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from komep_dataset.errors import KomepError
from komep_dataset.release import buckets as spill_module
from komep_dataset.release.build import build
from komep_dataset.release.rows import data_files, read_rows
from komep_dataset.schema import ScoredGeneration, polars_schema
from tests.generated_rows import (
    RESPONSES,
    SETTINGS,
    rows,
    write_jsonl,
)
from tests.reference_build import reference_build, side_of

# Two rows of one key conflict mostly, and both go: so most keys stand once, and repeats are added on purpose.
INPUTS = st.lists(
    rows(), min_size=1, max_size=25, unique_by=lambda row: (repr(row.get("question")), repr(row.get("model")))
).flatmap(lambda some: st.lists(st.sampled_from(some), max_size=5).map(lambda again: some + again))


def read_config(folder: Path, config: str):
    return read_rows(folder, config).drop("split").sort(
        ["question_id", "model"] if config == "scored" else ["question_id", "chosen_model", "rejected_model"]
    ).to_dicts() if (folder / config).is_dir() else []  # fmt: skip


def read_rejects(folder: Path, source: Path):
    found = []
    for line in (folder / "rejects.jsonl").read_text("utf-8").splitlines():
        reject = json.loads(line)
        place = reject["key"].removeprefix(f"{source}:")
        found.append((reject["reason"], int(place) if place != reject["key"] else reject["key"]))
    return sorted(found, key=str)


@SETTINGS
@given(
    INPUTS,
    st.sampled_from([0.0, 0.2, 1 / 3, 0.5, 1.0]),
    st.sampled_from(["best-worst", "all"]),
    st.sampled_from(["all", "all", "translated", "native"]),
)
def test_build_equals_plain_python(tmp_path_factory, some, min_margin, selection, origin):
    folder = tmp_path_factory.mktemp("build")
    source = write_jsonl(folder / "in.jsonl", some)
    scored, english, korean, rejects = reference_build(some, min_margin, selection, origin)
    event(f"pairs: {'some' if english else 'none'}, Korean pairs: {'some' if korean else 'none'}")
    for reason in {reason for reason, _ in rejects}:
        event(reason)
    event(f"native pairs: {'some' if any(row['origin'] == 'native' for row in korean) else 'none'}")
    options = {"min_margin": min_margin, "pairs": selection, "on_error": "reject", "origin": origin}
    if not scored:
        with pytest.raises(KomepError, match="no usable row"):
            build([source], folder / "komep", **options)
        return
    result = build([source], folder / "komep", **options)
    out = folder / "komep"
    assert read_config(out, "scored") == scored
    assert read_config(out, "en") == english
    assert read_config(out, "ko") == korean
    assert read_rejects(out, source) == rejects
    assert result.rejects == Counter(reason for reason, _ in rejects)
    for config in result.facts["rows"]:
        for split in ("train", "test"):
            assert all(side_of(i) == split for i in read_rows(out, config, split)["question_id"])


def random_table(rng: random.Random) -> list[dict]:
    """Twenty questions of five models with everything that the rules tell apart, in random order."""
    table = []
    for q in range(20):
        spellings = (
            ["Question {}?", "question  {}?", " QUESTION {}? "] if q % 4 else ["질문 {}?", " 질문  {}?"]
        )
        for model in ("m1", "m2", "M1", "모델", "z"):
            units = [
                {"text": "u", "verdict": rng.choices(["true", "false", "unknown"], [9, 9, 1])[0]}
                for _ in range(rng.randint(0, 4))
            ]
            table.append(
                {
                    "question": rng.choice(spellings).format(q),
                    "category": rng.choice("xy"),
                    "model": model,
                    "response": rng.choice(RESPONSES),
                    "units": units,
                    "question_ko": rng.choice(["질문", "질문", None, " "]),
                    "response_ko": rng.choice(["답", "다른 답", "셋째 답", None]),
                }
                | ({"dahl_score": rng.choice([0.0, 0.25, 1 / 3, 1, 0.3, 0.1 + 0.2])} if not units else {})
            )
            if rng.random() < 0.9 - 0.6 * bool(q % 4):  # native where the question is Korean
                table[-1] |= {f"{name}_ko": table[-1][name] for name in ("question", "response")}
    table += rng.choices(table, k=5)  # identical repeats
    table += [{**row, "response": "another"} for row in rng.choices(table, k=2)]  # conflicts
    rng.shuffle(table)
    return table


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("selection", ["best-worst", "all"])
def test_build_equals_plain_python_on_full_tables(tmp_path, seed, selection):
    """Where hypothesis finds corners, this has bulk: every table gives pairs in both languages, of both origins."""
    some = random_table(random.Random(seed))
    source = write_jsonl(tmp_path / "in.jsonl", some)
    min_margin = (0.0, 0.3)[seed % 2]
    scored, english, korean, rejects = reference_build(some, min_margin, selection)
    build([source], tmp_path / "komep", min_margin=min_margin, pairs=selection, on_error="reject")
    assert english and {row["origin"] for row in korean} == {"translated", "native"}
    assert read_config(tmp_path / "komep", "scored") == scored
    assert read_config(tmp_path / "komep", "en") == english
    assert read_config(tmp_path / "komep", "ko") == korean
    assert read_rejects(tmp_path / "komep", source) == rejects


def some_rows(n_questions: int, seed: int = 0):
    rng = random.Random(seed)
    for q in range(n_questions):
        for model in "abcde":
            units = [
                {"text": f"u{i}", "verdict": rng.choice(["true", "false"])} for i in range(rng.randint(0, 6))
            ]
            response = " ".join(rng.choice(["가", "나", "x"]) for _ in range(rng.randint(1, 30)))
            yield {
                "question": f"Question {q}?", "category": "c", "model": model, "response": response, "units": units,
                "question_ko": f"질문 {q}" if q % 3 else None, "response_ko": response,
            }  # fmt: skip


def release_bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.parquet"))}


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


def test_row_groups_do_not_depend_on_buckets(tmp_path, monkeypatch):
    monkeypatch.setattr("komep_dataset.release.shards.ROW_GROUP_ROWS", 64)
    source = write_jsonl(tmp_path / "in.jsonl", some_rows(200))
    build([source], tmp_path / "one")
    monkeypatch.setattr(spill_module, "BUCKET_BYTES", 1)
    monkeypatch.setattr(spill_module, "MOST_BUCKETS", 16)
    build([source], tmp_path / "sixteen")
    assert release_bytes(tmp_path / "one") == release_bytes(tmp_path / "sixteen")


def test_shards_hold_all_rows_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr("komep_dataset.release.shards.ROW_GROUP_ROWS", 50)
    monkeypatch.setattr("komep_dataset.release.shards.SHARD_BYTES", 20_000)
    build([write_jsonl(tmp_path / "in.jsonl", some_rows(200))], tmp_path / "komep")
    shards = data_files(tmp_path / "komep", "scored", "train")
    assert len(shards) > 3
    assert shards[0].name == f"train-00000-of-{len(shards):05d}.parquet"
    keys = pl.concat(pl.read_parquet(s) for s in shards).select("question_id", "model")
    assert keys.equals(keys.sort("question_id", "model"))
    assert keys.height == build_rows(tmp_path / "komep", "scored", "train")


def build_rows(folder, config, split):
    return json.loads((folder / "build.json").read_text("utf-8"))["rows"][config][split]


def test_parquet_input_equals_jsonl_input(tmp_path):
    some = [{**r, "question_id": None, "dahl_score": None, "status": None} for r in some_rows(50)]
    frame = pl.DataFrame(some, schema=polars_schema(ScoredGeneration))
    frame.write_parquet(tmp_path / "in.parquet")
    build([tmp_path / "in.parquet"], tmp_path / "a")
    build([write_jsonl(tmp_path / "in.jsonl", some)], tmp_path / "b")
    assert release_bytes(tmp_path / "a") == release_bytes(tmp_path / "b")
