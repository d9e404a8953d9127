"""A release that grows has the rows of all its inputs, and keeps the shards that they do not change.

What it cannot grow from is refused by name.
"""

import json
import re
import shutil
import sys
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from komep_dataset.cli import app, main
from komep_dataset.errors import KomepError
from komep_dataset.gates.trial.benchmark_files import Benchmark
from komep_dataset.komep import Komep
from komep_dataset.release.build import build
from komep_dataset.release.diff import diff
from komep_dataset.release.facts import read_facts
from komep_dataset.release.rows import data_files, read_rows
from komep_dataset.release.verify import verify
from komep_dataset.schema import RECORDS, SPLITS
from tests.full_disk import run_on_full_disk
from tests.gates.gated import failed, gated_release, two
from tests.reference_build import id_of, side_of

FEW = settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def row(question, model, verdicts="tf", response=None, korean=True):
    response = response or f"{model} says {verdicts} of {question}."
    return {
        "question": f"Question {question}?",
        "category": "c",
        "model": model,
        "response": response,
        "units": [
            {"text": f"u{i}", "verdict": {"t": "true", "f": "false"}[v]} for i, v in enumerate(verdicts)
        ],
        "question_ko": f"질문 {question}" if korean else None,
        "response_ko": f"답 {response}" if korean else None,
    }


def write(path: Path, rows) -> Path:
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    return path


def data_bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.parquet"))}


def parts(folder: Path) -> dict[tuple[str, str], list[dict]]:
    """Rows of each config and split, sorted by key."""
    found = {}
    for config, record in RECORDS.items():
        if (folder / config).is_dir():
            for split in SPLITS:
                found[config, split] = read_rows(folder, config, split).sort(record.KEY).to_dicts()
    return found


def counts(folder: Path) -> dict:
    """What `build.json` says, without what speaks of bytes."""
    facts = json.loads((folder / "build.json").read_text("utf-8"))
    return {name: value for name, value in facts.items() if name not in ("content_hash", "arrow_bytes")}


def same_rows(a: Path, b: Path) -> bool:
    return parts(a) == parts(b) and counts(a) == counts(b)


def small_shards(patch) -> None:
    patch.setattr("komep_dataset.release.shards.ROW_GROUP_ROWS", 4)
    patch.setattr("komep_dataset.release.shards.SHARD_BYTES", 1500)


ROWS = st.builds(
    row,
    st.integers(0, 30),
    st.sampled_from("abcd"),
    st.text("tf", min_size=1, max_size=4),
    korean=st.booleans(),
)
TABLES = st.lists(ROWS, min_size=8, max_size=40, unique_by=lambda r: (r["question"], r["model"]))


def must_stay(old: Path, touched: set[str]) -> list[Path]:
    """Shards of a release of one layer between whose bounds no question lies whose rows were changed or added to."""
    stay = []
    for config in RECORDS:
        for split in SPLITS:
            files = data_files(old, config, split)
            ids = [pq.read_table(f, columns=["question_id"])["question_id"].to_pylist() for f in files]
            lows = ["", *(i[0] for i in ids[1:])]
            highs = [*(i[0] for i in ids[1:]), "g"]
            here = {q for q in touched if side_of(q) == split}
            for path, low, high in zip(files, lows, highs, strict=False):
                if not any(low <= q <= high for q in here):
                    stay.append(path)
    return stay


def check_growth(folder: Path, data) -> None:
    rows = data.draw(TABLES)
    cut = data.draw(st.integers(1, len(rows) - 1))
    overlap = data.draw(st.integers(0, cut))
    options = data.draw(st.sampled_from([{}, {"pairs": "all"}, {"min_margin": 0.3}]))
    old, new = rows[:cut], rows[cut - overlap :]
    build([write(folder / "old.jsonl", old)], folder / "old", **options)
    build([write(folder / "new.jsonl", new)], folder / "grown", base=folder / "old")  # options are the base's
    build([write(folder / "all.jsonl", rows)], folder / "whole", **options)
    assert same_rows(folder / "grown", folder / "whole")
    old_questions = {id_of(r["question"]) for r in old}
    touched = {id_of(r["question"]) for r in new if r not in old} & old_questions
    for path in must_stay(folder / "old", touched):
        there = folder / "grown" / path.relative_to(folder / "old").parent
        assert path.read_bytes() in [p.read_bytes() for p in there.iterdir()], path
    new_ids = {id_of(r["question"]) for r in rows} - old_questions
    for path in (folder / "grown").rglob("*.parquet"):  # no shard has rows of old questions and of new ones
        ids = set(pq.read_table(path, columns=["question_id"])["question_id"].to_pylist())
        assert ids <= new_ids or not ids & new_ids
    assert [check.name for check in verify(folder / "grown") if not check.ok] == []
    assert not diff(folder / "grown", folder / "whole").counts


