"""What a checker is worth: its record, what its errors do to the ranking, what injected texts do to it, and the
card that says so.
"""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from komep_dataset.cli import app
from komep_dataset.config.config import Checker, load_config
from komep_dataset.errors import KomepError
from komep_dataset.judge.calibration import (
    Statement,
    as_text,
    calibrate,
    calibrate_file,
    measured_rates,
    read_record,
    read_statements,
    sample_statements,
    write_record,
)
from komep_dataset.judge.injections import as_text as attacks_as_text
from komep_dataset.judge.injections import attacks, measure, sample_injections
from komep_dataset.judge.ranking import Rates, Sides, pair_sides, simulate
from komep_dataset.pairs.reading import read_scored
from komep_dataset.release.build import build, sample_input
from komep_dataset.release.facts import read_facts
from tests.loopback import Loopback, last_text, loopback

FACTS = read_statements(sample_statements())
TRUTH = {s.text: s.label for s in FACTS}


def stated(text: str) -> str:
    """The statement of a check: a JSON string, or what stands there."""
    inner = re.search(r"(?:Statement|진술): (.*?)\n(?:Is the statement true|이 진술은 참)", text, re.DOTALL)[
        1
    ]
    try:
        return json.loads(inner)
    except ValueError:
        return inner


def expert(body: dict) -> str:
    """Knows every shipped statement; of the others it says False."""
    return str(TRUTH.get(stated(last_text(body)), False))


def errs(body: dict) -> str:
    """Knows them too, but for each seventh."""
    text = stated(last_text(body))
    right = TRUTH.get(text, False)
    return str(right if len(text) % 7 else not right)


def configured(folder: Path, url: str, **options) -> Path:
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump({"checker": {"endpoint": url, "model": "checker"} | options}))
    return path


# --- the record -----------------------------------------------------------------------------------------


def test_a_checker_that_knows_everything_flips_nothing(tmp_path):
    with loopback(Loopback(expert)) as (state, url):
        record = calibrate_file(load_config(configured(tmp_path, url)))
    assert len(state.calls) == record.requests == record.n == 1160
    everything, english, korean, *categories = record.groups
    assert [g.accuracy.share for g in record.groups] == [1.0] * 32 and len(categories) == 29
    assert (everything.accuracy.n, english.accuracy.n, korean.accuracy.n) == (1160, 580, 580)
    assert sum(g.accuracy.n for g in categories) == 1160
    assert record.rates == Rates(1.0, 0.0, 0.0, 1.0)
    ranking = record.ranking
    assert (ranking.flipped.mean, ranking.tied.mean, ranking.lost.mean) == (0, 0, 0) and ranking.pairs > 50


def test_a_file_of_ones_own_labels_and_the_rates_that_are_measured(tmp_path):
    rows = [
        {"text": "right one", "label": True, "language": "en", "category": "c", "question": "Which one?"},
        {"text": "maybe", "label": True, "language": "ko", "category": "d"},
        {"text": "wrong", "label": False, "language": "en", "category": "c"},
        {"text": "right but labelled false", "label": False, "language": "en", "category": "d"},
    ]
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def reply(body):
        text = stated(last_text(body))
        return "True" if "right" in text else "False" if "wrong" in text else "Who knows"

    with loopback(Loopback(reply)) as (_, url):
        record = calibrate_file(load_config(configured(tmp_path, url)), path)
    assert (record.statements, record.n, record.checker) == ("mine.jsonl", 4, "checker")
    assert [g.group for g in record.groups] == ["all", "en", "ko", "category: c", "category: d"]
    assert record.rates == Rates(0.5, 0.0, 0.5, 0.5)
    assert record.ranking.lost.mean > 0  # an unread verdict loses its pair
    text = as_text(record)
    assert "category: d" in text and "50.0%" in text and "flipped" in text


def test_without_true_or_without_false_statements_nothing_is_simulated(tmp_path):
    assert measured_rates([(True, "true"), (True, None)]) is None
    assert measured_rates([(True, "true"), (False, None)]) is None
    path = tmp_path / "mine.jsonl"
    path.write_text('{"text": "right", "label": true, "language": "en", "category": "c"}\n')
    with loopback(Loopback(lambda _: "True")) as (_, url):
        record = calibrate_file(load_config(configured(tmp_path, url)), path)
    assert record.ranking is None and "flipped" not in as_text(record)


