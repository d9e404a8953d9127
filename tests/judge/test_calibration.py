"""What a checker is worth: its record, what its errors do to the ranking, what injected texts do to it, and the
card that says so.
"""

import json
from dataclasses import replace

import pytest
import yaml

from komep_dataset.config.config import Checker, load_config
from komep_dataset.errors import KomepError
from komep_dataset.judge.calibration import (
    as_text,
    calibrate,
    calibrate_file,
    measured_rates,
    read_record,
    record_for,
    tally,
)
from komep_dataset.judge.ranking import Rates
from komep_dataset.judge.statements import Statement
from tests.judge.checkers import FACTS, TRUTH, configured, expert, stated
from tests.loopback import Fault, Loopback, last_text, loopback
from tests.scored_rows import GOOD, write
from tests.scores.citing import judged
from tests.scores.responses import truth


@pytest.mark.slow
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


def test_calibration_counts_by_label_and_language(tmp_path):
    statements = [
        Statement("right one", True, "en", "c"),
        Statement("wrong one", True, "en", "c"),
        Statement("wrong two", False, "en", "c"),
        Statement("perhaps", False, "ko", "c"),
    ]
    with loopback(Loopback(truth)) as (_, url):
        checker = Checker(endpoint=url, model="checker")
        everything, english, korean, category = calibrate(checker, statements, tmp_path).groups
    assert (everything.group, english.group, korean.group) == ("all", "en", "ko")
    assert category == replace(everything, group="category: c")
    assert (everything.accuracy.hits, everything.accuracy.n) == (2, 4)
    assert (english.sensitivity.share, english.specificity.share) == (0.5, 1.0)
    assert (korean.unknown.share, korean.sensitivity.share, korean.accuracy.share) == (1.0, None, 0.0)


SAID = [Statement(f"{word} {i}", True, "en", "c") for i, word in enumerate(["right"] * 8 + ["perhaps"] * 2)]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (Loopback(lambda _: "Well."), "10 of 10 statements got no verdict: 0 requests failed, 10 replies say neither"),
        (Loopback(faults=lambda *_: Fault(400, "no seed")), "10 requests failed, 0 replies say neither true nor false; "
         "the first: HTTP 400: no seed; look at the checker's `model`"),
    ],
    ids=["unread", "failed"],
)  # fmt: skip
def test_a_checker_that_gives_no_verdict_is_not_calibrated(tmp_path, state, said):
    with loopback(state) as (_, url), pytest.raises(KomepError, match=said):
        calibrate(Checker(endpoint=url, model="checker", max_attempts=1), SAID, tmp_path)


def test_judges_that_never_agree_are_not_called_unreadable(tmp_path, capsys):
    write(
        tmp_path / "s.jsonl",
        [{"text": s.text, "label": s.label, "language": "en", "category": "c"} for s in SAID],
    )

    def reply(body):
        if body["model"] == "one":
            return "True"
        return "False" if "perhaps" in stated(last_text(body)) or body["model"] == "two" else "True"

    with loopback(Loopback(reply)) as (_, url):

        def panel(*models):
            checkers = [{"endpoint": url, "model": name} for name in models]
            (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump({"checker": checkers, "agreement": "all"}))
            return load_config(tmp_path / "pipeline.yaml")

        with pytest.raises(KomepError) as error:
            calibrate_file(panel("one", "two"), tmp_path / "s.jsonl")
        said = str(error.value)
        assert "10 of 10 statements got no verdict: on 10 the votes differ; calibrate each checker" in said
        assert "neither true nor false" not in said and "the first" not in said
        calibrate_file(panel("one", "three"), tmp_path / "s.jsonl")
    assert "2 of 10 statements got no verdict: on 2 the votes differ\n" in capsys.readouterr().err


def test_a_fifth_of_verdicts_that_are_missing_is_said(tmp_path, capsys):
    with loopback(Loopback(truth)) as (_, url):
        checker = Checker(endpoint=url, model="checker")
        calibrate(checker, SAID[:9], tmp_path)
        assert capsys.readouterr().err == ""
        calibrate(checker, SAID, tmp_path)
    assert "warning: calibrate: 2 of 10 statements got no verdict" in capsys.readouterr().err


def test_a_failed_request_is_no_verdict():
    record = tally("all", [(True, "true"), (False, None), (False, "unknown")])
    assert (record.accuracy.hits, record.accuracy.n, record.unknown.n, record.failed) == (1, 2, 2, 1)


