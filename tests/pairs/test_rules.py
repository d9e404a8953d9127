"""The rules of pairs against a plain-Python reading of them, through `komep build`, on generated input.

And what follows from some generations, and what a gate takes out of it.
"""

import json
import random
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from komep_dataset.errors import KomepError
from komep_dataset.pairs.generations import complete, read_as_given, resolve_duplicates
from komep_dataset.pairs.options import PairRules
from komep_dataset.pairs.rules import Tally, derive
from komep_dataset.pairs.strategies.registry import RULES
from komep_dataset.pairs.utility import UNKNOWN_UNITS
from komep_dataset.release.build import build
from komep_dataset.release.rows import read_rows
from komep_dataset.release.verify import verify
from komep_dataset.schema import ScoredGeneration, polars_schema
from tests.generated_rows import (
    RESPONSES,
    SETTINGS,
    rows,
    write_jsonl,
)
from tests.reference_build import reference_build, side_of
from tests.scored_rows import UNITS, row

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


@pytest.mark.slow
@settings(SETTINGS, max_examples=60)
@given(
    INPUTS,
    st.sampled_from([0.0, 0.2, 1 / 3, 0.5, 1.0]),
    st.sampled_from(["best-worst", "all"]),
    st.sampled_from(["all", "all", "translated", "native"]),
    st.sampled_from(UNKNOWN_UNITS),
)
def test_build_equals_plain_python(tmp_path_factory, some, min_margin, selection, origin, unknown):
    folder = tmp_path_factory.mktemp("build")
    source = write_jsonl(folder / "in.jsonl", some)
    scored, english, korean, rejects = reference_build(some, min_margin, selection, origin, unknown)
    event(f"pairs: {'some' if english else 'none'}, Korean pairs: {'some' if korean else 'none'}")
    for reason in {reason for reason, _ in rejects}:
        event(reason)
    event(f"native pairs: {'some' if any(row['origin'] == 'native' for row in korean) else 'none'}")
    options = {"min_margin": min_margin, "pairs": selection, "on_error": "reject", "origin": origin}
    options["unknown_units"] = unknown
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
            if not q % 4 and rng.random() < 0.9:
                table[-1]["response"] = rng.choice(["답입니다", "다른 답입니다", "ECG 검사", "ECG"])
            if rng.random() < 0.9 - 0.6 * bool(q % 4):  # native where question and answer are Korean
                table[-1] |= {f"{name}_ko": table[-1][name] for name in ("question", "response")}
    table += rng.choices(table, k=5)  # identical repeats
    table += [{**row, "response": "another"} for row in rng.choices(table, k=2)]  # conflicts
    rng.shuffle(table)
    return table


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("selection", ["best-worst", "all"])
def test_build_equals_plain_python_on_full_tables(tmp_path, seed, selection):
    """Where hypothesis finds corners, this has bulk: every table gives pairs in both languages, of both origins."""
    some = random_table(random.Random(seed))
    source = write_jsonl(tmp_path / "in.jsonl", some)
    min_margin = (0.0, 0.3)[seed % 2]
    unknown = UNKNOWN_UNITS[seed % 3]
    scored, english, korean, rejects = reference_build(some, min_margin, selection, unknown_units=unknown)
    options = {"min_margin": min_margin, "pairs": selection, "unknown_units": unknown, "on_error": "reject"}
    build([source], tmp_path / "komep", **options)
    assert all(check.ok for check in verify(tmp_path / "komep"))
    assert english and {row["origin"] for row in korean} == {"translated", "native"}
    assert read_config(tmp_path / "komep", "scored") == scored
    assert read_config(tmp_path / "komep", "en") == english
    assert read_config(tmp_path / "komep", "ko") == korean
    assert read_rejects(tmp_path / "komep", source) == rejects


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("selection", list(RULES))
def test_every_rule_equals_plain_python(tmp_path, seed, selection):
    """Each rule with every other option of pairs, on tables with ties, open units and answers without units."""
    rng = random.Random(seed)
    options = {
        "min_margin": rng.choice([0.0, 0.0, 0.2]),
        "pairs": selection,
        "unknown_units": rng.choice(UNKNOWN_UNITS),
        "utility": rng.choice(["precision", "f1@2", "f1@3.5"]),
        "length_gap": rng.choice([None, 8]),
    }
    if seed % 2:  # by words
        options |= {"length_gap": 1, "length_tokenizer": [{"name": "words", "sha256": ""}]}
    own = {"trimmed": {"trim_below": 0.4}, "delta": {"order": "z,m1, 모델 ,M1"}}.get(selection, {})
    some = random_table(rng)
    given = dict(options, **own)
    given["selection"] = given.pop("pairs")
    if given.pop("length_tokenizer", None):
        given["length"] = lambda text: len(text.split(" "))
    if "order" in own:
        given["order"] = ["z", "m1", "모델", "M1"]
    _, english, korean, rejects = reference_build(some, **given)
    frame, problems = read_as_given([write_jsonl(tmp_path / "f.jsonl", some)], options["unknown_units"])
    frame, conflicts = resolve_duplicates(frame, ["f"])
    words = pl.col("response").str.split(" ").list.len().cast(pl.Int64)
    derived = derive(frame.with_columns(response_tokens=words), PairRules(**options, **own))
    found = {"en": english, "ko": korean}
    for config, wanted in found.items():
        columns = ["question_id", "chosen_model", "rejected_model", "chosen_score", "rejected_score"]
        made = getattr(derived, config).select(columns).rows()
        assert made == [tuple(row[name] for name in columns) for row in wanted]
    bad = [(p.reason.value, p.line) for p in [*problems, *conflicts]]
    assert sorted([*bad, *((r.reason, r.key) for r in derived.rejects)], key=str) == rejects
    assert english


