"""`komep verify`: a sound release passes, and whatever is changed in it is found, checksums written anew or not."""

import json
import random
import re
import shutil
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from komep_dataset.errors import KomepError
from komep_dataset.release.build import build
from komep_dataset.release.card.card import config_version
from komep_dataset.release.facts import read_facts
from komep_dataset.release.rows import data_files
from komep_dataset.release.sums import content_hash, sum_problems, write_sums
from komep_dataset.release.verify import verify
from komep_dataset.schema import split_of
from komep_dataset.tables.problems import as_text
from tests.release.test_growth import row, write


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verify") / "komep"
    build([], folder)
    return folder


def failed(folder):
    return {check.name: check for check in verify(folder) if not check.ok}


def reseal(folder: Path) -> None:
    """Write everything anew that speaks of bytes: sums, content hash, versions. Only the rows can tell."""
    old, new = read_facts(folder)["content_hash"], content_hash(folder)
    card, facts = folder / "README.md", folder / "build.json"
    facts.write_text(facts.read_text("utf-8").replace(old, new), "utf-8")
    text = card.read_text("utf-8").replace(config_version(old), config_version(new))
    for config in ("ko", "en", "scored"):
        size = sum(p.stat().st_size for p in (folder / config).glob("*.parquet"))
        text = re.sub(
            rf"(config_name: {config}\n  features:.*?download_size: )\d+", rf"\g<1>{size}", text, flags=re.S
        )
    card.write_text(text, "utf-8")
    write_sums(folder)


def shard(folder, config, split="train"):
    return folder / config / f"{split}-00000-of-00001.parquet"


def rewrite(path, change, rng):
    """Apply a change to the rows of a file, as dicts, and write them in the same schema."""
    schema = pq.read_schema(path)
    rows = pq.read_table(path).to_pylist()
    rows = change(rows, rng)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def a_score(folder, rng):
    config, column = rng.choice([("scored", "dahl_score"), ("en", "chosen_score"), ("ko", "score_margin")])

    def change(rows, rng):
        row = rng.choice([r for r in rows if r[column] is not None])
        row[column] = row[column] - 1e-9 if row[column] > 0.5 else row[column] + 1e-9
        return rows

    rewrite(shard(folder, config), change, rng)
    return "scores" if config == "scored" else "pairs"


def a_chosen_text(folder, rng):
    def change(rows, rng):
        rng.choice(rows)[rng.choice(["chosen", "rejected", "prompt"])][0]["content"] += " "
        return rows

    rewrite(shard(folder, rng.choice(["ko", "en"])), change, rng)
    return "pairs"


def a_verdict(folder, rng):
    def change(rows, rng):
        unit = rng.choice(rng.choice([r for r in rows if r["units"]])["units"])
        unit["verdict"] = "false" if unit["verdict"] == "true" else "true"
        return rows

    rewrite(shard(folder, "scored"), change, rng)
    return "scores"


def a_swapped_pair(folder, rng):
    def change(rows, rng):
        row = rng.choice(rows)
        row["chosen"], row["rejected"] = row["rejected"], row["chosen"]
        if rng.random() < 0.5:  # models and scores, too
            for name in ("model", "score"):
                row[f"chosen_{name}"], row[f"rejected_{name}"] = (
                    row[f"rejected_{name}"],
                    row[f"chosen_{name}"],
                )
        return rows

    rewrite(shard(folder, rng.choice(["ko", "en"])), change, rng)
    return "pairs"


def a_moved_row(folder, rng):
    config, taken = rng.choice(["ko", "en", "scored"]), []

    def take(rows, rng):
        taken.append(rows.pop(rng.randrange(len(rows))))
        return rows

    def put(rows, rng):
        return sorted(rows + taken, key=lambda r: (r["question_id"], r.get("model", "")))

    rewrite(shard(folder, config), take, rng)
    rewrite(shard(folder, config, "test"), put, rng)
    return "splits"


def a_dropped_row(folder, rng):
    config = rng.choice(["ko", "en", "scored"])
    rewrite(shard(folder, config), lambda rows, rng: rows.pop(rng.randrange(len(rows))) and rows, rng)
    return "counts" if config == "scored" else "pairs"


def a_duplicated_row(folder, rng):
    def change(rows, rng):
        index = rng.randrange(len(rows))
        return [*rows[:index], rows[index], *rows[index:]]

    rewrite(shard(folder, rng.choice(["ko", "en", "scored"])), change, rng)
    return "keys"


def two_rows_out_of_order(folder, rng):
    def change(rows, rng):
        index = rng.randrange(len(rows) - 1)
        rows[index], rows[index + 1] = rows[index + 1], rows[index]
        return rows

    rewrite(shard(folder, rng.choice(["ko", "en", "scored"])), change, rng)
    return "keys"