def test_a_checker_with_evidence_is_calibrated_by_its_passages(tmp_path, capsys):
    rows = [
        {
            "text": "Gout hurts.",
            "label": True,
            "language": "en",
            "category": "c",
            "question": "What is gout?",
        },
        {
            "text": "Gout is blue.",
            "label": False,
            "language": "en",
            "category": "c",
            "question": "What is gout?",
        },
        {
            "text": "Iron is a metal.",
            "label": True,
            "language": "en",
            "category": "c",
            "question": "What is iron?",
        },
    ]
    path = write(tmp_path / "mine.jsonl", rows)
    texts = [{"id": "note", "text": "Gout hurts. It is not so that Gout is blue."}]
    write(tmp_path / "texts.jsonl", [{"question": "What is gout?", "evidence": texts}])
    with loopback(Loopback(judged)) as (state, url):
        config = load_config(configured(tmp_path, url, evidence={"provided": "texts.jsonl"}))
        record = calibrate_file(config, path)
        assert len(state.calls) == 2  # nobody is asked what no text is about
    everything = record.groups[0]
    assert (everything.accuracy.hits, everything.unknown.hits, record.n) == (2, 1, 3)
    assert record.options["evidence"] == {"provided": "texts.jsonl", "passages": 4}
    assert record_for(config) and "1 have no passage and were not asked" in capsys.readouterr().err
    (tmp_path / "texts.jsonl").write_text('{"question": "Another?", "evidence": "Text."}\n')
    with pytest.raises(KomepError, match="no statement has a passage"):
        calibrate_file(config, path)


def test_several_judges_are_measured_each_and_together(tmp_path):
    statements = [f'{{"text": "{word} {i}", "label": {label}, "language": "en", "category": "c"}}'
                  for word, label in (("right", "true"), ("wrong", "false"), ("odd", "true"), ("faint", "true")) for i in range(5)]  # fmt: skip
    (tmp_path / "s.jsonl").write_text("\n".join(statements))

    def reply(body):
        text = stated(last_text(body))
        if "faint" in text and body["model"] == "one":
            return "Perhaps"
        return str("wrong" not in text and not ("odd" in text and body["model"] == "two"))

    with loopback(Loopback(reply)) as (state, url):
        base = {"endpoint": url}
        panel = [base | {"model": "one"}, base | {"model": "two"}]
        (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump({"checker": panel, "agreement": "all"}))
        config = load_config(tmp_path / "pipeline.yaml")
        record = calibrate_file(config, tmp_path / "s.jsonl")
        appealed = calibrate_file(replace(config, agreement="first-then-appeal"), tmp_path / "s.jsonl")
        assert len(state.calls) == record.requests == 40
    assert (record.checker, record.options["agreement"]) == ("one + two", "all")
    hits = [g.groups[0].accuracy.hits for g in (record, *record.judges)]
    assert hits == [10, 15, 15] and record.groups[0].unknown.hits == 10
    assert appealed.groups[0].accuracy.hits == 20 and appealed.apart.several == 5
    assert [p.coverage.hits for p in record.curve.points] == [10]
    assert record_for(config) is None and record_for(replace(config, agreement="first-then-appeal"))
    text = as_text(record)
    assert "together (all)" in text and "differ on 10 and contradict each other on 5" in text
    assert read_record(record_for(replace(config, agreement="first-then-appeal")))["apart"]["differ"] == 5


def test_a_map_reaches_the_labels_and_the_scored_tables(tmp_path):
    labels, scored = tmp_path / "s.csv", tmp_path / "rows.jsonl"
    labels.write_text("문장,정답\n인슐린은 혈당을 낮춘다.,참\n인슐린은 혈당을 높인다.,거짓\n")
    rows = [{"질문" if name == "question" else name: value for name, value in one.items()} for one in GOOD]
    write(scored, rows)
    columns = {"문장": "text", "정답": "label", "질문": "question", "language": "=ko", "category": "=내분비"}
    with loopback(Loopback(lambda body: "False" if "높인" in last_text(body) else "True")) as (_, url):
        config = load_config(configured(tmp_path, url))
        record = calibrate_file(config, labels, scored=[scored], columns=columns)
        assert record.n == 2 and record.ranking.pairs == 1
        with pytest.raises(KomepError, match="--map 문장=text: goes with --labels or --scored"):
            calibrate_file(config, columns=columns)
        with pytest.raises(KomepError, match="--map 글=text: there is no column '글' to be read as that"):
            calibrate_file(config, labels, columns={"글": "text"})