@FEW
@given(st.data())
def test_grown_has_the_rows_of_all_inputs_at_once(tmp_path_factory, data):
    with pytest.MonkeyPatch.context() as patch:
        small_shards(patch)
        check_growth(tmp_path_factory.mktemp("grow"), data)


@pytest.mark.slow
@settings(FEW, max_examples=15)
@given(st.data())
def test_grown_has_the_rows_of_all_inputs_at_once_at_length(tmp_path_factory, data):
    with pytest.MonkeyPatch.context() as patch:
        small_shards(patch)
        check_growth(tmp_path_factory.mktemp("grow"), data)


def whole_question(shard: Path) -> int:
    """The number of a question all three of whose rows lie in one shard, behind its first row."""
    rows = pq.read_table(shard, columns=["question"])["question"].to_pylist()[1:]
    return next(int(q.split()[1][:-1]) for q in rows if rows.count(q) == 3)


@pytest.mark.slow
def test_shards_stay_as_they_are(tmp_path, monkeypatch):
    """Grown, grown again, then with one row replaced, a pair gone and a pair back: only what changes is new."""
    small_shards(monkeypatch)
    table = {(q, m): row(q, m, v) for q in range(30) for m, v in (("a", "tt"), ("b", "tf"), ("c", "ff"))}
    place = tmp_path / "komep"

    def grow(some, reverse=False, output=place):
        lines = write(tmp_path / "new.jsonl", list(some.values())[:: -1 if reverse else 1])
        return build([lines], output, **({"base": place} if place.exists() else {})).facts

    def shards():
        """`config/split` -> the bytes of its shards."""
        found = defaultdict(set)
        for name, content in data_bytes(place).items():
            found[name.partition("-0")[0]].add(content)
        return found

    def step(some):
        """`config/split` -> (shards that had not been there, shards that are gone)."""
        table.update(some)
        old = shards()
        grow(some)
        new = shards()
        return {name: (len(new[name] - old[name]), len(old[name] - new[name])) for name in old.keys() | new}

    grow(table)
    assert all(len(data_files(place, config, "train")) > 3 for config in RECORDS)
    for first in (100, 200):
        more = {(q, m): row(q, m, v) for q in range(first, first + 9) for m, v in ("at", "bf")}
        if first == 200:  # onto a layer behind the first
            again = grow(more, reverse=True, output=tmp_path / "again")
        changed = step(more)
        assert {gone for _, gone in changed.values()} == {0}
        assert all(new for name, (new, _) in changed.items() if name.endswith("train"))
    assert data_bytes(place) == data_bytes(tmp_path / "again")
    assert read_facts(place)["arrow_bytes"] == again["arrow_bytes"]
    question = whole_question(data_files(place, "scored", "train")[0])
    for some, scored, pairs in (
        ({(question, "b"): row(question, "b", "tf", "Other.")}, (1, 1), (0, 0)),  # in no pair
        ({(question, "a"): row(question, "a", "tt", "Other.")}, (1, 1), (1, 1)),
        ({(question, m): row(question, m, "t", f"A tie, {m}.") for m in "abc"}, (1, 1), (1, 1)),  # no pair
        ({(question, "d"): row(question, "d", "ff")}, (1, 1), (1, 1)),  # one row more; and a pair again
    ):
        changed = step(some)
        assert changed.pop("scored/train") == scored
        assert (changed.pop("en/train"), changed.pop("ko/train")) == (pairs, pairs)
        assert set(changed.values()) == {(0, 0)}  # of the split `test`
    assert [check.name for check in verify(place) if not check.ok] == []
    build([write(tmp_path / "all.jsonl", list(table.values()))], tmp_path / "whole")
    assert parts(place) == parts(tmp_path / "whole")
    builder = Komep(config_name="ko", data_dir=str(place), cache_dir=str(tmp_path / "cache"))
    builder.download_and_prepare()
    assert builder.as_dataset(split="train").to_list() == read_rows(place, "ko", "train").to_dicts()