def a_renamed_column(folder, rng):
    path = shard(folder, rng.choice(["ko", "en", "scored"]))
    table = pq.read_table(path)
    names = list(table.column_names)
    names[rng.randrange(len(names))] += "_"
    pq.write_table(table.rename_columns(names), path)
    return "columns"


def a_null(folder, rng):
    path = shard(folder, rng.choice(["ko", "en", "scored"]))
    table, name = pq.read_table(path), rng.choice(["question_id", "category"])
    index = table.column_names.index(name)
    mask = pa.array([i == rng.randrange(table.num_rows) or i == 0 for i in range(table.num_rows)])
    column = pc.if_else(mask, pa.scalar(None, pa.string()), table[name])
    pq.write_table(table.set_column(index, pa.field(name, pa.string(), True), column), path)
    return "columns"


def an_edited_count(folder, rng):
    if rng.random() < 0.3:
        path = folder / "README.md"
        places = list(
            re.finditer(
                r"(?:num_examples|num_bytes|download_size|dataset_size): (\d+)", path.read_text("utf-8")
            )
        )
        place = rng.choice(places)
        text = path.read_text("utf-8")
        path.write_text(text[: place.start(1)] + str(int(place[1]) + 1) + text[place.end(1) :], "utf-8")
        return "card"
    path = folder / "build.json"
    facts = json.loads(path.read_text("utf-8"))
    counted = ["rows", "models", "generations", "questions", "pairs", "native", "scores_without_units"]
    name = rng.choice([*counted, "identical_korean", "arrow_bytes"])
    inside, key = facts, name
    while isinstance(inside[key], dict):
        inside = inside[key]
        key = rng.choice(sorted(inside))
    inside[key] += 1
    path.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return "card" if name == "arrow_bytes" else "counts"


PLANTED = (
    a_score,
    a_chosen_text,
    a_verdict,
    a_swapped_pair,
    a_moved_row,
    a_dropped_row,
    a_duplicated_row,
    two_rows_out_of_order,
    a_renamed_column,
    a_null,
    an_edited_count,
)


def flipped_bit(folder, rng):
    """One bit of any file, larger files not more often than small ones."""
    path = rng.choice(sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size))
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return path.relative_to(folder).as_posix()


def test_corruptions_of_each_kind_are_found(sound, tmp_path):
    assert failed(sound) == {}, as_text(verify(sound))
    seeds = [0, 1, 2, *range(17, 17 + len(PLANTED))]
    assert corruptions_found(sound, tmp_path, seeds) == {"flipped": 3, "planted": len(PLANTED)}


@pytest.mark.slow
def test_fifty_of_fifty_corruptions_are_found(sound, tmp_path):
    assert corruptions_found(sound, tmp_path, range(50)) == {"flipped": 17, "planted": 33}


def corruptions_found(sound, tmp_path, seeds):
    """How many corruptions are found; each seed plants another, those below 17 in the bytes, the others in the rows."""
    found = Counter()
    for seed in seeds:
        rng, folder = random.Random(seed), tmp_path / str(seed)
        shutil.copytree(sound, folder)
        if seed < 17:
            place = flipped_bit(folder, rng)
            wrong = failed(folder)
            named = {finding.file for finding in wrong["files"].findings}
            found["flipped"] += place in named or "SHA256SUMS" in place
        else:
            plant = PLANTED[seed % len(PLANTED)]
            expected = plant(folder, rng)
            (write_sums if plant is an_edited_count else reseal)(folder)
            wrong = failed(folder)
            assert "files" not in wrong, plant.__name__
            found["planted"] += expected in wrong and bool(wrong[expected].findings)
            assert expected in wrong, (seed, plant.__name__, as_text(wrong.values()))
        shutil.rmtree(folder)
    return found


def test_a_finding_names_file_row_and_column(sound, tmp_path):
    shutil.copytree(sound, tmp_path / "komep")

    def change(rows, rng):
        rows[4]["chosen"][0]["content"] = "Another text."
        return rows

    rewrite(shard(tmp_path / "komep", "en"), change, None)
    reseal(tmp_path / "komep")
    [finding] = failed(tmp_path / "komep")["pairs"].findings
    assert (finding.file, finding.line, finding.column) == ("en/train-00000-of-00001.parquet", 5, "chosen")
    assert "Another text." in finding.detail


def test_ranges_find_the_same(sound, tmp_path, monkeypatch):
    """Many ranges: a row at the wrong end of its file is seen although each range by itself is in order."""
    monkeypatch.setattr("komep_dataset.release.rows.RANGE_LIMITS", ((10, 0), (10**9, 1)))
    monkeypatch.setattr("komep_dataset.release.rows._LEADING", "48c")
    shutil.copytree(sound, tmp_path / "komep")
    rewrite(shard(tmp_path / "komep", "scored"), lambda rows, rng: rows[1:] + rows[:1], None)
    reseal(tmp_path / "komep")
    assert list(failed(tmp_path / "komep")) == ["keys"]