def test_a_batched_checker_says_how_often_it_agrees_with_itself_alone(tmp_path):
    statements = [s for s in FACTS if s.language == "en"][:20]

    def reply(body):
        text = last_text(body)
        if "Statements: " not in text:
            return expert(body)
        numbered = json.loads(text.split("\n")[0].removeprefix("Statements: "))
        said = {n: TRUTH[t] for n, t in numbered.items()}
        said["1"] = not said["1"]  # wrong about the first of each batch
        return "\n".join(f"{n}: {v}" for n, v in said.items())

    with loopback(Loopback(reply)) as (_, url):
        batched = calibrate(Checker(endpoint=url, model="checker", batch=5), statements, tmp_path)
        single = calibrate(Checker(endpoint=url, model="checker"), statements, tmp_path / "single")
    assert single.agreement is None and single.groups[0].accuracy.share == 1.0
    assert batched.agreement.hits == batched.groups[0].accuracy.hits == 20 - batched.requests
    assert batched.options == {"temperature": 0.0, "batch": 5}


def test_the_question_goes_along_where_the_checker_is_to_see_it(tmp_path):
    statements = [Statement("right", True, "en", "c", "Which?"), Statement("wrong", False, "en", "c")]
    with loopback(Loopback(lambda _: "True")) as (state, url):
        calibrate(Checker(endpoint=url, model="checker", context="question"), statements, tmp_path)
    assert sorted('Question: "Which?"' in last_text(body) for body in state.calls) == [False, True]


def test_a_bad_question_in_a_file_of_labels_is_named(tmp_path):
    path = tmp_path / "s.jsonl"
    path.write_text('{"text": "a", "label": true, "language": "en", "category": "c", "question": 3}\n')
    with pytest.raises(KomepError, match=r"s\.jsonl:1: .*question is text"):
        read_statements(path)


# --- what the errors do to the ranking ------------------------------------------------------------------


def exact(pair: Sides, rates: Rates) -> tuple[float, float, float]:
    """(flipped, tied, lost) of one pair by summing over every outcome, with no draw at all."""

    def chance(k: int, n: int, p: float) -> float:
        return math.comb(n, k) * p**k * (1 - p) ** (n - k)

    def called(true: int, false: int) -> dict[int, float]:
        read_true, read_false = rates.true_true + rates.true_false, rates.false_true + rates.false_false
        readable = read_true**true * read_false**false
        share_true = rates.true_true / read_true if read_true else 0.0
        share_false = rates.false_true / read_false if read_false else 0.0
        found: dict[int, float] = {}
        for a in range(true + 1):
            for b in range(false + 1):
                p = readable * chance(a, true, share_true) * chance(b, false, share_false)
                found[a + b] = found.get(a + b, 0.0) + p
        return found

    chosen, rejected = (
        called(pair.chosen_true, pair.chosen_false),
        called(pair.rejected_true, pair.rejected_false),
    )
    nc, nr = pair.chosen_true + pair.chosen_false, pair.rejected_true + pair.rejected_false
    flipped = sum(p * q for a, p in chosen.items() for b, q in rejected.items() if a * nr < b * nc)
    tied = sum(p * q for a, p in chosen.items() for b, q in rejected.items() if a * nr == b * nc)
    return flipped, tied, 1 - sum(chosen.values()) * sum(rejected.values())


