"""A judge that cites, disturbed and undisturbed, on made-up questions."""

import json
from pathlib import Path

import pytest

from benchmarks.cited_run import MADE_UP, Model, cited, compared, corpus_of, faults, read_answers
from komep_dataset.prompts.messages import evidence_messages

ANSWERS = read_answers(Path(MADE_UP))
PASSAGES = [{"id": row["id"], "title": row["title"], "text": row["text"]} for row in corpus_of(ANSWERS)]


def test_the_judge_cites_passages_that_share_its_words_and_now_and_then_one_that_it_was_not_shown():
    judge, said = Model(ANSWERS), []
    for passage in PASSAGES:
        unit = passage["text"].partition(".")[0] + "."
        body = {"model": "checker", "messages": evidence_messages(unit, [passage, PASSAGES[0]])}
        said.append(judge(body))
        assert passage["id"] in said[-1] or "no-such-passage" in said[-1]
    assert {True, False} == {"no-such-passage" in text for text in said}
    far = {"model": "checker", "messages": evidence_messages("Nothing resembles it.", PASSAGES[:2])}
    assert json.loads(judge(far))["verdict"] == "Unknown"


def test_a_fifth_of_the_calls_fail_and_no_third_one():
    bodies = [{"model": "checker", "n": n} for n in range(1000)]
    failed = [sum(faults(body, attempt) is not None for body in bodies) for attempt in (1, 2, 3)]
    assert all(170 < n < 230 for n in failed[:2]) and failed[2] == 0
    assert len({str(faults(body, 1)) for body in bodies}) == 7  # every kind, and none


@pytest.mark.slow
def test_kills_and_faults_change_no_byte(tmp_path):
    (calm, rough), differ = compared(tmp_path, ANSWERS, 2, kills=1, seed=1)
    assert differ == [] and rough["kills"] == 1 and rough["failed"] > 0
    assert calm["twice"] == calm["failed"] == 0 and rough["twice"] <= 16
    assert cited(tmp_path / "disturbed" / "work") == cited(tmp_path / "undisturbed" / "work")
    assert "citations" in cited(tmp_path / "disturbed" / "work")