def test_a_release_that_grew(tmp_path):
    """Shards follow each other in any order of their keys, but each is sorted, and no key stands twice in them all."""

    def rows(*questions):
        return [row(q, m, v) for q in questions for m, v in (("a", "tt"), ("b", "tf"))]

    build([write(tmp_path / "old.jsonl", rows(*range(12)))], tmp_path / "old")
    build([write(tmp_path / "new.jsonl", rows(*range(12, 24)))], tmp_path / "grown", base=tmp_path / "old")
    assert failed(tmp_path / "grown") == {}
    first, second = data_files(tmp_path / "grown", "en", "train")
    taken = pq.read_table(first).to_pylist()[3]
    for change in (
        lambda rows, rng: [rows[1], rows[0], *rows[2:]],
        lambda rows, rng: sorted([*rows, taken], key=lambda r: r["question_id"]),  # also in the shard before
    ):
        shutil.copytree(tmp_path / "grown", tmp_path / "harmed", dirs_exist_ok=True)
        rewrite(tmp_path / "harmed" / second.relative_to(tmp_path / "grown"), change, None)
        write_sums(tmp_path / "harmed")
        assert {f.file for f in failed(tmp_path / "harmed")["keys"].findings} == {f"en/{second.name}"}
    facts = json.loads((tmp_path / "grown" / "provenance.json").read_text("utf-8")) | {"base": None}
    (tmp_path / "grown" / "provenance.json").write_text(json.dumps(facts))
    assert "keys" in failed(tmp_path / "grown")  # what did not grow is sorted through all its shards


def test_bad_folders(sound, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(KomepError, match=r"not a KoMeP release \(it has no build.json\)"):
        verify(tmp_path / "empty")
    with pytest.raises(KomepError, match="no such folder"):
        verify(tmp_path / "nowhere")
    newer = tmp_path / "newer"
    shutil.copytree(sound, newer)
    facts = json.loads((newer / "build.json").read_text("utf-8")) | {"schema": 99}
    (newer / "build.json").write_text(json.dumps(facts))
    with pytest.raises(KomepError, match=r"schema 99, but komep .* reads schema .*take a newer komep"):
        verify(newer)


def test_half_written_releases(sound, tmp_path):
    for number, (name, harm) in enumerate(
        [
            ("scored/train-00000-of-00001.parquet", Path.unlink),
            ("en/train-00000-of-00001.parquet", lambda p: p.write_bytes(p.read_bytes()[:-100])),
            ("ko/test-00000-of-00001.parquet", lambda p: p.write_bytes(b"")),
            ("provenance.json", Path.unlink),
            ("provenance.json", lambda p: p.write_text("[")),
            ("SHA256SUMS", Path.unlink),
            ("README.md", lambda p: p.write_text("---\n{")),
            ("rejects.jsonl", lambda p: p.write_text("1\n")),
            ("build.json", lambda p: p.write_text('{"schema": 2}')),
            ("extra.txt", lambda p: p.write_text("mine")),
        ]
    ):
        folder = tmp_path / str(number)
        shutil.copytree(sound, folder)
        harm(folder / name)
        assert name in {file for file, _ in sum_problems(folder)}, name
        write_sums(folder)  # now only the content can tell
        assert failed(folder) or name in ("SHA256SUMS", "extra.txt"), name


def test_provenance_and_splits_of_a_release(sound):
    facts = read_facts(sound)
    [source] = facts["inputs"]
    assert source["name"] == "scored_generations.jsonl"
    assert len(facts["sources_sha256"]) == 64
    assert facts["versions"].keys() == {"python", "polars", "pyarrow"}
    assert (
        not {"inputs", "options", "komep_version"}
        & json.loads((sound / "build.json").read_text("utf-8")).keys()
    )
    for split in ("train", "test"):
        ids = pq.read_table(shard(sound, "scored", split))["question_id"].to_pylist()
        assert {split_of(i) for i in ids} == {split}


def test_what_is_said_of_an_english_config_that_is_korean_makes_it_sound(tmp_path):
    """A build of the same inputs, which was advised, came out the same."""
    rows = [
        {"question": f"질문 {n}은 무엇인가?", "category": "c", "model": m, "response": r, "dahl_score": s}
        for m, r, s in (("a", "답입니다.", 1.0), ("b", "병입니다.", 0.5), ("c", "It is that.", 0.0))
        for n in range(3)
    ]
    build([write(tmp_path / "s.jsonl", rows)], tmp_path / "komep")
    (finding,) = failed(tmp_path / "komep")["card"].findings
    assert "3 of 3 pairs are Korean by their script; leave out those of their answers that" in finding.detail
    build([write(tmp_path / "s.jsonl", rows[:6])], tmp_path / "komep")
    assert failed(tmp_path / "komep") == {}