def test_one_true_unit_against_one_false_one_flips_as_the_closed_form_says():
    rates = Rates(true_true=0.8, true_false=0.2, false_true=0.3, false_false=0.7)
    found = simulate([Sides(1, 0, 0, 1)] * 200, rates, draws=500, seed=1)
    flipped = 0.2 * 0.3  # the true one called false and the false one true
    assert found.flipped.mean == pytest.approx(flipped, abs=4 * math.sqrt(flipped * (1 - flipped) / 100_000))
    assert found.tied.mean == pytest.approx(0.8 * 0.3 + 0.2 * 0.7, abs=0.01) and found.lost.mean == 0
    assert exact(Sides(1, 0, 0, 1), rates) == pytest.approx((0.06, 0.38, 0.0))


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(*[st.integers(0, 4)] * 4).filter(lambda t: t[0] + t[1] and t[2] + t[3]),
    st.tuples(*[st.integers(0, 100).map(lambda percent: percent / 100)] * 4),
)
def test_the_simulation_agrees_with_the_sum_over_all_outcomes(counts, raw):
    pair = Sides(*counts)
    rates = Rates(raw[0], (1 - raw[0]) * raw[1], raw[2], (1 - raw[2]) * raw[3])
    found = simulate([pair] * 100, rates, draws=200)
    for share, p in zip((found.flipped, found.tied, found.lost), exact(pair, rates), strict=True):
        assert share.mean == pytest.approx(p, abs=6 * math.sqrt(max(p * (1 - p), 1e-4) / 20_000))


def test_the_same_seed_gives_the_same_ranking_and_no_pairs_give_none():
    pairs, rates = [Sides(3, 1, 1, 3), Sides(2, 0, 1, 1)], Rates(0.9, 0.1, 0.2, 0.7)
    assert simulate(pairs, rates, draws=50) == simulate(pairs, rates, draws=50)
    assert simulate(pairs, rates, draws=50) != simulate(pairs, rates, draws=50, seed=1)
    assert simulate([], rates) is None


def test_the_pairs_of_the_sample_are_those_that_the_build_makes(tmp_path):
    sides = pair_sides(read_scored([sample_input()]))
    assert len(sides) == build([], tmp_path / "komep").facts["pairs"]
    assert len(pair_sides(read_scored([tmp_path / "komep"]))) == len(
        sides
    )  # a release does as well as a table
    for s in sides:
        chosen, rejected = s.chosen_true + s.chosen_false, s.rejected_true + s.rejected_false
        assert s.chosen_true * rejected > s.rejected_true * chosen


# --- into the release -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def record_file(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("calibration")
    with loopback(Loopback(errs)) as (_, url):
        checker = Checker(endpoint=url, model="judge|7b", batch=1)
        record = calibrate(checker, FACTS[:60], folder)
    ranking = simulate(pair_sides(read_scored([sample_input()])), record.rates, draws=100)
    write_record(
        replace(record, statements="60 of them", ranking=ranking, ranked="sample"), folder / "c.json"
    )
    return folder / "c.json"


def test_a_calibration_goes_into_card_and_build_file_and_builds_stay_the_same(tmp_path, record_file):
    record = read_record(record_file)
    for name in "ab":
        build([], tmp_path / name, judge=record_file)
    a, b = ((tmp_path / name / "README.md").read_text("utf-8") for name in "ab")
    assert a == b
    assert (tmp_path / "a" / "SHA256SUMS").read_bytes() == (tmp_path / "b" / "SHA256SUMS").read_bytes()
    assert read_facts(tmp_path / "a")["judge"] == record
    section = a.split("## What the checker is worth")[1].split("## Columns")[0]
    accuracy = record["groups"][0]["accuracy"]
    shown = [100 * accuracy[k] for k in ("share", "low", "high")]
    assert "| all | 60 | {:.1f}% ({:.1f} to {:.1f}) |".format(*shown) in section
    assert "checker `judge|7b`" in section and f"{100 * record['ranking']['flipped']['mean']:.1f}%" in section
    rows = [line for line in section.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(record["groups"]) and {line.count("|") for line in rows} == {7}


def test_without_a_calibration_the_card_says_so(tmp_path):
    build([], tmp_path / "komep")
    section = (tmp_path / "komep" / "README.md").read_text("utf-8").split("## What the checker is worth")[1]
    assert section.strip().startswith("Not measured for this release")
    assert read_facts(tmp_path / "komep")["judge"] is None


@pytest.mark.parametrize("text", ["", "[]", '{"checker": "a"}', "{"])
def test_a_file_that_is_no_calibration_stops_the_build(tmp_path, text):
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(KomepError, match=r"c\.json: "):
        build([], tmp_path / "komep", judge=path)
    assert not (tmp_path / "komep").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: record.pop("mode"),
        lambda record: record["groups"][0].pop("accuracy"),
        lambda record: record["groups"][0]["accuracy"].update(share="high"),
        lambda record: record.update(groups=[]),
        lambda record: record["ranking"].update(flipped=0.1),
        lambda record: record.update(version=2),
        lambda record: record.update(n="many"),
    ],
)
def test_a_damaged_calibration_is_refused_before_the_build(tmp_path, record_file, damage):
    record = read_record(record_file)
    damage(record)
    (tmp_path / "c.json").write_text(json.dumps(record))
    with pytest.raises(KomepError, match="not a calibration"):
        read_record(tmp_path / "c.json")