def generations(**true: int) -> pl.DataFrame:
    """Answers of some models to one question, with so many true units of four."""
    rows = [
        {"question": "What is sepsis?", "category": "c", "model": model, "response": f"Answer {model}."}
        | {"units": [{"text": "u", "verdict": "true" if n < right else "false"} for n in range(4)]}
        for model, right in true.items()
    ]
    frame = pl.DataFrame(rows, schema=polars_schema(ScoredGeneration))
    done, problems = complete(frame.with_columns(_file=pl.lit(0), _line=pl.lit(1)), ["f"])
    assert not problems
    return done


@pytest.mark.parametrize(("pairs", "key"), [("best-worst", ""), ("all", "/a/c")])
def test_what_a_gate_rejects_is_in_no_config_and_has_the_key_of_its_pair(pairs, key):
    frame = generations(a=4, b=2, c=1)
    question = frame["question_id"][0]

    def gate(found):
        return [
            ("unsafe", "why") if row == ("a", "c") else None
            for row in found.select("chosen_model", "rejected_model").iter_rows()
        ]

    before, after = (derive(frame, PairRules(pairs=pairs), one) for one in (None, gate))
    assert before.en.height == after.en.height + 1 == len(before.rejects) == len(after.rejects)
    assert {(r.key, r.reason, r.detail) for r in after.rejects if r.reason != "untranslated"} == {
        (question + key, "unsafe", "why")
    }
    assert derive(frame, PairRules(pairs=pairs), lambda found: []).en.equals(before.en)


def test_a_tally_counts_what_passes():
    frame = generations(a=4, b=2)
    tally = Tally()
    for _ in range(2):
        tally.add(frame, derive(frame, PairRules()).pairs, PairRules())
    facts = tally.facts()
    assert [facts[name] for name in ("generations", "questions", "pairs", "native")] == [4, 2, 2, 0]
    assert facts["models"]["b"]["dahl"]["mean"] == 0.5
    assert facts["models"]["a"]["statuses"]["scored"] == 2


def test_units_without_a_verdict_cost_pairs_and_the_build_says_how_many(tmp_path):
    """The right values: a has 2 true, 1 false and 1 open unit, b 1 true and 3 false, c 2 true and 2 open."""
    some = [
        {"question": "What is sepsis?", "category": "c", "model": model, "response": f"Answer {model}."}
        | {"units": [{"text": "u", "verdict": verdict} for verdict in verdicts]}
        for model, verdicts in (
            ("a", ["true", "true", "false", "unknown"]),
            ("b", ["true", "false", "false", "false"]),
            ("c", ["true", "true", "unknown", "unknown"]),
        )
    ]
    source = write_jsonl(tmp_path / "in.jsonl", some)
    made = {}
    for choice in UNKNOWN_UNITS:
        facts = build([source], tmp_path / choice, unknown_units=choice).facts
        assert facts["unknown_units"] == {"questions": 1, "pairs": {"reject": 0, "drop": 1, "bounds": 1}}
        card = " ".join((tmp_path / choice / "README.md").read_text("utf-8").split())
        pairs = facts["unknown_units"]["pairs"][choice]
        assert (
            f"In 1 questions a unit has no verdict. Of them come {pairs} pairs (`--unknown-units {choice}`: a"
            in card
        )
        columns = ("chosen_model", "rejected_model", "chosen_score", "rejected_score")
        made[choice] = read_rows(tmp_path / choice, "en").select(columns).rows() if facts["pairs"] else []
        statuses = read_rows(tmp_path / choice, "scored").sort("model")["status"].to_list()
        assert statuses == ["unparsed", "scored", "unparsed"]  # what a judge said stays what it was
    assert made == {"reject": [], "drop": [("c", "b", 1.0, 0.25)], "bounds": [("a", "b", 0.5, 0.25)]}


def test_intervals_that_meet_make_no_pair():
    """Half of four units is open: a lies between 0.5 and 1, b between 0.25 and 0.75."""
    units = {"a": ["true"] * 2 + ["unknown"] * 2, "b": ["true", "unknown", "unknown", "false"]}
    frame = generations(a=1, b=1).with_columns(
        units=pl.Series([[{"text": "u", "verdict": v} for v in units[m]] for m in ("a", "b")]),
        status=pl.lit("unparsed"),
        dahl_score=pl.lit(None, dtype=pl.Float64),
    )
    for pairs in ("best-worst", "all"):
        assert derive(frame, PairRules(pairs=pairs, unknown_units="bounds")).pairs.is_empty()
        assert derive(frame, PairRules(pairs=pairs, unknown_units="drop")).pairs.height == 1


def test_a_question_whose_answers_all_have_one_score_is_a_tie_of_no_two_in_particular(tmp_path):
    some = [row(model, response="The same length.", units=UNITS) for model in "ab"]
    build([write_jsonl(tmp_path / "f.jsonl", some)], tmp_path / "komep")
    (reject,) = map(json.loads, (tmp_path / "komep" / "rejects.jsonl").read_text("utf-8").splitlines())
    assert (reject["reason"], reject["detail"]) == ("tie", "each of its answers has 0.5")