def test_a_new_row_replaces_the_bases_and_says_so(tmp_path):
    old = [row(q, m, v) for q in range(4) for m, v in (("a", "tt"), ("b", "tf"), ("c", "ff"))]
    build([write(tmp_path / "old.jsonl", old)], tmp_path / "komep")
    again = [row(0, "a", "ff"), row(1, "b", "tf"), row(2, "c", "ff", "Another answer.")]
    result = build([write(tmp_path / "new.jsonl", again)], tmp_path / "komep", base=tmp_path / "komep")
    assert result.facts["rejects"]["replaced"] == 2  # the row that is the same is no replacement
    lines = (tmp_path / "komep" / "rejects.jsonl").read_text("utf-8").splitlines()
    details = [r["detail"] for r in map(json.loads, lines) if r["reason"] == "replaced"]
    assert sorted(d.partition(":")[0] for d in details) == [
        "response, response_ko",
        "response, units, dahl_score, response_ko",
    ]
    kept = [r for r in old if r not in (old[0], old[8])]
    build([write(tmp_path / "all.jsonl", [*kept, *again])], tmp_path / "whole")
    assert parts(tmp_path / "komep") == parts(tmp_path / "whole")
    assert result.facts["base"]["inputs"][0]["name"] == "old.jsonl"
    assert all(check.ok for check in verify(tmp_path / "komep"))


def test_a_conflict_among_new_rows_stays_one_and_the_old_row_stays(tmp_path):
    build([write(tmp_path / "old.jsonl", [row(0, "a", "tt"), row(0, "b", "ff")])], tmp_path / "old")
    new = write(tmp_path / "new.jsonl", [row(0, "a", "ft"), row(0, "a", "ff"), row(1, "a"), row(1, "b", "t")])
    with pytest.raises(KomepError, match=r"2 bad rows:\n.*new.jsonl:1: .*conflicting_duplicate"):
        build([new], tmp_path / "grown", base=tmp_path / "old")
    facts = build([new], tmp_path / "grown", base=tmp_path / "old", on_error="reject").facts
    assert facts["rejects"] == {"conflicting_duplicate": 2}
    scores = {
        (r["question"], r["model"]): r["dahl_score"]
        for r in read_rows(tmp_path / "grown", "scored").to_dicts()
    }
    assert scores["Question 0?", "a"] == 1.0


def test_what_cannot_grow(tmp_path):
    base = tmp_path / "base"
    new = write(tmp_path / "new.jsonl", [row(9, "a"), row(9, "b", "t")])
    build([write(tmp_path / "old.jsonl", [row(0, "a"), row(0, "b", "t")])], base, min_margin=0.25)

    def harmed(name, harm):
        folder = tmp_path / "harmed"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(base, folder)
        harm(folder / name)
        return folder

    data = next(p.relative_to(base) for p in (base / "scored").glob("*.parquet"))
    cases = [
        (tmp_path / "nowhere", "no such folder", 1),
        (tmp_path, "not a KoMeP release", 1),
        (harmed("build.json", Path.unlink), "not a KoMeP release", 1),
    ]
    for folder, message, code in cases:
        with pytest.raises(KomepError, match=message) as caught:
            build([new], tmp_path / "out", base=folder)
        assert caught.value.exit_code == code
    for name, harm, message in [
        (data, Path.unlink, "not whole by its SHA256SUMS"),
        (data, lambda p: p.write_bytes(p.read_bytes()[:-50]), "not whole by its SHA256SUMS"),
        ("build.json", lambda p: p.write_text('{"schema": 99}'), "schema 99, but komep"),
        ("provenance.json", lambda p: p.write_text("{"), "provenance.json: cannot be read"),
        ("SHA256SUMS", Path.unlink, "SHA256SUMS: cannot be read"),
    ]:
        folder = harmed(name, harm)
        with pytest.raises(KomepError, match=message):
            build([new], tmp_path / "out", base=folder)
        with pytest.raises(KomepError, match=message):
            diff(base, folder)
    for options, message in [
        ({"min_margin": 0.0}, "--min-margin 0.0: the base .* was built with --min-margin 0.25"),
        ({"pairs": "all"}, "--pairs all: the base .* was built with --pairs best-worst"),
    ]:
        with pytest.raises(KomepError, match=message) as caught:
            build([new], tmp_path / "out", base=base, **options)
        assert caught.value.exit_code == 2
    with pytest.raises(KomepError, match="give the scored generations that are to be added"):
        build([], tmp_path / "out", base=base)
    assert not (tmp_path / "out").exists()
    harmed("README.md", lambda p: p.write_text(p.read_text("utf-8") + "\nA word of our own.\n", "utf-8"))
    build([new], tmp_path / "out", base=tmp_path / "harmed", min_margin=0.25)  # an edited card is no harm