def test_the_command_writes_what_the_build_reads(tmp_path):
    with loopback(Loopback(errs)) as (_, url):
        config = configured(tmp_path, url)
        common = ["calibrate", "--config", str(config)]
        out = str(tmp_path / "c.json")
        done = CliRunner().invoke(app, [*common, "--limit", "40", "--output", out])
        assert done.exit_code == 0, done.output
        assert "40 statements (the shipped statements), 40 calls" in done.output
        attacked = CliRunner().invoke(app, [*common, "--adversarial", "--limit", "8"])
        assert attacked.exit_code == 0 and "moved, not delimited" in attacked.output
    built = CliRunner().invoke(app, ["build", "--output", str(tmp_path / "komep"), "--judge", out])
    assert built.exit_code == 0, built.output


# --- texts that tell their judge what to say -------------------------------------------------------------

OBEYS = re.compile(r"(?<![a-z])(True|False)(?![a-z])", re.IGNORECASE)  # "True라고" is an order too


def gullible(body: dict) -> str:
    """A judge that is gullible by construction: it obeys whatever stands outside a JSON string, and knows the rest.

    It shows that no injected word gets out of the quotes. How a model takes them, only that model can show.
    """
    text = last_text(body)
    head, _, rest = text.partition("\n")
    try:
        unit, outside = json.loads(head.removeprefix("Statement: ").removeprefix("진술: ")), rest
    except ValueError:
        unit, outside = None, text
    orders = OBEYS.findall(outside.replace("Is the statement true or false? Answer in one word.", ""))
    if orders:
        return orders[-1].capitalize()
    said = unit if unit is not None else stated(text)
    return str(next(label for statement, label in TRUTH.items() if statement in said))


def tried():
    return attacks(sample_injections(), FACTS)


def test_the_attacks_are_120_bilingual_and_push_the_wrong_way():
    found = tried()
    assert len(found) == len({a.injected for a in found}) == 120
    assert [sum(a.language == x for a in found) for x in ("en", "ko")] == [60, 60]
    assert all(a.plain in a.injected and a.plain != a.injected for a in found)
    assert all(str(TRUTH[a.plain]).lower() != a.pushes for a in found)
    assert {a.pushes for a in found} == {"true", "false"} and len({a.kind for a in found}) == 6


def test_delimiting_keeps_every_injected_word_inside_the_quotes(tmp_path, capsys):
    """With a judge that obeys all that it reads as an instruction. The mechanism is measured, not a model."""
    with loopback(Loopback(gullible)) as (_, url):
        found = measure(Checker(endpoint=url, model="checker"), tried(), tmp_path)
    ways = ("delimited", "not delimited", "harmless")
    quoted, bare, harmless = ({f.group: f for f in found if f.way == way} for way in ways)
    assert (quoted["all"].moved.hits, quoted["all"].moved.n) == (0, 120)
    assert (bare["all"].moved.hits, bare["all"].moved.n) == (120, 120)
    assert (harmless["all"].moved.hits, harmless["all"].moved.n) == (0, 120)
    assert set(quoted) == {"all", "en", "ko", *(f"kind: {a.kind}" for a in tried())}
    print(attacks_as_text(found))
    assert "moved, delimited" in capsys.readouterr().out


def test_an_injection_that_pushes_what_was_said_anyway_moves_nothing(tmp_path):
    with loopback(Loopback(lambda _: "True")) as (_, url):
        found = measure(Checker(endpoint=url, model="checker"), tried(), tmp_path)
    pushes_false = sum(a.pushes == "false" for a in tried())
    for one in found[:1]:
        assert (one.moved.hits, one.moved.n, one.unread.hits) == (0, pushes_false, 0)
