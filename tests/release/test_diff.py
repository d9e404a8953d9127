"""`komep diff` finds exactly what was planted, and gives each pair the reason that was planted with it."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from komep_dataset.release.build import build
from komep_dataset.release.diff import as_text, diff
from tests.reference_build import id_of, reference_build, side_of
from tests.release.test_growth import TABLES, row, write

FEW = settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
KEY = ("question", "model")


def planted(draw, rows):
    """Another table, and key -> (change, reason) of what was done to it."""
    table = {tuple(r[k] for k in KEY): r for r in rows}
    questions = {q for q, _ in table}
    done = {}
    for kind in draw(
        st.lists(
            st.sampled_from(["response", "verdict", "korean", "remove", "model", "question"]), max_size=6
        )
    ):
        if kind in ("model", "question"):
            number = draw(st.integers(31, 60)) if kind == "question" else int(min(questions).split()[1][:-1])
            new = row(number, draw(st.sampled_from("xyz")), draw(st.sampled_from(["t", "f", "tf"])))
            key = tuple(new[k] for k in KEY)
            if key not in table:
                table[key] = new
                done[key] = ("added", "new_response" if key[0] in questions else "new_question")
            continue
        key = draw(st.sampled_from(sorted(k for k in table)))
        if key in done:
            continue
        old = table[key]
        if kind == "response":
            table[key], done[key] = old | {"response": "Planted."}, ("changed", "response_replaced")
        elif kind == "korean":
            table[key], done[key] = old | {"response_ko": "심은 글"}, ("changed", "translation_changed")
        elif kind == "verdict":
            units = [*old["units"], {"text": "planted", "verdict": "false"}]
            table[key], done[key] = old | {"units": units}, ("changed", "verdict_changed")
        elif len(table) > 1:
            del table[key]
            done[key] = ("removed", None)
    left = {q for q, _ in table}
    for (question, model), (change, _) in done.items():
        if change == "removed":
            done[question, model] = (change, "response_removed" if question in left else "question_removed")
        elif change == "added" and question not in questions:
            done[question, model] = (change, "new_question")
    return list(table.values()), done


def pair_of(rows, config):
    return {pair["question_id"]: pair for pair in reference_build(rows)[config]}


@FEW
@given(st.data())
def test_exactly_the_planted_changes_are_found(tmp_path_factory, data):
    check_planted(tmp_path_factory.mktemp("diff"), data)


def check_planted(folder, data):
    old = data.draw(TABLES)
    new, done = planted(data.draw, old)
    build([write(folder / "old.jsonl", old)], folder / "a")
    build([write(folder / "new.jsonl", new)], folder / "b")
    result = diff(folder / "a", folder / "b", folder / "d.jsonl")
    found = [json.loads(line) for line in (folder / "d.jsonl").read_text("utf-8").splitlines()]
    scored = {f["key"]: (f["change"], *f["reasons"], f["split"]) for f in found if f["config"] == "scored"}
    assert scored == {
        f"{id_of(question)}/{model}": (*what, side_of(id_of(question)))
        for (question, model), what in done.items()
    }
    reasons: dict[str, set] = {}
    for (question, _), (_, reason) in done.items():
        reasons.setdefault(id_of(question), set()).add(reason)
    for config, place in (("en", 1), ("ko", 2)):
        before, after = pair_of(old, place), pair_of(new, place)
        expected = {q: "removed" for q in before.keys() - after.keys()}
        expected |= {q: "added" for q in after.keys() - before.keys()}
        expected |= {q: "changed" for q in after.keys() & before.keys() if before[q] != after[q]}
        pairs = [f for f in found if f["config"] == config]
        assert {f["question_id"]: f["change"] for f in pairs} == expected
        assert all(set(f["reasons"]) == reasons[f["question_id"]] for f in pairs)
    assert len(found) == sum(result.counts.values())
    assert diff(folder / "b", folder / "b").counts == {}
    assert as_text(diff(folder / "a", folder / "a")) == "no difference"


@pytest.mark.slow
@settings(FEW, max_examples=15)
@given(st.data())
def test_exactly_the_planted_changes_are_found_at_length(tmp_path_factory, data):
    check_planted(tmp_path_factory.mktemp("diff"), data)


def test_a_rule_is_a_reason(tmp_path):
    source = write(
        tmp_path / "s.jsonl", [row(q, m, v) for q in range(20) for m, v in (("a", "tt"), ("b", "tf"))]
    )
    build([source], tmp_path / "a")
    build([source], tmp_path / "b", min_margin=0.5)
    result = diff(tmp_path / "a", tmp_path / "b")
    assert result.facts["options.min_margin"] == (0.0, 0.5)
    assert {(config, change, reasons) for config, _, change, reasons in result.counts} == {
        ("en", "removed", "rule_changed"),
        ("ko", "removed", "rule_changed"),
    }
    assert sum(result.counts.values()) == 40
    text = as_text(result)
    assert "options.min_margin: 0.0 -> 0.5" in text
    assert "rule_changed" in text


def test_an_option_of_a_gate_that_is_off_is_no_reason(tmp_path):
    rows = [row(0, m, v) for m, v in (("a", "tt"), ("b", "tf"), ("c", "ff"))]
    build([write(tmp_path / "a.jsonl", rows)], tmp_path / "a", overlap_threshold=0.6)
    build([write(tmp_path / "b.jsonl", rows[:2])], tmp_path / "b")
    result = diff(tmp_path / "a", tmp_path / "b")
    assert "options.overlap_threshold" not in result.facts
    assert {reasons for *_, reasons in result.counts} == {"response_removed"}
    bench = write(
        tmp_path / "bench.jsonl", [{"question": "Which vessel carries blood from the heart to the lungs?"}]
    )
    for name, threshold in (("c", 0.6), ("d", 0.62)):
        build(
            [tmp_path / "a.jsonl"], tmp_path / name, decontaminate={"b": bench}, overlap_threshold=threshold
        )
    assert diff(tmp_path / "c", tmp_path / "d").facts == {"options.overlap_threshold": (0.6, 0.62)}
    assert "options.overlap_threshold" in diff(tmp_path / "a", tmp_path / "d").facts


def test_all_pairs_are_matched_by_their_models(tmp_path):
    rows = [row(0, m, v) for m, v in (("a", "tt"), ("b", "tf"), ("c", "ff"))]
    build([write(tmp_path / "a.jsonl", rows)], tmp_path / "a", pairs="all")
    build([write(tmp_path / "b.jsonl", rows[:2])], tmp_path / "b", pairs="all")
    result = diff(tmp_path / "a", tmp_path / "b")
    counts = {(config, change): n for (config, _, change, _), n in result.counts.items()}
    assert counts == {("en", "removed"): 2, ("ko", "removed"): 2, ("scored", "removed"): 1}