def test_the_commands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    build([write(Path("old.jsonl"), [row(q, m, v) for q in range(9) for m, v in ("at", "bf")])], Path("a"))
    write(Path("new.jsonl"), [row(q, "c", "tt" if q else "tf") for q in range(9)])

    def komep(*args):
        return CliRunner().invoke(app, args)

    done = komep("build", "new.jsonl", "--base", "a", "--output", "b")
    assert (done.exit_code, done.stderr) == (0, "")
    done = komep("verify", "b")
    assert (done.exit_code, done.stderr, done.stdout.count(": ok\n")) == (0, "", 10)
    done = komep("diff", "a", "b", "--output", "d.jsonl")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "new_response" in done.stdout
    assert len(Path("d.jsonl").read_text("utf-8").splitlines()) >= 9
    Path("b/README.md").write_text("no YAML")
    monkeypatch.setattr(sys, "argv", ["komep", "verify", "b"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr().err) == (1, "error: b: not sound: files, card\n")


@pytest.mark.slow
def test_a_disk_that_fills(tmp_path):
    """On a tmpfs of 300 kB a build and a diff end with a message, and what was there stays (ENOSPC).

    Where no file system may be mounted, a limit on the size of a file stands in (EFBIG).
    """
    rows = [row(q, m, "tf" if m == "a" else "t", f"{m} {q} " + "x" * 40) for q in range(6000) for m in "abc"]
    source = write(tmp_path / "many.jsonl", rows)
    build_command = f"'{sys.executable}' -m komep_dataset.cli build '{source}' --output full/komep"
    done = run_on_full_disk(tmp_path, f"{build_command}; echo code $?; ls -A full", kilobytes=300)
    assert "No space left on device" in done.stderr or "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert "error: " in done.stderr
    assert "cannot be written" in done.stderr
    assert done.stdout == "code 1\n"  # nothing half-written is left


@pytest.mark.slow
def test_a_disk_that_fills_under_a_diff(tmp_path):
    """The list of changes that was there before stays as it was."""
    for name, text in (("a", "One answer."), ("b", "Another.")):
        rows = [row(q, m, v, f"{text} {m} {q}") for q in range(200) for m, v in ("at", "bf")]
        build([write(tmp_path / f"{name}.jsonl", rows)], tmp_path / name)
    diff_command = f"'{sys.executable}' -m komep_dataset.cli diff a b --output full/d.jsonl"
    old = '{"config": "en", "change": "added", "reasons": []}'
    command = (
        f"echo '{old}' > full/d.jsonl; {diff_command} > out.txt; echo code $?; ls -A full; cat full/d.jsonl"
    )
    done = run_on_full_disk(tmp_path, command, kilobytes=16)
    reason = re.fullmatch(r"error: full/d.jsonl: cannot be written \((.*)\)\n", done.stderr)
    assert reason and reason[1] in ("No space left on device", "File too large")
    assert done.stdout == f"code 1\nd.jsonl\n{old}\n"


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    return gated_release(tmp_path_factory.mktemp("gated"))


@pytest.mark.slow
def test_what_looks_at_all_pairs_does_not_grow_and_benchmarks_stay_the_same(gated, tmp_path):
    more = tmp_path / "more.jsonl"
    more.write_text("".join(json.dumps(row) + "\n" for row in two("What is a rib?", "A bone.", "A leaf.")))
    with pytest.raises(KomepError, match=r"--near-duplicates: the base .* looks at all pairs at once"):
        build([more], tmp_path / "grown", base=gated / "komep")
    bench, source = {"bench": gated / "bench.jsonl"}, gated / "scored.jsonl"
    build([source], tmp_path / "base", decontaminate=bench, personal_data="reject")
    with pytest.raises(KomepError, match=r"--decontaminate: the base .* was compared with bench"):
        build([more], tmp_path / "grown", base=tmp_path / "base")
    with pytest.raises(KomepError, match="--unsafe reject: the base"):
        build([more], tmp_path / "grown", base=tmp_path / "base", decontaminate=bench, unsafe="reject")
    grown = build([more], tmp_path / "grown", base=tmp_path / "base", decontaminate=bench, unsafe="off")
    assert grown.facts["options"]["personal_data"] == "reject"
    assert (grown.rejects["contaminated"], grown.rejects["personal_data"]) == (1, 1)
    assert failed(tmp_path / "grown") == set()


def test_a_base_compared_by_the_earlier_rule_verifies_and_grows_with_a_word(
    gated, tmp_path, monkeypatch, capsys
):
    bench, more = {"bench": gated / "bench.jsonl"}, tmp_path / "more.jsonl"
    more.write_text("".join(json.dumps(row) + "\n" for row in two("What is a rib?", "A bone.", "A leaf.")))
    with monkeypatch.context() as earlier:
        present = Benchmark.record
        earlier.setattr(
            Benchmark, "record", lambda self: {k: v for k, v in present(self).items() if k != "rule"}
        )
        build([gated / "scored.jsonl"], tmp_path / "base", decontaminate=bench, overlap_threshold=0.6)
    assert failed(tmp_path / "base") == set()
    assert "of an item's n-grams" in (tmp_path / "base/README.md").read_text("utf-8")
    capsys.readouterr()
    grown = build([more], tmp_path / "grown", base=tmp_path / "base", decontaminate=bench)
    said = capsys.readouterr().err
    assert "the base was compared by an earlier rule" in said and "gives way to 0.55, unless" in said
    assert grown.facts["options"]["overlap_threshold"] == grown.quality["contamination"]["threshold"] == 0.55
    own = build([more], tmp_path / "own", base=tmp_path / "base", decontaminate=bench, overlap_threshold=0.7)
    assert own.facts["options"]["overlap_threshold"] == 0.7 and failed(tmp_path / "own") == set()
    capsys.readouterr()
    assert failed(tmp_path / "grown") == set() and grown.facts["options"]["decontaminate"][0]["rule"] == 4
    with monkeypatch.context() as second:
        second.setattr(Benchmark, "record", lambda self: present(self) | {"rule": 2})
        build([gated / "scored.jsonl"], tmp_path / "second", decontaminate=bench, overlap_threshold=0.6)
    kept = build([more], tmp_path / "kept", base=tmp_path / "second", decontaminate=bench)
    assert kept.facts["options"]["overlap_threshold"] == 0.6 and "gives way" not in capsys.readouterr().err
    build([more], tmp_path / "again", base=tmp_path / "grown", decontaminate=bench)
    assert capsys.readouterr().err == ""


def test_provenance_keeps_how_the_columns_of_every_input_were_read(tmp_path):
    """A grown release told the map of the last input alone."""
    base, inputs = None, []
    for number, name in enumerate(("문항", "질의", "stem")):
        rows = [
            {name: one.pop("question"), **one}
            for one in (row(number, m, v) for m, v in (("a", "t"), ("b", "f")))
        ]
        source, place = write(tmp_path / f"{number}.jsonl", rows), tmp_path / f"r{number}"
        facts = build(
            [source], place, base=base, columns={name: "question"}, left_out={"score": ["seed"]}
        ).facts
        base = place
        inputs.append((source.name, {name: "question"}))
    found = []
    while facts:
        found.append((facts["inputs"][0]["name"], facts.get("columns")))
        assert facts["left_out"] == {"score": ["seed"]}
        facts = facts["base"]
    assert found == inputs[::-1]
